"""The record: what the engine decides goes into the history, in order, though the disk may be full for a while."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
import logging
from math import inf
from pathlib import Path
from time import time
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import STORAGE_DIR, Store

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import PowerHistory, Resumed
from custom_components.alfaspark.outages.model import Decision, Observation, OutageEvent, OutageEventKind
from custom_components.alfaspark.outages.statistics import statistics

from .battery import discharged_wh, given_since_wh
from .observers.base import Watched
from .record_queue import Heartbeat, Job, RecordQueue
from .setup import SourceKind, SourceSetup
from .source import Period, SourceFigures

_LOGGER = logging.getLogger(__name__)

FILE: Final = f"{DOMAIN}_power_history.db"
"""In the storage folder, so that it is part of every backup."""

_HEARTBEAT_S = 60.0
_FLUSH_CHECKS_S = 300.0
_RETRY_S = 30.0
_SAVE_S = 1.0
_SET_S = 0.05
"""A clock that differs by less was not set, it is slewed, or read a moment later."""


@dataclass(slots=True)
class BatteryNote:
    """What the batteries gave in an outage, Wh."""

    before_wh: dict[str, float] = field(default_factory=dict)
    """What each had given when it began, by the serial of its pack."""
    given_wh: float | None = None
    """In an outage that is over; None while it goes on, or where that is not known."""


class Record:
    """The history of all sources. Runs in the event loop; the file is read and written in the executor, in order.

    The file may come late, or be another one suddenly. An outage that was open in it is over if the engine does not
    know of it: else it would go on for ever.
    """

    def __init__(self, hass: HomeAssistant, on_reopened: Callable[[], None]) -> None:
        """Open nothing yet. `on_reopened`: called when the file was opened again while the power was watched."""
        self._hass = hass
        self._on_reopened = on_reopened
        self._queue = RecordQueue(
            hass, Path(hass.config.path(STORAGE_DIR, FILE)), lambda: self._kinds, self._opened, self._closed
        )
        self._kinds: dict[str, SourceSetup] = {}
        self._resumed: dict[str, Resumed] = {}
        self._open_since: dict[str, float] = {}
        """Start of the outages that are open, by the event loop's clock."""
        self._open_before: dict[str, float] = {}
        """The same when the file was lost. An outage that was there at the first sight without a file is older."""
        self._known_since: dict[str, float] = {}
        """When something was first known of a source without a file."""
        self._ahead_s = 0.0
        """By so much the machine's clock is ahead of the event loop's."""
        self._due_s = {"heartbeat": 0.0, "checks": 0.0, "retry": 0.0}
        self._batteries: dict[str, BatteryNote] = {}
        self._store: Store[dict[str, Any]] = Store(hass, 1, f"{DOMAIN}_{POWER_WATCH}", atomic_writes=True)

    async def async_open(self, setups: Iterable[SourceSetup]) -> None:
        """Open the file and find out how the sources were; without a file the power is watched all the same."""
        self._kinds = {setup.id: setup for setup in setups}
        stored = await self._store.async_load() or {}
        for source_id, note in stored.items() if isinstance(stored, dict) else ():
            try:
                self._batteries[source_id] = BatteryNote(dict(note["before_wh"]), note["given_wh"])
            except (KeyError, TypeError, ValueError) as error:
                _LOGGER.warning("What is stored of an outage's battery energy is damaged and left out: %r", error)
        self._resumed = await self._queue.async_open()
        for source_id, resumed in self._resumed.items():
            if resumed.outage is not None:
                self._open_since[source_id] = self.loop_s(resumed.outage.start_s)

    async def async_close(self) -> None:
        """Write what is held and until when was watched, and close the file. Harmless when it is closed."""
        ids, now_s = list(self._kinds), time()
        await self._queue.async_close(lambda history: history.stop_watching(ids, now_s))
        await self._store.async_save(self._dump())

    def unix_s(self, at_s: float) -> float:
        """Return the Unix time of a moment of the event loop's clock, by what the machine's clock says now.

        Of the same moment it is the same again, unless the clock was set: stretches that touch must not fall apart.
        """
        ahead_s = time() - self._hass.loop.time()
        if abs(ahead_s - self._ahead_s) > _SET_S:
            self._ahead_s = ahead_s
        return at_s + self._ahead_s

    def loop_s(self, unix_s: float) -> float:
        """Return the moment of the event loop's clock of a Unix time; before the start of the machine it is below 0."""
        return unix_s - self.unix_s(0.0)

    def resumed(self, source_id: str) -> Resumed | None:
        """Return how a source was when it was watched last; None if it is new, or there is no file."""
        return self._resumed.get(source_id)

    def seen_alive(self, source_id: str) -> set[str]:
        """Return the ids of the checkpoints of a source that were ever seen alive."""
        return {
            checkpoint_id for checkpoint_id in self._queue.seen_alive() if checkpoint_id.startswith(f"{source_id}/")
        }

    def battery_of(self, source_id: str) -> BatteryNote:
        """Return what the batteries gave in the outage that goes on, or in the last one."""
        return self._batteries.get(source_id, BatteryNote())

    @callback
    def begin(self, setup: SourceSetup) -> None:
        """Know a source, or its new name."""
        if setup.id not in self._kinds:
            now_s = time()
            self._queue.put(lambda history: history.begin_watching([setup.id], now_s))
        self._kinds[setup.id] = setup
        self._queue.put(lambda history: history.describe_source(setup.id, setup.name, setup.kind.value))

    @callback
    def forget(self, source_id: str) -> None:
        """Forget a source that was removed, and all that happened to it."""
        self._kinds.pop(source_id, None)
        self._batteries.pop(source_id, None)
        self._open_since.pop(source_id, None)
        self._queue.put(lambda history: _forget(history, source_id))

    @callback
    def take(self, event: OutageEvent) -> None:
        """Write down what happened to a source."""
        source_id, start_s = event.source_id, self.unix_s(event.start_s)
        end_s = None if event.end_s is None else self.unix_s(event.end_s)
        match event.kind, end_s:
            case OutageEventKind.BEGAN, _:
                self._queue.put(
                    lambda history: history.begin_outage(source_id, start_s, event.reason.value, event.evidence)
                )
            case OutageEventKind.MOVED, _:
                self._queue.put(
                    lambda history: history.move_outage(source_id, start_s, event.reason.value, event.evidence)
                )
            case OutageEventKind.ENDED, float():
                self._queue.put(
                    lambda history: history.end_outage(
                        source_id, end_s, start_s=start_s, end_is_estimate=event.end_is_estimate
                    )
                )
            case OutageEventKind.UNOBSERVED_BEGAN, _:
                self._queue.put(lambda history: history.begin_unobserved(source_id, start_s))
            case OutageEventKind.UNOBSERVED_ENDED, float():
                self._queue.put(lambda history: history.end_unobserved(source_id, end_s))
        self._note_open(event)
        self._note_battery(event)

    @callback
    def resume_outage(self, source_id: str, since_s: float, decision: Decision) -> None:
        """Write down an outage that goes on, for a history that does not know of it."""
        start_s, reason, evidence = self.unix_s(since_s), decision.reason.value, decision.evidence
        self._queue.put(lambda history: history.begin_outage(source_id, start_s, reason, evidence))

    @callback
    def end_unobserved(self, source_id: str, at_s: float) -> None:
        """Write down that something is known of a source."""
        unix_s = self.unix_s(at_s)
        self._queue.put(lambda history: history.end_unobserved(source_id, unix_s))

    @callback
    def note_check(self, watched: Watched, observation: Observation) -> None:
        """Keep an observation for the history of checks."""
        at_s = self.unix_s(observation.at_s)
        self._queue.note_check(Check(watched.id, at_s, observation.result, observation.latency_ms, observation.detail))

    @callback
    def tick(self, now_s: float) -> None:
        """Do what is due. `now_s`: the event loop's clock."""
        if self._is_due("heartbeat", now_s, _HEARTBEAT_S):
            self._queue.put(Heartbeat(time()))
        if self._is_due("checks", now_s, _FLUSH_CHECKS_S):
            self.flush_checks()
        if self._queue.is_waiting and self._is_due("retry", now_s, _RETRY_S):
            self._hass.async_create_background_task(self.async_written(), f"{DOMAIN} power history")

    async def async_figures(self, source_id: str, begins: Mapping[Period, float], now_s: float) -> SourceFigures:
        """Return how a source was in ranges that began then and end now, Unix seconds."""

        def read(history: PowerHistory) -> SourceFigures:
            timeline = history.timeline(source_id, min(begins.values()), now_s)
            periods = {period: statistics(timeline, begin_s, now_s) for period, begin_s in begins.items()}
            outages = history.outages(source_id, 0.0, now_s, 1)
            return SourceFigures(periods, outages[-1] if outages else None)

        return await self.async_read(read) or SourceFigures()

    async def async_read[T](self, read: Callable[[PowerHistory], T]) -> T | None:
        """Read from the history, after all is written; None without a file, or where that cannot be read."""
        return await self._queue.async_read(read)

    async def async_change(self, change: Job) -> None:
        """Change the history, in order with all else. It may come later if the disk is full now."""
        self._queue.put(change)
        await self.async_written()

    async def async_written(self) -> None:
        """Write what waits. What cannot be written now is kept and tried again."""
        await self._queue.async_written()

    @callback
    def flush_checks(self) -> None:
        """Have the checks that are held written, before somebody wants to read them."""
        self._queue.flush_checks()

    @callback
    def _opened(self, resumed: dict[str, Resumed]) -> None:
        """The file came while the power was watched: end what is open in it and not known of, before all that waits."""
        for source_id, found in resumed.items():
            if found.outage is None:
                continue
            last_s = found.outage.start_s if found.last_evidence_s is None else found.last_evidence_s
            if self._open_before.get(source_id, inf) > self.loop_s(last_s):
                self._queue.put_first(partial(_end_unseen, source_id, last_s))
        self._known_since.clear()
        self._on_reopened()

    @callback
    def _closed(self) -> None:
        self._open_before = dict(self._open_since)

    def _note_open(self, event: OutageEvent) -> None:
        """Keep in mind what is open, for a file that comes later."""
        source_id = event.source_id
        match event.kind:
            case OutageEventKind.BEGAN:
                if not self._queue.is_open and event.start_s <= self._known_since.get(source_id, -inf):
                    self._open_before.setdefault(source_id, -inf)
                self._open_since[source_id] = event.start_s
            case OutageEventKind.MOVED:
                self._open_since[source_id] = event.start_s
            case OutageEventKind.ENDED:
                self._open_since.pop(source_id, None)
            case OutageEventKind.UNOBSERVED_ENDED if event.end_s is not None and not self._queue.is_open:
                self._known_since.setdefault(source_id, event.end_s)

    def _is_due(self, what: str, now_s: float, every_s: float) -> bool:
        if now_s < self._due_s[what]:
            return False
        self._due_s[what] = now_s + every_s
        return True

    def _note_battery(self, event: OutageEvent) -> None:
        setup = self._kinds.get(event.source_id)
        if setup is None or setup.kind is not SourceKind.UTILITY:
            return
        if event.kind is OutageEventKind.BEGAN:
            self._batteries[event.source_id] = BatteryNote(discharged_wh(self._hass))
        elif event.kind is OutageEventKind.ENDED and (note := self._batteries.get(event.source_id)) is not None:
            note.given_wh = given_since_wh(self._hass, note.before_wh)
        self._store.async_delay_save(self._dump, _SAVE_S)

    def _dump(self) -> dict[str, Any]:
        return {source_id: asdict(note) for source_id, note in self._batteries.items()}


def _end_unseen(source_id: str, end_s: float, history: PowerHistory) -> None:
    """End an outage that was over when somebody watched again."""
    history.end_outage(source_id, end_s, end_is_estimate=True)


def _forget(history: PowerHistory, source_id: str) -> None:
    """Forget a source and what was seen of its checkpoints."""
    history.forget_source(source_id)
    for checkpoint_id in history.seen_alive():
        if checkpoint_id.startswith(f"{source_id}/"):
            history.forget_checkpoint(checkpoint_id)
