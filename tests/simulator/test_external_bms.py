"""pymodbus' own server as the BMS of pack 0: a peer that nobody here wrote judges the master and the line to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice
import pytest

from custom_components.alfaspark.packbus.frames import Battery

from .modbus_peer import served_over_pty, served_over_tcp
from .simulator import NOON, Control, Simulator, SlcanClient, simulator


class Bms:
    """The generic register map, with values that a test can move."""

    def __init__(self) -> None:
        """53.4 V, discharging with 12.34 A."""
        self.voltage_v = 53.4
        self.current_a = -12.34
        self.failing = False
        self.requests: list[tuple[int, int, int]] = []

    def device(self) -> SimDevice:
        """Unit 1 with two holding registers."""
        registers = SimData(0, values=[0, 0], datatype=DataType.REGISTERS)
        return SimDevice(1, simdata=[registers], action=self._on_access)

    async def _on_access(
        self, function: int, _start: int, address: int, count: int, registers: list[int], _values: Any
    ) -> ExcCodes | None:
        self.requests.append((function, address, count))
        registers[0] = round(self.voltage_v * 10)
        registers[1] = round(self.current_a * 100) & 0xFFFF
        return ExcCodes.DEVICE_FAILURE if self.failing else None


class House:
    """One pack with an external BMS, and the bus to hear what it makes of it."""

    def __init__(self, running: Simulator, bus: SlcanClient) -> None:
        """Take over both."""
        self.control: Control = running.control
        self._bus = bus

    async def reading(self) -> Battery:
        """Return what the pack says of its battery next."""
        node = (await self.control.pack(0))["node"]
        line = await self._bus.frame(f"t{0x100 + node:03X}".encode())
        return Battery.decode(bytes.fromhex(line[5:].decode()))

    async def reads(self, voltage_v: float | None, current_a: float | None = None, within: int = 8) -> None:
        """Wait until the pack says so; fails after some readings."""
        reading = None
        for _ in range(within):
            reading = await self.reading()
            if voltage_v is None:
                if reading.voltage_v is None:
                    return
            elif reading.voltage_v == pytest.approx(voltage_v) and reading.current_a == pytest.approx(current_a):
                return
        pytest.fail(f"not {voltage_v} V, {current_a} A but {reading}")


@asynccontextmanager
async def house(url: str, *options: str) -> AsyncGenerator[House]:
    """Run a pack that asks that BMS."""
    async with simulator("--packs", "1", "--bms", url, "--start", NOON, *options) as running:
        bus = await SlcanClient.connect(running.slcan)
        await asyncio.sleep(1)
        yield House(running, bus)
        await bus.close()


@pytest.mark.parametrize("served", [served_over_tcp, served_over_pty])
async def test_a_pack_reads_pymodbus(served: Any) -> None:
    bms = Bms()
    async with served(bms) as url, house(url) as home:
        await home.reads(53.4, -12.34)
        bms.voltage_v, bms.current_a = 53.6, 20.0
        await home.reads(53.6, 20.0)
        assert set(bms.requests) <= {(3, 0, 1), (3, 1, 1), (3, 0, 2)}
        bms.failing = True
        await home.reads(None, within=12)
        bms.failing = False
        await home.reads(53.6, 20.0, within=15)


async def test_time_waits_for_its_answers() -> None:
    """In ten minutes that pass in a moment it is asked as often as in ten minutes, and never found silent."""
    bms = Bms()
    async with served_over_tcp(bms) as url, house(url, "--speed", "0") as home:
        await home.control.do(advance_s=10)
        bms.requests.clear()
        await home.control.do(advance_s=600)
        assert len(bms.requests) == pytest.approx(300 * len(set(bms.requests)), rel=0.02)
        lines = await home._bus.arrived()
        node = (await home.control.pack(0))["node"]
        start = f"t{0x100 + node:03X}".encode()
        readings = [Battery.decode(bytes.fromhex(line[5:].decode())) for line in lines if line.startswith(start)]
        assert len(readings) > 300
        assert [reading.voltage_v for reading in readings[-300:]] == pytest.approx([53.4] * 300)


async def test_a_bms_that_goes_comes_back() -> None:
    bms = Bms()
    first = served_over_tcp(bms)
    url = await first.__aenter__()
    async with house(url) as home:
        await home.reads(53.4, -12.34)
        await first.__aexit__(None, None, None)
        await home.reads(None, within=12)
        async with served_over_tcp(bms, int(url.rpartition(":")[2])):
            await home.reads(53.4, -12.34, within=15)


async def test_what_only_the_built_in_bms_can_do_is_refused() -> None:
    async with served_over_tcp(Bms()) as url, house(url) as home:
        for line in ({"bms": "silent"}, {"battery_v": 50}, {"pack": 0, "battery_a": 1}):
            assert "external" in (await home.control.ask(**line))["error"]
