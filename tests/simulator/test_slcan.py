"""python-can's own slcan interface as the judge of the adapters, and clients that are not so kind."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
import random
import socket
import time

import can
from can.interfaces.slcan import slcanBus
import pytest

from custom_components.alfaspark.packbus.frames import Battery, Relay, Response, Result, SetRelay

from .simulator import NOON, Simulator, SlcanClient, simulator


@contextmanager
def python_can(channel: str, **options: object) -> Iterator[slcanBus]:
    """Open a bus as python-can does with a USB adapter, but for the pause after opening."""
    bus = can.Bus(interface="slcan", channel=channel, bitrate=500_000, sleep_after_open=0, **options)  # type: ignore[arg-type]
    assert isinstance(bus, slcanBus)
    try:
        yield bus
    finally:
        bus.shutdown()


def receive(bus: slcanBus, arbitration_id: int, timeout_s: float = 10) -> can.Message:
    """Return the next frame with that identifier."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        message = bus.recv(0.1)
        if message is not None and message.arbitration_id == arbitration_id:
            return message
    raise AssertionError(f"no frame 0x{arbitration_id:x} within {timeout_s} s")


def use_python_can(channel: str, node: int, *, closed: bool) -> None:
    """Hear a pack, command it, hear its answer."""
    with python_can(channel) as bus:
        assert bus.get_version(1) == (10, 13)
        assert bus.get_serial_number(1) == "SIM1"
        battery = Battery.decode(bytes(receive(bus, 0x100 + node).data))
        assert battery.voltage_v is not None
        command = SetRelay(relay=Relay.LOAD2, closed=closed)
        bus.send(can.Message(arbitration_id=node, is_extended_id=False, data=command.encode(42)))
        response = Response.decode(bytes(receive(bus, 0x380 + node).data))
        assert (response.sequence, response.result) == (42, Result.ACCEPTED)


@pytest.mark.parametrize("kind", ["socket", "pty"])
async def test_python_can_connects_again_and_again(kind: str, tmp_path: Path) -> None:
    link = tmp_path / "ttyPACK"
    async with simulator("--packs", "1", "--start", NOON, "--pty", str(link)) as house:
        await house.control.do(advance_s=5)
        node = (await house.control.pack(0))["node"]
        channel = house.slcan if kind == "socket" else str(link)
        for closed in (False, True, False):
            await asyncio.to_thread(use_python_can, channel, node, closed=closed)
            assert (await house.control.pack(0))["relays"]["load2"] is closed
            await house.control.do(advance_s=3)  # a relay does not move again at once


async def test_everything_python_can_sends_arrives_at_the_others(running: Simulator) -> None:
    listener = await SlcanClient.connect(running.slcan)
    rng = random.Random(1)
    messages = []
    for _ in range(300):
        extended, remote, length = rng.random() < 0.5, rng.random() < 0.2, rng.randrange(9)
        messages.append(
            can.Message(
                arbitration_id=rng.randrange(0x20000000 if extended else 0x800),
                is_extended_id=extended,
                is_remote_frame=remote,
                dlc=length,
                data=None if remote else rng.randbytes(length),
            )
        )

    def key(message: can.Message) -> tuple[object, ...]:
        return (
            message.arbitration_id,
            message.is_extended_id,
            message.is_remote_frame,
            message.dlc,
            bytes(message.data),
        )

    own = [key(message) for message in messages]

    def talk() -> list[tuple[object, ...]]:
        with python_can(running.slcan) as bus, python_can(running.slcan) as second:
            for message in messages:
                bus.send(message)
            heard: list[tuple[object, ...]] = []
            while len(heard) < len(own):
                received = second.recv(5)
                assert received is not None, f"{len(heard)} of {len(own)} heard"
                if key(received) in own:
                    heard.append(key(received))
            return heard

    talking = asyncio.create_task(asyncio.to_thread(talk))
    while not talking.done():
        await running.control.do(advance_s=0.05)
        await asyncio.sleep(0.01)
    assert len(await listener.arrived()) >= 300

    assert await talking == own
    await listener.close()


async def test_a_sender_does_not_hear_itself(running: Simulator) -> None:
    first, second = await SlcanClient.connect(running.slcan), await SlcanClient.connect(running.slcan)
    await first.send(b"t7FF2ABCD\r")
    await asyncio.sleep(0.2)
    await running.control.do(advance_s=0.1)
    assert b"t7FF2ABCD" in await second.arrived()
    assert b"t7FF2ABCD" not in await first.arrived()
    await first.close()
    await second.close()


async def test_at_another_bit_rate_nothing_is_heard(running: Simulator) -> None:
    client = await SlcanClient.connect(running.slcan, opened=False)
    await client.send(b"S5\rO\rt1230\r")
    assert await client.reader.readexactly(3) == b"\r\r\a"
    await running.control.do(advance_s=10)
    assert await client.arrived() == []
    await client.close()


