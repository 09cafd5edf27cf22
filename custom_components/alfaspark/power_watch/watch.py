"""The power watch: gives the engine what is seen, writes down what it decides, and tells who listens."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
import logging
from time import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from custom_components.alfaspark.outages.model import (
    NETWORK,
    NETWORK_KINDS,
    CheckpointView,
    Decision,
    Kind,
    Observation,
    OutageEvent,
    OutageEventKind,
    PowerState,
    Result,
    SourceConfig,
)
from custom_components.alfaspark.outages.watch import OutageWatch

from .activity import async_follow_activity
from .alerts.telling import Alerts
from .long_term import LongTerm
from .lookout import Lookout, engine_checkpoint
from .observers.base import Watched
from .pack_losses import PackLosses
from .record import Record
from .setup import SourceSetup, sources_of
from .source import PowerSource

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)

type PowerWatchConfigEntry = ConfigEntry[PowerWatch]


class PowerWatch:
    """All power sources, and everything that looks at them. Everything runs in the event loop."""

    def __init__(self, hass: HomeAssistant, entry: PowerWatchConfigEntry) -> None:
        """Prepare; nothing is looked at yet."""
        self.entry = entry
        self.sources: dict[str, PowerSource] = {}
        """By the id of their subentries."""
        self.record = Record(hass, self._tell_record)
        self.alerts = Alerts(hass, self)
        self._hass = hass
        self._engine = OutageWatch(on_change=self._decided, on_outage=self._outage)
        self._lookout: Lookout | None = None
        self._pack_losses = PackLosses(hass, self)
        self._long_term = LongTerm(hass, self)
        self._source_listeners: list[Callable[[PowerSource], None]] = []
        self._looking: set[str] = set()
        self._noted: dict[str, Result] = {}
        """What was last written down of each checkpoint."""

    async def async_start(self) -> None:
        """Look at the owner's sources until the entry is unloaded."""
        await self.record.async_open(list(sources_of(self.entry)))
        self.entry.async_on_unload(self.async_stop)
        await self.alerts.async_start()
        async_follow_activity(self._hass, self.entry)
        self._lookout = Lookout(self._hass, self._report, self._network_seen, self._configure)
        self.async_follow_setup()
        self._long_term.async_start()
        for unsubscribe in (
            async_track_time_interval(self._hass, self._tick, _TICK, cancel_on_shutdown=True),
            self._hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._stop),
            self.entry.add_update_listener(_entry_updated),
        ):
            self.entry.async_on_unload(unsubscribe)

    async def async_stop(self) -> None:
        """Look at nothing any more and write down until when was watched. Harmless when that is done."""
        if self._lookout is not None:
            await self._lookout.async_stop()
            self._lookout = None
        self._pack_losses.async_stop()
        self._long_term.async_stop()
        await self.alerts.async_stop()
        await self.record.async_close()

    async def _stop(self, _: Event) -> None:
        await self.async_stop()

    @property
    def lookout(self) -> Lookout:
        """Who looks at the checkpoints, while the entry is set up."""
        assert self._lookout is not None
        return self._lookout

    @callback
    def async_on_source(self, listener: Callable[[PowerSource], None]) -> CALLBACK_TYPE:
        """Call the listener for each source, now and whenever one is added; return how to stop that."""
        for source in self.sources.values():
            listener(source)
        self._source_listeners.append(listener)
        return lambda: self._source_listeners.remove(listener)

    @callback
    def async_follow_setup(self) -> None:
        """Take over what the owner has set up, without losing what is known of what did not change."""
        setups = {setup.id: setup for setup in sources_of(self.entry)}
        for source_id in self.sources.keys() - setups.keys():
            self._remove(source_id)
        for setup in setups.values():
            if setup.id not in self.sources:
                self._add(setup)
            elif self.sources[setup.id].setup != setup:
                self.sources[setup.id].setup = setup
                self.record.begin(setup)
                self.lookout.async_follow(setup)
                self.sources[setup.id].async_follow()
        self.alerts.async_follow_options()

    def checkpoints(self, source_id: str) -> Iterable[tuple[Watched, CheckpointView]]:
        """Return what is looked at of a source, also what was found through a wildcard, and how it stands."""
        views = self._engine.verdicts(source_id)
        watched = self.lookout.of(source_id)
        return [(watched[checkpoint_id], view) for checkpoint_id, view in views.items() if checkpoint_id in watched]

    def checkpoint_names(self, source_id: str, checkpoint_ids: Iterable[str]) -> list[str]:
        """Return the owner's names of checkpoints; of one that is looked at no more, what it looked at."""
        watched = self.lookout.of(source_id)
        return [
            watched[checkpoint_id].setup.name if checkpoint_id in watched else checkpoint_id.partition(":")[2]
            for checkpoint_id in checkpoint_ids
        ]

    async def async_check_source(self, source_id: str) -> None:
        """Look now at all checkpoints of a source."""
        await self.lookout.async_check(tuple(self.lookout.of(source_id).values()))

    async def async_follow_filled(self, source: PowerSource, since_s: float) -> None:
        """Take over what the record has learnt of the past since then, Unix seconds."""
        found = await self.record.async_read(lambda history: history.outages(source.id, since_s, time(), 1))
        if source.id not in self.sources:
            return
        if found and found[-1].end_s is None:
            self._engine.date_outage(source.id, self.record.loop_s(found[-1].start_s), self._hass.loop.time())
        self._long_term.async_note(source.id, since_s)
        source.async_follow()

    def _add(self, setup: SourceSetup) -> None:
        self.record.begin(setup)
        source = self.sources[setup.id] = PowerSource(self._hass, self, setup)
        self._configure(setup.id)
        self._restore(setup.id)
        source.async_follow()
        self.lookout.async_follow(setup)
        for listener in tuple(self._source_listeners):
            listener(source)

    def _restore(self, source_id: str) -> None:
        """Go on from the record. An outage that was going on is the same one if it still does."""
        resumed, since_s, evidence_s = self.record.resumed(source_id), None, None
        if resumed is not None and resumed.outage is not None:
            since_s = self.record.loop_s(resumed.outage.start_s)
            if resumed.last_evidence_s is not None:
                evidence_s = self.record.loop_s(resumed.last_evidence_s)
        self._engine.restore(source_id, since_s, self.record.seen_alive(source_id), evidence_s)

    def _remove(self, source_id: str) -> None:
        self.lookout.async_forget(source_id)
        self._engine.remove_source(source_id)
        del self.sources[source_id]
        self.record.forget(source_id)
        self._long_term.async_forget(source_id)

    @callback
    def _configure(self, source_id: str) -> None:
        """Tell the engine what a source has. A checkpoint that only stands for many is none itself."""
        setup, now_s = self.sources[source_id].setup, self._hass.loop.time()
        watched = [watched for watched in self.lookout.of(source_id).values() if not watched.setup.is_group]
        checkpoints = tuple(engine_checkpoint(each) for each in watched)
        self._engine.set_source(SourceConfig(source_id, setup.rule, checkpoints, setup.network_source_id), now_s)
        for each in watched:
            self._engine.pause(each.id, each.setup.is_paused, now_s)
        # What was never seen is in no decision.
        self.sources[source_id].async_update_listeners()

    @callback
    def _report(
        self, watched: Watched, result: Result, at_s: float, *, latency_ms: float | None = None, detail: str = ""
    ) -> None:
        observation = Observation(watched.id, result, at_s, latency_ms, detail)
        self._engine.observe(observation, self._hass.loop.time())
        # Who tells by itself that nothing has changed would soon fill the history of checks.
        if watched.setup.kind in NETWORK_KINDS or self._noted.get(watched.id) is not result:
            self._noted[watched.id] = result
            self.record.note_check(watched, observation)
        if watched.setup.kind is Kind.GRID_SENSE and result is not Result.UNKNOWN:
            self._pack_losses.async_follow(watched.source_id)
        self._follow_wishes()

    @callback
    def _network_seen(self, is_up: bool | None, at_s: float) -> None:
        self._engine.observe_network(is_up, at_s, self._hass.loop.time())
        self._follow_wishes()

    def _follow_wishes(self) -> None:
        """Look now at what the engine waits for; each at most once at a time."""
        for wish in self._engine.wants_check() - self._looking:
            self._looking.add(wish)
            self.entry.async_create_background_task(self._hass, self._look(wish), f"look at {wish}")

    async def _look(self, wish: str) -> None:
        try:
            if wish == NETWORK:
                await self.lookout.async_check_network()
            elif (watched := self.lookout.find(wish)) is not None:
                await self.lookout.async_check([watched])
        finally:
            self._looking.discard(wish)

    @callback
    def _tick(self, _: datetime) -> None:
        now_s = self._hass.loop.time()
        deadline_s = self._engine.next_deadline_s()
        if deadline_s is not None and deadline_s <= now_s:
            self._engine.tick(now_s)
        self._follow_wishes()
        self.record.tick(now_s)
        for source in self.sources.values():
            source.tick(now_s)

    @callback
    def _tell_record(self) -> None:
        """Say how everything is to a history that was begun anew or opened again."""
        now_s = self._hass.loop.time()
        for source_id in self.sources:
            self._engine.restore(source_id, None, self.record.seen_alive(source_id))
            decision, since_s = self._engine.decision(source_id), self._engine.outage_since_s(source_id)
            if since_s is not None:
                self.record.resume_outage(source_id, since_s, decision)
            if decision.state is not PowerState.UNKNOWN:
                self.record.end_unobserved(source_id, now_s)

    @callback
    def _decided(self, source_id: str, decision: Decision, previous: Decision | None) -> None:
        if (source := self.sources.get(source_id)) is not None:
            source.async_decided(decision, previous)

    @callback
    def _outage(self, event: OutageEvent) -> None:
        self.record.take(event)
        self._long_term.async_note(
            event.source_id, self.record.unix_s(event.start_s if event.end_s is None else event.end_s)
        )
        if event.kind is OutageEventKind.UNOBSERVED_ENDED:
            self._pack_losses.async_follow(event.source_id)
        if (source := self.sources.get(event.source_id)) is not None:
            source.async_outage(event)

    def decision(self, source_id: str) -> Decision:
        """Return what is known of a source, and why."""
        return self._engine.decision(source_id)

    def untracked(self, source_id: str) -> int:
        """Return how many checkpoints of a source were never seen alive."""
        return self._engine.untracked(source_id)


async def _entry_updated(hass: HomeAssistant, entry: PowerWatchConfigEntry) -> None:
    """Apply changed subentries and options without a reload: a watch that blinks would miss an outage."""
    entry.runtime_data.async_follow_setup()
