"""Packs as checkpoints: their grid sense, and that they are heard on their bus.

A change is reported in the very call in which its frame was taken from the bus.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import override

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entries import loaded_hubs, pack_names
from custom_components.alfaspark.hub import Hub
from custom_components.alfaspark.memory import MEMORY
from custom_components.alfaspark.outages.model import Kind, Result
from custom_components.alfaspark.packbus.frames import DeviceType, GridState
from custom_components.alfaspark.power_watch.setup import CheckpointSetup

from .base import Found, Observer, Report, Watched

_LOOK = timedelta(seconds=2)
"""Time alone makes a pack gone; and what is down is told again while it lasts, for a loss that waits for proof."""

_OTHERS_S = 10.0
"""So long a pack that was not heard before and has no grid waits for those that were not heard yet, as after a start."""

_GRID = {
    GridState.PRESENT: Result.ALIVE,
    GridState.ABSENT: Result.DOWN_AT_ONCE,
}
"""A grid sense that does not know, or is not fitted, tells nothing."""


class PackObserver(Observer):
    """Follows the packs of all adapters, also of those that are set up later."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Follow nobody yet."""
        super().__init__(hass, report, found)
        self._watched: dict[str, Watched] = {}
        self._shown: dict[str, tuple[Result, float]] = {}
        """What was reported last, and of when, by the id of the checkpoint."""
        self._waits_since_s: dict[str, float] = {}
        """Since when a grid sense waits for others, by the id of the checkpoint."""
        self._hubs: dict[Hub, CALLBACK_TYPE] = {}
        self._packs: dict[str, PackCoordinator] = {}
        self._stop_packs: dict[str, CALLBACK_TYPE] = {}
        self._stops = [
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed),
            async_track_time_interval(hass, self._look_again, _LOOK, cancel_on_shutdown=True),
            hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_changed),
        ]
        self._follow_hubs()

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        self._watched[watched.id] = watched
        if watched.setup.is_group:
            self.async_find(watched)
        elif (pack := self._packs.get(watched.setup.target)) is not None:
            self._look(watched, pack)
        else:
            self._tell(watched, Result.UNKNOWN, _NO_ADAPTER)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        self._watched.pop(watched.id, None)
        self._shown.pop(watched.id, None)
        self._waits_since_s.pop(watched.id, None)

    @override
    @callback
    def async_change(self, watched: Watched) -> None:
        self._watched[watched.id] = watched

    @override
    @callback
    def async_find(self, through: Watched) -> None:
        for serial in self._packs:
            self._find(through, serial)

    @override
    async def async_check(self, watched: Watched) -> None:
        if watched.id in self._watched and (pack := self._packs.get(watched.setup.target)) is not None:
            self._look(watched, pack, again=True)

    @override
    async def async_stop(self) -> None:
        for stop in (*self._stops, *self._hubs.values(), *self._stop_packs.values()):
            stop()

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == DOMAIN:
            self._follow_hubs()

    @callback
    def _device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        if event.data["action"] == "update" and "name_by_user" in event.data["changes"]:
            for watched in [watched for watched in self._watched.values() if watched.setup.is_group]:
                self.async_find(watched)

    def _follow_hubs(self) -> None:
        loaded = loaded_hubs(self._hass)
        for hub in [hub for hub in self._hubs if hub not in loaded]:
            self._hubs.pop(hub)()
        self._drop_lost()
        for hub in loaded:
            if hub not in self._hubs:
                # Set before: a hub calls back for the packs that it has already.
                self._hubs[hub] = lambda: None
                self._hubs[hub] = hub.async_on_pack(self._meet)

    def _drop_lost(self) -> None:
        """Listen no more to packs whose adapter is not set up, and to those that the owner has removed."""
        kept = {pack for hub in self._hubs for pack in hub.packs.values()}
        for serial in [serial for serial, pack in self._packs.items() if pack not in kept]:
            self._stop_packs.pop(serial)()
            del self._packs[serial]
            for watched in self._of(serial):
                self._tell(watched, Result.UNKNOWN, _NO_ADAPTER)

    @callback
    def _meet(self, pack: PackCoordinator) -> None:
        if not pack.is_pack:
            return
        serial = pack.serial
        if serial in self._stop_packs:
            self._stop_packs.pop(serial)()
        self._packs[serial] = pack
        self._stop_packs[serial] = pack.async_add_listener(partial(self._follow, pack))
        for watched in [watched for watched in self._watched.values() if watched.setup.is_group]:
            self._find(watched, serial)
        self._follow(pack)

    def _find(self, through: Watched, serial: str) -> None:
        name = pack_names(self._hass).get(serial, serial)
        self._found(through, CheckpointSetup(through.setup.kind, serial, name))

    def _of(self, serial: str) -> list[Watched]:
        return [watched for watched in self._watched.values() if watched.setup.target == serial]

    @callback
    def _follow(self, pack: PackCoordinator) -> None:
        for watched in self._of(pack.serial):
            self._look(watched, pack)

    @callback
    def _look_again(self, _: datetime) -> None:
        self._drop_lost()
        for watched in tuple(self._watched.values()):
            if (pack := self._packs.get(watched.setup.target)) is not None:
                shown = self._shown.get(watched.id)
                self._look(watched, pack, again=shown is not None and shown[0] is Result.DOWN_AT_ONCE)

    def _look(self, watched: Watched, pack: PackCoordinator, *, again: bool = False) -> None:
        is_sense = watched.setup.kind is Kind.GRID_SENSE
        result, (shown, shown_s) = (
            _grid(pack) if is_sense else _presence(pack),
            self._shown.get(watched.id, (None, 0.0)),
        )
        if result is None or (result is shown and not again):
            return
        is_first = is_sense and result is Result.DOWN_AT_ONCE and shown not in (Result.ALIVE, result)
        if is_first and self._waits_for_others(watched):
            return
        waits_since_s = self._waits_since_s.pop(watched.id, None)
        # One that is gone has been silent since it was last heard.
        is_gone = not is_sense and result is Result.DOWN_AT_ONCE and result is not shown
        at_s = max(pack.data.last_seen_s, shown_s) if is_gone else waits_since_s or self._now_s()
        self._tell(watched, result, "" if pack.available else "it is not heard", at_s)

    def _waits_for_others(self, watched: Watched) -> bool:
        """Whether a pack without grid is to be believed later: the only one that was heard yet would be all of them.

        One that had grid before is believed at once.
        """
        others = [
            self._packs.get(other.setup.target)
            for other in self._watched.values()
            if other.source_id == watched.source_id
            and other.setup.kind is Kind.GRID_SENSE
            and not other.setup.is_group
            and not other.setup.is_paused
        ]
        is_unmet = watched.through is not None and any(
            record.device_type is DeviceType.ENERGY_PACK and serial not in self._packs
            for serial, record in self._hass.data[MEMORY].packs.items()
        )
        if not is_unmet and not any(pack is None or _grid(pack) is Result.UNKNOWN for pack in others):
            return False
        return self._now_s() - self._waits_since_s.setdefault(watched.id, self._now_s()) < _OTHERS_S

    def _tell(self, watched: Watched, result: Result, detail: str, at_s: float | None = None) -> None:
        at_s = self._now_s() if at_s is None else at_s
        self._shown[watched.id] = (result, at_s)
        self._report(watched, result, at_s, detail=detail)


_NO_ADAPTER = "no adapter that is set up has heard it"


def _grid(pack: PackCoordinator) -> Result:
    if not pack.available or pack.data.status is None:
        return Result.UNKNOWN
    return _GRID.get(pack.data.status.grid, Result.UNKNOWN)


def _presence(pack: PackCoordinator) -> Result | None:
    """A pack that falls silent may be back within two minutes; without its adapter nobody can be heard."""
    if pack.available:
        return Result.ALIVE
    if (gone := pack.gone) is None:
        return Result.UNKNOWN
    return Result.DOWN_AT_ONCE if gone else None
