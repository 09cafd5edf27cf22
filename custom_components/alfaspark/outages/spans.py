"""Stretches of time of one power source, and the outages that they make."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


class SpanKind(StrEnum):
    """What is known of a stretch of time."""

    POWERED = "powered"
    LOST = "lost"
    UNOBSERVED = "unobserved"
    """Nobody watched, or nothing could be known: neither up nor down."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time, Unix seconds; `end_s` is not before `start_s`, both may be equal."""

    kind: SpanKind
    start_s: float
    end_s: float | None
    """None: it goes on."""
    start_is_estimate: bool = False
    """It began when the watch began: it may have begun earlier."""
    end_is_estimate: bool = False
    """Nobody watched at its end: it may have gone on."""
    is_over: bool = False
    """Lost, with an estimated end: the power was back after the hole that follows."""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    """Ids of the checkpoints that spoke for it."""
    filled_from: str | None = None
    """Who told it afterwards, None if it was observed."""
    is_open: bool = False
    """It goes on, though this piece of it has an end."""

    @property
    def may_go_on(self) -> bool:
        """Whether what comes after it can belong to the same outage."""
        return self.kind is SpanKind.LOST and self.end_is_estimate and not self.is_over


@dataclass(frozen=True, slots=True)
class Outage:
    """Lost stretches that belong together, with the holes between them in which nobody watched."""

    start_s: float
    end_s: float | None
    """None: it goes on, or nobody has watched since."""
    start_is_estimate: bool
    end_is_estimate: bool
    lost_s: float
    """How long the power is known to have been lost."""
    unobserved_s: float
    """How long nobody watched between its stretches."""
    reason: str
    evidence: tuple[str, ...]
    filled_from: str | None

    @property
    def duration_s(self) -> float | None:
        """From its start to its end, holes included; None while it goes on."""
        return None if self.end_s is None else self.end_s - self.start_s


def clipped(spans: Iterable[Span], from_s: float, to_s: float) -> Iterator[Span]:
    """Yield what of the spans lies in [from_s, to_s). An open span ends there and is marked `is_open`."""
    for span in spans:
        if span.end_s is not None and from_s <= span.start_s < span.end_s <= to_s:
            yield span
            continue
        end_s = to_s if span.end_s is None else min(span.end_s, to_s)
        start_s = max(span.start_s, from_s)
        is_moment = span.end_s == span.start_s and from_s <= span.start_s < to_s
        if start_s < end_s or is_moment:
            yield replace(span, start_s=start_s, end_s=end_s, is_open=span.is_open or span.end_s is None)


def outages_of(spans: Iterable[Span]) -> Iterator[Outage]:
    """Yield the outages of spans in order of time; powered ones may be left out.

    Lost spans are one outage if nobody saw the power come back: the end of one and the start of the next are
    estimates, and nothing but unobserved time lies between.
    """
    lost: list[Span] = []
    holes_s = pending_s = 0.0
    hole_is_open = False
    reached_s: float | None = None
    for span in spans:
        touches = bool(lost) and lost[-1].may_go_on and reached_s == span.start_s
        if span.kind is SpanKind.UNOBSERVED and touches:
            hole_is_open = span.is_open or span.end_s is None
            pending_s += 0.0 if span.end_s is None else span.end_s - span.start_s
        elif span.kind is SpanKind.LOST and touches and span.start_is_estimate:
            lost.append(span)
            holes_s, pending_s, hole_is_open = holes_s + pending_s, 0.0, False
        else:
            if lost:
                yield _outage(lost, holes_s, is_open=hole_is_open)
            lost = [span] if span.kind is SpanKind.LOST else []
            holes_s, pending_s, hole_is_open = 0.0, 0.0, False
        reached_s = span.end_s
    if lost:
        yield _outage(lost, holes_s, is_open=hole_is_open)


def _outage(lost: list[Span], holes_s: float, *, is_open: bool) -> Outage:
    first, last = lost[0], lost[-1]
    goes_on = is_open or last.is_open or last.end_s is None
    return Outage(
        start_s=first.start_s,
        end_s=None if goes_on else last.end_s,
        start_is_estimate=first.start_is_estimate,
        end_is_estimate=last.end_is_estimate and not goes_on,
        lost_s=sum((span.end_s - span.start_s for span in lost if span.end_s is not None), 0.0),
        unobserved_s=holes_s,
        reason=first.reason,
        evidence=first.evidence,
        filled_from=next((span.filled_from for span in lost if span.filled_from), None),
    )
