"""Conditions of power sources, as entities show them."""

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from tests.automations import complaint, holds

from .entities import seen_by, show, source_device

STATES = ("is_powered", "is_power_suspect", "is_power_lost", "is_power_unknown")


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source that two devices show, and one that one shows."""
    return [seen_by("Utility", "kitchen", "freezer"), seen_by("UPS", "router")]


async def _so(hass: HomeAssistant, target: str, behavior: str = "any") -> list[str]:
    """Return which conditions hold."""
    text = f"{{condition: alfaspark.%s, target: {{device_id: [{target}]}}, options: {{behavior: {behavior}}}}}"
    return [name for name in STATES if await holds(hass, text % name)]


async def test_a_source_is_in_one_state(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    utility = source_device(hass, watch, "Utility").id
    assert await _so(hass, utility) == ["is_power_unknown"]
    await show(hass, kitchen="on", freezer="on")
    assert await _so(hass, utility) == ["is_powered"]
    await show(hass, kitchen="unavailable")
    assert await _so(hass, utility) == ["is_power_suspect"]
    await show(hass, freezer="unavailable")
    assert await _so(hass, utility) == ["is_power_lost"]
    # Nobody watches.
    assert await hass.config_entries.async_unload(watch.entry_id)
    assert await _so(hass, utility) == ["is_power_unknown"]


async def test_any_or_all_of_the_sources(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    utility, ups = (source_device(hass, watch, title).id for title in ("Utility", "UPS"))
    await show(hass, kitchen="on", freezer="on", router="unavailable")
    # A device that was never seen alive proves nothing.
    assert await _so(hass, f"{utility}, {ups}") == ["is_powered", "is_power_unknown"]
    await show(hass, router="on")
    assert await _so(hass, f"{utility}, {ups}", "all") == ["is_powered"]
    await show(hass, router="unavailable")
    assert await _so(hass, f"{utility}, {ups}", "all") == []
    assert await _so(hass, f"{utility}, {ups}") == ["is_powered", "is_power_lost"]
    assert await holds(hass, "condition: alfaspark.is_power_lost")
    assert not await holds(hass, "{condition: alfaspark.is_power_lost, options: {behavior: all}}")


@pytest.mark.usefixtures("integration")
async def test_nothing_is_so_without_a_source(hass: HomeAssistant) -> None:
    for name in STATES:
        assert not await holds(hass, f"condition: alfaspark.{name}")
        assert not await holds(hass, f"{{condition: alfaspark.{name}, options: {{behavior: all}}}}")


async def test_what_is_wrong_is_said(
    hass: HomeAssistant, watch: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    text = "{condition: alfaspark.is_powered, target: {entity_id: light.kitchen}}"
    error = await complaint(hass, hass_ws_client, "conditions", text)
    assert error is not None
    assert "there is no power source among the targets: light.kitchen" in error
    assert await complaint(hass, hass_ws_client, "conditions", "condition: alfaspark.is_powered") is None