async def test_advance_delivers_every_frame_to_everybody(running: Simulator) -> None:
    await running.control.do(advance_s=30)
    clients = [await SlcanClient.connect(running.slcan) for _ in range(2)]
    reading = [asyncio.create_task(client.reader.read(1 << 16)) for client in clients]
    await running.control.do(advance_s=600)
    first, second = [await task for task in reading]
    heard = [line + rest for line, rest in zip([first, second], [await _rest(c) for c in clients], strict=True)]
    assert heard[0] == heard[1]
    for pack in (await running.control.truth())["packs"]:
        for function in (0x100, 0x180, 0x200, 0x300):
            assert heard[0].count(f"t{function + pack['node']:03X}8".encode()) == pytest.approx(300, abs=1)
    for client in clients:
        await client.close()


async def _rest(client: SlcanClient) -> bytes:
    return b"".join([line + b"\r" for line in await client.arrived()])


async def test_garbage_harms_nobody(running: Simulator) -> None:
    rng = random.Random(2)
    likely = b"tTrRSOCLZFVNs0123456789ABCDEF\r\r\r\n\a"
    for _ in range(20):
        client = await SlcanClient.connect(running.slcan, opened=False)
        await client.send(bytes(rng.choice(likely) if rng.random() < 0.8 else rng.randrange(256) for _ in range(5000)))
        await running.control.do(advance_s=0.2)
        if rng.random() < 0.5:
            client.writer.transport.abort()
        else:
            await client.close()
    client = await SlcanClient.connect(running.slcan)
    await running.control.do(advance_s=10)
    assert len(await client.arrived()) > 30
    await client.close()


async def test_a_flood_is_slowed_down_and_nothing_of_it_is_lost() -> None:
    """A client sends as fast as it can: the bus carries its 500 kbit/s, and the packs are heard among it."""
    count = 20_000
    async with simulator("--packs", "2", "--start", NOON) as house:
        flood = await SlcanClient.connect(house.slcan)
        listener = await SlcanClient.connect(house.slcan)
        began = time.monotonic()
        # Below every telemetry frame: the packs get their turn.
        sending = asyncio.create_task(flood.send(b"".join(b"t7F04%08X\r" % number for number in range(count))))
        heard: list[int] = []
        others = 0
        answers = asyncio.create_task(_count(flood, b"z", count))
        while len(heard) < count:
            line = await listener.line()
            if line.startswith(b"t7F0"):
                heard.append(int(line[5:], 16))
            elif line.startswith(b"t"):
                others += 1
        took_s = time.monotonic() - began
        await sending
        assert await answers == count
        assert heard == list(range(count))
        assert others > 10
        # 11-bit frames with 4 bytes are 79 to 99 bits long.
        assert took_s > count * 79 / 500_000
        await flood.close()
        await listener.close()


async def _count(client: SlcanClient, answer: bytes, count: int) -> int:
    found = 0
    while found < count:
        found += await client.line() == answer
    return found


async def test_time_waits_for_a_slow_client_but_not_for_ever_for_one_that_never_reads() -> None:
    async with simulator("--packs", "20", "--speed", "0", "--start", NOON) as house:
        await house.control.do(advance_s=30)
        host, _, port = house.slcan.removeprefix("socket://").rpartition(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((host, int(port)))
            deaf.sendall(b"S6\rO\r")
            slow = await SlcanClient.connect(house.slcan)
            duration_s = 700
            began = time.monotonic()
            advancing = asyncio.create_task(house.control.do(advance_s=duration_s))
            heard = bytearray()
            at_end = False
            while not at_end:
                at_end = advancing.done()
                with suppress(TimeoutError):
                    heard += await asyncio.wait_for(slow.reader.read(20_000), 0.2)
                    at_end = False
                await asyncio.sleep(0.001)
            await advancing
            assert time.monotonic() - began > 14, "the deaf one was never waited for"
        # Nothing was lost for the one that is slow.
        for pack in (await house.control.truth())["packs"]:
            assert heard.count(f"\rt{0x100 + pack['node']:03X}8".encode()) == pytest.approx(duration_s / 2, abs=1)
        await slow.close()


async def test_clients_come_and_go_as_they_like() -> None:
    """Some say goodbye, some are torn off while frames wait for them and from them."""
    async with simulator("--packs", "8", "--speed", "200", "--start", NOON) as house:
        rng = random.Random(3)

        async def visit(number: int) -> None:
            client = await SlcanClient.connect(house.slcan)
            client.stop_reading()  # what is unread at the end makes it a reset
            listens_only = number % 4 == 1
            for _ in range(rng.randrange(5)):
                await client.send(b"" if listens_only else b"t7F0400000000\r" * rng.randrange(200))
                await asyncio.sleep(rng.random() * 0.02)
            if number % 2:
                client.writer.transport.abort()
            else:
                await client.close()

        for _ in range(10):
            await asyncio.gather(*(visit(number) for number in range(20)), return_exceptions=False)
        listener = await SlcanClient.connect(house.slcan)
        assert await listener.frame(b"t")
        await listener.close()
