"""1,000 checkpoints that are checked once a minute: processor time, and how long the event loop is held up."""

import asyncio
from collections import Counter
import gc
import time

from aiohttp import ClientSession, TCPConnector

from custom_components.alfaspark.outages.model import Kind, Result as Found
from custom_components.alfaspark.outages.probes import Prober, ProbeResult

from .registry import BenchError, Result
from .worker import Worker

_CHECKPOINTS = 1000
_INTERVAL_S = 60.0
_SETTLE_S = 20.0
"""In which all are looked at for the first time, sooner than in their intervals."""
_MEASURE_S = 60.0
_BEAT_S = 0.005
_KINDS = (Kind.HTTP, Kind.HTTP, Kind.TCP)
_PING_EVERY = 10


async def run() -> Result:
    """Measure in this process; the devices are another."""
    idle_share, idle_ms = await _measured(_MEASURE_S / 6)
    found: Counter[str] = Counter()

    def take(_: str, result: ProbeResult) -> None:
        found[result.detail if result.result is not Found.ALIVE else "alive"] += 1

    async with (
        Worker("targets", "--ports", str(_CHECKPOINTS)) as devices,
        ClientSession(connector=TCPConnector(limit=0)) as session,
    ):
        prober = Prober(session, take)
        pings = await _can_ping(prober)
        kinds: Counter[Kind] = Counter()
        for number, port in enumerate(devices.ready["ports"]):
            kind = Kind.PING if pings and number % _PING_EVERY == 0 else _KINDS[number % len(_KINDS)]
            kinds[kind] += 1
            prober.add(str(number), kind, _target(kind, port), _INTERVAL_S)
        prober.start()
        try:
            await asyncio.sleep(_SETTLE_S)
            gc.collect()
            found.clear()
            share, block_ms = await _measured(_MEASURE_S)
            checks = Counter(found)
        finally:
            await prober.stop()
    if set(checks) != {"alive"} or not 0.95 <= checks["alive"] / _CHECKPOINTS * _INTERVAL_S / _MEASURE_S <= 1.05:
        raise BenchError(f"of {_CHECKPOINTS} checkpoints that all live, a minute of checks found {dict(checks)}")
    return Result(
        {"probes_core_share": share - idle_share, "probe_loop_block_ms": block_ms},
        [
            ", ".join(f"{count} {kind.upper()}" for kind, count in kinds.items())
            + f"; {checks['alive']} checks in {_MEASURE_S:.0f} s, {1e6 * (share - idle_share) * _MEASURE_S / checks['alive']:.0f} us each",
            f"with nothing to check the loop was held up for {idle_ms:.1f} ms at most, and took {100 * idle_share:.2f} % of a core",
        ],
    )


def _target(kind: Kind, port: int) -> str:
    # Addresses of their own, so that nothing can be shared between checkpoints.
    host = f"127.0.{port >> 8}.{port & 0xFF or 1}"
    if kind is Kind.PING:
        return host
    return f"127.0.0.1:{port}" if kind is Kind.TCP else f"http://127.0.0.1:{port}/status"


async def _can_ping(prober: Prober) -> bool:
    return (await prober.pinger.ping("127.0.0.1", 2.0)).result is Found.ALIVE


async def _measured(seconds: float) -> tuple[float, float]:
    """Core share of this process, and the longest time in milliseconds for which its work held a timer up.

    What the timer was late beyond the processor time that the loop's thread took meanwhile, others took.
    """
    held_up_s = 0.0
    began_s, cpu_s = time.monotonic(), time.process_time()
    while (before_s := time.monotonic()) - began_s < seconds:
        worked_s = time.thread_time()
        await asyncio.sleep(_BEAT_S)
        late_s = time.monotonic() - before_s - _BEAT_S
        held_up_s = max(held_up_s, min(late_s, time.thread_time() - worked_s))
    return (time.process_time() - cpu_s) / (time.monotonic() - began_s), 1000 * held_up_s
