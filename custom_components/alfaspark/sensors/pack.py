"""Readings of one pack: what it measures, who holds its relays, and how much of a load the sun supplies.

Signs: battery current and power are positive while charging; the battery power for the Energy panel is positive while
discharging, as the panel wants it. All other powers are never negative: current transformers give no direction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfFrequency,
    UnitOfPower,
)
from homeassistant.helpers.typing import StateType

from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entity import PackEntity
from custom_components.alfaspark.packbus.frames import BatteryState, Reason, Relay

from .steps import (
    CURRENT_STEP_A,
    EVERY_MOVE,
    FREQUENCY_STEP_HZ,
    LOAD_STEP_SHARE,
    POWER_STEP_W,
    SHARE_STEP_PCT,
    SOC_STEP_PCT,
    VOLTAGE_STEP_V,
    SteppedSensor,
    SteppedSensorDescription,
)


@dataclass(frozen=True, kw_only=True)
class PackSensorDescription[FrameT](SteppedSensorDescription):
    """Describes a sensor of a pack."""

    frame_fn: Callable[[PackCoordinator], FrameT | None]
    """What the reading comes from; None makes the sensor unavailable."""
    value_fn: Callable[[FrameT], StateType]
    """The reading; None is unknown."""
    tells_who: bool = False
    """Whether it may be somebody's doing."""


class PackSensor(PackEntity[StateType], SteppedSensor):
    """A sensor of a pack; unavailable while what it reads is not fresh."""

    entity_description: PackSensorDescription[Any]

    @property
    @override
    def _tells_who(self) -> bool:
        return self.entity_description.tells_who

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.entity_description.frame_fn(self.coordinator) is not None

    @override
    def _read(self) -> StateType:
        return self.entity_description.value_fn(self.entity_description.frame_fn(self.coordinator))


def _power[FrameT](
    key: str, frame_fn: Callable[[PackCoordinator], FrameT | None], value_fn: Callable[[FrameT], int | None]
) -> PackSensorDescription[FrameT]:
    return PackSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=POWER_STEP_W,
        step_share=LOAD_STEP_SHARE,
        frame_fn=frame_fn,
        value_fn=value_fn,
    )


def _current[FrameT](
    key: str,
    frame_fn: Callable[[PackCoordinator], FrameT | None],
    value_fn: Callable[[FrameT], float | None],
    *,
    enabled: bool = False,
) -> PackSensorDescription[FrameT]:
    return PackSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        entity_registry_enabled_default=enabled,
        step=CURRENT_STEP_A,
        step_share=LOAD_STEP_SHARE,
        frame_fn=frame_fn,
        value_fn=value_fn,
    )


def _reason(relay: Relay) -> PackSensorDescription[Reason]:
    key = f"{relay.name.lower()}_reason"
    return PackSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.ENUM,
        options=[reason.name.lower() for reason in Reason],
        entity_category=EntityCategory.DIAGNOSTIC,
        step=EVERY_MOVE,
        frame_fn=lambda pack: pack.data.reason_of(relay),
        value_fn=lambda reason: reason.name.lower(),
        tells_who=True,
    )


@dataclass(frozen=True, slots=True)
class _Supply:
    """What the sun gives, what the home takes, and what one load takes of it; in W."""

    solar_w: int | None
    home_w: int | None
    load_w: int | None


def _sun_share_pct(supply: _Supply) -> int | None:
    """Return how much of a load the sun supplies, 0..100 %; None where an input is unknown or the load draws nothing.

    The sun supplies the home before it charges the battery, and every consumer in the home in proportion.
    """
    solar_w, home_w, load_w = supply.solar_w, supply.home_w, supply.load_w
    if solar_w is None or home_w is None or load_w is None or load_w <= 0 or home_w <= 0:
        return None
    return round(min(1.0, max(0, solar_w) / home_w) * 100)


def _sun_share(relay: Relay) -> PackSensorDescription[_Supply]:
    load = relay.name.lower()

    def supply(pack: PackCoordinator) -> _Supply | None:
        power, loads = pack.data.power, pack.data.loads
        if power is None or loads is None:
            return None
        return _Supply(power.solar_w, power.home_w, getattr(loads, f"{load}_w"))

    return PackSensorDescription(
        key=f"{load}_sun_share",
        translation_key=f"{load}_sun_share",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=SHARE_STEP_PCT,
        frame_fn=supply,
        value_fn=_sun_share_pct,
    )


PACK_READINGS: tuple[PackSensorDescription[Any], ...] = (
    PackSensorDescription(
        key="soc",
        translation_key="soc",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=SOC_STEP_PCT,
        frame_fn=lambda pack: pack.data.battery,
        value_fn=lambda battery: battery.soc_pct,
    ),
    PackSensorDescription(
        key="battery_voltage",
        translation_key="battery_voltage",
        device_class=SensorDeviceClass.VOLTAGE,
        native_unit_of_measurement=UnitOfElectricPotential.VOLT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        step=VOLTAGE_STEP_V,
        frame_fn=lambda pack: pack.data.battery,
        value_fn=lambda battery: battery.voltage_v,
    ),
    _current("battery_current", lambda pack: pack.data.battery, lambda battery: battery.current_a, enabled=True),
    PackSensorDescription(
        key="battery_state",
        translation_key="battery_state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.name.lower() for state in BatteryState if state is not BatteryState.UNKNOWN],
        step=EVERY_MOVE,
        frame_fn=lambda pack: pack.data.battery,
        value_fn=lambda battery: None if battery.state is BatteryState.UNKNOWN else battery.state.name.lower(),
    ),
    _power("battery_power", lambda pack: pack.data.power, lambda power: power.battery_w),
    _power(
        "battery_discharge_power",
        lambda pack: pack.data.power,
        lambda power: None if power.battery_w is None else -power.battery_w,
    ),
    _power("grid_power", lambda pack: pack.data.power, lambda power: power.grid_w),
    _power("home_power", lambda pack: pack.data.power, lambda power: power.home_w),
    _power("solar_power", lambda pack: pack.data.power, lambda power: power.solar_w),
    _power("inverter_power", lambda pack: pack.data.loads, lambda loads: loads.inverter_w),
    _power("load1_power", lambda pack: pack.data.loads, lambda loads: loads.load1_w),
    _power("load2_power", lambda pack: pack.data.loads, lambda loads: loads.load2_w),
    PackSensorDescription(
        key="grid_frequency",
        translation_key="grid_frequency",
        device_class=SensorDeviceClass.FREQUENCY,
        native_unit_of_measurement=UnitOfFrequency.HERTZ,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        step=FREQUENCY_STEP_HZ,
        frame_fn=lambda pack: pack.data.loads,
        # The frame says 0 for an absent grid, which has no frequency.
        value_fn=lambda loads: loads.grid_frequency_hz or None,
    ),
    _current("grid_current", lambda pack: pack.data.currents, lambda currents: currents.grid_a),
    _current("inverter_current", lambda pack: pack.data.currents, lambda currents: currents.inverter_a),
    _current("load1_current", lambda pack: pack.data.currents, lambda currents: currents.load1_a),
    _current("load2_current", lambda pack: pack.data.currents, lambda currents: currents.load2_a),
    *(_reason(relay) for relay in Relay),
    _sun_share(Relay.LOAD1),
    _sun_share(Relay.LOAD2),
)
