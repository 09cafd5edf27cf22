"""The lookout: which checkpoints are looked at, by which observer."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from homeassistant.core import HomeAssistant, callback

from custom_components.alfaspark.outages.model import Checkpoint, Kind, Rule

from .observers.base import Observer, Report, Watched
from .observers.entities import EntityObserver
from .observers.mqtt_topics import MqttObserver
from .observers.network import NetworkObserver, OwnNetwork
from .observers.packs import PackObserver
from .setup import CheckpointSetup, SourceSetup

_STALE_INTERVALS = 3.0
"""What is checked again and again is unknown when it was not checked for so many intervals."""
_CHECKED = frozenset({Kind.HTTP, Kind.TCP, Kind.PING, Kind.ENTITY})


def engine_checkpoint(watched: Watched) -> Checkpoint:
    """Return what the engine shall know of a checkpoint."""
    stale_after_s = watched.rule.interval_s * _STALE_INTERVALS if watched.setup.kind in _CHECKED else None
    return Checkpoint(watched.id, watched.setup.kind, stale_after_s)


class Lookout:
    """Looks at the checkpoints of all sources. Everything runs in the event loop."""

    def __init__(
        self,
        hass: HomeAssistant,
        report: Report,
        network_seen: Callable[[bool | None, float], None],
        on_change: Callable[[str], None],
    ) -> None:
        """Look at nothing yet. `on_change` is called with the id of a source before something new of it is looked at."""
        self._on_change = on_change
        self._watched: dict[str, dict[str, Watched]] = {}
        self._own_network = OwnNetwork(hass, network_seen)
        packs = PackObserver(hass, report, self._found)
        network = NetworkObserver(hass, report, self._found)
        self._observers: dict[Kind, Observer] = {
            Kind.GRID_SENSE: packs,
            Kind.PRESENCE: packs,
            Kind.HTTP: network,
            Kind.TCP: network,
            Kind.PING: network,
            Kind.MQTT: MqttObserver(hass, report, self._found),
            Kind.ENTITY: EntityObserver(hass, report, self._found),
        }

    async def async_stop(self) -> None:
        """Look at nothing any more."""
        self._own_network.async_stop()
        for observer in set(self._observers.values()):
            await observer.async_stop()

    def of(self, source_id: str) -> Mapping[str, Watched]:
        """Return what is looked at of a source, by id; also what was found, and through what."""
        return self._watched.get(source_id, {})

    def find(self, checkpoint_id: str) -> Watched | None:
        """Return a checkpoint by its id."""
        return next((each[checkpoint_id] for each in self._watched.values() if checkpoint_id in each), None)

    @callback
    def async_follow(self, setup: SourceSetup) -> None:
        """Look at the checkpoints of a source as the owner has set it up; what did not change is looked at all along."""
        before = self._watched.get(setup.id, {})
        wanted = {each.id: each for each in (_watched(setup.id, one, setup.rule) for one in setup.checkpoints)}
        for each in before.values():
            # What was found stays while what it was found through is there, unless the owner sets it up by itself.
            if each.id not in wanted and (through := wanted.get(each.through or "")) is not None:
                wanted[each.id] = _found_through(through, each.setup)
        self._watched[setup.id] = wanted
        gone = [each for each in before.values() if not _goes_on(each, wanted.get(each.id))]
        for each in gone:
            self._observer(each).async_remove(each)
        self._on_change(setup.id)
        for each in tuple(wanted.values()):
            if not _goes_on(before.get(each.id), each):
                self._observer(each).async_add(each)
            elif before[each.id] != each:
                self._observer(each).async_change(each)
        # What the owner does not set up by itself any more may be found again.
        for each in tuple(wanted.values()):
            if each.setup.is_group:
                self._observer(each).async_find(each)
        self._follow_network()

    @callback
    def async_forget(self, source_id: str) -> None:
        """Do not look at a source any more."""
        for watched in self._watched.pop(source_id, {}).values():
            self._observer(watched).async_remove(watched)
        self._follow_network()

    async def async_check(self, checkpoints: Iterable[Watched]) -> None:
        """Look at checkpoints now, at all of them together: those that are down take their time."""
        await asyncio.gather(*(self._observer(watched).async_check(watched) for watched in checkpoints))

    async def async_check_network(self) -> None:
        """Find out now whether the own network is there, and tell."""
        await self._own_network.async_check()

    @callback
    def _found(self, through: Watched, setup: CheckpointSetup) -> None:
        """Look at a checkpoint that was found through another one as well, or take over its new name."""
        watched = _found_through(through, setup)
        each = self._watched[through.source_id]
        if watched.id not in each:
            each[watched.id] = watched
            self._on_change(through.source_id)
            self._observer(watched).async_add(watched)
        elif _goes_on(each[watched.id], watched) and each[watched.id] != watched:
            each[watched.id] = watched
            self._observer(watched).async_change(watched)

    def _observer(self, watched: Watched) -> Observer:
        return self._observers[watched.setup.kind]

    def _follow_network(self) -> None:
        over_network = (
            engine_checkpoint(watched).is_over_network for each in self._watched.values() for watched in each.values()
        )
        self._own_network.async_follow(is_needed=any(over_network))


def _watched(source_id: str, setup: CheckpointSetup, rule: Rule, through: str | None = None) -> Watched:
    return Watched(f"{source_id}/{setup.key}", setup, rule, source_id, through)


def _found_through(through: Watched, setup: CheckpointSetup) -> Watched:
    """What is found through a checkpoint is looked at like that one, and rests with it."""
    setup = replace(setup, is_paused=through.setup.is_paused, options=through.setup.options)
    return _watched(through.source_id, setup, through.rule, through.id)


def _goes_on(before: Watched | None, after: Watched | None) -> bool:
    """Whether a checkpoint is looked at in the same way as before; its name, rule or options may be others."""
    return before is not None and after is not None and before.through == after.through
