"""How often the owner is told of a source that goes on and off."""

from collections import deque
from dataclasses import replace

from .alert import SUSPICION, Alert, AlertKind

WINDOW_S = 3600.0
QUIET_S = 600.0
"""What was held back is told when nothing more has happened for so long, at the latest after `WINDOW_S`."""


class AlertLimit:
    """Lets so many alerts of one source through within an hour; what comes then is gathered and told once it is quiet.

    Times are the event loop's, handed in with every call, in seconds.
    """

    def __init__(self, most_per_hour: int) -> None:
        """Have told nothing yet."""
        self.most_per_hour = most_per_hour
        self._told_s: deque[float] = deque()
        self._losses: deque[tuple[float, float]] = deque()
        """When each loss was heard of, and when it began (Unix time)."""
        self._held: list[Alert] = []
        """The latest about outages, and the latest suspicion."""
        self._held_since_s = 0.0
        self._held_last_s = 0.0
        self._held_count = 0

    def lets_through(self, alert: Alert, now_s: float) -> bool:
        """Return whether to tell this now; otherwise it is held until `due_s`."""
        self._forget_old(now_s)
        if alert.kind is AlertKind.LOST:
            self._losses.append((now_s, alert.start_s))
        if not self._held and len(self._told_s) < self.most_per_hour:
            self._told_s.append(now_s)
            return True
        if not self._held:
            self._held_since_s = now_s
            self._held_count = 0
        self._held = [held for held in self._held if (held.kind in SUSPICION) != (alert.kind in SUSPICION)] + [alert]
        self._held_last_s = now_s
        self._held_count += 1
        return False

    @property
    def due_s(self) -> float | None:
        """When what is held is to be told; None if nothing is."""
        return min(self._held_last_s + QUIET_S, self._held_since_s + WINDOW_S) if self._held else None

    @property
    def held(self) -> Alert | None:
        """What is to be told once it is quiet, as it would be told now."""
        outages = [held for held in self._held if held.kind not in SUSPICION]
        if not outages:
            return self._held[-1] if self._held else None
        last = outages[-1]
        if self._held_count == 1 or not self._losses:
            return last
        return replace(
            last,
            kind=AlertKind.FLAPPED,
            start_s=self._losses[0][1],
            end_s=last.end_s if last.kind is AlertKind.RESTORED else None,
            losses=len(self._losses),
            battery_wh=None,
        )

    def release(self, now_s: float) -> Alert | None:
        """Return what is to be told of all that was held, and hold nothing more."""
        alert = self.held
        if alert is not None:
            self._held = []
            self._told_s.append(now_s)
        return alert

    def _forget_old(self, now_s: float) -> None:
        while self._told_s and now_s - self._told_s[0] >= WINDOW_S:
            self._told_s.popleft()
        if not self._held and not self._told_s:
            self._losses.clear()
