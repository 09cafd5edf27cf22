"""Sensors of the hub device: the adapter, the bus and what all packs on it measure together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfPower
from homeassistant.helpers.typing import StateType

from custom_components.alfaspark.coordinator import BusCoordinator, BusReadings
from custom_components.alfaspark.entity import BusEntity

from .steps import (
    BUS_LOAD_STEP_PCT,
    EVERY_MOVE,
    HEARTBEAT_ONLY,
    LOAD_STEP_SHARE,
    POWER_STEP_W,
    SOC_STEP_PCT,
    SteppedSensor,
    SteppedSensorDescription,
)

AS_NOISE: Final = 0.5
"""What the packs flicker by adds up like independent noise; how they move together is in the share of what is shown."""
AS_COUNT: Final = 1.0
"""A sum of counters passes a step as many times as often as there are packs."""


def step_factor(bus: BusCoordinator, growth: float) -> float:
    """Return by how much a step grows with the packs that are present, so that many write no more often than one."""
    return float(max(1, bus.data.totals.packs) ** growth)


@dataclass(frozen=True, kw_only=True)
class BusSensorDescription(SteppedSensorDescription):
    """Describes a sensor of the hub device."""

    value_fn: Callable[[BusCoordinator], StateType]
    """The reading; None is unknown."""
    needs_bus: bool
    """Whether the reading means nothing while the adapter is lost."""
    step_growth: float = 0.0
    """Power of the number of packs that are present by which `step` grows; 0 for what is not a sum over them."""


class BusSensor(BusEntity[StateType], SteppedSensor):
    """A sensor of the hub device."""

    entity_description: BusSensorDescription

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.connected or not self.entity_description.needs_bus

    @override
    def _read(self) -> StateType:
        return self.entity_description.value_fn(self.coordinator)

    @override
    def _step_factor(self) -> float:
        return step_factor(self.coordinator, self.entity_description.step_growth)


def _rounded(computed: float | None) -> float | None:
    return None if computed is None else round(computed, 1)


def _power(key: str, value_fn: Callable[[BusReadings], int | None]) -> BusSensorDescription:
    return BusSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=POWER_STEP_W,
        step_share=LOAD_STEP_SHARE,
        step_growth=AS_NOISE,
        value_fn=lambda bus: value_fn(bus.data),
        needs_bus=True,
    )


def _count(key: str, value_fn: Callable[[BusReadings], int]) -> BusSensorDescription:
    return BusSensorDescription(
        key=key,
        translation_key=key,
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        step=HEARTBEAT_ONLY,
        value_fn=lambda bus: value_fn(bus.data),
        needs_bus=False,
    )


BUS_READINGS: tuple[BusSensorDescription, ...] = (
    BusSensorDescription(
        key="packs",
        translation_key="packs",
        state_class=SensorStateClass.MEASUREMENT,
        step=EVERY_MOVE,
        value_fn=lambda bus: bus.data.totals.packs,
        needs_bus=True,
    ),
    BusSensorDescription(
        key="soc",
        translation_key="soc",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=SOC_STEP_PCT,
        value_fn=lambda bus: _rounded(bus.data.totals.soc_pct),
        needs_bus=True,
    ),
    _power("battery_power", lambda readings: readings.totals.battery_w),
    _power("grid_power", lambda readings: readings.totals.grid_w),
    _power("home_power", lambda readings: readings.totals.home_w),
    _power("solar_power", lambda readings: readings.totals.solar_w),
    BusSensorDescription(
        key="bus_load",
        translation_key="bus_load",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        step=BUS_LOAD_STEP_PCT,
        value_fn=lambda bus: _rounded(bus.data.adapter.bus_load_pct),
        needs_bus=True,
    ),
    _count("frames_received", lambda readings: readings.adapter.frames_received),
    _count("frames_sent", lambda readings: readings.adapter.frames_sent),
    _count("frames_dropped", lambda readings: readings.adapter.dropped),
    _count("bus_errors", lambda readings: readings.adapter.errors),
    _count("reconnects", lambda readings: readings.adapter.reconnects),
    _count("foreign_frames", lambda readings: readings.ignored.foreign),
    _count("invalid_frames", lambda readings: readings.ignored.invalid),
    _count("implausible_frames", lambda readings: readings.ignored.implausible),
)
