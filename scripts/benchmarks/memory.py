"""126 packs that talk for ten real minutes, and the memory of the Home Assistant that listens."""

import asyncio
import time

from .instance import Instance
from .registry import BenchError, Result
from .worker import Worker

_PACKS = 126
_MINUTES = 10
_FROM_MINUTE = 2
"""Until then settings are read, entities made and caches filled."""
_MINUTE_S = 60.0
_MOST_START_S = 120.0
_LOOK_S = 5.0
_BYTES_PER_MB = 1_000_000


async def run() -> Result:
    """Measure once a minute, garbage collected."""
    rss_mb: list[float] = []
    objects: list[int] = []
    async with (
        Worker("traffic", "--packs", str(_PACKS)) as traffic,
        Instance(adapters=[traffic.ready["slcan"]], recorder=True) as instance,
    ):
        await traffic.order("start")
        await _all_live(instance)
        began_s = time.monotonic()
        for minute in range(1, _MINUTES + 1):
            await asyncio.sleep(began_s + minute * _MINUTE_S - time.monotonic())
            left = await instance.collect()
            rss_mb.append(left["rss_bytes"] / _BYTES_PER_MB)
            objects.append(left["objects"])
        if (live := await _live(instance)) != _PACKS:
            raise BenchError(f"{live} packs were live at the end")
        heard = await instance.diagnostics()
    first = _FROM_MINUTE - 1
    return Result(
        {"memory_growth_mb": rss_mb[-1] - rss_mb[first], "memory_rss_mb": rss_mb[-1]},
        [
            f"{live} packs, {heard['bus']['adapter']['frames_received']} frames; resident MB each minute: "
            + " ".join(f"{mb:.1f}" for mb in rss_mb),
            f"objects of Python {objects[first]} at minute {_FROM_MINUTE}, {objects[-1]} at the end",
        ],
    )


async def _all_live(instance: Instance) -> None:
    """Wait until every pack has its entities and is heard: minutes count from then on."""
    deadline_s = time.monotonic() + _MOST_START_S
    while await _live(instance) != _PACKS:
        if time.monotonic() > deadline_s:
            raise BenchError(f"only {await _live(instance)} packs are live")
        await asyncio.sleep(_LOOK_S)


async def _live(instance: Instance) -> int:
    return sum(pack["available"] for pack in (await instance.diagnostics())["packs"])
