"""What time it is, for packs that have no clock of their own over a restart."""

from collections.abc import Callable
from datetime import datetime, timedelta
import logging
import time

from homeassistant.util import dt as dt_util

_LOGGER = logging.getLogger(__name__)

_INTERVAL_S = 60.0
_MINUTE = timedelta(minutes=1)
_YEARS = range(2026, 2100)
"""From that of this release on: a clock that says less was never set. Packs know none after these."""
_JUMP_S = 60.0
"""By so much no clock that runs free differs from the time that was told a minute ago."""
_STANDS_S = 120.0
"""A clock that jumped is believed after that. The packs' own run on meanwhile."""
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where the system has such a clock."""


def _steady_s() -> float:
    """Return the time of a clock that nobody sets."""
    return time.clock_gettime(_STEADY_CLOCK)


class TimeKeeper:
    """Says when the packs are to be told the time: every 60 s, and at once when the zone's offset changes.

    A clock that jumps, in either direction, is believed once it stood for 120 s: a pack that is told tomorrow's time, and
    be it for a moment, begins to count the day's import anew.
    """

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        """`tell` sends Unix seconds and the offset from UTC in minutes to all packs."""
        self._tell = tell
        self._told_at_s = float("-inf")
        self._told_offset_min: int | None = None
        self._set_by_s: float | None = None
        """How much the clock that is believed is ahead of the steady one."""
        self._jumped_by_s: float | None = None
        """The same of one that is not believed yet."""
        self._jumped_at_s = 0.0

    def follow(self, now_s: float) -> None:
        """Tell the time if it is due. `now_s`: monotonic. To be called about once a second."""
        now = self.now()
        if now is not None and (now_s - self._told_at_s >= _INTERVAL_S or _offset_min(now) != self._told_offset_min):
            self._tell_now(now_s, now)

    def tell(self, now_s: float) -> None:
        """Tell the time now, in the zone that Home Assistant is set to, if it is known."""
        if (now := self.now()) is not None:
            self._tell_now(now_s, now)

    def now(self) -> datetime | None:
        """Return the local time; None while the machine's clock is not believed."""
        now, steady_s = dt_util.now(), _steady_s()
        if now.year not in _YEARS:
            return None
        set_by_s = now.timestamp() - steady_s
        if self._set_by_s is None:
            self._set_by_s = set_by_s
        if abs(set_by_s - self._set_by_s) <= _JUMP_S:
            self._jumped_by_s = None
            return now
        if self._jumped_by_s is None or abs(set_by_s - self._jumped_by_s) > _JUMP_S:
            self._jumped_by_s, self._jumped_at_s = set_by_s, steady_s
            _LOGGER.warning(
                "The clock of this machine jumped by %.0f s: the packs are told in 2 minutes, if it stays so",
                set_by_s - self._set_by_s,
            )
        if steady_s - self._jumped_at_s < _STANDS_S:
            return None
        self._set_by_s, self._jumped_by_s = set_by_s, None
        return now

    def _tell_now(self, now_s: float, now: datetime) -> None:
        # A clock that is slewed moves away from the steady one slowly.
        self._set_by_s = now.timestamp() - _steady_s()
        self._told_at_s = now_s
        self._told_offset_min = _offset_min(now)
        self._tell(int(now.timestamp()), self._told_offset_min)


def _offset_min(now: datetime) -> int:
    return (now.utcoffset() or timedelta()) // _MINUTE
