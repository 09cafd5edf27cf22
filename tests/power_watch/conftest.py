"""Power sources for tests. The power watch itself is a fixture of all tests."""

from typing import Any

from homeassistant.config_entries import ConfigSubentryData

from custom_components.alfaspark.power_watch.setup import CONF_CHECKPOINTS, CONF_KIND, CONF_RULE, SUBENTRY_SOURCE

QUICK = {"failures": 1, "interval_s": 1, "restore_hold_s": 0}
"""A rule that decides at once."""


def source(title: str, checkpoints: list[dict[str, Any]], kind: str = "other", **rule: float) -> ConfigSubentryData:
    """Return a power source as its subentry holds it."""
    data = {CONF_KIND: kind, CONF_RULE: {**QUICK, **rule}, CONF_CHECKPOINTS: checkpoints}
    return ConfigSubentryData(data=data, subentry_type=SUBENTRY_SOURCE, title=title, unique_id=None)
