"""Energy totals of each pack and of all packs, over all boots.

They are not of the kind that only increases: there every fall counts as a meter that was replaced, so an older backup
that is restored would have the whole total counted again. Here it costs a negative difference, which the counters of the
packs make good. A total that really begins anew, because its file was lost or its adapter was added again, says so by
its last reset.

They stay while a pack or the bus is silent: what was counted does not vanish at night.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import UnitOfEnergy
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.entity import BusEntity, PackEntity
from custom_components.alfaspark.packbus.frames import EnergyCounter

from .bus import AS_COUNT, step_factor
from .steps import ENERGY_STEP_WH, SteppedSensor, SteppedSensorDescription


@dataclass(frozen=True, kw_only=True)
class EnergySensorDescription(SteppedSensorDescription):
    """Describes an energy total."""

    counter: EnergyCounter


ENERGY_SENSORS = tuple(
    EnergySensorDescription(
        key=f"{counter.name.lower()}_energy",
        translation_key=f"{counter.name.lower()}_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        step=ENERGY_STEP_WH,
        counter=counter,
    )
    for counter in EnergyCounter
)


def _shown_wh(total_wh: float | None) -> float | None:
    """Return a total in whole counts of the packs' counters."""
    return None if total_wh is None else round(total_wh, 1)


class PackEnergySensor(PackEntity[StateType], SteppedSensor):
    """A total of a pack, there as soon as it is known."""

    entity_description: EnergySensorDescription

    @property
    @override
    def last_reset(self) -> datetime:
        """When the total began at 0."""
        return dt_util.utc_from_timestamp(self.coordinator.record.since_s)

    @override
    def _is_available(self) -> bool:
        return self.coordinator.energy.total_wh(self.entity_description.counter) is not None

    @override
    def _read(self) -> StateType:
        return _shown_wh(self.coordinator.energy.total_wh(self.entity_description.counter))


class HouseEnergySensor(BusEntity[StateType], SteppedSensor):
    """A total of all packs that ever were on this bus, there as soon as it is known."""

    entity_description: EnergySensorDescription

    @property
    @override
    def last_reset(self) -> datetime:
        """When the total began at 0."""
        return dt_util.utc_from_timestamp(self.coordinator.data.house.since_s)

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.house.energy.total_wh(self.entity_description.counter) is not None

    @override
    def _read(self) -> StateType:
        return _shown_wh(self.coordinator.data.house.energy.total_wh(self.entity_description.counter))

    @override
    def _step_factor(self) -> float:
        return step_factor(self.coordinator, AS_COUNT)
