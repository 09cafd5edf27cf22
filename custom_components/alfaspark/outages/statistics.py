"""How well a source was powered over a range of time."""

from collections.abc import Iterable
from dataclasses import dataclass

from .spans import Outage, Span, SpanKind, clipped, outages_of


@dataclass(frozen=True, slots=True)
class PowerStatistics:
    """Figures of one range, in seconds. Time in which nobody watched is in none of them but `unobserved_s`."""

    observed_s: float
    """`up_s` and `down_s` together."""
    up_s: float
    down_s: float
    unobserved_s: float
    uptime_pct: float | None
    """0 to 100; None if nothing was observed."""
    count: int | None
    """Outages of which a part lies in the range; None if nothing was observed."""
    total_down_s: float | None
    """The lost time of all of them in the range; None if nothing was observed."""
    longest_s: float | None
    """Of the outage with the most lost time in the range; None without one."""
    mean_s: float | None
    """None without an outage."""
    last: Outage | None
    """The latest, cut to the range."""


def statistics(timeline: Iterable[Span], from_s: float, to_s: float) -> PowerStatistics:
    """Return the figures of [from_s, to_s) from spans in order of time that do not overlap.

    What no span covers was not observed. A range that ends before it begins is empty.
    """
    spans = list(clipped(timeline, from_s, to_s))
    up_s = _sum_s(spans, SpanKind.POWERED)
    down_s = _sum_s(spans, SpanKind.LOST)
    observed_s = up_s + down_s
    outages = list(outages_of(spans))
    is_known = bool(observed_s or outages)
    return PowerStatistics(
        observed_s=observed_s,
        up_s=up_s,
        down_s=down_s,
        unobserved_s=max(0.0, to_s - from_s - observed_s),
        uptime_pct=100 * up_s / observed_s if observed_s else None,
        count=len(outages) if is_known else None,
        total_down_s=down_s if is_known else None,
        longest_s=max((outage.lost_s for outage in outages), default=None),
        mean_s=down_s / len(outages) if outages else None,
        last=outages[-1] if outages else None,
    )


def _sum_s(spans: list[Span], kind: SpanKind) -> float:
    return sum((span.end_s - span.start_s for span in spans if span.kind is kind and span.end_s is not None), 0.0)
