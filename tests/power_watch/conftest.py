"""A power watch, with what it looks at."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.power_watch.setup import (
    CONF_CHECKPOINTS,
    CONF_KIND,
    CONF_RULE,
    SUBENTRY_SOURCE,
    utility,
)

QUICK = {"failures": 1, "interval_s": 1, "restore_hold_s": 0}
"""A rule that decides at once."""


def source(title: str, checkpoints: list[dict[str, Any]], kind: str = "other", **rule: float) -> ConfigSubentryData:
    """Return a power source as its subentry holds it."""
    data = {CONF_KIND: kind, CONF_RULE: {**QUICK, **rule}, CONF_CHECKPOINTS: checkpoints}
    return ConfigSubentryData(data=data, subentry_type=SUBENTRY_SOURCE, title=title, unique_id=None)


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """What is watched: what exists from the start, but quick to believe. A test that wants others overrides this."""
    source = utility()
    return [{**source, "data": {**source["data"], CONF_RULE: {"restore_hold_s": 1}}}]


@pytest.fixture
def watch_entry(hass: HomeAssistant, sources: list[ConfigSubentryData]) -> MockConfigEntry:
    """Configure a power watch; not set up yet."""
    entry = MockConfigEntry(domain=DOMAIN, title="Power watch", unique_id=POWER_WATCH, subentries_data=sources)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def watch(
    hass: HomeAssistant, integration: None, watch_entry: MockConfigEntry, tmp_path: Path
) -> AsyncGenerator[MockConfigEntry]:
    """Set it up, with a history of its own."""
    hass.config.config_dir = str(tmp_path)
    assert await hass.config_entries.async_setup(watch_entry.entry_id)
    await hass.async_block_till_done()
    yield watch_entry
    await hass.config_entries.async_unload(watch_entry.entry_id)
