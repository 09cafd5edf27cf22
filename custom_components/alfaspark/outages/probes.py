"""Active checks of many checkpoints: who is asked when, how many at once, and what came of it."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
import heapq
from itertools import count
import logging
from math import ceil, isfinite
from typing import Final

from aiohttp import ClientSession

from .http_probe import HttpProbe
from .model import Kind, Result
from .ping_probe import Pinger, PingProbe
from .probe_base import Probe, ProbeResult
from .probe_names import Lookup, Names, system_lookup
from .probe_targets import TargetError
from .tcp_probe import TcpProbe

__all__ = ["ProbeResult", "Prober", "TargetError"]

_LOGGER = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
_FIRST_LOOKS_S: Final = 10.0
"""In which all checkpoints that are there at the start are looked at for the first time."""
_PACE_S: Final = 0.005
"""Between the begins of two checks: a machine that slept has many to make, and other things to do."""
_LEAST_AT_ONCE: Final = 32
_MOST_AT_ONCE: Final = 256
_RESERVE: Final = 1.25
_LATE_S: Final = 0.5
"""If a check took so much longer than it may, this machine was busy and may not have seen the answer."""
_GOLDEN: Final = 0.6180339887498949

type OnResult = Callable[[str, ProbeResult], None]


@dataclass(slots=True, eq=False)
class _Check:
    id: str
    kind: Kind
    target: str
    probe: Probe
    interval_s: float
    timeout_s: float
    share: float
    """Where in its interval it has its turn, 0 <= share < 1."""
    due_s: float = 0.0
    """When its next regular turn is."""
    waits: bool = False
    task: asyncio.Task[None] | None = None
    asked_by: list[asyncio.Future[ProbeResult]] = field(default_factory=list)


class Prober:
    """Checks every checkpoint once in its interval, each in a phase of its own; all methods from the event loop.

    At most `at_once` checks are under way. Without a number it is as many as are needed when all targets hang, 32 to
    256: with fewer, an outage of many would be noticed late, the more so the larger it is.
    """

    def __init__(
        self,
        session: ClientSession,
        on_result: OnResult,
        *,
        at_once: int | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        """Check nothing before `start`.

        `on_result` is called in the event loop with the id and the result of each check, asked for or not. The session
        stays the caller's.
        """
        self.pinger: Final = Pinger()
        self._session = session
        self._on_result = on_result
        self._at_once = at_once
        self._names = Names(lookup)
        self._checks: dict[str, _Check] = {}
        self._turns: list[tuple[float, int, _Check]] = []
        self._serial = count()
        self._added: Counter[float] = Counter()
        self._urgent: deque[_Check] = deque()
        self._waiting: deque[_Check] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._origin_s: float | None = None
        self._next_begin_s = 0.0
        self._demand = 0.0

    @property
    def ids(self) -> frozenset[str]:
        """The checkpoints that are checked."""
        return frozenset(self._checks)

    def add(self, checkpoint_id: str, kind: Kind, target: str, interval_s: float) -> None:
        """Add a checkpoint or replace it. One that is the same goes on as it is.

        The target: a URL, `host:port` or a host. A check may take 10 s, or half the interval if that is less. Raises
        TargetError for a target that is none, ValueError for an interval that is not above 0 or a kind that is not
        checked actively.
        """
        if not (isfinite(interval_s) and interval_s > 0):
            raise ValueError(f"An interval of {interval_s} s is not above 0")
        old = self._checks.get(checkpoint_id)
        if old and (old.kind, old.target, old.interval_s) == (kind, target, interval_s):
            return
        probe = self._probe(kind, target)
        self.remove(checkpoint_id)
        # Multiples of the golden ratio lie evenly in the interval, however many there are.
        share = self._added[interval_s] * _GOLDEN % 1
        self._added[interval_s] += 1
        timeout_s = min(TIMEOUT_S, interval_s / 2)
        check = _Check(checkpoint_id, kind, target, probe, interval_s, timeout_s, share)
        self._checks[checkpoint_id] = check
        self._demand += timeout_s / interval_s
        if self._origin_s is not None:
            self._take_first_turn(check)
            self._arm()

    def remove(self, checkpoint_id: str) -> None:
        """Forget a checkpoint, if it is there; nothing more is reported of it."""
        if (check := self._checks.pop(checkpoint_id, None)) is None:
            return
        self._demand -= check.timeout_s / check.interval_s
        if check.task:
            check.task.cancel()
        self._answer(check, "removed")
        if not self._checks:
            self._added.clear()

    async def check_now(self, checkpoint_id: str) -> ProbeResult:
        """Check out of turn, before all regular ones; one that is under way is waited for instead.

        UNKNOWN when the prober does not run, or stops or removes the checkpoint meanwhile. Raises KeyError for an id
        that is not there.
        """
        check = self._checks[checkpoint_id]
        loop = asyncio.get_running_loop()
        if self._origin_s is None:
            return ProbeResult(Result.UNKNOWN, loop.time(), None, "stopped")
        asked: asyncio.Future[ProbeResult] = loop.create_future()
        if check.task is None and not check.asked_by:
            self._urgent.append(check)
        check.asked_by.append(asked)
        self._arm()
        return await asked

    def start(self) -> None:
        """Begin: the first looks are spread over 10 s, or over the interval if that is less."""
        if self._origin_s is not None:
            return
        self._origin_s = asyncio.get_running_loop().time()
        for check in self._checks.values():
            self._take_first_turn(check)
        self._arm()

    async def stop(self) -> None:
        """End all checks; no task and no socket is left, and no result comes any more. It can be started again."""
        self._origin_s = None
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._turns.clear()
        self._urgent.clear()
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._names.close()
        for check in self._checks.values():
            check.waits = False
            self._answer(check, "stopped")

    def _probe(self, kind: Kind, target: str) -> Probe:
        if kind is Kind.HTTP:
            return HttpProbe(target, self._names, self._session)
        if kind is Kind.TCP:
            return TcpProbe(target, self._names)
        if kind is Kind.PING:
            return PingProbe(target, self._names, self.pinger)
        raise ValueError(f"A checkpoint of kind {kind} is not checked actively")

    def _limit(self) -> int:
        if self._at_once is not None:
            return self._at_once
        return min(max(ceil(self._demand * _RESERVE), _LEAST_AT_ONCE), _MOST_AT_ONCE)

    def _take_first_turn(self, check: _Check) -> None:
        """A first look soon; then its phase, not before a quarter of the interval has gone."""
        assert self._origin_s is not None
        now_s = asyncio.get_running_loop().time()
        first_s = now_s + check.share * min(_FIRST_LOOKS_S, check.interval_s)
        phase_s = self._origin_s + check.share * check.interval_s
        turns = ceil((first_s + check.interval_s / 4 - phase_s) / check.interval_s)
        self._push(check, first_s)
        check.due_s = phase_s + max(turns, 0) * check.interval_s

    def _push(self, check: _Check, due_s: float) -> None:
        heapq.heappush(self._turns, (due_s, next(self._serial), check))

    def _arm(self) -> None:
        """Set the one timer to when there is something to begin."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._origin_s is None:
            return
        due_s = self._turns[0][0] if self._turns else None
        if (self._urgent or self._waiting) and len(self._running) < self._limit():
            due_s = self._next_begin_s
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._advance)

    def _advance(self) -> None:
        """Let those wait whose turn has come, and begin one check."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while self._turns and self._turns[0][0] <= now_s + 0.001:
            check = heapq.heappop(self._turns)[2]
            if self._checks.get(check.id) is not check:
                continue
            if check.task is None and not check.waits:
                check.waits = True
                self._waiting.append(check)
            # Turns that were missed are not made up for.
            check.due_s += max(0, ceil((now_s - check.due_s) / check.interval_s)) * check.interval_s
            self._push(check, check.due_s)
            check.due_s += check.interval_s
        if now_s >= self._next_begin_s - 0.001 and len(self._running) < self._limit():
            self._begin_one(now_s)
        self._arm()

    def _begin_one(self, now_s: float) -> None:
        while self._urgent or self._waiting:
            check = (self._urgent or self._waiting).popleft()
            is_ours = self._checks.get(check.id) is check
            if not is_ours or check.task is not None or not (check.waits or check.asked_by):
                continue
            check.waits = False
            check.task = task = asyncio.create_task(self._run(check), name=f"probe {check.id}")
            self._running.add(task)
            task.add_done_callback(partial(self._end, check))
            self._next_begin_s = now_s + _PACE_S
            return

    def _end(self, check: _Check, done: asyncio.Task[None]) -> None:
        self._running.discard(done)
        check.task = None
        if check.asked_by and self._checks.get(check.id) is check:  # by who was told the result, and doubts it
            self._urgent.append(check)
        self._arm()

    async def _run(self, check: _Check) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            result = await check.probe.check(check.timeout_s)
        except Exception:
            _LOGGER.exception("A check of %s failed by itself", check.target)
            result = ProbeResult(Result.UNKNOWN, began_s, None, "the check failed by itself")
        if result.result is Result.DOWN and loop.time() - began_s > check.timeout_s + _LATE_S:
            result = ProbeResult(Result.UNKNOWN, began_s, None, "this machine was too busy")
        asked_by, check.asked_by = check.asked_by, []
        try:
            self._on_result(check.id, result)
        except Exception:
            _LOGGER.exception("A result of %s was not taken", check.target)
        for asked in asked_by:
            if not asked.done():
                asked.set_result(result)

    def _answer(self, check: _Check, detail: str) -> None:
        """Tell those who wait for a check that there will be none."""
        result = ProbeResult(Result.UNKNOWN, asyncio.get_running_loop().time() if check.asked_by else 0.0, None, detail)
        asked_by, check.asked_by = check.asked_by, []
        for asked in asked_by:
            if not asked.done():
                asked.set_result(result)
