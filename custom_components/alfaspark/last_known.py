"""What a pack said last: shown with its age while the pack is not heard."""

from collections.abc import Mapping
from dataclasses import dataclass

from .packbus.frames import Function
from .packbus.pack import Pack

_READINGS = {
    "soc": (Function.BATTERY, "soc_pct"),
    "battery_voltage": (Function.BATTERY, "voltage_v"),
    "battery_power": (Function.POWER, "battery_w"),
    "grid_power": (Function.POWER, "grid_w"),
    "home_power": (Function.POWER, "home_w"),
    "solar_power": (Function.POWER, "solar_w"),
    "load1_power": (Function.LOADS, "load1_w"),
    "load2_power": (Function.LOADS, "load2_w"),
    "import_today": (Function.STATUS, "grid_import_today_kwh"),
}
"""Sensor by sensor: the frame that carries it, and its field."""


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What a pack said last."""

    seen_s: float
    """Unix time of its last frame."""
    readings: Mapping[str, float]
    """By the key of the sensor that shows it, in that sensor's native unit; what was unknown is missing."""


def last_known(pack: Pack, now_s: float, unix_s: float) -> LastKnown | None:
    """Return what a pack said last; None if it was not heard since the start. `now_s`: monotonic, at `unix_s`."""
    if not pack.last_seen_s:
        return None
    readings = {
        key: value
        for key, (function, field) in _READINGS.items()
        if (value := getattr(pack.last(function), field, None)) is not None
    }
    return LastKnown(round(unix_s - (now_s - pack.last_seen_s)), readings)
