"""What happens to a pack is told: to triggers through the dispatcher, and to the logbook as an event of Home Assistant's bus."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import ATTR_DEVICE_ID, Platform
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.events.words import ENERGY_GAP, fields
from custom_components.alfaspark.packbus.events import EventKind, EventWatch, PackEvent
from custom_components.alfaspark.packbus.frames import FaultCode, Mode, Reason, Relay

if TYPE_CHECKING:
    from custom_components.alfaspark.coordinator import PackCoordinator

EVENT_ALFASPARK: Final = "alfaspark_event"
"""What the logbook shows and no entity's state says."""

_MOST_AT_ONCE = 10
_NEXT_AFTER_S = 120.0
"""A relay that flaps leaves ten events and then one in two minutes, for each pack and kind."""

_OF_ONE_MOMENT = (FaultCode.WATCHDOG_RESTART, FaultCode.BROWN_OUT)
"""These faults say that something has happened; that they clear some time later says nothing."""


_SOMEBODYS_DOING = (EventKind.MODE_CHANGED, EventKind.PACK_RESTARTED, EventKind.RELAY_CHANGED)
"""Right after somebody has had something done to the pack, these come of it."""


@dataclass(frozen=True, slots=True)
class PackNews:
    """An event, and which pack it happened to."""

    device_id: str
    """Of the device registry."""
    pack_name: str
    """As the owner has named it."""
    event: PackEvent


SIGNAL_PACK_EVENT: SignalType[PackNews] = SignalType(f"{DOMAIN}_pack_event")


class PackEvents:
    """Tells what happens to one pack."""

    def __init__(self, hass: HomeAssistant, coordinator: PackCoordinator) -> None:
        """Know nothing of the pack yet."""
        self._hass = hass
        self._coordinator = coordinator
        self._watch = EventWatch()
        self._untold: list[PackEvent] = []
        self._allowances: dict[str, Allowance] = {}

    @callback
    def note(self) -> None:
        """See what has happened; `follow` tells it."""
        self._untold += self._watch.follow(self._coordinator.data, self._coordinator.gone)

    @callback
    def follow(self) -> None:
        """Tell what has happened since the last call."""
        self.note()
        untold, self._untold = self._untold, []
        for event in untold:
            if (device := self._device) is None:
                continue
            name = device.name_by_user or device.name or self._coordinator.name
            async_dispatcher_send(self._hass, SIGNAL_PACK_EVENT, PackNews(device.id, name, event))
            if _is_worth_telling(event) and not self._is_shown(event):
                context = self._coordinator.acting.context if event.kind in _SOMEBODYS_DOING else None
                self._fire(device, fields(event), context)

    @callback
    def tell_gap(self, begin: str, end: str) -> None:
        """Tell a time for which nobody knows what the pack has counted; local times in words."""
        if (device := self._device) is not None:
            self._fire(device, {"kind": ENERGY_GAP, "begin": begin, "end": end})

    @property
    def _device(self) -> dr.DeviceEntry | None:
        entry_id = self._coordinator.config_entry.entry_id
        return dr.async_get(self._hass).async_get_device_by_identifier((DOMAIN, self._coordinator.serial), entry_id)

    def _is_shown(self, event: PackEvent) -> bool:
        """Whether the logbook shows it already, as the state of an entity that the owner has not disabled."""
        if (shown := shown_by(event)) is None:
            return False
        (platform, key), registry = shown, er.async_get(self._hass)
        entity_id = registry.async_get_entity_id(platform, DOMAIN, f"{self._coordinator.serial}_{key}")
        entity = registry.async_get(entity_id) if entity_id else None
        return entity is not None and entity.disabled_by is None

    def _fire(self, device: dr.DeviceEntry, told: dict[str, Any], context: Context | None = None) -> None:
        kind, now_s = told["kind"], self._hass.loop.time()
        allowance = self._allowances.get(kind, Allowance(_MOST_AT_ONCE, now_s)).at(now_s)
        if allowance.left < 1:
            self._allowances[kind] = replace(allowance, skipped=allowance.skipped + 1)
            return
        if allowance.skipped:
            told = {**told, "skipped": allowance.skipped}
        self._allowances[kind] = replace(allowance, left=allowance.left - 1, skipped=0)
        name = device.name_by_user or device.name or self._coordinator.name
        self._hass.bus.async_fire(EVENT_ALFASPARK, {ATTR_DEVICE_ID: device.id, "pack": name, **told}, context=context)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many events of one kind may be fired."""

    left: float
    """0..10."""
    time_s: float
    """When that was so."""
    skipped: int = 0
    """How many were not, since the last one that was."""

    def at(self, now_s: float) -> Allowance:
        """Return what it has grown to."""
        left = min(self.left + (now_s - self.time_s) / _NEXT_AFTER_S, _MOST_AT_ONCE)
        return replace(self, left=left, time_s=now_s)


def _is_worth_telling(event: PackEvent) -> bool:
    """Whether an owner wants to read of it: not that a relay follows its switch, nor that an old restart is old now."""
    match event.kind:
        case EventKind.IMPORT_LIMIT_LOWERED:
            return False
        case EventKind.RELAY_CHANGED:
            return bool(event.moved) and event.reason is not Reason.MANUAL
        case EventKind.FAULT_CLEARED:
            return event.fault not in _OF_ONE_MOMENT
    return True


def shown_by(event: PackEvent) -> tuple[Platform, str] | None:
    """Return platform and key of the pack's entity whose state says the same; None where there is none."""
    match event:
        case PackEvent(kind=EventKind.MODE_CHANGED, mode=Mode() as mode):
            return Platform.SWITCH, f"{mode.name.lower()}_mode"
        case PackEvent(kind=EventKind.RELAY_CHANGED, relay=Relay() as relay):
            return Platform.SENSOR, f"{relay.name.lower()}_reason"
        case PackEvent(kind=EventKind.LOADS_LIMIT_REACHED | EventKind.LOADS_LIMIT_ENDED):
            return Platform.BINARY_SENSOR, "loads_limit"
        case PackEvent(kind=EventKind.IMPORT_LIMIT_REACHED, percent=80 | 90 as percent):
            return Platform.BINARY_SENSOR, f"import_above_{percent}"
        case PackEvent(kind=EventKind.IMPORT_LIMIT_REACHED | EventKind.IMPORT_LIMIT_RELEASED):
            return Platform.BINARY_SENSOR, "import_limit_exhausted"
        case PackEvent(kind=EventKind.BMS_LOST | EventKind.BMS_RETURNED) | PackEvent(fault=FaultCode.BMS_LOST):
            return Platform.BINARY_SENSOR, "bms"
    return None
