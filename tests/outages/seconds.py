"""The brute-force way: what is known of every single second."""

from collections.abc import Iterable

from custom_components.alfaspark.outages.spans import Span, SpanKind

LETTERS = {SpanKind.POWERED: "+", SpanKind.LOST: "-", SpanKind.UNOBSERVED: "?"}


def seconds_of(spans: Iterable[Span], from_s: int, to_s: int) -> str:
    """One letter a second. Fails if spans overlap, leave the range or do not cover it."""
    seconds = ""
    for span in spans:
        assert span.end_s is not None
        assert span.start_s == from_s + len(seconds), f"{span} does not touch the one before"
        assert span.end_s >= span.start_s
        seconds += LETTERS[span.kind] * int(span.end_s - span.start_s)
    assert len(seconds) == to_s - from_s
    return seconds
