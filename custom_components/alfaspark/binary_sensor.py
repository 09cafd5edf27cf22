"""Binary sensors: grid, BMS, master and the warnings of each pack; whether the CAN adapter is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import BusEntity, PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.frames import (
    AnnounceFlagSet,
    BatteryAlarm,
    BatteryAlarmSet,
    DeviceType,
    GridState,
    PackWarningSet,
    Status,
)
from .packbus.pack import Pack
from .power_watch.entities.binary_sensors import POWER, PowerBinarySensor
from .power_watch.entities.platform import async_add_of_sources
from .power_watch.watch import PowerWatch, PowerWatchConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PackBinarySensorDescription[FrameT](BinarySensorEntityDescription):
    """Describes a binary sensor of a pack."""

    frame_fn: Callable[[Pack], FrameT | None]
    """What the reading comes from; None makes the sensor unavailable."""
    value_fn: Callable[[FrameT], int | None]
    """On unless 0; None is unknown."""
    attributes_fn: Callable[[int], Mapping[str, Any]] | None = None
    """What else the reading says."""


def _warning(
    key: str,
    warning: PackWarningSet,
    device_class: BinarySensorDeviceClass = BinarySensorDeviceClass.PROBLEM,
    entity_category: EntityCategory | None = EntityCategory.DIAGNOSTIC,
) -> PackBinarySensorDescription[Status]:
    return PackBinarySensorDescription(
        key=key,
        translation_key=key,
        device_class=device_class,
        entity_category=entity_category,
        frame_fn=lambda pack: pack.status,
        value_fn=lambda status: warning in status.warnings,
    )


def _grid_present(status: Status) -> bool | None:
    return {GridState.PRESENT: True, GridState.ABSENT: False}.get(status.grid)


def _bms_online(pack: Pack) -> bool | None:
    """ANNOUNCE says it from the first answer on, but late; the warning in STATUS says at once that it is lost."""
    if pack.status is None:
        return None
    lost = PackWarningSet.BMS_LOST in pack.status.warnings
    return AnnounceFlagSet.BMS_ONLINE in pack.announce.flags and not lost


MASTER = PackBinarySensorDescription[Pack](
    key="master",
    translation_key="master",
    entity_category=EntityCategory.DIAGNOSTIC,
    frame_fn=lambda pack: pack,
    value_fn=lambda pack: AnnounceFlagSet.IS_MASTER in pack.announce.flags,
)

PACK_BINARY_SENSORS: tuple[PackBinarySensorDescription[Any], ...] = (
    PackBinarySensorDescription(
        key="grid",
        translation_key="grid",
        device_class=BinarySensorDeviceClass.POWER,
        frame_fn=lambda pack: pack.status,
        value_fn=_grid_present,
    ),
    PackBinarySensorDescription(
        key="bms",
        translation_key="bms",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        frame_fn=_bms_online,
        value_fn=lambda online: online,
    ),
    PackBinarySensorDescription(
        key="battery_alarm",
        translation_key="battery_alarm",
        device_class=BinarySensorDeviceClass.PROBLEM,
        frame_fn=lambda pack: pack.battery,
        value_fn=lambda battery: battery.alarms.value,
        attributes_fn=lambda alarms: {
            "alarms": [alarm.name.lower() for alarm in BatteryAlarm if BatteryAlarmSet(alarms) & 1 << alarm]
        },
    ),
    _warning("loads_limit", PackWarningSet.LOADS_LIMIT, entity_category=None),
    _warning("import_limit_exhausted", PackWarningSet.IMPORT_LIMIT_EXHAUSTED, entity_category=None),
    _warning("import_above_80", PackWarningSet.IMPORT_ABOVE_80, entity_category=None),
    _warning("import_above_90", PackWarningSet.IMPORT_ABOVE_90, entity_category=None),
    _warning("soc_low", PackWarningSet.SOC_LOW, BinarySensorDeviceClass.BATTERY, None),
    _warning("sensor_fault", PackWarningSet.SENSOR_FAULT, entity_category=None),
    _warning("clock_unknown", PackWarningSet.CLOCK_UNKNOWN),
    _warning("host_lost", PackWarningSet.HOST_LOST),
    _warning("settings_reset", PackWarningSet.SETTINGS_RESET),
    _warning("storage_failed", PackWarningSet.STORAGE_FAILED),
    _warning("node_number_conflict", PackWarningSet.NODE_NUMBER_CONFLICT),
)

ADAPTER = BinarySensorEntityDescription(
    key="adapter",
    translation_key="adapter",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AlfaSparkConfigEntry | PowerWatchConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the hub's binary sensor, and each pack's when it appears; or those of power sources."""
    if isinstance(entry.runtime_data, PowerWatch):
        async_add_of_sources(entry.runtime_data, async_add_entities, lambda source: [PowerBinarySensor(source, POWER)])
        return
    hub = entry.runtime_data
    async_add_entities([AdapterBinarySensor(hub.bus, ADAPTER)])

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        is_pack = coordinator.data.device_type is DeviceType.ENERGY_PACK
        descriptions = (MASTER, *PACK_BINARY_SENSORS) if is_pack else (MASTER,)
        async_add_entities(PackBinarySensor(coordinator, description) for description in descriptions)

    entry.async_on_unload(hub.async_on_pack(add_pack))


class PackBinarySensor(PackEntity[int], BinarySensorEntity):
    """A binary sensor of a pack."""

    entity_description: PackBinarySensorDescription[Any]

    @property
    @override
    def is_on(self) -> bool | None:
        """The reading last shown."""
        return None if self._shown is None else bool(self._shown)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """What else the reading last shown says."""
        if self.entity_description.attributes_fn is None or self._shown is None:
            return None
        return self.entity_description.attributes_fn(self._shown)

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.entity_description.frame_fn(self.coordinator.data) is not None

    @override
    def _read(self) -> int | None:
        return self.entity_description.value_fn(self.entity_description.frame_fn(self.coordinator.data))


class AdapterBinarySensor(BusEntity[bool], BinarySensorEntity):
    """Whether the CAN adapter is open; the one entity that is there to say that it is not."""

    @property
    @override
    def is_on(self) -> bool | None:
        """The reading last shown."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return True

    @override
    def _read(self) -> bool:
        return self.coordinator.data.connected
