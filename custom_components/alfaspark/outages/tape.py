"""What happens to one source, written behind what is there: no stretch begins before the end of the one before."""

from collections.abc import Iterator
from dataclasses import replace
import logging
import sqlite3
from typing import Final

from .schema import LAST_SPANS, OLDEST_SPANS, SPANS_BEFORE, SourceRow, SpanRow, drop_span, put_source, put_span, span_of
from .spans import Span, SpanKind

GAP_S: Final = 300.0
"""Heartbeats further apart than this: the machine slept, or its clock was set forwards. Nobody watched in between."""
LEAP: Final = "clock_leap"
"""Reason of such a hole."""

_LOGGER = logging.getLogger(__name__)

_AHEAD_S = 60.0
"""A clock that was ahead by less needs no correction."""
_LONGEST_AHEAD_S = 86_400.0
"""If more than that was written after a leap, the clock of then was right, and the one of now is wrong."""
_SLEWED_S = 1.0
"""A clock that differs by less was not set."""


class Tape:
    """The stretches of one source within one transaction. Unix seconds, by a clock that may be set at any time.

    Everything not on it since `watched_since_s` was powered. Only the last stretch can be open. What is told twice is
    written once.
    """

    def __init__(self, connection: sqlite3.Connection, source: SourceRow) -> None:
        """Write to the stretches of a source."""
        self.connection = connection
        self.source = source

    def last(self) -> SpanRow | None:
        """Return the last stretch, None if there is none."""
        return next(self._newest_first(), None)

    def waiting(self) -> SpanRow | None:
        """Return the lost stretch before an open hole if the outage may still go on."""
        rows = self._newest_first()
        row = next(rows, None)
        if row is None or row.span.end_s is not None or row.span.kind is not SpanKind.UNOBSERVED:
            return None
        for before in rows:
            if before.span.end_s != row.span.start_s:
                return None
            if before.span.may_go_on:
                return before
            if before.span.kind is not SpanKind.UNOBSERVED:
                return None
            row = before
        return None

    def rename(self, name: str, kind: str) -> None:
        """Give the source a name and a kind."""
        self._save(replace(self.source, name=name, kind=kind))

    def resume(self, now_s: float) -> None:
        """Begin to watch: nothing is known since the last heartbeat, until something is."""
        self._draw_back(now_s, is_watched=False)
        self.begin_unobserved(self._last_watched_s(now_s))
        self._beat(now_s)

    def heartbeat(self, now_s: float) -> None:
        """Somebody watches."""
        if now_s < self.source.heartbeat_s:
            self._take_back(now_s)
            self._draw_back(now_s, is_watched=True)
        else:
            self.bridge(now_s)
        self._beat(now_s)

    def bridge(self, at_s: float) -> None:
        """Make a hole if the last heartbeat is too long ago."""
        last = self.last()
        start_s = self._last_watched_s(at_s)
        if at_s - self.source.heartbeat_s <= GAP_S or start_s >= at_s:
            return
        self._beat(at_s)
        if last is None or last.span.end_s is not None:
            self._put(Span(SpanKind.UNOBSERVED, start_s, at_s, reason=LEAP))
            return
        start_s = max(start_s, last.span.start_s)
        if last.span.kind is SpanKind.UNOBSERVED or start_s >= at_s:
            return
        self._put(replace(last.span, end_s=start_s, end_is_estimate=True), last.number)
        self._put(Span(SpanKind.UNOBSERVED, start_s, at_s, reason=LEAP))
        self._put(replace(last.span, start_s=at_s, start_is_estimate=True))

    def begin_outage(self, start_s: float, reason: str, evidence: tuple[str, ...]) -> None:
        """Lost from here on."""
        last = self.last()
        if last is not None and last.span.end_s is None:
            if last.span.kind is SpanKind.LOST:
                return
            start_s = self._close(last, start_s)
            last = self.last()
        start_s = max(start_s, self._floor_s())
        is_first = last is None and start_s == self.source.watched_since_s
        touches = last is not None and last.span.end_s == start_s
        after_hole = last is not None and (last.span.kind is SpanKind.UNOBSERVED or last.span.may_go_on)
        is_estimate = is_first or (touches and after_hole)
        self._put(Span(SpanKind.LOST, start_s, None, start_is_estimate=is_estimate, reason=reason, evidence=evidence))

    def move_outage(self, start_s: float, reason: str, evidence: tuple[str, ...]) -> None:
        """It began at another time, or other evidence speaks for it."""
        last = self.last()
        if last is None or last.span.end_s is not None or last.span.kind is not SpanKind.LOST:
            return
        if last.span.start_is_estimate:
            start_s = last.span.start_s
        span = replace(last.span, start_s=max(start_s, self._floor_s(last)), reason=reason, evidence=evidence)
        self._put(span, last.number)

    def end_outage(self, end_s: float, start_s: float | None, *, is_estimate: bool) -> None:
        """Powered again; `start_s` by the same clock as `end_s`."""
        last = self.last()
        if last is None or last.span.end_s is not None:
            return
        if last.span.kind is SpanKind.UNOBSERVED:
            if (lost := self.waiting()) is not None and lost.span.end_s is not None:
                end_s = min(max(end_s, lost.span.start_s), lost.span.end_s)
                self._put(replace(lost.span, end_s=end_s, end_is_estimate=is_estimate, is_over=True), lost.number)
            return
        if start_s is not None and self._redate(start_s, end_s, is_estimate=is_estimate):
            return
        new_start_s = last.span.start_s
        if start_s is not None and not last.span.start_is_estimate:
            new_start_s = max(start_s, self._floor_s(last))
            if new_start_s > start_s:
                # Its length is right, whatever the clock says.
                end_s = new_start_s + max(0.0, end_s - start_s)
        span = replace(last.span, start_s=new_start_s, end_s=max(end_s, new_start_s), end_is_estimate=is_estimate)
        self._put(span, last.number)

    def begin_unobserved(self, start_s: float) -> None:
        """Nothing is known from here on."""
        last = self.last()
        if last is None or last.span.end_s is not None:
            self._put(Span(SpanKind.UNOBSERVED, max(start_s, self._floor_s()), None))
        elif last.span.kind is SpanKind.LOST:
            start_s = max(start_s, last.span.start_s)
            self._put(replace(last.span, end_s=start_s, end_is_estimate=True), last.number)
            self._put(Span(SpanKind.UNOBSERVED, start_s, None))

    def end_unobserved(self, end_s: float) -> None:
        """Something is known again: an outage that was not ended goes on, otherwise powered."""
        last, lost = self.last(), self.waiting()
        if last is None or last.span.end_s is not None or last.span.kind is not SpanKind.UNOBSERVED:
            return
        end_s = self._close(last, end_s)
        if lost is not None:
            self._put(replace(lost.span, start_s=end_s, end_s=None, start_is_estimate=True, end_is_estimate=False))

    def purge(self, before_s: float) -> None:
        """Delete what ended before; nothing is known of that time then."""
        before_s = min(before_s, self.source.heartbeat_s)
        self.connection.execute("DELETE FROM spans WHERE source = ? AND end_s <= ?", (self.source.number, before_s))
        self._forget_until(before_s)

    def bound(self, most: int) -> None:
        """Keep the newest `most` stretches."""
        number = self.source.number
        (count,) = self.connection.execute("SELECT count(*) FROM spans WHERE source = ?", (number,)).fetchone()
        if count <= most:
            return
        oldest = [span_of(row) for row in self.connection.execute(OLDEST_SPANS, (number, count - most))]
        for row in oldest:
            drop_span(self.connection, row.number)
        self._forget_until(max(row.span.end_s for row in oldest if row.span.end_s is not None))

    def _redate(self, start_s: float, end_s: float, *, is_estimate: bool) -> bool:
        """End the open outage by the clock of now if that was set forwards meanwhile; return False if it was not.

        The leap is before the outage then, not in it: it lasted as long as it did.
        """
        rows = self._of_open_outage()
        first_s = rows[-1].span.start_s
        ahead_s, leaps = start_s - first_s, 0
        leapt_s = 0.0
        while 2 * leaps + 2 < len(rows):
            leap = rows[2 * leaps + 1].span
            if leap.reason != LEAP or leap.end_s is None or rows[2 * leaps + 2].span.kind is not SpanKind.LOST:
                break
            leapt_s += leap.end_s - leap.start_s
            leaps += 1
        if not leaps or ahead_s < _AHEAD_S or not ahead_s - _SLEWED_S <= leapt_s <= ahead_s + leaps * GAP_S:
            return False
        for row in rows[: 2 * leaps]:
            drop_span(self.connection, row.number)
        merged, *before = rows[2 * leaps :]
        merged_s = merged.span.start_s + ahead_s
        self._put(
            replace(merged.span, start_s=merged_s, end_s=max(end_s, merged_s), end_is_estimate=is_estimate),
            merged.number,
        )
        for row in before:
            self._put(_shifted(row.span, ahead_s), row.number)
        self._put(Span(SpanKind.UNOBSERVED, first_s, start_s, reason=LEAP))
        return True

    def _of_open_outage(self) -> list[SpanRow]:
        """Return the stretches of the outage that is open, with the holes in it, newest first."""
        rows: list[SpanRow] = []
        for row in self._newest_first():
            if rows:
                newer = rows[-1].span
                is_part = newer.kind is SpanKind.UNOBSERVED or newer.start_is_estimate
                may_go_on = row.span.kind is SpanKind.UNOBSERVED or row.span.may_go_on
                if row.span.end_s != newer.start_s or not is_part or not may_go_on:
                    break
            rows.append(row)
        while rows and rows[-1].span.kind is SpanKind.UNOBSERVED:
            rows.pop()
        return rows

    def _draw_back(self, now_s: float, *, is_watched: bool) -> None:
        """The clock was ahead: what it wrote after a hole that reaches into the future is drawn back out of that.

        After a leap that was seen by the length of the leap; otherwise by as much as the clock is behind, which is
        right while somebody watches, and the least that it can have been after a pause.
        """
        while (back_s := self.source.heartbeat_s - now_s) > _AHEAD_S:
            after: list[SpanRow] = []
            rows = self._newest_first()
            row = next(rows, None)
            while row is not None and row.span.start_s > now_s:
                after.append(row)
                row = next(rows, None)
            if row is None or row.span.kind is not SpanKind.UNOBSERVED:
                return
            end_s = row.span.end_s
            if end_s is None or end_s <= now_s or self.source.heartbeat_s - end_s > _LONGEST_AHEAD_S:
                return
            length_s = end_s - row.span.start_s
            if back_s > length_s or (row.span.reason == LEAP and not is_watched):
                back_s = length_s
            _LOGGER.warning(
                "%s: the clock was ahead; what was written after %.0f is moved back by %.0f s",
                self.source.name,
                end_s,
                back_s,
            )
            self._close(row, end_s - back_s)
            for each in after:
                self._put(_shifted(each.span, -back_s), each.number)
            heartbeat_s = self.source.heartbeat_s - back_s
            self._save(replace(self.source, heartbeat_s=heartbeat_s, reached_s=heartbeat_s))

    def _take_back(self, now_s: float) -> None:
        """The clock was set back: holes that reach into the future were none, if they were made by a leap forwards."""
        while True:
            rows = self._newest_first()
            last = next(rows, None)
            lost = last if last is not None and last.span.kind is SpanKind.LOST and last.span.end_s is None else None
            hole = last if lost is None else next(rows, None)
            before = next(rows, None)
            if hole is None or hole.span.reason != LEAP or hole.span.end_s is None or hole.span.end_s <= now_s:
                return
            self._save(replace(self.source, reached_s=now_s))
            if hole.span.start_s < now_s:
                self._close(hole, now_s)
                if lost is not None:
                    self._put(replace(lost.span, start_s=now_s), lost.number)
                return
            drop_span(self.connection, hole.number)
            if lost is not None and before is not None:
                drop_span(self.connection, lost.number)
                self._put(replace(before.span, end_s=None, end_is_estimate=False), before.number)

    def _last_watched_s(self, now_s: float) -> float:
        """Return since when nobody watched, if it was not until now."""
        source = self.source
        reached_s = source.reached_s if source.reached_s <= now_s else source.heartbeat_s
        return max(source.heartbeat_s, reached_s, self._floor_s())

    def _floor_s(self, of: SpanRow | None = None) -> float:
        """Return where a stretch can begin at the earliest: the last one, or a new one."""
        rows = self._newest_first()
        if of is not None:
            next(rows)
        before = next(rows, None)
        end_s = None if before is None else before.span.end_s
        return self.source.watched_since_s if end_s is None else max(end_s, self.source.watched_since_s)

    def _newest_first(self) -> Iterator[SpanRow]:
        return map(span_of, self.connection.execute(LAST_SPANS, (self.source.number,)))

    def _put(self, span: Span, number: int | None = None) -> int:
        return put_span(self.connection, self.source.number, span, number)

    def _close(self, row: SpanRow, end_s: float) -> float:
        """End a hole; one of no length is none. Return its end."""
        end_s = max(end_s, row.span.start_s)
        if end_s == row.span.start_s:
            drop_span(self.connection, row.number)
        else:
            self._put(replace(row.span, end_s=end_s), row.number)
        return end_s

    def _beat(self, now_s: float) -> None:
        self._save(replace(self.source, heartbeat_s=now_s, reached_s=max(self.source.reached_s, now_s)))

    def _forget_until(self, until_s: float) -> None:
        self._save(replace(self.source, watched_since_s=max(self.source.watched_since_s, until_s)))

    def _save(self, source: SourceRow) -> None:
        put_source(self.connection, source)
        self.source = source


def rows_before(connection: sqlite3.Connection, source: int, start_s: float) -> Iterator[SpanRow]:
    """Yield the stretches that begin before, newest first."""
    return map(span_of, connection.execute(SPANS_BEFORE, (source, start_s)))


def _shifted(span: Span, by_s: float) -> Span:
    return replace(span, start_s=span.start_s + by_s, end_s=None if span.end_s is None else span.end_s + by_s)
