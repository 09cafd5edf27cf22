"""What a telemetry set tells an owner, by the keys of the integration's entities: to be shown or counted in other ways.

Only what the integration enables by itself; the currents of CTs are not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import BatteryState, Frame, GridState, PackWarningSet, Relay

type Value = float | str | bool | None
"""None is unknown; a bool is on or off."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading and what Home Assistant has to know of it."""

    key: str
    frame: type[Frame]
    value_fn: Callable[[Any], Value]
    device_class: str | None = None
    unit: str | None = None
    options: tuple[str, ...] = ()

    @property
    def is_binary(self) -> bool:
        """Whether it is on or off."""
        return self.unit is None and not self.options


def _power(key: str, frame: type[Frame], value_fn: Callable[[Any], Value]) -> Reading:
    return Reading(key, frame, value_fn, "power", "W")


def _warning(key: str, warning: PackWarningSet, device_class: str = "problem") -> Reading:
    return Reading(key, frames.Status, lambda status: warning in status.warnings, device_class)


def _relay(relay: Relay) -> Reading:
    return Reading(f"{relay.name.lower()}_relay", frames.Status, lambda status: bool(status.relays & 1 << relay))


READINGS: tuple[Reading, ...] = (
    Reading("soc", frames.Battery, lambda battery: battery.soc_pct, "battery", "%"),
    Reading("battery_voltage", frames.Battery, lambda battery: battery.voltage_v, "voltage", "V"),
    Reading("battery_current", frames.Battery, lambda battery: battery.current_a, "current", "A"),
    Reading(
        "battery_state",
        frames.Battery,
        lambda battery: battery.state.name.lower(),
        "enum",
        options=tuple(state.name.lower() for state in BatteryState),
    ),
    Reading("battery_alarm", frames.Battery, lambda battery: bool(battery.alarms), "problem"),
    _power("battery_power", frames.Power, lambda power: power.battery_w),
    _power("battery_discharge_power", frames.Power, lambda power: -power.battery_w),
    _power("grid_power", frames.Power, lambda power: power.grid_w),
    _power("home_power", frames.Power, lambda power: power.home_w),
    _power("solar_power", frames.Power, lambda power: power.solar_w),
    _power("inverter_power", frames.Loads, lambda loads: loads.inverter_w),
    _power("load1_power", frames.Loads, lambda loads: loads.load1_w),
    _power("load2_power", frames.Loads, lambda loads: loads.load2_w),
    Reading("grid_frequency", frames.Loads, lambda loads: loads.grid_frequency_hz or None, "frequency", "Hz"),
    Reading("grid", frames.Status, lambda status: status.grid is GridState.PRESENT, "power"),
    _warning("soc_low", PackWarningSet.SOC_LOW, "battery"),
    _warning("sensor_fault", PackWarningSet.SENSOR_FAULT),
    _warning("clock_unknown", PackWarningSet.CLOCK_UNKNOWN),
    _warning("settings_reset", PackWarningSet.SETTINGS_RESET),
    _warning("storage_failed", PackWarningSet.STORAGE_FAILED),
    _warning("node_number_conflict", PackWarningSet.NODE_NUMBER_CONFLICT),
    *(_relay(relay) for relay in Relay),
)


def values_of(telemetry_set: Sequence[Frame]) -> Mapping[str, Value]:
    """All readings of the frames of a set, by key."""
    by_kind = {type(frame): frame for frame in telemetry_set}
    return {reading.key: reading.value_fn(by_kind[reading.frame]) for reading in READINGS if reading.frame in by_kind}


def as_text(value: Value) -> str:
    """A value as Home Assistant writes it into a state."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "on" if value else "off"
        case _:
            return str(value)
