"""From the first frame that says that the grid is gone to the state that says that the utility is lost."""

import asyncio
from random import Random
import time

from custom_components.alfaspark.packbus.frames import Function, GridState, Status
from scripts.house.api import Api
from scripts.house.entities import Entities, find
from scripts.house.simulator import Simulator

from .instance import Instance
from .measure import quantile
from .registry import BenchError, Result
from .simulated import simulated_packs
from .watch import StateWatch

_PACKS = 3
_LOSSES = 60
_SETTLE_S = 10.0
_ANSWER_S = 10.0
_PRESENT_S = 1.3
"""A pack says that the grid is back after 1 s of valid cycles."""
_RULE = {"fraction": 50, "failures": 2, "interval_s": 60, "loss_hold_s": 0, "restore_hold_s": 0}
"""As it is from the start, but for the minute that a restoration has to last."""
_SUBENTRIES = "/api/config/config_entries/subentries/flow"


async def run() -> Result:
    """Cut the simulated grid again and again."""
    async with simulated_packs(_PACKS, seed=1) as simulator:
        await asyncio.sleep(_SETTLE_S)
        async with (
            Instance(adapters=[simulator.slcan_url]) as instance,
            StateWatch(instance.url, instance.token) as watch,
        ):
            await asyncio.sleep(_SETTLE_S)
            async with instance.connect() as api:
                entities = await find(api)
                await _believe_restorations_at_once(api, entities)
            assert entities.utility is not None
            taken_ms = await _cut(simulator, watch, entities.of(entities.utility, "power"))
    return Result(
        {
            "grid_loss_p50_ms": quantile(taken_ms, 0.5),
            "grid_loss_p99_ms": quantile(taken_ms, 0.99),
            "grid_loss_worst_ms": max(taken_ms),
        },
        [f"{_LOSSES} losses, {_PACKS} packs, of which two must sense it"],
    )


async def _believe_restorations_at_once(api: Api, entities: Entities) -> None:
    entries = await api.call("config_entries/get", domain="alfaspark")
    power_watch = next(entry["entry_id"] for entry in entries if "source" in entry["supported_subentry_types"])
    result = await api.post(_SUBENTRIES, {"handler": [power_watch, "source"], "subentry_id": entities.utility})
    flow = f"{_SUBENTRIES}/{result['flow_id']}"
    answers = (
        {"next_step_id": "source"},
        {"name": "Utility", "kind": "utility", "rule": _RULE},
        {"next_step_id": "save"},
    )
    for answer in answers:
        result = await api.post(flow, answer)
    if result["type"] != "abort":
        raise BenchError(f"the rule of the utility cannot be changed: {result}")


async def _cut(simulator: Simulator, watch: StateWatch, power: str) -> list[float]:
    """Milliseconds that each loss took."""
    random = Random(1)
    taken_ms = []
    host, _, port = simulator.slcan_url.rpartition("/")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"S6\rO\r")
    try:
        for _ in range(_LOSSES):
            await simulator.control(grid=False)
            async with asyncio.timeout(_ANSWER_S):
                frame_s = await _absence(reader)
            shown_s = await watch.until(power, "off", frame_s, _ANSWER_S)
            if shown_s is None:
                raise BenchError(f"{power} did not become off")
            taken_ms.append(1000 * (shown_s - frame_s))
            await simulator.control(grid=True)
            if await watch.until(power, "on", shown_s, _ANSWER_S) is None:
                raise BenchError(f"{power} did not become on again")
            await asyncio.sleep(_PRESENT_S + random.uniform(0, 0.5))
    finally:
        writer.close()
    return taken_ms


async def _absence(reader: asyncio.StreamReader) -> float:
    """Wait for a STATUS that says that the grid is absent; the time of its arrival, which is read at once."""
    while True:
        line = (await reader.readuntil(b"\r")).strip(b"\r")
        if line[:1] != b"t" or int(line[1:4], 16) & ~0x7F != Function.STATUS:
            continue
        if Status.decode(bytes.fromhex(line[5:].decode())).grid is GridState.ABSENT:
            return time.monotonic()
