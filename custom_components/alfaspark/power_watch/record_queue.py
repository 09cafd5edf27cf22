"""The way to the file of the history: in order, though it may be locked, full, damaged or gone for a while."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
import logging
from pathlib import Path
import sqlite3
from time import time
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import (
    ChecksUnwritable,
    HistoryDamaged,
    HistoryError,
    HistoryMoved,
    HistoryNewer,
    HistoryUnwritable,
    PowerHistory,
    Resumed,
)

_LOGGER = logging.getLogger(__name__)

_MOST_PENDING = 10_000
_MOST_CHECKS_HELD = 5000
_MOST_POSTPONED = 100
_UNWRITABLE: Final = "history_unwritable"

type Job = Callable[[PowerHistory], object]
"""What is done with the history. It may be done again if it failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Heartbeat:
    """Says that the power is watched."""

    at_s: float
    """Unix time."""

    def __call__(self, history: PowerHistory) -> None:
        """Write it."""
        history.heartbeat(self.at_s)


@dataclass(frozen=True, slots=True)
class _Opened:
    history: PowerHistory
    resumed: dict[str, Resumed]
    damaged: tuple[HistoryDamaged, ...]
    """What was moved aside."""


class RecordQueue:
    """Writes and reads in the executor, one thing at a time. Everything else runs in the event loop.

    Checks are worth less than outages, and are in a file of their own: what cannot be done with that waits, or is
    dropped, while outages are written.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        path: Path,
        source_ids: Callable[[], Iterable[str]],
        on_opened: Callable[[dict[str, Resumed]], None],
        on_closed: Callable[[], None],
    ) -> None:
        """Open nothing yet.

        on_opened: called when the file was opened while the power was watched, before anything is written.
        on_closed: called when it was lost, and will be opened again.
        """
        self._hass = hass
        self._path = path
        self._source_ids = source_ids
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._history: PowerHistory | None = None
        self._pending: deque[Job] = deque()
        self._postponed: deque[Job] = deque(maxlen=_MOST_POSTPONED)
        """What the file of the checks did not take."""
        self._checks: deque[Check] = deque(maxlen=_MOST_CHECKS_HELD)
        self._wants_checks = False
        self._checks_fail = False
        self._is_read_failing = False
        self._turn = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a file now."""
        return self._history is not None

    @property
    def is_waiting(self) -> bool:
        """Whether something could not be written yet."""
        return bool(self._pending)

    def seen_alive(self) -> set[str]:
        """Return all checkpoints that were ever seen alive, as far as the file says."""
        return set() if self._history is None else self._history.seen_alive()

    async def async_open(self) -> dict[str, Resumed]:
        """Open the file and begin to watch; return how the sources were: none if that cannot be done now."""
        async with self._turn:
            return await self._async_open() or {}

    async def async_close(self, last: Job) -> None:
        """Write what is held, `last` at the end, and close the file. Harmless when it is closed."""
        self._pending.append(last)
        self._wants_checks = True
        await self.async_written()
        async with self._turn:
            await self._async_shut()

    @callback
    def put(self, job: Job) -> None:
        """Do something after all else. What is too much to be held is forgotten: the oldest heartbeat, else the oldest."""
        self._pending.append(job)
        if len(self._pending) > _MOST_PENDING:
            beat = next((each for each in self._pending if isinstance(each, Heartbeat)), self._pending[0])
            self._pending.remove(beat)
        self._work()

    @callback
    def put_first(self, job: Job) -> None:
        """Do something before all that waits; only for what is called when the file was opened."""
        self._pending.appendleft(job)

    @callback
    def note_check(self, check: Check) -> None:
        """Keep a check; it is written with many others."""
        self._checks.append(check)
        if len(self._checks) >= _MOST_CHECKS_HELD // 2 and not self._checks_fail:
            self.flush_checks()

    @callback
    def flush_checks(self) -> None:
        """Have the checks that are held written, before somebody wants to read them."""
        if self._checks or self._postponed:
            self._wants_checks = True
            self._work()

    async def async_read[T](self, read: Callable[[PowerHistory], T]) -> T | None:
        """Read from the history, after all is written; None without a file, or where that cannot be read.

        Raises what `read` raises that has nothing to do with the file.
        """
        await self.async_written()
        async with self._turn:
            if self._history is None:
                return None
            try:
                answer = await self._async_call(read, self._history)
            except (HistoryDamaged, HistoryMoved) as error:
                # The next write begins a new one.
                await self._async_lose(error)
            except (HistoryError, KeyError) as error:
                _LOGGER.debug("Could not read the power history: %r", error)
            except (sqlite3.Error, ArithmeticError) as error:
                if not self._is_read_failing:
                    _LOGGER.exception("Could not read the power history")
                self._is_read_failing = True
                await self._async_doubt(error)
            else:
                self._is_read_failing = False
                return answer
            return None

    async def async_written(self) -> None:
        """Write what waits. What cannot be written now is kept and tried again."""
        async with self._turn:
            await self._async_write_pending()
            if self._wants_checks and self._history is not None:
                await self._async_write_checks()

    async def _async_write_pending(self) -> None:
        was_opened = False
        while self._pending:
            if self._history is None:
                resumed = None if was_opened else await self._async_open()
                if resumed is None:
                    return
                was_opened = True
                self._on_opened(resumed)
                continue
            job = self._pending[0]
            if await self._async_run(job, self._history):
                # It may be the one too many meanwhile.
                if self._pending and self._pending[0] is job:
                    self._pending.popleft()
            elif self.is_open:
                return

    async def _async_write_checks(self) -> None:
        """Write the checks and what was postponed; once, for it is worth no more."""
        self._wants_checks = False
        checks, postponed = list(self._checks), list(self._postponed)
        self._checks.clear()
        self._postponed.clear()

        def add(history: PowerHistory) -> None:
            history.add_checks(checks)

        for job in [*postponed, add]:
            if self._history is None or not await self._async_run(job, self._history):
                self._postponed.append(job)
        self._checks_fail = bool(self._postponed)
        if add in self._postponed:
            self._postponed.remove(add)
            self._checks = deque(chain(checks, self._checks), _MOST_CHECKS_HELD)

    async def _async_run(self, job: Job, history: PowerHistory) -> bool:
        """Do one thing; return False if it is to be tried again."""
        try:
            await self._async_call(job, history)
        except ChecksUnwritable as error:
            if not self._checks_fail:
                _LOGGER.warning("Power history: checks are not kept at the moment: %s", error)
            self._checks_fail = True
            self._postponed.append(job)
            return True
        except (HistoryDamaged, HistoryMoved) as error:
            await self._async_lose(error)
            return False
        except HistoryUnwritable as error:
            self._tell(_UNWRITABLE, error=str(error))
            return False
        except Exception as error:
            _LOGGER.exception("The power history did not take a change")
            await self._async_doubt(error)
        ir.async_delete_issue(self._hass, DOMAIN, _UNWRITABLE)
        return True

    async def _async_call[T](self, job: Callable[[PowerHistory], T], history: PowerHistory) -> T:
        """Do it in the executor. Who is cancelled meanwhile waits for the end all the same: one at a time."""
        running = self._hass.async_add_executor_job(job, history)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            if not running.cancelled():
                # What failed is done again.
                running.exception()
            raise

    async def _async_open(self) -> dict[str, Resumed] | None:
        """Open the file and begin to watch, both or nothing; None if it is to be tried again."""
        try:
            opened = await self._hass.async_add_executor_job(_open, self._path, list(self._source_ids()), time())
        except HistoryNewer as error:
            self._tell("history_newer", error=str(error))
            return None
        except Exception as error:  # noqa: BLE001 - the power is watched all the same, and the owner reads it
            self._tell(_UNWRITABLE, error=str(error) or repr(error))
            return None
        self._history = opened.history
        for damaged in opened.damaged:
            self._tell("history_damaged", file=damaged.moved_to.name, error=str(damaged))
        for issue in (_UNWRITABLE, "history_newer"):
            ir.async_delete_issue(self._hass, DOMAIN, issue)
        return opened.resumed

    async def _async_lose(self, error: HistoryDamaged | HistoryMoved) -> None:
        """The file is not there any more: the next write opens it again, or begins a new one."""
        if isinstance(error, HistoryDamaged):
            self._tell("history_damaged", file=error.moved_to.name, error=str(error))
        else:
            self._tell("history_gone", error=str(error))
        await self._async_shut()
        self._on_closed()

    async def _async_doubt(self, error: Exception) -> None:
        """Have the file judged anew, as opening does, if it is what an error that nobody foresaw is about."""
        if isinstance(error, sqlite3.OperationalError):
            await self._async_shut()
            self._on_closed()

    async def _async_shut(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            await self._hass.async_add_executor_job(history.close)

    def _work(self) -> None:
        if not self._turn.locked():
            self._hass.async_create_background_task(self.async_written(), f"{DOMAIN} power history")

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


def _open(path: Path, source_ids: list[str], now_s: float) -> _Opened:
    """Open the history and begin to watch. Raises HistoryError; then nothing is open."""
    path.parent.mkdir(exist_ok=True)
    try:
        return _begin(path, source_ids, now_s)
    except HistoryDamaged as error:
        begun = _begin(path, source_ids, now_s)
        return _Opened(begun.history, begun.resumed, (error, *begun.damaged))


def _begin(path: Path, source_ids: list[str], now_s: float) -> _Opened:
    history = PowerHistory.open(path)
    try:
        resumed = history.begin_watching(source_ids, now_s)
    except BaseException:
        history.close()
        raise
    damaged = history.damaged_checks
    return _Opened(history, resumed, () if damaged is None else (damaged,))
