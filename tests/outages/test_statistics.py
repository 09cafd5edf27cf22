"""Statistics of a range, beside a count of every single minute."""

from itertools import groupby

from hypothesis import given, strategies as st
import pytest

from custom_components.alfaspark.outages.spans import Outage, Span, SpanKind, clipped, outages_of
from custom_components.alfaspark.outages.statistics import statistics

MINUTE_S = 60
KINDS = {"+": SpanKind.POWERED, "-": SpanKind.LOST, "?": SpanKind.UNOBSERVED}


def spans_of(minutes: str) -> list[Span]:
    """One letter a minute; what is next to a hole is an estimate, as nobody saw it."""
    spans = []
    at = 0
    for letter, run in groupby(minutes):
        length = len(list(run))
        before, after = minutes[at - 1 : at], minutes[at + length : at + length + 1]
        is_lost = letter == "-"
        spans.append(
            Span(
                KINDS[letter],
                at * MINUTE_S,
                (at + length) * MINUTE_S,
                start_is_estimate=is_lost and before == "?",
                end_is_estimate=is_lost and after == "?",
            )
        )
        at += length
    return spans


def outage_minutes(minutes: str) -> list[int]:
    """How many minutes each outage was lost: lost minutes without a powered one between them."""
    return [count for part in minutes.split("+") if (count := part.count("-"))]


@given(st.text(alphabet="+-?", max_size=120), st.integers(-20, 130), st.integers(-20, 150))
def test_as_a_count_of_every_minute(minutes: str, from_min: int, to_min: int) -> None:
    counted = "".join(minutes[minute] for minute in range(max(0, from_min), max(0, min(len(minutes), to_min))))
    found = statistics(spans_of(minutes), from_min * MINUTE_S, to_min * MINUTE_S)
    up, down = counted.count("+"), counted.count("-")
    outages = outage_minutes(counted)
    assert found.up_s == up * MINUTE_S
    assert found.down_s == down * MINUTE_S
    assert found.observed_s == (up + down) * MINUTE_S
    assert found.unobserved_s == (max(0, to_min - from_min) - up - down) * MINUTE_S
    assert found.uptime_pct == (pytest.approx(100 * up / (up + down)) if up + down else None)
    assert found.count == (len(outages) if up + down else None)
    assert found.total_down_s == (down * MINUTE_S if up + down else None)
    assert found.longest_s == (max(outages) * MINUTE_S if outages else None)
    assert found.mean_s == (pytest.approx(down * MINUTE_S / len(outages)) if outages else None)
    assert (found.last is None) == (not outages)
    if found.last is not None:
        assert found.last.lost_s == outages[-1] * MINUTE_S


@given(st.text(alphabet="+-?", max_size=60))
def test_ranges_add_up(minutes: str) -> None:
    spans = spans_of(minutes)
    whole = statistics(spans, 0, 60 * MINUTE_S)
    parts = [statistics(spans, minute * MINUTE_S, (minute + 7) * MINUTE_S) for minute in range(0, 63, 7)]
    assert sum(part.up_s for part in parts) == whole.up_s
    assert sum(part.down_s for part in parts) == whole.down_s


def test_nothing_observed_is_unknown_and_not_zero() -> None:
    found = statistics([Span(SpanKind.UNOBSERVED, 0, 600)], 0, 600)
    assert (found.uptime_pct, found.count, found.total_down_s, found.longest_s) == (None, None, None, None)
    assert statistics([], 0, 600).unobserved_s == 600
    assert statistics([], 600, 0).unobserved_s == 0


def test_an_outage_of_no_length_counts() -> None:
    found = statistics([Span(SpanKind.POWERED, 0, 300), Span(SpanKind.LOST, 300, 300)], 0, 600)
    assert (found.count, found.down_s, found.longest_s) == (1, 0, 0)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        # Over a hole, if nobody saw it end and nobody saw the next begin.
        ("--??--", [(0, 6, 4, 2)]),
        ("--??++--", [(0, 2, 2, 0), (6, 8, 2, 0)]),
        ("??--??", [(2, 4, 2, 0)]),
        ("--?--?--", [(0, 8, 6, 2)]),
        ("++", []),
    ],
)
def test_holes_join_outages(spans: str, expected: list[tuple[int, int, int, int]]) -> None:
    found = [
        (outage.start_s / 60, (outage.end_s or 0) / 60, outage.lost_s / 60, outage.unobserved_s / 60)
        for outage in outages_of(spans_of(spans))
    ]
    assert found == expected


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("start_is_estimate", [False, True])
@pytest.mark.parametrize("end_is_estimate", [False, True])
def test_only_estimates_are_joined(*, end_is_estimate: bool, start_is_estimate: bool, is_over: bool) -> None:
    spans = [
        Span(SpanKind.LOST, 0, 60, end_is_estimate=end_is_estimate, is_over=is_over),
        Span(SpanKind.UNOBSERVED, 60, 120),
        Span(SpanKind.LOST, 120, 180, start_is_estimate=start_is_estimate),
    ]
    assert len(list(outages_of(spans))) == (1 if end_is_estimate and start_is_estimate and not is_over else 2)


def test_one_that_goes_on_has_no_end() -> None:
    first = Span(SpanKind.LOST, 0, 60, end_is_estimate=True, reason="most_down", evidence=("plug",))
    hole = Span(SpanKind.UNOBSERVED, 60, None)
    (outage,) = outages_of([first, hole])
    assert outage == Outage(0, None, False, False, 60, 0, "most_down", ("plug",), None)
    assert outage.duration_s is None
    (cut,) = outages_of(clipped([Span(SpanKind.LOST, 0, None)], 30, 90))
    assert (cut.start_s, cut.end_s, cut.lost_s) == (30, None, 60)
