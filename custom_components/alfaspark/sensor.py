"""Sensors: what each pack measures and counts, all packs together, and how the bus is doing.

Signs: battery current and power are positive while charging; the battery power for the Energy panel is positive while
discharging, as the panel wants it. All other powers are never negative: current transformers give no direction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfFrequency,
    UnitOfPower,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import BusReadings, PackCoordinator
from .entity import AlfaSparkEntity, BusEntity, PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.frames import BatteryState, DeviceType, EnergyCounter
from .packbus.pack import Pack

PARALLEL_UPDATES = 0

_HEARTBEAT_S = 60.0
"""A reading that moved by less than its step is written after this time."""

_POWER_STEP_W = 5.0
_VOLTAGE_STEP_V = 0.1
_CURRENT_STEP_A = 0.1
_FREQUENCY_STEP_HZ = 0.02
_SOC_STEP_PCT = 1.0
_ENERGY_STEP_WH = 10.0


@dataclass(frozen=True, kw_only=True)
class SteppedSensorDescription(SensorEntityDescription):
    """Describes a sensor whose small movements wait for the heartbeat."""

    step: float = 0.0
    """Least movement that is written at once, in the native unit."""


@dataclass(frozen=True, kw_only=True)
class PackSensorDescription[FrameT](SteppedSensorDescription):
    """Describes a sensor of a pack."""

    frame_fn: Callable[[Pack], FrameT | None]
    """What the reading comes from; None makes the sensor unavailable."""
    value_fn: Callable[[FrameT], StateType]
    """The reading; None is unknown."""


@dataclass(frozen=True, kw_only=True)
class BusSensorDescription(SteppedSensorDescription):
    """Describes a sensor of the hub device."""

    value_fn: Callable[[BusReadings], StateType]
    needs_bus: bool
    """Whether the reading means nothing while the adapter is lost."""


def _power[FrameT](
    key: str, frame_fn: Callable[[Pack], FrameT | None], value_fn: Callable[[FrameT], int | None]
) -> PackSensorDescription[FrameT]:
    return PackSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=_POWER_STEP_W,
        frame_fn=frame_fn,
        value_fn=value_fn,
    )


def _current[FrameT](
    key: str,
    frame_fn: Callable[[Pack], FrameT | None],
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
        step=_CURRENT_STEP_A,
        frame_fn=frame_fn,
        value_fn=value_fn,
    )


def _energy(counter: EnergyCounter) -> PackSensorDescription[float]:
    key = f"{counter.name.lower()}_energy"
    return PackSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=2,
        step=_ENERGY_STEP_WH,
        frame_fn=lambda pack: pack.energies_wh.get(counter),
        value_fn=lambda energy_wh: energy_wh,
    )


PACK_SENSORS: tuple[PackSensorDescription[Any], ...] = (
    PackSensorDescription(
        key="soc",
        translation_key="soc",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=_SOC_STEP_PCT,
        frame_fn=lambda pack: pack.battery,
        value_fn=lambda battery: battery.soc_pct,
    ),
    PackSensorDescription(
        key="battery_voltage",
        translation_key="battery_voltage",
        device_class=SensorDeviceClass.VOLTAGE,
        native_unit_of_measurement=UnitOfElectricPotential.VOLT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        step=_VOLTAGE_STEP_V,
        frame_fn=lambda pack: pack.battery,
        value_fn=lambda battery: battery.voltage_v,
    ),
    _current("battery_current", lambda pack: pack.battery, lambda battery: battery.current_a, enabled=True),
    PackSensorDescription(
        key="battery_state",
        translation_key="battery_state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.name.lower() for state in BatteryState if state is not BatteryState.UNKNOWN],
        frame_fn=lambda pack: pack.battery,
        value_fn=lambda battery: None if battery.state is BatteryState.UNKNOWN else battery.state.name.lower(),
    ),
    _power("battery_power", lambda pack: pack.power, lambda power: power.battery_w),
    _power(
        "battery_discharge_power",
        lambda pack: pack.power,
        lambda power: None if power.battery_w is None else -power.battery_w,
    ),
    _power("grid_power", lambda pack: pack.power, lambda power: power.grid_w),
    _power("home_power", lambda pack: pack.power, lambda power: power.home_w),
    _power("solar_power", lambda pack: pack.power, lambda power: power.solar_w),
    _power("inverter_power", lambda pack: pack.loads, lambda loads: loads.inverter_w),
    _power("load1_power", lambda pack: pack.loads, lambda loads: loads.load1_w),
    _power("load2_power", lambda pack: pack.loads, lambda loads: loads.load2_w),
    PackSensorDescription(
        key="grid_frequency",
        translation_key="grid_frequency",
        device_class=SensorDeviceClass.FREQUENCY,
        native_unit_of_measurement=UnitOfFrequency.HERTZ,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        step=_FREQUENCY_STEP_HZ,
        frame_fn=lambda pack: pack.loads,
        # The frame says 0 for an absent grid, which has no frequency.
        value_fn=lambda loads: loads.grid_frequency_hz or None,
    ),
    _current("grid_current", lambda pack: pack.currents, lambda currents: currents.grid_a),
    _current("inverter_current", lambda pack: pack.currents, lambda currents: currents.inverter_a),
    _current("load1_current", lambda pack: pack.currents, lambda currents: currents.load1_a),
    _current("load2_current", lambda pack: pack.currents, lambda currents: currents.load2_a),
    *(_energy(counter) for counter in EnergyCounter),
)


def _rounded(computed: float | None) -> float | None:
    return None if computed is None else round(computed, 1)


def _total(key: str, value_fn: Callable[[BusReadings], int | None]) -> BusSensorDescription:
    return BusSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=_POWER_STEP_W,
        value_fn=value_fn,
        needs_bus=True,
    )


def _count(key: str, value_fn: Callable[[BusReadings], int]) -> BusSensorDescription:
    return BusSensorDescription(
        key=key,
        translation_key=key,
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        # Only the heartbeat writes a count that always grows.
        step=float("inf"),
        value_fn=value_fn,
        needs_bus=False,
    )


BUS_SENSORS: tuple[BusSensorDescription, ...] = (
    BusSensorDescription(
        key="packs",
        translation_key="packs",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda readings: readings.totals.packs,
        needs_bus=True,
    ),
    BusSensorDescription(
        key="soc",
        translation_key="soc",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        step=_SOC_STEP_PCT,
        value_fn=lambda readings: _rounded(readings.totals.soc_pct),
        needs_bus=True,
    ),
    _total("battery_power", lambda readings: readings.totals.battery_w),
    _total("grid_power", lambda readings: readings.totals.grid_w),
    _total("home_power", lambda readings: readings.totals.home_w),
    _total("solar_power", lambda readings: readings.totals.solar_w),
    BusSensorDescription(
        key="bus_load",
        translation_key="bus_load",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        step=1.0,
        value_fn=lambda readings: _rounded(readings.adapter.bus_load_pct),
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


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the hub's sensors, and each pack's when it appears. A gateway measures nothing."""
    hub = entry.runtime_data
    async_add_entities(BusSensor(hub.bus, description) for description in BUS_SENSORS)

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.data.device_type is DeviceType.ENERGY_PACK:
            async_add_entities(PackSensor(coordinator, description) for description in PACK_SENSORS)

    entry.async_on_unload(hub.async_on_pack(add_pack))


