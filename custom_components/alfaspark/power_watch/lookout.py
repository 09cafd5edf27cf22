"""The lookout: which checkpoints are looked at, by which observer."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from homeassistant.core import HomeAssistant, callback

from custom_components.alfaspark.outages.model import Checkpoint, Kind, Rule

from .observers.base import Observer, Report, Watched
from .observers.entities import EntityObserver
from .observers.mqtt_topics import MqttObserver
from .observers.network import NetworkObserver
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
        packs = PackObserver(hass, report, self._found)
        self.network = NetworkObserver(hass, report, self._found, network_seen)
        self._observers: dict[Kind, Observer] = {
            Kind.GRID_SENSE: packs,
            Kind.PRESENCE: packs,
            Kind.HTTP: self.network,
            Kind.TCP: self.network,
            Kind.PING: self.network,
            Kind.MQTT: MqttObserver(hass, report, self._found),
            Kind.ENTITY: EntityObserver(hass, report, self._found),
        }

    async def async_stop(self) -> None:
        """Look at nothing any more."""
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
        wanted = [_watched(setup.id, checkpoint, setup.rule) for checkpoint in setup.checkpoints]
        added = {watched.id: watched for watched in wanted if before.get(watched.id) != watched}
        stays = {watched.id for watched in wanted} - added.keys()
        for watched in before.values():
            if (watched.through or watched.id) not in stays or watched.id in added:
                self._observers[watched.setup.kind].async_remove(watched)
            else:
                stays.add(watched.id)
        self._watched[setup.id] = {id_: watched for id_, watched in before.items() if id_ in stays} | added
        self._on_change(setup.id)
        for watched in added.values():
            self._observers[watched.setup.kind].async_add(watched)
        # What was set up by itself until now may be found again.
        for watched in tuple(self._watched[setup.id].values()):
            if watched.setup.is_group and watched.id not in added:
                self._observers[watched.setup.kind].async_find(watched)

    @callback
    def async_forget(self, source_id: str) -> None:
        """Do not look at a source any more."""
        for watched in self._watched.pop(source_id, {}).values():
            self._observers[watched.setup.kind].async_remove(watched)

    async def async_check(self, checkpoints: Iterable[Watched]) -> None:
        """Look at checkpoints now, at all of them together: those that are down take their time."""
        await asyncio.gather(*(self._observers[watched.setup.kind].async_check(watched) for watched in checkpoints))

    @callback
    def _found(self, through: Watched, setup: CheckpointSetup) -> None:
        """Look at a checkpoint that was found through another one as well."""
        watched = _watched(through.source_id, setup, through.rule, through.id)
        each = self._watched[through.source_id]
        if watched.id not in each:
            each[watched.id] = watched
            self._on_change(through.source_id)
            self._observers[watched.setup.kind].async_add(watched)


def _watched(source_id: str, setup: CheckpointSetup, rule: Rule, through: str | None = None) -> Watched:
    return Watched(f"{source_id}/{setup.key}", setup, rule, source_id, through)
