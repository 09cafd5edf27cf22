"""What time it is, for packs that have no clock of their own over a restart."""

from collections.abc import Callable
from datetime import timedelta

from homeassistant.util import dt as dt_util

_INTERVAL_S = 60.0
_MINUTE = timedelta(minutes=1)


class TimeKeeper:
    """Says when the packs are to be told the time: every 60 s, and at once when the zone's offset changes."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        """`tell` sends Unix seconds and the offset from UTC in minutes to all packs."""
        self._tell = tell
        self._told_at_s = float("-inf")
        self._told_offset_min: int | None = None

    def follow(self, now_s: float) -> None:
        """Tell the time if it is due. `now_s`: monotonic."""
        if now_s - self._told_at_s >= _INTERVAL_S or self._offset_min() != self._told_offset_min:
            self.tell(now_s)

    def tell(self, now_s: float) -> None:
        """Tell the time now, in the zone that Home Assistant is set to."""
        self._told_at_s = now_s
        self._told_offset_min = self._offset_min()
        self._tell(int(dt_util.now().timestamp()), self._told_offset_min)

    @staticmethod
    def _offset_min() -> int:
        return (dt_util.now().utcoffset() or timedelta()) // _MINUTE