class SteppedSensor(AlfaSparkEntity[Any, StateType], SensorEntity):
    """A sensor that lets small movements wait, so that a flickering watt does not fill the database."""

    entity_description: SteppedSensorDescription

    @property
    @override
    def native_value(self) -> StateType:
        """The reading last shown."""
        return self._shown

    @override
    def _has_moved(self, reading: StateType) -> bool:
        if isinstance(reading, int | float) and isinstance(self._shown, int | float):
            if abs(reading - self._shown) < self.entity_description.step:
                waited_s = self.hass.loop.time() - self._shown_at_s
                return reading != self._shown and waited_s >= _HEARTBEAT_S
        return reading != self._shown


class PackSensor(PackEntity[StateType], SteppedSensor):
    """A sensor of a pack."""

    entity_description: PackSensorDescription[Any]

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.entity_description.frame_fn(self.coordinator.data) is not None

    @override
    def _read(self) -> StateType:
        return self.entity_description.value_fn(self.entity_description.frame_fn(self.coordinator.data))


class BusSensor(BusEntity[StateType], SteppedSensor):
    """A sensor of the hub device."""

    entity_description: BusSensorDescription

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.connected or not self.entity_description.needs_bus

    @override
    def _read(self) -> StateType:
        return self.entity_description.value_fn(self.coordinator.data)
