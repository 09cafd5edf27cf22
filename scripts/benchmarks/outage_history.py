"""Ten years of outages: opening their file, a year's timeline and its statistics."""

from datetime import UTC, datetime
from pathlib import Path
import random
import tempfile
import time

from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.schema import put_span
from custom_components.alfaspark.outages.spans import Span, SpanKind
from custom_components.alfaspark.outages.statistics import PowerStatistics, statistics

from .registry import BenchError, Result

_SOURCE = "utility"
_FROM_S = datetime(2016, 1, 1, tzinfo=UTC).timestamp()
_DAY_S = 86_400
_DAYS = 3652
_A_DAY = 10
_ROUNDS = 15


async def run() -> Result:
    """Load in turn, each time a file that nobody has open; the median counts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outages.db"
        _fill(path)
        rounds = [_load(path) for _ in range(_ROUNDS)]
        size_mb = path.stat().st_size / 1_000_000
    if rounds[0][1].count != 365 * _A_DAY:
        raise BenchError(f"a year has {rounds[0][1].count} outages")
    loads_ms = sorted(load_ms for load_ms, _ in rounds)
    return Result(
        {"history_load_ms": loads_ms[_ROUNDS // 2]},
        [f"{_DAYS * _A_DAY} outages, {size_mb:.1f} MB; {_ROUNDS} rounds: {loads_ms[0]:.1f} to {loads_ms[-1]:.1f} ms"],
    )


def _load(path: Path) -> tuple[float, PowerStatistics]:
    to_s = _FROM_S + _DAYS * _DAY_S
    from_s = to_s - 365 * _DAY_S
    began_s = time.perf_counter()
    history = PowerHistory.open(path)
    found = statistics(history.timeline(_SOURCE, from_s, to_s), from_s, to_s)
    load_ms = (time.perf_counter() - began_s) * 1000
    history.close()
    return load_ms, found


def _fill(path: Path) -> None:
    """Write what ten years would leave, in one transaction: a call for each would wait for the disk 70,000 times."""
    rng = random.Random(1)
    history = PowerHistory.open(path)
    history.begin_watching([_SOURCE], _FROM_S)
    history.end_unobserved(_SOURCE, _FROM_S)
    (source,) = history.sources()
    with history._store.writing() as connection:  # noqa: SLF001
        for number in range(_DAYS * _A_DAY):
            start_s = _FROM_S + number * _DAY_S / _A_DAY + rng.uniform(60, 3600)
            evidence = tuple(f"plug_{plug}" for plug in range(3))
            end_s = start_s + rng.uniform(1, 3600)
            put_span(
                connection, source.number, Span(SpanKind.LOST, start_s, end_s, reason="most_down", evidence=evidence)
            )
    history.stop_watching([_SOURCE], _FROM_S + _DAYS * _DAY_S)
    history.close()
