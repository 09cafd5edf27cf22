"""From the call of a switch's action to the state that the pack confirmed, on the simulator."""

import asyncio
from random import Random
import time

from custom_components.alfaspark.packbus.frames import Function, SetParameter
from custom_components.alfaspark.packbus.parameters import Parameter
from scripts.house.simulator import Simulator

from .instance import Instance
from .measure import quantile
from .registry import BenchError, Result
from .simulated import simulated_packs
from .watch import StateWatch
from .wire import slcan_line

_PACKS = 3
_SWITCHINGS = 240
_PAUSE_S = (0.15, 0.25)
"""Between two switchings, at random; each pack has its turn every third time: STATUS is sent at once up to 5 times a
second only (docs/protocol.md)."""
_SETTLE_S = 10.0
_ANSWER_S = 5.0
_FIRST_SERVICE_SEQUENCE = 128
_NOT_SWITCHED = ("grid_relay", "inverter_relay", "eco_mode")
"""Modes that are switched too have a wish for the first two, and eco one for the loads."""


async def run() -> Result:
    """Switch loads and modes on and off."""
    async with simulated_packs(_PACKS, seed=1) as simulator:
        await asyncio.sleep(_SETTLE_S)
        await _allow_fast_switching(simulator)
        async with (
            Instance(adapters=[simulator.slcan_url]) as instance,
            StateWatch(instance.url, instance.token) as watch,
        ):
            await asyncio.sleep(_SETTLE_S)
            taken_ms = await _switch(instance, watch, simulator.serials)
    everything = [ms for of_key in taken_ms.values() for ms in of_key]
    return Result(
        {
            "confirm_p50_ms": quantile(everything, 0.5),
            "confirm_p99_ms": quantile(everything, 0.99),
            "confirm_worst_ms": max(everything),
        },
        [
            f"{key}: {len(ms)} switchings, p50 {quantile(ms, 0.5):.1f} ms, worst {max(ms):.1f} ms"
            for key, ms in taken_ms.items()
        ],
    )


async def _switch(instance: Instance, watch: StateWatch, serials: list[str]) -> dict[str, list[float]]:
    """Milliseconds that each switching took, by what was switched."""
    random = Random(1)
    taken_ms: dict[str, list[float]] = {}
    async with instance.connect() as api:
        states = await api.states()
        switches = [
            [
                (key, entity_id)
                for key, entity_id in (await instance.enabled_keys(serial)).items()
                if _is_ours(key, entity_id)
            ]
            for serial in serials
        ]
        positions = {entity_id: states[entity_id]["state"] for of_pack in switches for _, entity_id in of_pack}
        for number in range(_SWITCHINGS):
            of_pack = switches[number % len(switches)]
            key, entity_id = of_pack[number // len(switches) % len(of_pack)]
            wanted = "off" if positions[entity_id] == "on" else "on"
            began_s = time.monotonic()
            await api.call_service("switch", f"turn_{wanted}", entity_id)
            confirmed_s = await watch.until(entity_id, wanted, began_s, _ANSWER_S)
            if confirmed_s is None:
                raise BenchError(f"{entity_id} did not become {wanted}")
            positions[entity_id] = wanted
            taken_ms.setdefault(key, []).append(1000 * (confirmed_s - began_s))
            await asyncio.sleep(random.uniform(*_PAUSE_S))
    return taken_ms


def _is_ours(key: str, entity_id: str) -> bool:
    return entity_id.startswith("switch.") and key not in _NOT_SWITCHED


async def _allow_fast_switching(simulator: Simulator) -> None:
    """Set the pause between manual switchings to nothing, as a service tool does on the bus."""
    host, _, port = simulator.slcan_url.rpartition("/")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for number, parameter in enumerate((Parameter.RELAY_MIN_MANUAL_TIME, Parameter.RELAY_MIN_AUTO_TIME)):
            payload = SetParameter(index=parameter, value=0).encode(_FIRST_SERVICE_SEQUENCE + number)
            writer.write(b"S6\rO\r" + slcan_line(Function.SERVICE + 127, payload, extended=False))
            async with asyncio.timeout(_ANSWER_S):
                for _ in range(_PACKS):
                    await _response(reader)
    finally:
        writer.close()


async def _response(reader: asyncio.StreamReader) -> None:
    """Wait for the next RESPONSE. Raises BenchError if it is not an acceptance."""
    while True:
        line = (await reader.readuntil(b"\r")).strip(b"\r")
        if line[:1] == b"t" and int(line[1:4], 16) & ~0x7F == Function.RESPONSE:
            if line[9:11] != b"00":
                raise BenchError(f"a pack refuses to switch fast: {line.decode()}")
            return
