"""What others remember of a stretch in which nobody watched."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import isfinite
import sqlite3

from .schema import SPANS_FROM, SPANS_SINCE, SourceRow, SpanRow, drop_span, put_span, span_of
from .spans import Span, SpanKind
from .tape import rows_before


def fill(connection: sqlite3.Connection, source: SourceRow, told: Sequence[Span]) -> float:
    """Put what was told into the holes that are over; return how many seconds of them it covers.

    Where accounts contradict each other, lost counts. What was observed, or told before, stays.
    Raises ValueError for what nobody can tell.
    """
    for span in told:
        if span.kind is SpanKind.UNOBSERVED or span.filled_from is None:
            raise ValueError(f"{span} says nothing, or not who says so")
        if span.end_s is None or not isfinite(span.start_s) or not isfinite(span.end_s) or span.end_s < span.start_s:
            raise ValueError(f"{span} has no bounds")
    if not told:
        return 0.0
    from_s, to_s = min(span.start_s for span in told), max(span.end_s or 0.0 for span in told)
    found = connection.execute(SPANS_FROM, (source.number, to_s, source.number, from_s, from_s)).fetchall()
    holes = [row for row in map(span_of, found) if row.span.kind is SpanKind.UNOBSERVED]
    return sum((_fill_hole(connection, source, row, row.span.end_s, told) for row in holes if row.span.end_s), 0.0)


def _fill_hole(
    connection: sqlite3.Connection, source: SourceRow, row: SpanRow, end_s: float, told: Sequence[Span]
) -> float:
    hole = row.span
    pieces = _pieces(hole, end_s, told)
    if all(piece.kind is SpanKind.UNOBSERVED for piece in pieces):
        return 0.0
    before = next(rows_before(connection, source.number, hole.start_s), None)
    if before is not None and before.span.end_s == hole.start_s and before.span.kind is SpanKind.LOST:
        if pieces[0].kind is SpanKind.POWERED:
            span = replace(before.span, end_is_estimate=False, is_over=False)
            put_span(connection, source.number, span, before.number)
        elif pieces[0].kind is SpanKind.LOST:
            put_span(connection, source.number, replace(before.span, is_over=False), before.number)
            if pieces[0].end_s == end_s:
                pieces[0] = replace(pieces[0], is_over=before.span.is_over)
    after = connection.execute(SPANS_SINCE, (source.number, end_s)).fetchone()
    drop_span(connection, row.number)
    for piece in pieces:
        put_span(connection, source.number, piece)
    if after is not None and pieces[-1].kind is SpanKind.POWERED:
        next_ = span_of(after)
        if next_.span.start_s == end_s and next_.span.kind is SpanKind.LOST:
            put_span(connection, source.number, replace(next_.span, start_is_estimate=False), next_.number)
    return sum(_length_s(piece) for piece in pieces if piece.kind is not SpanKind.UNOBSERVED)


def _pieces(hole: Span, end_s: float, told: Sequence[Span]) -> list[Span]:
    """Cut a hole where an account begins or ends."""
    cuts = {hole.start_s, end_s}
    for span in told:
        cuts |= {cut for cut in (span.start_s, span.end_s) if cut is not None and hole.start_s < cut < end_s}
    edges = sorted(cuts)
    pieces: list[Span] = []
    for left_s, right_s in pairwise(edges):
        account = _account(told, left_s, right_s)
        kind = account.kind if account is not None else SpanKind.UNOBSERVED
        if pieces and pieces[-1].kind is kind:
            pieces[-1] = replace(pieces[-1], end_s=right_s)
        elif account is None:
            pieces.append(replace(hole, start_s=left_s, end_s=right_s))
        else:
            pieces.append(replace(account, start_s=left_s, end_s=right_s, is_open=False, is_over=False))
    return [_with_flags(piece, hole, end_s, told) for piece in pieces]


def _account(told: Sequence[Span], left_s: float, right_s: float) -> Span | None:
    covering = [span for span in told if span.start_s <= left_s and span.end_s is not None and span.end_s >= right_s]
    lost = [span for span in covering if span.kind is SpanKind.LOST]
    return next(iter(lost or covering), None)


def _with_flags(piece: Span, hole: Span, end_s: float, told: Sequence[Span]) -> Span:
    if piece.kind is not SpanKind.LOST:
        return replace(piece, start_is_estimate=False, end_is_estimate=False)
    doubted = {span.end_s for span in told if span.kind is SpanKind.LOST and span.end_is_estimate}
    return replace(
        piece,
        start_is_estimate=piece.start_is_estimate or piece.start_s == hole.start_s,
        end_is_estimate=piece.end_s == end_s or piece.end_s in doubted,
    )


def _length_s(span: Span) -> float:
    return 0.0 if span.end_s is None else span.end_s - span.start_s
