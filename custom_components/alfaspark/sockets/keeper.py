"""Smart sockets: switches of Home Assistant that give way after the loads of a pack, while it warns of its loads limit.

They are looked after apart from the bus: what was shed gets its power back also when the adapter is missing, its entry is
disabled, or the owner has removed the list of sockets.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from time import monotonic
from typing import Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.const import (
    ATTR_DEVICE_ID,
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_SERVICE,
    ATTR_SERVICE_DATA,
    ENTITY_MATCH_ALL,
    EVENT_CALL_SERVICE,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_OFF,
    STATE_ON,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    DOMAIN as HOMEASSISTANT_DOMAIN,
    Context,
    Event,
    HomeAssistant,
    callback,
    split_entity_id,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.storage import Store
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.util.hass_dict import HassKey

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entries import loaded_hubs
from custom_components.alfaspark.events.pack_events import EVENT_ALFASPARK
from custom_components.alfaspark.packbus.frames import Mode, PackWarningSet
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter
from custom_components.alfaspark.packbus.socket_shedding import EcoReading, SocketShedding, Step, StepReason

_LOGGER = logging.getLogger(__name__)

SUBENTRY_SOCKETS: Final = "sockets"
"""Type of the config subentry that lists the sockets of a pack."""
CONF_PACK: Final = "pack"
"""Serial of the pack."""
CONF_SOCKETS: Final = "sockets"
"""Switches in the order in which they give way: ids of the entity registry, or entity ids of what is not in it."""

_REASONS: Final = {
    StepReason.LOADS_LIMIT: "it is above its eco limit and has nothing of its own left to shed",
    StepReason.LIMIT_GONE: "it fits under the eco limit again",
    StepReason.ECO_OFF: "eco is off",
    StepReason.PACK_LOST: "what the home draws is unknown for ten minutes",
    StepReason.NOT_CHOSEN: "it is not one of the pack's sockets any more",
}
"""In English, as everything that the logbook shows (event_words.py)."""

_TICK = timedelta(seconds=1)
_SWITCH_TIMEOUT_S = 20.0
_SAVE_SOON_S = 1.0
_DEFAULTS = {spec.parameter: spec.default for spec in PARAMETERS}


def eco_reading(pack: PackCoordinator | None) -> EcoReading:
    """Return what a pack says of eco now; of one that is not heard nothing is known."""
    if pack is None or not pack.available or (status := pack.data.status) is None:
        return EcoReading()
    settings = {**_DEFAULTS, **pack.settings.parameters}
    return EcoReading(
        is_on=pack.data.has_mode(Mode.ECO),
        loads_limit=PackWarningSet.LOADS_LIMIT in status.warnings,
        home_w=pack.data.power.home_w if pack.data.power else None,
        limit_w=pack.settings.parameters.get(Parameter.ECO_LIMIT),
        margin=settings[Parameter.ECO_MARGIN] / 1000,
        step_s=settings[Parameter.ECO_STEP_TIME],
        min_off_s=settings[Parameter.ECO_MIN_OFF_TIME],
    )


@dataclass(slots=True, eq=False)
class _Group:
    """The sockets of one pack."""

    serial: str
    name: str
    """Of the pack, when the sockets were chosen."""
    shedding: SocketShedding
    known_problems: set[str] = field(default_factory=set)
    """Those that were told."""
    switching: asyncio.Task[None] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"serial": self.serial, "name": self.name, "shed": self.shedding.stored()}


class SocketKeeper:
    """Sheds and restores the sockets of all packs. Follows changes of the config entries by itself."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is switched yet."""
        self._hass = hass
        self._groups: dict[str, _Group] = {}
        """By the id of the config subentry; those too whose subentry is gone while sockets of it are shed."""
        self._store: Store[dict[str, Any]] = Store(hass, 1, f"{DOMAIN}_sockets", atomic_writes=True)
        self._stored: dict[str, Any] = {}
        self._stop: list[CALLBACK_TYPE] = []
        self._own_contexts: deque[str] = deque(maxlen=16)

    async def async_start(self) -> None:
        """Find out what was shed before Home Assistant restarted, and keep going until it stops."""
        stored = await self._store.async_load() or {}
        for subentry_id, group in stored.items() if isinstance(stored, dict) else ():
            try:
                shedding = SocketShedding.restored_from((), group["shed"], monotonic())
                self._groups[subentry_id] = _Group(group["serial"], group["name"], shedding)
            except (AttributeError, KeyError, TypeError) as error:
                _LOGGER.warning("What is stored of sockets that were shed is damaged and left out: %r", error)
        async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed)
        self._follow_entries()

    def diagnostics(self, entry: ConfigEntry) -> list[dict[str, Any]]:
        """Return what is shed now of the sockets of an entry's packs."""
        return [
            {
                "pack": group.name,
                "sockets": list(group.shedding.order),
                "shed": group.shedding.shed,
                "problems": sorted(group.shedding.problems),
            }
            for subentry_id, group in self._groups.items()
            if subentry_id in entry.subentries
        ]

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == DOMAIN:
            self._follow_entries()

    def _follow_entries(self) -> None:
        """Take over which sockets the owner has chosen."""
        chosen = {
            subentry.subentry_id: subentry
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            for subentry in entry.get_subentries_of_type(SUBENTRY_SOCKETS)
        }
        for subentry_id, subentry in chosen.items():
            group = self._groups.setdefault(subentry_id, _Group("", "", SocketShedding(())))
            group.serial, group.name = subentry.data[CONF_PACK], subentry.title
            group.shedding.order = tuple(subentry.data[CONF_SOCKETS])
        for subentry_id in self._groups.keys() - chosen.keys():
            group = self._groups[subentry_id]
            group.shedding.order = ()
            if not group.shedding.shed:
                del self._groups[subentry_id]
        self._run(bool(self._groups))

    def _run(self, run: bool) -> None:
        """Look at the sockets once a second, or not while there are none."""
        if run and not self._stop:
            self._stop = [
                async_track_time_interval(self._hass, self._tick, _TICK, cancel_on_shutdown=True),
                self._hass.bus.async_listen(EVENT_CALL_SERVICE, self._service_called, _turns_off),
            ]
        elif not run:
            while self._stop:
                self._stop.pop()()

    @callback
    def _tick(self, _: datetime) -> None:
        for group in tuple(self._groups.values()):
            if group.switching is None or group.switching.done():
                self._follow(group)
        self._save_if_changed()
        if any(not group.shedding.order for group in self._groups.values()):
            self._follow_entries()

    def _follow(self, group: _Group) -> None:
        sockets = {*group.shedding.order, *group.shedding.shed}
        is_on = {socket: self._is_on(socket) for socket in sockets}
        step = group.shedding.follow(monotonic(), eco_reading(self._pack(group.serial)), is_on)
        self._tell_problems(group)
        if step is not None and (entity_id := self._entity_id(step.socket)) is not None:
            group.switching = self._hass.async_create_background_task(
                self._switch(group, step, entity_id), f"{DOMAIN} switch {entity_id}"
            )

    def _pack(self, serial: str) -> PackCoordinator | None:
        """Return a pack, on whichever adapter it is now."""
        return next((hub.packs[serial] for hub in loaded_hubs(self._hass) if serial in hub.packs), None)

    def _entity_id(self, socket: str) -> str | None:
        return er.async_resolve_entity_id(er.async_get(self._hass), socket)

    def _is_on(self, socket: str) -> bool | None:
        state = self._hass.states.get(entity_id) if (entity_id := self._entity_id(socket)) else None
        return {STATE_ON: True, STATE_OFF: False}.get(state.state) if state else None

    async def _switch(self, group: _Group, step: Step, entity_id: str) -> None:
        # Written before: what is shed must be known after a crash, and one that is on then was simply not switched.
        self._stored = self._dump()
        await self._store.async_save(self._stored)
        context = Context()
        self._own_contexts.append(context.id)
        kind = "socket_restored" if step.on else "socket_shed"
        told = {"kind": kind, "reason": step.reason.value, "reason_name": _REASONS[step.reason]}
        # The first event of a context is what the logbook gives as the cause of the others.
        self._tell(group, entity_id, told, context)
        try:
            async with asyncio.timeout(_SWITCH_TIMEOUT_S):
                await self._hass.services.async_call(
                    split_entity_id(entity_id)[0],
                    SERVICE_TURN_ON if step.on else SERVICE_TURN_OFF,
                    {ATTR_ENTITY_ID: entity_id},
                    blocking=True,
                    context=context,
                )
        except Exception as error:  # noqa: BLE001 - the integration of a socket may raise anything
            _LOGGER.debug("%s could not be switched: %r", entity_id, error)
            group.shedding.failed(monotonic(), step.socket)
            self._tell_problems(group)

    def _tell(self, group: _Group, entity_id: str, told: Mapping[str, str], context: Context | None = None) -> None:
        """Fire what the logbook shows: what the pack did with a socket, and why."""
        state = self._hass.states.get(entity_id)
        data = {
            **told,
            "pack": group.name,
            ATTR_ENTITY_ID: entity_id,
            "socket_name": state.name if state else entity_id,
        }
        if (device := self._device(group)) is not None:
            data |= {ATTR_DEVICE_ID: device.id, "pack": device.name_by_user or device.name or group.name}
        self._hass.bus.async_fire(EVENT_ALFASPARK, data, context=context)

    def _device(self, group: _Group) -> dr.DeviceEntry | None:
        if (pack := self._pack(group.serial)) is None:
            return None
        return dr.async_get(self._hass).async_get_device_by_identifier(
            (DOMAIN, group.serial), pack.config_entry.entry_id
        )

    def _tell_problems(self, group: _Group) -> None:
        """Say once that a socket does not obey, until it does again."""
        for socket in group.shedding.problems - group.known_problems:
            entity_id = self._entity_id(socket) or socket
            _LOGGER.warning("%s could not switch %s and goes on with the next socket", group.name, entity_id)
            self._tell(group, entity_id, {"kind": "socket_failed"})
        group.known_problems = set(group.shedding.problems)

    @callback
    def _service_called(self, event: Event) -> None:
        """Leave those off that somebody wants off, also if they were off already."""
        if event.context.id in self._own_contexts or event.context.parent_id in self._own_contexts:
            return
        shed = [(group, socket) for group in self._groups.values() for socket in group.shedding.shed]
        if not shed:
            return
        entity_ids = self._targets(event.data[ATTR_SERVICE_DATA])
        for group, socket in shed:
            if (entity_id := self._entity_id(socket)) is None:
                continue
            domains = (HOMEASSISTANT_DOMAIN, split_entity_id(entity_id)[0])
            if event.data[ATTR_DOMAIN] in domains and (entity_ids is None or entity_id in entity_ids):
                group.shedding.turned_off_by_hand(socket)

    def _targets(self, service_data: Mapping[str, Any]) -> set[str] | None:
        """Return the entities that an action is for; None stands for all."""
        if service_data.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
            return None
        selected = async_extract_referenced_entity_ids(self._hass, TargetSelection(dict(service_data)))
        return selected.referenced | selected.indirectly_referenced

    def _save_if_changed(self) -> None:
        if (data := self._dump()) != self._stored:
            self._stored = data
            self._store.async_delay_save(self._dump, _SAVE_SOON_S)

    def _dump(self) -> dict[str, Any]:
        return {subentry_id: group.as_dict() for subentry_id, group in self._groups.items() if group.shedding.shed}


@callback
def _turns_off(data: Mapping[str, Any]) -> bool:
    return data.get(ATTR_SERVICE) == SERVICE_TURN_OFF


SOCKETS: HassKey[SocketKeeper] = HassKey(f"{DOMAIN}_sockets")
