"""A saturated 500 kbit/s bus, decoded and filtered: by adapter and fleet alone, and by a whole Home Assistant."""

import asyncio
from collections.abc import Sequence
import time

from custom_components.alfaspark.packbus.adapter import AdapterConfig, CanAdapter, ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet

from .instance import Instance
from .measure import cpu_time_s
from .registry import BenchError, Result
from .worker import Worker

_PACKS = 126
_SETTLE_S = 3.0
_MEASURE_S = 20.0
_HASS_SETTLE_S = 30.0
_DRAIN_S = 1.0


async def run() -> Result:
    """Measure both."""
    share, frames_per_s, lost, lines = await _alone()
    hass_share, hass_lost = await _in_home_assistant()
    return Result(
        {
            "ingest_core_share": share,
            "ingest_lost": lost,
            "ingest_frames_per_s": frames_per_s,
            "ingest_hass_core_share": hass_share,
            "ingest_hass_lost": hass_lost,
        },
        lines,
    )


async def _alone() -> tuple[float, float, int, list[str]]:
    """Core share, frames a second, frames lost, and what became of them; all in this process."""
    fleet = Fleet()
    taken = 0

    def take(received: Sequence[ReceivedFrame]) -> None:
        nonlocal taken
        taken += len(received)
        for frame in received:
            fleet.receive(frame)

    async with Worker("traffic", "--packs", str(_PACKS), "--saturated") as traffic:
        adapter = CanAdapter(
            AdapterConfig("slcan", traffic.ready["slcan"], 500_000, {}), on_frames=take, on_state=lambda *_: None
        )
        await adapter.open()
        try:
            await traffic.order("start")
            await asyncio.sleep(_SETTLE_S)
            began_s, cpu_s, sent = time.monotonic(), time.process_time(), (await traffic.order("count"))["frames"]
            while (elapsed_s := time.monotonic() - began_s) < _MEASURE_S:
                await asyncio.sleep(min(1.0, _MEASURE_S - elapsed_s))
                fleet.expire(time.monotonic())
            counts = await traffic.order("count")
            elapsed_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
            await traffic.order("stop")
            await asyncio.sleep(_DRAIN_S)
            total = (await traffic.order("count"))["frames"]
        finally:
            await adapter.close()
    if not any(pack.battery for pack in fleet.packs.values()):
        raise BenchError("the fleet made nothing of the frames")
    filtered = fleet.statistics
    return (
        cpu_s / elapsed_s,
        (counts["frames"] - sent) / elapsed_s,
        total - taken,
        [
            (
                f"{len(fleet.packs)} packs; {total} frames in all, of which implausible {filtered.implausible}, "
                f"foreign {filtered.foreign}, invalid {filtered.invalid}"
            ),
        ],
    )


async def _in_home_assistant() -> tuple[float, int]:
    """Core share of a Home Assistant with its recorder, and frames lost, both once all packs have their entities."""
    async with (
        Worker("traffic", "--packs", str(_PACKS), "--saturated") as traffic,
        Instance(adapters=[traffic.ready["slcan"]], recorder=True) as instance,
    ):
        await traffic.order("start")
        await asyncio.sleep(_HASS_SETTLE_S)
        lost = await _lost(traffic, instance)
        began_s, cpu_s = time.monotonic(), cpu_time_s(instance.pid)
        await asyncio.sleep(_MEASURE_S)
        share = (cpu_time_s(instance.pid) - cpu_s) / (time.monotonic() - began_s)
        return share, await _lost(traffic, instance) - lost


async def _lost(traffic: Worker, instance: Instance) -> int:
    """Frames that were lost so far: in the adapter, which nobody read, and in the queue to the event loop."""
    dropped: int = (await instance.diagnostics())["bus"]["adapter"]["dropped"]
    overrun: int = (await traffic.order("count"))["overrun"]
    return dropped + overrun
