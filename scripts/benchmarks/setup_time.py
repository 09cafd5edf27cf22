"""How long setting a config entry up takes from the moment in which the adapter opened the bus."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
import time

from scripts.house.house import is_number
from scripts.house.simulator import Simulator, free_port

from .instance import Instance
from .registry import BenchError, Result
from .simulated import simulated_packs
from .watch import StateWatch

_PACKS = 3
_ROUNDS = 4
_SETTLE_S = 6.0
_MORNING = "2026-06-21T09:00:00+01:00"


async def run() -> Result:
    """Set several new entries up, one after the other; the slowest counts."""
    ports = [free_port() for _ in range(_ROUNDS)]
    rounds = []
    async with (
        Instance(adapters=[f"socket://127.0.0.1:{port}" for port in ports], disabled=True) as instance,
        StateWatch(instance.url, instance.token) as watch,
    ):
        for number, (port, entry_id) in enumerate(zip(ports, instance.entry_ids, strict=True)):
            async with simulated_packs(_PACKS, seed=number + 1, start=_MORNING) as simulator:
                # Packs have their numbers and a BMS that answers, as in a house in which they have run for long.
                await asyncio.sleep(_SETTLE_S)
                rounds.append(await _set_up(instance, watch, simulator, port, entry_id))
                async with instance.connect() as api:
                    await api.call("config_entries/disable", entry_id=entry_id, disabled_by="user")
    entities_s, readings_s, entities = zip(*rounds, strict=True)
    return Result(
        {"setup_s": max(entities_s), "setup_readings_s": max(readings_s)},
        [
            f"{_PACKS} packs, {max(entities)} entities of theirs; {_ROUNDS} entries, the first with everything to import: "
            + ", ".join(f"{seconds:.3f} s" for seconds in entities_s)
        ],
    )


async def _set_up(
    instance: Instance, watch: StateWatch, simulator: Simulator, port: int, entry_id: str
) -> tuple[float, float, int]:
    """Seconds until all entities of all packs are there, until each shows its SOC; the number of entities."""
    async with _adapter(simulator.slcan_url, port) as opened, instance.connect() as api:
        await api.call("config_entries/disable", entry_id=entry_id, disabled_by=None)
        async with asyncio.timeout(_SETTLE_S):
            open_s = await opened
        await asyncio.sleep(_SETTLE_S)
        there_s: list[float] = []
        readings_s: list[float] = []
        for serial in simulator.serials:
            ids = await instance.enabled_keys(serial)
            missing = [entity_id for entity_id in ids.values() if entity_id not in watch.seen]
            if missing or not ids:
                raise BenchError(f"pack {serial} has no states of {missing or 'any entity'}")
            there_s += [watch.seen[entity_id][0][0] for entity_id in ids.values()]
            readings_s += [next((at_s for at_s, state in watch.seen[ids["soc"]] if is_number(state)), float("inf"))]
    return max(there_s) - open_s, max(readings_s) - open_s, len(there_s)


@asynccontextmanager
async def _adapter(url: str, port: int) -> AsyncGenerator[asyncio.Future[float]]:
    """Stand between Home Assistant and the simulator's adapter; the future says when the bus was opened."""
    host, _, behind = url.rpartition("/")[2].partition(":")
    opened: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    running: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_host: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                if from_host and b"O\r" in data and not opened.done():
                    opened.set_result(time.monotonic())
                writer.write(data)
                await writer.drain()
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        adapter_reader, adapter_writer = await asyncio.open_connection(host, int(behind))
        running.add(asyncio.create_task(copy(reader, adapter_writer, from_host=True)))
        running.add(asyncio.create_task(copy(adapter_reader, writer, from_host=False)))

    server = await asyncio.start_server(join, "127.0.0.1", port)
    try:
        yield opened
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
