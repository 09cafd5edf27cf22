"""Packs as checkpoints: their grid sense, and that they are heard on their bus.

A change is reported in the very call in which its frame was taken from the bus.
"""

from functools import partial
from typing import override

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entries import loaded_hubs, pack_names
from custom_components.alfaspark.hub import Hub
from custom_components.alfaspark.outages.model import Kind, Result
from custom_components.alfaspark.packbus.frames import GridState
from custom_components.alfaspark.power_watch.setup import CheckpointSetup

from .base import Found, Observer, Report, Watched

_GRID = {
    GridState.PRESENT: Result.ALIVE,
    GridState.ABSENT: Result.DOWN_AT_ONCE,
    GridState.UNKNOWN: Result.UNKNOWN,
}
"""A grid sense that is not fitted is no checkpoint."""


class PackObserver(Observer):
    """Follows the packs of all adapters, also of those that are set up later."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Follow nobody yet."""
        super().__init__(hass, report, found)
        self._watched: dict[str, Watched] = {}
        self._shown: dict[str, Result | None] = {}
        """What was reported last, by the id of the checkpoint."""
        self._hubs: dict[Hub, CALLBACK_TYPE] = {}
        self._packs: dict[str, PackCoordinator] = {}
        self._stop_packs: dict[str, CALLBACK_TYPE] = {}
        self._stop_entries = async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed)
        self._follow_hubs()

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        self._watched[watched.id] = watched
        if watched.setup.is_group:
            self.async_find(watched)
        if (pack := self._packs.get(watched.setup.target)) is not None:
            self._look(watched, pack)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        self._watched.pop(watched.id, None)
        self._shown.pop(watched.id, None)

    @override
    @callback
    def async_find(self, through: Watched) -> None:
        for serial in self._packs:
            self._find(through, serial)

    @override
    async def async_check(self, watched: Watched) -> None:
        if (pack := self._packs.get(watched.setup.target)) is not None:
            self._shown.pop(watched.id, None)
            self._look(watched, pack)

    @override
    async def async_stop(self) -> None:
        for stop in (self._stop_entries, *self._hubs.values(), *self._stop_packs.values()):
            stop()

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == DOMAIN:
            self._follow_hubs()

    def _follow_hubs(self) -> None:
        loaded = loaded_hubs(self._hass)
        for hub in [hub for hub in self._hubs if hub not in loaded]:
            self._hubs.pop(hub)()
            for serial in [serial for serial, pack in self._packs.items() if pack in hub.packs.values()]:
                self._lose(serial)
        for hub in loaded:
            if hub not in self._hubs:
                # Set before: a hub calls back for the packs that it has already.
                self._hubs[hub] = lambda: None
                self._hubs[hub] = hub.async_on_pack(self._meet)

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

    def _lose(self, serial: str) -> None:
        """Nobody listens to a pack any more."""
        self._stop_packs.pop(serial)()
        del self._packs[serial]
        for watched in self._of(serial):
            self._tell(watched, Result.UNKNOWN, "its adapter is not set up")

    def _find(self, through: Watched, serial: str) -> None:
        name = pack_names(self._hass).get(serial, serial)
        self._found(through, CheckpointSetup(through.setup.kind, serial, name, through.setup.is_paused))

    def _of(self, serial: str) -> list[Watched]:
        return [watched for watched in self._watched.values() if watched.setup.target == serial]

    @callback
    def _follow(self, pack: PackCoordinator) -> None:
        for watched in self._of(pack.serial):
            self._look(watched, pack)

    def _look(self, watched: Watched, pack: PackCoordinator) -> None:
        result = _grid(pack) if watched.setup.kind is Kind.GRID_SENSE else _presence(pack)
        if result is not None:
            self._tell(watched, result, "" if pack.available else "it is not heard")

    def _tell(self, watched: Watched, result: Result, detail: str) -> None:
        if self._shown.get(watched.id) is not result:
            self._shown[watched.id] = result
            self._report(watched, result, self._now_s(), detail=detail)


def _grid(pack: PackCoordinator) -> Result | None:
    if not pack.available or pack.data.status is None:
        return Result.UNKNOWN
    return _GRID.get(pack.data.status.grid)


def _presence(pack: PackCoordinator) -> Result | None:
    """A pack that falls silent may be back within two minutes; without its adapter nobody can be heard."""
    if pack.available:
        return Result.ALIVE
    if (gone := pack.gone) is None:
        return Result.UNKNOWN
    return Result.DOWN_AT_ONCE if gone else None
