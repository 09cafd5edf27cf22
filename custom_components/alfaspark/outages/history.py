"""What happened to each power source, in a file: years of it, through crashes and changes of the clock.

All times are Unix seconds. Nothing here reads a clock. Calls block; one at a time, from any thread. Every call that
writes is one transaction, and may be made again after HistoryUnwritable. Raised by all: HistoryError when closed,
HistoryUnwritable, HistoryDamaged (the file was moved aside) and HistoryMoved: then close it and open the path again.
Where checks are concerned ChecksUnwritable, a HistoryUnwritable: all but the checks is written.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
import sqlite3
from typing import Any, Final, Self

from .checks import MOST_CHECKS, Check, CheckLog, ChecksUnwritable
from .filling import fill
from .model import Result
from .schema import HISTORY, SPANS_FROM, SPANS_SINCE, SourceRow, source_of, span_of
from .spans import Outage, Span, SpanKind, clipped, outages_of
from .store import BadRowError, HistoryDamaged, HistoryError, HistoryMoved, HistoryNewer, HistoryUnwritable, Store, seal
from .tape import GAP_S, Tape, rows_before

__all__ = [
    "GAP_S",
    "ChecksUnwritable",
    "HistoryDamaged",
    "HistoryError",
    "HistoryMoved",
    "HistoryNewer",
    "HistoryUnwritable",
    "PowerHistory",
    "Resumed",
]

MOST_SPANS: Final = 100_000
"""Of each source; the oldest go first."""
MOST_OUTAGES: Final = 10_000
"""Returned at once."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What is known of a source when it begins to be watched."""

    watched_since_s: float
    outage: Outage | None
    """One that was going on at the last heartbeat."""
    last_evidence_s: float | None
    """When that was last known to go on."""


