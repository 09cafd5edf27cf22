"""The record: what the engine decides goes into the history, in order, though the disk may be full for a while."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
import logging
from pathlib import Path
from time import time
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import STORAGE_DIR, Store

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import (
    HistoryDamaged,
    HistoryError,
    HistoryNewer,
    HistoryUnwritable,
    PowerHistory,
    Resumed,
)
from custom_components.alfaspark.outages.model import Decision, Observation, OutageEvent, OutageEventKind
from custom_components.alfaspark.outages.statistics import statistics

from .battery import discharged_wh, given_since_wh
from .observers.base import Watched
from .setup import SourceKind, SourceSetup
from .source import Period, SourceFigures

_LOGGER = logging.getLogger(__name__)

FILE: Final = f"{DOMAIN}_power_history.db"
"""In the storage folder, so that it is part of every backup."""

_HEARTBEAT_S = 60.0
_FLUSH_CHECKS_S = 300.0
_MOST_CHECKS_HELD = 5000
_RETRY_S = 30.0
_MOST_PENDING = 10_000
_SAVE_S = 1.0
_SET_S = 0.05
"""A clock that differs by less was not set, it is slewed, or read a moment later."""

type _Job = Callable[[PowerHistory], object]


@dataclass(slots=True)
class BatteryNote:
    """What the batteries gave in an outage, Wh."""

    before_wh: dict[str, float] = field(default_factory=dict)
    """What each had given when it began, by the serial of its pack."""
    given_wh: float | None = None
    """In an outage that is over; None while it goes on, or where that is not known."""


class Record:
    """The history of all sources. Runs in the event loop; the file is read and written in the executor, in order."""

    def __init__(self, hass: HomeAssistant, on_reopened: Callable[[], None]) -> None:
        """Open nothing yet. `on_reopened`: called when the file was opened again while the power was watched."""
        self._hass = hass
        self._on_reopened = on_reopened
        self._path = Path(hass.config.path(STORAGE_DIR, FILE))
        self._history: PowerHistory | None = None
        self._kinds: dict[str, SourceSetup] = {}
        self._resumed: dict[str, Resumed] = {}
        self._alive: set[str] = set()
        self._ahead_s = 0.0
        """By so much the machine's clock is ahead of the event loop's."""
        self._pending: deque[_Job] = deque()
        self._checks: list[Check] = []
        self._turn = asyncio.Lock()
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
        await self._async_open_file()

    async def async_close(self) -> None:
        """Write what is held and until when was watched, and close the file. Harmless when it is closed."""
        self.flush_checks()
        ids = list(self._kinds)
        now_s = time()
        self._do(lambda history: history.stop_watching(ids, now_s))
        await self.async_written()
        history, self._history = self._history, None
        if history is not None:
            await self._hass.async_add_executor_job(history.close)
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
        return {checkpoint_id for checkpoint_id in self._alive if checkpoint_id.startswith(f"{source_id}/")}

    def battery_of(self, source_id: str) -> BatteryNote:
        """Return what the batteries gave in the outage that goes on, or in the last one."""
        return self._batteries.get(source_id, BatteryNote())

    @callback
    def begin(self, setup: SourceSetup) -> None:
        """Know a source, or its new name."""
        if setup.id not in self._kinds:
            now_s = time()
            self._do(lambda history: history.begin_watching([setup.id], now_s))
        self._kinds[setup.id] = setup
        self._do(lambda history: history.describe_source(setup.id, setup.name, setup.kind.value))

    @callback
    def forget(self, source_id: str) -> None:
        """Forget a source that was removed, and all that happened to it."""
        self._kinds.pop(source_id, None)
        self._batteries.pop(source_id, None)
        self._do(lambda history: _forget(history, source_id))

    @callback
    def take(self, event: OutageEvent) -> None:
        """Write down what happened to a source."""
        source_id, start_s = event.source_id, self.unix_s(event.start_s)
        end_s = None if event.end_s is None else self.unix_s(event.end_s)
        match event.kind, end_s:
            case OutageEventKind.BEGAN, _:
                self._do(lambda history: history.begin_outage(source_id, start_s, event.reason.value, event.evidence))
            case OutageEventKind.MOVED, _:
                self._do(lambda history: history.move_outage(source_id, start_s, event.reason.value, event.evidence))
            case OutageEventKind.ENDED, float():
                self._do(
                    lambda history: history.end_outage(
                        source_id, end_s, start_s=start_s, end_is_estimate=event.end_is_estimate
                    )
                )
            case OutageEventKind.UNOBSERVED_BEGAN, _:
                self._do(lambda history: history.begin_unobserved(source_id, start_s))
            case OutageEventKind.UNOBSERVED_ENDED, float():
                self._do(lambda history: history.end_unobserved(source_id, end_s))
        self._note_battery(event)

    @callback
    def resume_outage(self, source_id: str, since_s: float, decision: Decision) -> None:
        """Write down an outage that goes on, for a history that does not know of it."""
        start_s, reason, evidence = self.unix_s(since_s), decision.reason.value, decision.evidence
        self._do(lambda history: history.begin_outage(source_id, start_s, reason, evidence))

    @callback
    def end_unobserved(self, source_id: str, at_s: float) -> None:
        """Write down that something is known of a source."""
        unix_s = self.unix_s(at_s)
        self._do(lambda history: history.end_unobserved(source_id, unix_s))

    @callback
    def note_check(self, watched: Watched, observation: Observation) -> None:
        """Keep an observation for the history of checks."""
        self._checks.append(
            Check(
                watched.id,
                self.unix_s(observation.at_s),
                observation.result,
                observation.latency_ms,
                observation.detail,
            )
        )
        if len(self._checks) >= _MOST_CHECKS_HELD:
            self.flush_checks()

    @callback
    def tick(self, now_s: float) -> None:
        """Do what is due. `now_s`: the event loop's clock."""
        if self._is_due("heartbeat", now_s, _HEARTBEAT_S):
            unix_s = time()
            self._do(lambda history: history.heartbeat(unix_s))
        if self._is_due("checks", now_s, _FLUSH_CHECKS_S):
            self.flush_checks()
        if self._pending and self._is_due("retry", now_s, _RETRY_S):
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
        """Read from the history, after all is written; None without a file. Raises what `read` raises."""
        await self.async_written()
        async with self._turn:
            if self._history is None:
                return None
            try:
                return await self._async_call(read, self._history)
            except HistoryDamaged as error:
                # It was moved aside: the next write begins a new one.
                self._tell("history_damaged", file=error.moved_to.name, error=str(error))
                self._history = None
                return None
            except (HistoryError, KeyError) as error:
                _LOGGER.debug("Could not read the power history: %r", error)
                return None

    async def async_change(self, change: _Job) -> None:
        """Change the history, in order with all else. It may come later if the disk is full now."""
        self._do(change)
        await self.async_written()

    async def async_written(self) -> None:
        """Write what waits. What cannot be written now is kept and tried again."""
        async with self._turn:
            while self._pending:
                job = self._pending[0]
                if not await self._async_run(job):
                    return
                self._pending.popleft()

    async def _async_run(self, job: _Job) -> bool:
        """Do one thing; return False if it is to be tried again."""
        if self._history is None:
            if not await self._async_open_file():
                return False
            self._on_reopened()
        assert self._history is not None
        try:
            await self._async_call(job, self._history)
        except HistoryDamaged as error:
            self._tell("history_damaged", file=error.moved_to.name, error=str(error))
            self._history = None
            return False
        except HistoryUnwritable as error:
            self._tell("history_unwritable", error=str(error))
            return False
        except HistoryError, KeyError, ValueError:
            _LOGGER.exception("The power history did not take a change")
        self._tell_solved("history_unwritable")
        return True

    async def _async_call[T](self, job: Callable[[PowerHistory], T], history: PowerHistory) -> T:
        """Do it in the executor. Who is cancelled meanwhile waits for the end all the same: one at a time."""
        running = self._hass.async_add_executor_job(job, history)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def _async_open_file(self) -> bool:
        try:
            try:
                self._history = await self._hass.async_add_executor_job(_open, self._path)
            except HistoryDamaged as error:
                self._tell("history_damaged", file=error.moved_to.name, error=str(error))
                self._history = await self._hass.async_add_executor_job(_open, self._path)
            if (damaged := self._history.damaged_checks) is not None:
                self._tell("history_damaged", file=damaged.moved_to.name, error=str(damaged))
            self._resumed = await self._hass.async_add_executor_job(
                self._history.begin_watching, list(self._kinds), time()
            )
            self._alive = self._history.seen_alive()
        except HistoryNewer as error:
            self._tell("history_newer", error=str(error))
            return False
        except HistoryUnwritable as error:
            self._tell("history_unwritable", error=str(error))
            return False
        return True

    @callback
    def _do(self, job: _Job) -> None:
        self._pending.append(job)
        while len(self._pending) > _MOST_PENDING:
            self._pending.popleft()
        if not self._turn.locked():
            self._hass.async_create_background_task(self.async_written(), f"{DOMAIN} power history")

    @callback
    def flush_checks(self) -> None:
        """Have the checks that are held written, before somebody wants to read them."""
        if self._checks:
            checks, self._checks = self._checks, []
            self._do(lambda history: history.add_checks(checks))

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

    def _tell(self, issue: str, **placeholders: str) -> None:
        """Tell the owner once, in the log and as a repair."""
        if ir.async_get(self._hass).async_get_issue(DOMAIN, issue) is None:
            _LOGGER.warning("Power history: %s", placeholders["error"])
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key=issue,
            translation_placeholders={"path": str(self._path), **placeholders},
        )

    def _tell_solved(self, issue: str) -> None:
        ir.async_delete_issue(self._hass, DOMAIN, issue)


def _open(path: Path) -> PowerHistory:
    path.parent.mkdir(exist_ok=True)
    return PowerHistory.open(path)


def _forget(history: PowerHistory, source_id: str) -> None:
    """Forget a source and what was seen of its checkpoints."""
    history.forget_source(source_id)
    for checkpoint_id in history.seen_alive():
        if checkpoint_id.startswith(f"{source_id}/"):
            history.forget_checkpoint(checkpoint_id)
