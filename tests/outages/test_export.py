"""CSV and JSON of outages, timelines and checks."""

from collections.abc import Iterator
import csv
from datetime import UTC, datetime, timedelta, timezone
import io
import json
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.export import (
    CHECK_COLUMNS,
    OUTAGE_COLUMNS,
    SPAN_COLUMNS,
    checks_csv,
    checks_json,
    outages_csv,
    outages_json,
    timeline_csv,
    timeline_json,
)
from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.spans import Outage, Span, SpanKind

LISBON = ZoneInfo("Europe/Lisbon")
START_S = datetime(2026, 6, 21, 9, 0, 0, 250_000, tzinfo=UTC).timestamp()
OUTAGE = Outage(START_S, START_S + 61.5, False, True, 31.5, 30.0, "most_down", ("ping nas", 'plug "a"'), None)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def test_csv_as_rfc_4180_has_it() -> None:
    lines = list(outages_csv('Grid, "main"', [OUTAGE], LISBON))
    assert "".join(lines) == (
        "source,start,end,duration_s,lost_s,unobserved_s,start_is_estimate,end_is_estimate,reason,evidence,filled_from\r\n"
        '"Grid, ""main""",2026-06-21T10:00:00.250+01:00,2026-06-21T10:01:01.750+01:00,61.5,31.5,30.0,false,true,'
        'most_down,"ping nas plug ""a""",\r\n'
    )


def test_what_goes_on_has_no_end() -> None:
    going_on = Outage(START_S, None, False, False, 5.0, 0.0, "", (), "pack a0b1")
    (row,) = json.loads("".join(outages_json("Grid", [going_on], UTC)))
    assert (row["end"], row["duration_s"], row["filled_from"]) == (None, None, "pack a0b1")
    (line,) = csv.DictReader(io.StringIO("".join(outages_csv("Grid", [going_on], UTC)), newline=""))
    assert (line["end"], line["duration_s"]) == ("", "")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00.000+01:00"),
        # The same hour of the clock again.
        ("2026-10-25T01:30:00+00:00", "2026-10-25T01:30:00.000+00:00"),
        ("1969-12-31T23:59:59.999+00:00", "1970-01-01T00:59:59.999+01:00"),
    ],
)
def test_times_have_the_offset_of_their_moment(at: str, expected: str) -> None:
    check = Check("plug", datetime.fromisoformat(at).timestamp(), Result.ALIVE)
    (row,) = json.loads("".join(checks_json([check], LISBON)))
    assert row["time"] == expected


@given(
    st.lists(
        st.builds(
            Check,
            TEXT,
            st.floats(0, 4e9),
            st.sampled_from(Result),
            st.none() | st.floats(0, 1e5),
            TEXT,
        ),
        max_size=5,
    ),
    st.sampled_from([UTC, LISBON, timezone(timedelta(hours=-9, minutes=-30))]),
)
def test_checks_come_back_as_they_went(checks: list[Check], zone: timezone) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(checks_csv(checks, zone)), newline="")))
    objects = json.loads("".join(checks_json(checks, zone)))
    assert len(rows) == len(objects) == len(checks)
    for check, row, obj in zip(checks, rows, objects, strict=True):
        assert tuple(row) == tuple(obj) == CHECK_COLUMNS
        assert row["checkpoint"] == obj["checkpoint"] == check.checkpoint_id
        assert row["detail"] == obj["detail"] == check.detail
        assert row["time"] == obj["time"]
        assert datetime.fromisoformat(row["time"]).timestamp() == pytest.approx(check.at_s, abs=0.0006)
        assert row["result"] == obj["result"] == check.result
        assert (row["latency_ms"] == "") == (check.latency_ms is None) == (obj["latency_ms"] is None)


@given(
    st.lists(
        st.builds(
            Span,
            st.sampled_from(SpanKind),
            st.floats(0, 2e9),
            st.none() | st.floats(2e9, 4e9),
            reason=TEXT,
            evidence=st.lists(TEXT, max_size=3).map(tuple),
            filled_from=st.none() | TEXT,
        ),
        max_size=5,
    )
)
def test_timelines_come_back_as_they_went(spans: list[Span]) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(timeline_csv("Grid", spans, UTC)), newline="")))
    objects = json.loads("".join(timeline_json("Grid", spans, UTC)))
    for span, row, obj in zip(spans, rows, objects, strict=True):
        assert tuple(row) == tuple(obj) == SPAN_COLUMNS
        assert row["state"] == obj["state"] == span.kind
        assert obj["evidence"] == list(span.evidence)
        assert row["evidence"] == " ".join(span.evidence)
        assert (obj["end"] is None) == (span.end_s is None) == obj["is_open"]


def test_nothing_is_an_empty_array_and_a_head_line() -> None:
    assert json.loads("".join(timeline_json("Grid", [], UTC))) == []
    assert list(outages_csv("Grid", [], UTC)) == [",".join(OUTAGE_COLUMNS) + "\r\n"]


def test_pieces_are_made_when_they_are_asked_for() -> None:
    asked = 0

    def endless() -> Iterator[Outage]:
        nonlocal asked
        while True:
            asked += 1
            yield OUTAGE

    for export in (outages_csv, outages_json):
        asked = 0
        pieces = export("Grid", endless(), UTC)
        for _ in range(3):
            next(pieces)
        assert asked <= 3
