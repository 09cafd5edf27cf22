"""Processor time of a telemetry set, from the frames to the states of Home Assistant, beside two others.

They are cantools, which only decodes the frames, and Home Assistant's MQTT integration, which shows the same readings.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
import tempfile
import time

from scripts.house.process import Child
from scripts.house.simulator import free_port

from .decoding import decoding_cost
from .instance import BUILD, Instance
from .measure import cpu_time_s
from .readings import READINGS
from .registry import BenchError, Result, find_program
from .worker import ROOT, Worker

_PACKS = 63
_SETTLE_S = 35.0
"""Long enough for the settings of all packs to be read, which is done once."""
_MQTT_SETTLE_S = 10.0
_START_S = 12.0
"""After its start Home Assistant is busy for some seconds with what it had put off."""
_IDLE_S = 12.0
_MEASURE_S = 25.0
_MOST_ANNOUNCE_S = 120.0


async def run() -> Result:
    """Measure all, one after the other."""
    ours_s, shown = await _ours()
    json_s, json_broker_s = await _mqtt("json", shown)
    topics_s, topics_broker_s = await _mqtt("topics", shown)
    decoding = decoding_cost()
    return Result(
        {
            "set_cost_us": 1e6 * ours_s,
            "set_cost_vs_cantools": ours_s / decoding.cantools_s,
            "decode_cost_vs_cantools": decoding.codec_s / decoding.cantools_s,
            "set_cost_vs_mqtt": ours_s / min(json_s, topics_s),
        },
        [
            f"a set of {_PACKS} packs every 2 s, {len(shown)} readings each; microseconds a set:",
            (
                f"  to the states of Home Assistant {1e6 * ours_s:.0f}, of which decoding {1e6 * decoding.codec_s:.1f}, "
                f"with identity and plausibility {1e6 * decoding.fleet_s:.1f}"
            ),
            f"  cantools, decoding only {1e6 * decoding.cantools_s:.1f}",
            f"  MQTT, one message with templates {1e6 * json_s:.0f}, and {1e6 * json_broker_s:.0f} of the broker",
            f"  MQTT, one topic a reading {1e6 * topics_s:.0f}, and {1e6 * topics_broker_s:.0f} of the broker",
        ],
    )


async def _ours() -> tuple[float, frozenset[str]]:
    """Seconds a set, and the keys of the readings that a pack shows by itself."""
    async with (
        Worker("traffic", "--packs", str(_PACKS), "--only-sets") as traffic,
        Instance(adapters=[traffic.ready["slcan"]]) as instance,
    ):
        await asyncio.sleep(_START_S)
        idle_share = await _core_share(instance, _IDLE_S)
        await traffic.order("start")
        await asyncio.sleep(_SETTLE_S)
        cost_s = await _cost_s(instance, traffic, idle_share)
        enabled = await instance.enabled_keys(traffic.ready["serials"][-1])
        return cost_s, frozenset(enabled) & {reading.key for reading in READINGS}


async def _mqtt(style: str, keys: frozenset[str]) -> tuple[float, float]:
    """Seconds a set of Home Assistant, and of the broker besides."""
    async with (
        _broker() as (port, broker),
        Instance(mqtt_port=port) as instance,
    ):
        await asyncio.sleep(_START_S)
        idle_share = await _core_share(instance, _IDLE_S)
        arguments = ("--port", str(port), "--packs", str(_PACKS), "--style", style, "--keys", ",".join(sorted(keys)))
        async with Worker("publisher", *arguments) as publisher:
            await _announced(instance, _PACKS * len(keys))
            await publisher.order("start")
            await asyncio.sleep(_MQTT_SETTLE_S)
            await _all_shown(instance, _PACKS * len(keys))
            broker_s, sets = cpu_time_s(broker.pid), (await publisher.order("count"))["sets"]
            cost_s = await _cost_s(instance, publisher, idle_share)
            sets = (await publisher.order("count"))["sets"] - sets
            return cost_s, (cpu_time_s(broker.pid) - broker_s) / sets


async def _core_share(instance: Instance, seconds: float) -> float:
    began_s, cpu_s = time.monotonic(), cpu_time_s(instance.pid)
    await asyncio.sleep(seconds)
    return (cpu_time_s(instance.pid) - cpu_s) / (time.monotonic() - began_s)


async def _cost_s(instance: Instance, source: Worker, idle_share: float) -> float:
    """Processor time a set of Home Assistant's process, without what it takes when nobody talks."""
    sets = (await source.order("count"))["sets"]
    began_s, cpu_s = time.monotonic(), cpu_time_s(instance.pid)
    await asyncio.sleep(_MEASURE_S)
    cpu_s, elapsed_s = cpu_time_s(instance.pid) - cpu_s, time.monotonic() - began_s
    sets = (await source.order("count"))["sets"] - sets
    cost_s: float = (cpu_s - idle_share * elapsed_s) / sets
    return cost_s


async def _announced(instance: Instance, sensors: int) -> None:
    """Wait until discovery made all entities."""
    deadline_s = time.monotonic() + _MOST_ANNOUNCE_S
    while len(await _mqtt_states(instance)) < sensors:
        if time.monotonic() > deadline_s:
            raise BenchError("Home Assistant did not make all MQTT entities")
        await asyncio.sleep(1)


async def _all_shown(instance: Instance, sensors: int) -> None:
    """Raise BenchError unless the entities have values."""
    states = await _mqtt_states(instance)
    if len([state for state in states if state not in ("unknown", "unavailable")]) < sensors:
        raise BenchError("not all MQTT entities have a value")


async def _mqtt_states(instance: Instance) -> list[str]:
    async with instance.connect() as api:
        return [
            str(state["state"])
            for entity_id, state in (await api.states()).items()
            if entity_id.startswith(("sensor.energy_pack", "binary_sensor.energy_pack"))
        ]


@asynccontextmanager
async def _broker() -> AsyncGenerator[tuple[int, Child]]:
    """A mosquitto that only this machine reaches, and its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="broker-", dir=BUILD) as folder:
        configuration = Path(folder) / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
        )
        program = find_program("mosquitto")
        assert program is not None
        child = await Child.start(
            "mosquitto", [program, "-c", configuration], log=BUILD / "bench-mosquitto.log", cwd=ROOT
        )
        try:
            await _listens(port, child)
            yield port, child
        finally:
            await child.stop()


async def _listens(port: int, child: Child) -> None:
    while child.running:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise child.death()
