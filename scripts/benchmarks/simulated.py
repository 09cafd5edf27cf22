"""Simulated packs for a benchmark: the firmware's own core in a process of its own, for as long as a block lasts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from scripts.house.simulator import Simulator

from .worker import ROOT

_LOGS = ROOT / "build"


@asynccontextmanager
async def simulated_packs(
    count: int, *, seed: int, start: str | None = None, port: int = 0
) -> AsyncGenerator[Simulator]:
    """So many packs in real time; `port` is where the slcan adapter listens, 0 for a free one."""
    _LOGS.mkdir(exist_ok=True)
    options = ["--packs", str(count), "--seed", str(seed), "--slcan", f"127.0.0.1:{port}"]
    if start is not None:
        options += ["--start", start]
    simulator = await Simulator.start(ROOT, _LOGS / "bench-simulator.log", *options)
    try:
        yield simulator
    finally:
        await simulator.child.stop()
