"""Sensors: what each pack measures and counts, all packs together, and how the bus is doing."""

from homeassistant.components.sensor import SensorEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import BusCoordinator, PackCoordinator
from .hub import AlfaSparkConfigEntry
from .power_watch.entities.platform import async_add_of_sources
from .power_watch.entities.sensors import sensors_of_source
from .power_watch.watch import PowerWatch, PowerWatchConfigEntry
from .sensors.bus import BUS_READINGS, BusSensor
from .sensors.daily_import import HOUSE_LIMIT_SENSORS, IMPORT_SENSORS
from .sensors.energy import ENERGY_SENSORS, HouseEnergySensor, PackEnergySensor
from .sensors.fault import FAULT, FaultSensor
from .sensors.last_seen import LAST_SEEN, LastSeenSensor
from .sensors.pack import PACK_READINGS, PackSensor

PARALLEL_UPDATES = 0

PACK_SENSORS = (*PACK_READINGS, *IMPORT_SENSORS, *ENERGY_SENSORS, FAULT, LAST_SEEN)
BUS_SENSORS = (*BUS_READINGS, *HOUSE_LIMIT_SENSORS, *ENERGY_SENSORS)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AlfaSparkConfigEntry | PowerWatchConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the hub's sensors, and each pack's when it appears; or those of power sources. A gateway measures nothing."""
    if isinstance(entry.runtime_data, PowerWatch):
        async_add_of_sources(entry.runtime_data, async_add_entities, sensors_of_source)
        return
    hub = entry.runtime_data
    async_add_entities(_sensors_of_bus(hub.bus))

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.is_pack:
            async_add_entities(_sensors_of_pack(coordinator))

    entry.async_on_unload(hub.async_on_pack(add_pack))


def _sensors_of_bus(bus: BusCoordinator) -> list[SensorEntity]:
    return [
        *(BusSensor(bus, description) for description in (*BUS_READINGS, *HOUSE_LIMIT_SENSORS)),
        *(HouseEnergySensor(bus, description) for description in ENERGY_SENSORS),
    ]


def _sensors_of_pack(pack: PackCoordinator) -> list[SensorEntity]:
    return [
        *(PackSensor(pack, description) for description in (*PACK_READINGS, *IMPORT_SENSORS)),
        *(PackEnergySensor(pack, description) for description in ENERGY_SENSORS),
        FaultSensor(pack, FAULT),
        LastSeenSensor(pack, LAST_SEEN),
    ]