class PowerHistory:
    """The open history."""

    def __init__(self, path: Path, *, most_spans: int = MOST_SPANS, most_checks: int = MOST_CHECKS) -> None:
        """Open the file and that of the checks beside it, or make them. See `open`."""
        self._most_spans = most_spans
        self._store = Store(path, HISTORY)
        self._checks: CheckLog | None = None
        self._watched: set[str] = set()
        try:
            self._checks = CheckLog(path.with_name(f"{path.stem}-checks{path.suffix}"), most_checks)
            self._alive = self._read_alive()
        except HistoryError:
            self.close()
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the history; make it if there is none.

        Raises HistoryDamaged after moving a damaged file aside, HistoryNewer if a newer version wrote it and
        HistoryUnwritable if it cannot be made or read.
        """
        return cls(path)

    @property
    def damaged_checks(self) -> HistoryDamaged | None:
        """Says what happened if the file of the checks was damaged; it was moved aside and begun anew."""
        return None if self._checks is None else self._checks.damaged

    def close(self) -> None:
        """Close the files. Closing twice does no harm."""
        self._store.close()
        if self._checks is not None:
            self._checks.close()

    # Sources

    def sources(self) -> tuple[SourceRow, ...]:
        """Return all sources that were ever watched and not forgotten."""
        with self._store.reading() as connection:
            return tuple(source_of(row) for row in connection.execute("SELECT * FROM source ORDER BY number"))

    def describe_source(self, source_id: str, name: str, kind: str) -> None:
        """Give a source that was watched a name and a kind; only for export. Raises KeyError if there is none."""
        self._write(source_id, lambda tape: tape.rename(name, kind))

    def forget_source(self, source_id: str) -> None:
        """Delete everything about a source. One that there is not is no error."""
        with self._store.writing() as connection:
            connection.execute(
                "DELETE FROM spans WHERE source = (SELECT number FROM source WHERE id = ?)", (source_id,)
            )
            connection.execute("DELETE FROM source WHERE id = ?", (source_id,))
        self._watched.discard(source_id)

    # Watching

    def begin_watching(self, source_ids: Iterable[str], now_s: float) -> dict[str, Resumed]:
        """Begin to watch, also anew: nothing is known since the last heartbeat until `end_unobserved`.

        A source that is new is known from now on.
        """
        _finite(now_s)
        ids = list(source_ids)
        resumed = {}
        with self._store.writing() as connection:
            for source_id in ids:
                row = connection.execute("SELECT * FROM source WHERE id = ?", (source_id,)).fetchone()
                if row is None:
                    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM source").fetchone()[0]
                    source = SourceRow(number, source_id, source_id, "", now_s, now_s, now_s)
                else:
                    source = source_of(row)
                tape = Tape(connection, source)
                tape.resume(now_s)
                resumed[source_id] = _resumed(connection, tape)
        self._watched |= set(ids)
        return resumed

    def stop_watching(self, source_ids: Iterable[str], now_s: float) -> None:
        """Watch no more; what comes until `begin_watching` will be unobserved."""
        ids = self._watched & set(source_ids)
        self._beat(ids, now_s)
        self._watched -= ids

    def heartbeat(self, now_s: float) -> None:
        """Say that all sources are still watched; every minute.

        After a longer pause than GAP_S nobody watched in it: the machine slept, or the clock was set forwards.
        """
        self._beat(self._watched, now_s)

    def begin_outage(self, source_id: str, start_s: float, reason: str = "", evidence: Iterable[str] = ()) -> None:
        """The power is lost since `start_s`. After a hole that began in an outage it is the same outage."""
        self._write(source_id, lambda tape: tape.begin_outage(start_s, str(reason), tuple(evidence)), start_s)

    def move_outage(self, source_id: str, start_s: float, reason: str = "", evidence: Iterable[str] = ()) -> None:
        """The outage that goes on began at another time."""
        self._write(source_id, lambda tape: tape.move_outage(start_s, str(reason), tuple(evidence)), start_s)

    def end_outage(
        self, source_id: str, end_s: float, *, start_s: float | None = None, end_is_estimate: bool = False
    ) -> None:
        """The power is back since `end_s`.

        With `start_s`, converted at the same moment as `end_s`, a clock that was set in between does no harm. While
        nothing is known (`begin_unobserved`) it says that the outage was over before, at the latest when that began.
        """
        if start_s is not None:
            _finite(start_s)
        self._write(source_id, lambda tape: tape.end_outage(end_s, start_s, is_estimate=end_is_estimate), end_s)

    def begin_unobserved(self, source_id: str, start_s: float) -> None:
        """Nothing is known since `start_s`."""
        self._write(source_id, lambda tape: tape.begin_unobserved(start_s), start_s)

    def end_unobserved(self, source_id: str, end_s: float) -> None:
        """Something is known since `end_s`: an outage that was not ended goes on, else the source is powered."""
        self._write(source_id, lambda tape: tape.end_unobserved(end_s), end_s)

    def fill(self, source_id: str, spans: Iterable[Span]) -> float:
        """Put closed spans (lost or powered, with `filled_from`) into time that was unobserved and is over.

        Returns the seconds that were filled. Raises ValueError for a span without bounds or origin.
        """
        told = tuple(spans)
        return self._write(source_id, lambda tape: fill(tape.connection, tape.source, told))

    # Reading

    def timeline(self, source_id: str, from_s: float, to_s: float) -> tuple[Span, ...]:
        """Return spans that cover [from_s, to_s) without gaps, in order of time.

        Unobserved: before the source was watched, and after the last heartbeat; while it is watched GAP_S later.
        """
        with self._store.reading() as connection:
            source = _source(connection, source_id)
            number = source.number
            found = connection.execute(SPANS_FROM, (number, to_s, number, from_s, from_s)).fetchall()
            spans = [span_of(row).span for row in found]
        known_until_s = source.heartbeat_s + (GAP_S if source_id in self._watched else 0.0)
        return tuple(clipped(_tiled(spans, source.watched_since_s, known_until_s, from_s, to_s), from_s, to_s))

    def outages(self, source_id: str, from_s: float, to_s: float, limit: int = MOST_OUTAGES) -> tuple[Outage, ...]:
        """Return the newest `limit` outages of which a part lies in [from_s, to_s), oldest first, whole.

        The lost time of one that goes on counts to the last heartbeat.
        """
        if limit <= 0 or to_s <= from_s:
            return ()
        with self._store.reading() as connection:
            source = _source(connection, source_id)
            spans = _whole_outages(connection, source.number, from_s, to_s, limit)
        known = [
            replace(span, end_s=max(span.start_s, source.heartbeat_s), is_open=True) if span.end_s is None else span
            for span in spans
        ]
        found = [
            outage
            for outage in outages_of(known)
            if outage.start_s < to_s and (outage.end_s is None or outage.end_s > from_s or outage.start_s >= from_s)
        ]
        return tuple(found[-limit:])

    # Keeping it small

    def purge(self, source_id: str | None, before_s: float, checkpoint_ids: Iterable[str] = ()) -> None:
        """Delete what ended before; it is unknown then. Of all sources and all checks, or of one and its checkpoints."""
        _finite(before_s)
        with self._store.writing() as connection:
            rows = [source_of(row) for row in connection.execute("SELECT * FROM source").fetchall()]
            for source in rows:
                if source_id in (None, source.id):
                    Tape(connection, source).purge(before_s)
        if self._checks is not None:
            self._checks.purge(before_s, None if source_id is None else checkpoint_ids)

    # Checks

    def add_checks(self, checks: Iterable[Check]) -> None:
        """Add checks, oldest first; many at once is cheap, one write in all."""
        rows = list(checks)
        fresh = {
            row.checkpoint_id: row.at_s
            for row in reversed(rows)
            if row.result is Result.ALIVE and row.checkpoint_id not in self._alive
        }
        if fresh:
            with self._store.writing() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO seen_alive VALUES (?, ?, ?)",
                    [(id_, float(at_s), seal(id_, float(at_s))) for id_, at_s in fresh.items()],
                )
            self._alive |= fresh.keys()
        # Last: made again after an error, nothing is there twice.
        self._open_checks().add(rows)

    def checks(self, checkpoint_id: str, from_s: float, to_s: float, limit: int = MOST_CHECKS) -> tuple[Check, ...]:
        """Return the newest `limit` checks in [from_s, to_s), oldest first."""
        return self._open_checks().of(checkpoint_id, from_s, to_s, limit)

    def seen_alive(self) -> set[str]:
        """Return the checkpoints that were ever seen alive."""
        return set(self._alive)

    def forget_checkpoint(self, checkpoint_id: str) -> None:
        """Delete its checks, and that it was seen alive."""
        with self._store.writing() as connection:
            connection.execute("DELETE FROM seen_alive WHERE checkpoint_id = ?", (checkpoint_id,))
        self._alive.discard(checkpoint_id)
        self._open_checks().forget(checkpoint_id)

    def _open_checks(self) -> CheckLog:
        if self._checks is None:
            raise HistoryError("The history is closed")
        return self._checks

    def _read_alive(self) -> set[str]:
        with self._store.reading() as connection:
            rows = connection.execute("SELECT * FROM seen_alive").fetchall()
            for id_, at_s, sealed in rows:
                if seal(id_, at_s) != sealed:
                    raise BadRowError(f"that {id_} was seen alive")
        return {id_ for id_, _, _ in rows}

    def _write[T](self, source_id: str, change: Callable[[Tape], T], at_s: float = 0.0) -> T:
        _finite(at_s)
        with self._store.writing() as connection:
            tape = Tape(connection, _source(connection, source_id))
            if source_id in self._watched:
                tape.bridge(at_s)
            result = change(tape)
            tape.bound(self._most_spans)
        return result

    def _beat(self, source_ids: Iterable[str], now_s: float) -> None:
        _finite(now_s)
        with self._store.writing() as connection:
            for source_id in sorted(source_ids):
                Tape(connection, _source(connection, source_id)).heartbeat(now_s)


def _source(connection: sqlite3.Connection, source_id: str) -> SourceRow:
    row: tuple[Any, ...] | None = connection.execute("SELECT * FROM source WHERE id = ?", (source_id,)).fetchone()
    if row is None:
        raise KeyError(source_id)
    return source_of(row)


def _resumed(connection: sqlite3.Connection, tape: Tape) -> Resumed:
    lost = tape.waiting()
    if lost is None:
        return Resumed(tape.source.watched_since_s, None, None)
    spans = _whole_outages(connection, tape.source.number, lost.span.start_s, inf, 1)
    *_, outage = outages_of(spans)
    return Resumed(tape.source.watched_since_s, outage, lost.span.end_s)


def _whole_outages(connection: sqlite3.Connection, source: int, from_s: float, to_s: float, limit: int) -> list[Span]:
    """Return the spans of at least the newest `limit` outages in a range, also those outside that belong to them."""
    inside: list[Span] = []
    begun = 0
    for row in rows_before(connection, source, to_s):
        span = row.span
        is_past = span.end_s is not None and span.end_s < from_s
        if (is_past or begun > limit) and not (inside and _goes_on(span, inside[-1])):
            break
        inside.append(span)
        begun += span.kind is SpanKind.LOST and not span.start_is_estimate
    inside.reverse()
    for found in connection.execute(SPANS_SINCE, (source, to_s)) if isfinite(to_s) else ():
        span = span_of(found).span
        if not inside or not _goes_on(inside[-1], span):
            break
        inside.append(span)
    return inside


def _goes_on(span: Span, following: Span) -> bool:
    """Whether the second can belong to the outage of the first."""
    may = span.may_go_on or span.kind is SpanKind.UNOBSERVED
    is_part = following.kind is SpanKind.UNOBSERVED or following.start_is_estimate
    return may and is_part and span.end_s == following.start_s


def _tiled(spans: list[Span], since_s: float, until_s: float, from_s: float, to_s: float) -> list[Span]:
    """Return the spans with all that lies between them, over the whole range."""
    tiles: list[Span] = []
    at_s = min(from_s, spans[0].start_s) if spans else from_s

    def cover(to: float) -> None:
        """Powered, as far as anybody watched."""
        nonlocal at_s
        for kind, end_s in (
            (SpanKind.UNOBSERVED, min(to, since_s)),
            (SpanKind.POWERED, min(to, until_s)),
            (SpanKind.UNOBSERVED, to),
        ):
            if end_s > at_s:
                tiles.append(Span(kind, at_s, end_s))
                at_s = end_s

    for span in spans:
        cover(span.start_s)
        if span.end_s is not None:
            tiles.append(span)
        elif span.kind is SpanKind.UNOBSERVED:
            tiles.append(replace(span, end_s=max(to_s, span.start_s), is_open=True))
        else:
            known_s = max(span.start_s, min(to_s, until_s))
            tiles.append(replace(span, end_s=known_s, end_is_estimate=known_s < to_s, is_open=True))
        at_s = max(at_s, tiles[-1].end_s or at_s)
    cover(to_s)
    return tiles


def _finite(at_s: float) -> None:
    if not isfinite(at_s):
        raise ValueError(f"{at_s} is no time")
