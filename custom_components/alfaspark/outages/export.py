"""Outages, timelines and checks as CSV (RFC 4180) and JSON, in pieces: nothing is held twice.

Times are ISO 8601 with the offset that the zone has at that moment, to the millisecond; what is unknown is empty in CSV
and null in JSON.
"""

from collections.abc import Iterable, Iterator
import csv
from datetime import UTC, datetime, timedelta, tzinfo
import io
import json

from .checks import Check
from .spans import Outage, Span

type Row = dict[str, str | float | bool | list[str] | None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUTAGE_COLUMNS = (
    "source",
    "start",
    "end",
    "duration_s",
    "lost_s",
    "unobserved_s",
    "start_is_estimate",
    "end_is_estimate",
    "reason",
    "evidence",
    "filled_from",
)
SPAN_COLUMNS = (
    "source",
    "state",
    "start",
    "end",
    "duration_s",
    "is_open",
    "start_is_estimate",
    "end_is_estimate",
    "reason",
    "evidence",
    "filled_from",
)
CHECK_COLUMNS = ("checkpoint", "time", "result", "latency_ms", "detail")


def outages_csv(source: str, outages: Iterable[Outage], zone: tzinfo) -> Iterator[str]:
    """Yield a head line and one line an outage; evidence is separated by spaces."""
    return csv_lines(OUTAGE_COLUMNS, (outage_row(source, outage, zone) for outage in outages))


def outages_json(source: str, outages: Iterable[Outage], zone: tzinfo) -> Iterator[str]:
    """Yield the pieces of an array of objects with the same keys."""
    return json_pieces(outage_row(source, outage, zone) for outage in outages)


def timeline_csv(source: str, spans: Iterable[Span], zone: tzinfo) -> Iterator[str]:
    """Yield a head line and one line a span."""
    return csv_lines(SPAN_COLUMNS, (span_row(source, span, zone) for span in spans))


def timeline_json(source: str, spans: Iterable[Span], zone: tzinfo) -> Iterator[str]:
    """Yield the pieces of an array of objects with the same keys."""
    return json_pieces(span_row(source, span, zone) for span in spans)


def checks_csv(checks: Iterable[Check], zone: tzinfo) -> Iterator[str]:
    """Yield a head line and one line a check."""
    return csv_lines(CHECK_COLUMNS, (check_row(check, zone) for check in checks))


def checks_json(checks: Iterable[Check], zone: tzinfo) -> Iterator[str]:
    """Yield the pieces of an array of objects with the same keys."""
    return json_pieces(check_row(check, zone) for check in checks)


def iso_time(at_s: float | None, zone: tzinfo) -> str | None:
    """Return ISO 8601 with the offset of the zone, to the millisecond; None for None."""
    if at_s is None:
        return None
    # Of times before 1970, too, on every machine.
    return (_EPOCH + timedelta(milliseconds=round(at_s * 1000))).astimezone(zone).isoformat(timespec="milliseconds")


def _seconds(length_s: float | None) -> float | None:
    return None if length_s is None else round(length_s, 3)


def outage_row(source: str, outage: Outage, zone: tzinfo) -> Row:
    """Return an outage as it is exported."""
    return {
        "source": source,
        "start": iso_time(outage.start_s, zone),
        "end": iso_time(outage.end_s, zone),
        "duration_s": _seconds(outage.duration_s),
        "lost_s": _seconds(outage.lost_s),
        "unobserved_s": _seconds(outage.unobserved_s),
        "start_is_estimate": outage.start_is_estimate,
        "end_is_estimate": outage.end_is_estimate,
        "reason": outage.reason,
        "evidence": list(outage.evidence),
        "filled_from": outage.filled_from,
    }


def span_row(source: str, span: Span, zone: tzinfo) -> Row:
    """Return a stretch of time as it is exported."""
    return {
        "source": source,
        "state": str(span.kind),
        "start": iso_time(span.start_s, zone),
        "end": iso_time(span.end_s, zone),
        "duration_s": None if span.end_s is None else _seconds(span.end_s - span.start_s),
        "is_open": span.is_open or span.end_s is None,
        "start_is_estimate": span.start_is_estimate,
        "end_is_estimate": span.end_is_estimate,
        "reason": span.reason,
        "evidence": list(span.evidence),
        "filled_from": span.filled_from,
    }


def check_row(check: Check, zone: tzinfo) -> Row:
    """Return a check as it is exported."""
    return {
        "checkpoint": check.checkpoint_id,
        "time": iso_time(check.at_s, zone),
        "result": str(check.result),
        "latency_ms": _seconds(check.latency_ms),
        "detail": check.detail,
    }


def csv_lines(columns: tuple[str, ...], rows: Iterable[Row]) -> Iterator[str]:
    """Yield a head line and one line a row."""
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(columns)
    yield line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow([_cell(row[column]) for column in columns])
        yield line.getvalue()


def _cell(value: str | float | bool | list[str] | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(value)
        case _:
            return str(value)


def json_pieces(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the pieces of an array of objects."""
    before = "["
    for row in rows:
        yield f"{before}\n{json.dumps(row, ensure_ascii=False)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"
