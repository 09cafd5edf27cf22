"""How spans lie in the file of the history."""

from dataclasses import dataclass
import json
import sqlite3
from typing import Any

from .spans import Span, SpanKind
from .store import BadRowError, Layout, seal

HISTORY = Layout(
    application_id=0x414C5048,  # "ALPH"
    version=1,
    schema="""
CREATE TABLE source (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
    watched_since_s REAL NOT NULL, heartbeat_s REAL NOT NULL, reached_s REAL NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE spans (
    number INTEGER PRIMARY KEY, source INTEGER NOT NULL, kind TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL,
    start_is_estimate INTEGER NOT NULL, end_is_estimate INTEGER NOT NULL, is_over INTEGER NOT NULL,
    reason TEXT NOT NULL, evidence TEXT NOT NULL, filled_from TEXT, seal INTEGER NOT NULL);
CREATE INDEX spans_by_time ON spans (source, start_s);
CREATE TABLE seen_alive (checkpoint_id TEXT PRIMARY KEY, at_s REAL NOT NULL, seal INTEGER NOT NULL);
""",
)

_SPAN = """
SELECT number, source, kind, start_s, end_s, start_is_estimate, end_is_estimate, is_over,
    reason, evidence, filled_from, seal
FROM spans WHERE source = ?
"""
# Stretches of no length come before what begins at the same moment.
_OLDEST_FIRST = " ORDER BY start_s, end_s IS NULL, end_s, number"
_NEWEST_FIRST = " ORDER BY start_s DESC, end_s IS NULL DESC, end_s DESC, number DESC"
SPANS_FROM = f"""{_SPAN}
    AND start_s < ? AND start_s >= coalesce((SELECT max(start_s) FROM spans WHERE source = ? AND start_s <= ?), ?)
    {_OLDEST_FIRST}"""  # noqa: S608
"""Source, until, source, from, from: also the last that begins at or before `from`."""
SPANS_SINCE = _SPAN + " AND start_s >= ?" + _OLDEST_FIRST
SPANS_BEFORE = _SPAN + " AND start_s < ?" + _NEWEST_FIRST
LAST_SPANS = _SPAN + _NEWEST_FIRST
OLDEST_SPANS = _SPAN + _OLDEST_FIRST + " LIMIT ?"


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span and its row."""

    number: int
    span: Span


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as it is stored, Unix seconds."""

    number: int
    id: str
    name: str
    kind: str
    watched_since_s: float
    """Nothing is known of the time before."""
    heartbeat_s: float
    """The last moment in which somebody watched."""
    reached_s: float
    """The latest heartbeat of all; above `heartbeat_s` after the clock was set back."""


def span_of(row: tuple[Any, ...]) -> SpanRow:
    """Return the span of a row of `spans`. Raises BadRowError."""
    (
        number,
        source,
        kind,
        start_s,
        end_s,
        start_is_estimate,
        end_is_estimate,
        is_over,
        reason,
        evidence,
        filled,
        sealed,
    ) = row
    if seal(*row[1:-1]) != sealed:
        raise BadRowError(f"span {number} of source {source}")
    return SpanRow(
        number,
        Span(
            SpanKind(kind),
            start_s,
            end_s,
            start_is_estimate=bool(start_is_estimate),
            end_is_estimate=bool(end_is_estimate),
            is_over=bool(is_over),
            reason=reason,
            evidence=tuple(json.loads(evidence)),
            filled_from=filled,
        ),
    )


def put_span(connection: sqlite3.Connection, source: int, span: Span, number: int | None = None) -> int:
    """Write a span: a new one, or in the place of one. Return its number."""
    fields = (
        source,
        str(span.kind),
        float(span.start_s),
        None if span.end_s is None else float(span.end_s),
        int(span.start_is_estimate),
        int(span.end_is_estimate),
        int(span.is_over),
        str(span.reason),
        json.dumps(span.evidence),
        span.filled_from,
    )
    written = connection.execute(
        "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (number, *fields, seal(*fields))
    )
    assert written.lastrowid is not None
    return written.lastrowid


def drop_span(connection: sqlite3.Connection, number: int) -> None:
    """Delete a span."""
    connection.execute("DELETE FROM spans WHERE number = ?", (number,))


def source_of(row: tuple[Any, ...]) -> SourceRow:
    """Return the source of a row of `source`. Raises BadRowError."""
    if seal(*row[:-1]) != row[-1]:
        raise BadRowError(f"source {row[0]}")
    return SourceRow(*row[:-1])


def put_source(connection: sqlite3.Connection, row: SourceRow) -> None:
    """Write a source in the place of the one with its number."""
    times = (float(row.watched_since_s), float(row.heartbeat_s), float(row.reached_s))
    fields = (row.number, row.id, row.name, row.kind, *times)
    connection.execute("INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*fields, seal(*fields)))
