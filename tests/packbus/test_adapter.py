"""The adapter over python-can's virtual bus, a real TCP connection and a real pty: reading, sending, losing, finding."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
import itertools
import time
import tracemalloc

import can
import pytest

from custom_components.alfaspark.packbus import adapter as adapter_module, bus as bus_module
from custom_components.alfaspark.packbus.adapter import (
    BATCH_FRAMES,
    QUEUE_FRAMES,
    AdapterConfig,
    AdapterError,
    AdapterFault,
    CanAdapter,
    ReceivedFrame,
)
from custom_components.alfaspark.packbus.opening import open_bus

from .slcan_peer import SlcanPeer, TcpPeer

_channels = itertools.count()


class Listener:
    """What an adapter told."""

    def __init__(self) -> None:
        """Start with nothing told."""
        self.batches: list[list[ReceivedFrame]] = []
        self.states: list[tuple[bool, str | None]] = []
        self.state_times_s: list[float] = []

    @property
    def frames(self) -> list[ReceivedFrame]:
        """All frames so far."""
        return [frame for batch in self.batches for frame in batch]

    def on_frames(self, frames: Sequence[ReceivedFrame]) -> None:
        """Keep a batch."""
        self.batches.append(list(frames))

    def on_state(self, connected: bool, sentence: str | None) -> None:
        """Keep a loss or a return, with its time."""
        self.states.append((connected, sentence))
        self.state_times_s.append(time.monotonic())

    def told(self, states: int) -> bool:
        """Whether so many losses and returns were told."""
        return len(self.states) == states

    def adapter(self, interface: str, channel: str) -> CanAdapter:
        """Make an adapter that tells this listener."""
        return CanAdapter(AdapterConfig(interface, channel), on_frames=self.on_frames, on_state=self.on_state)


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def channel() -> str:
    return f"adapter-{next(_channels)}"


@pytest.fixture
async def bus(channel: str) -> AsyncGenerator[can.BusABC]:
    """The other end of a virtual bus."""
    other_end = can.Bus(interface="virtual", channel=channel)
    yield other_end
    other_end.shutdown()


@pytest.fixture
async def virtual(listener: Listener, channel: str) -> AsyncGenerator[CanAdapter]:
    opened = listener.adapter("virtual", channel)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def wired(listener: Listener, peer: SlcanPeer) -> AsyncGenerator[CanAdapter]:
    opened = listener.adapter("slcan", peer.channel)
    await opened.open()
    yield opened
    await opened.close()


def assert_connected(adapter: CanAdapter, expected: bool) -> None:
    assert adapter.connected is expected


def message(can_id: int, data: bytes = b"", *, extended: bool = False) -> can.Message:
    return can.Message(arbitration_id=can_id, data=data, is_extended_id=extended)


async def test_frames_come_in_order_with_their_time(virtual: CanAdapter, bus: can.BusABC, listener: Listener) -> None:
    before_s = time.monotonic()
    for index in range(100):
        bus.send(message(index, bytes([index]) * (index % 9)))
    bus.send(message(0x18000001, b"\x01", extended=True))
    await until(lambda: len(listener.frames) == 101)
    assert [(f.can_id, f.data) for f in listener.frames[:100]] == [(i, bytes([i]) * (i % 9)) for i in range(100)]
    assert listener.frames[100].extended
    assert all(before_s <= frame.time_s <= time.monotonic() for frame in listener.frames)
    assert virtual.statistics.frames_received == 101
    assert listener.states == []


async def test_frames_that_are_no_data_frames_of_classic_can_are_left_out(
    virtual: CanAdapter, bus: can.BusABC, listener: Listener
) -> None:
    bus.send(can.Message(arbitration_id=1, is_remote_frame=True, is_extended_id=False))
    bus.send(can.Message(is_error_frame=True))
    bus.send(can.Message(arbitration_id=2, is_fd=True, data=bytes(12), is_extended_id=False))
    bus.send(message(3))
    await until(lambda: listener.frames)
    assert [frame.can_id for frame in listener.frames] == [3]
    assert virtual.statistics.errors == 1
    assert virtual.statistics.frames_received == 1


async def test_sent_frames_arrive_in_order(virtual: CanAdapter, bus: can.BusABC) -> None:
    await asyncio.gather(*(virtual.send(index, bytes([index])) for index in range(50)))
    await virtual.send(0x18000001, b"\x01\x02", extended=True)
    received = [bus.recv(1) for _ in range(51)]
    assert [m.arbitration_id for m in received if m] == [*range(50), 0x18000001]
    assert virtual.statistics.frames_sent == 51


async def test_the_bus_load_counts_both_directions(virtual: CanAdapter, bus: can.BusABC) -> None:
    assert virtual.statistics.bus_load_pct is None
    for _ in range(200):
        bus.send(message(1, bytes(8)))
        await virtual.send(2, bytes(8))
    await until(lambda: virtual.statistics.bus_load_pct is not None)
    assert virtual.statistics.bus_load_pct == pytest.approx(100 * 400 * 118 / 500_000, rel=0.25)


async def test_a_frame_that_cannot_be_is_a_programming_error(virtual: CanAdapter) -> None:
    with pytest.raises(ValueError):
        await virtual.send(0x800, b"")
    with pytest.raises(ValueError):
        await virtual.send(1, bytes(9))


async def test_an_adapter_that_takes_no_frame_is_reported(virtual: CanAdapter, bus: can.BusABC, channel: str) -> None:
    full = can.Bus(interface="virtual", channel=channel, rx_queue_size=1)
    try:
        await virtual.send(1, b"")
        with pytest.raises(AdapterError, match="did not take a frame") as raised:
            await virtual.send(2, b"")
    finally:
        full.shutdown()
    assert raised.value.reason is AdapterFault.FAILED
    assert virtual.statistics.errors == 1
    assert virtual.connected


async def test_nothing_is_sent_before_opening_and_after_closing(listener: Listener, channel: str) -> None:
    adapter = listener.adapter("virtual", channel)
    await adapter.close()
    for _ in range(2):
        assert_connected(adapter, False)
        with pytest.raises(AdapterError, match="disconnected"):
            await adapter.send(1, b"")
        await adapter.open()
        assert_connected(adapter, True)
        await adapter.send(1, b"")
        await adapter.close()
        await adapter.close()
    assert listener.states == []


async def test_opening_twice_is_a_programming_error(virtual: CanAdapter) -> None:
    with pytest.raises(RuntimeError):
        await virtual.open()
    assert virtual.connected


async def test_what_cannot_be_opened_leaves_nothing_running(listener: Listener) -> None:
    adapter = listener.adapter("slcan", "/dev/serial/by-id/none")
    for _ in range(2):
        with pytest.raises(AdapterError) as raised:
            await adapter.open()
        assert raised.value.reason is AdapterFault.NOT_FOUND
        assert adapter._thread is None
    assert listener.states == []


async def test_opening_never_blocks_the_event_loop(listener: Listener, tcp_peer: TcpPeer) -> None:
    tcp_peer._deaf_s = 0.5
    adapter = listener.adapter("slcan", tcp_peer.channel)
    opening = asyncio.create_task(adapter.open())
    longest_s = 0.0
    while not opening.done():
        before_s = time.monotonic()
        await asyncio.sleep(0.001)
        longest_s = max(longest_s, time.monotonic() - before_s)
    closing = asyncio.create_task(adapter.close())
    while not closing.done():
        before_s = time.monotonic()
        await asyncio.sleep(0.001)
        longest_s = max(longest_s, time.monotonic() - before_s)
    # Anything that blocks there blocks for longer: the boot loader 0.5 s, pyserial's closing 0.3 s.
    assert longest_s < 0.25


async def test_a_cancelled_opening_ends_by_itself(listener: Listener, tcp_peer: TcpPeer) -> None:
    tcp_peer._deaf_s = 0.5
    adapter = listener.adapter("slcan", tcp_peer.channel)
    opening = asyncio.create_task(adapter.open())
    await asyncio.sleep(0.1)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await adapter.close()
    assert not adapter.connected
    tcp_peer.wait_for(b"C")
    assert listener.states == []


async def test_unplugging_is_told_once_and_plugging_in_once(
    wired: CanAdapter, peer: SlcanPeer, listener: Listener
) -> None:
    peer.say(b"t0011AA\r")
    await until(lambda: listener.frames)

    lost_s = time.monotonic()
    peer.unplug()
    await until(lambda: listener.states)
    assert listener.state_times_s[0] - lost_s < 0.2
    connected, sentence = listener.states[0]
    assert not connected
    assert sentence is not None
    assert peer.channel in sentence
    assert_connected(wired, False)
    assert wired.statistics.bus_load_pct is None
    with pytest.raises(AdapterError, match="disconnected"):
        await wired.send(1, b"")

    # Down for two attempts. Nothing spins meanwhile: python-can's own Notifier takes a whole core here.
    cpu_s = time.process_time()
    await asyncio.sleep(2.0)
    assert time.process_time() - cpu_s < 0.1
    assert len(listener.states) == 1

    peer.plug_in()
    await until(lambda: len(listener.states) == 2)
    assert listener.states[1] == (True, None)
    assert_connected(wired, True)
    assert wired.statistics.reconnects == 1
    peer.wait_for(b"O")
    peer.say(b"t0021BB\r")
    await until(lambda: len(listener.frames) == 2)
    await wired.send(3, b"\x03")
    peer.wait_for(b"t003103")
    assert len(listener.states) == 2


async def test_pauses_double_up_to_the_longest(
    listener: Listener, tcp_peer: TcpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_module, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(adapter_module, "LONGEST_PAUSE_S", 0.4)
    adapter = listener.adapter("slcan", tcp_peer.channel)
    attempts_s: list[float] = []

    def watched_open(config: AdapterConfig) -> can.BusABC:
        attempts_s.append(time.monotonic())
        return open_bus(config)

    await adapter.open()
    monkeypatch.setattr(bus_module, "open_bus", watched_open)
    tcp_peer.unplug()
    await until(lambda: len(attempts_s) == 5)
    pauses_s = [later - earlier for earlier, later in itertools.pairwise(attempts_s)]
    for pause_s, expected_s in zip(pauses_s, [0.2, 0.4, 0.4, 0.4], strict=True):
        assert expected_s <= pause_s < expected_s + 0.19
    tcp_peer.plug_in()
    await until(lambda: len(listener.states) == 2)
    assert [connected for connected, _ in listener.states] == [False, True]

    # It was up too shortly to start again with the first pause: what flaps is not asked ten times a second.
    attempts_s.clear()
    lost_s = time.monotonic()
    tcp_peer.unplug()
    await until(lambda: attempts_s)
    assert attempts_s[0] - lost_s > 0.35
    await adapter.close()


async def test_after_a_steady_time_the_first_pause_is_short_again(
    listener: Listener, tcp_peer: TcpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_module, "FIRST_PAUSE_S", 0.2)
    monkeypatch.setattr(adapter_module, "STEADY_S", 0.0)
    adapter = listener.adapter("slcan", tcp_peer.channel)
    await adapter.open()
    for expected_states in (2, 4, 6):
        lost_s = time.monotonic()
        tcp_peer.unplug()
        tcp_peer.plug_in()
        await until(partial(listener.told, expected_states))
        assert time.monotonic() - lost_s < 0.9
    assert [connected for connected, _ in listener.states] == [False, True] * 3
    assert adapter.statistics.reconnects == 3
    await adapter.close()


async def test_closing_while_the_adapter_is_away_is_quick(
    wired: CanAdapter, peer: SlcanPeer, listener: Listener
) -> None:
    peer.unplug()
    await until(lambda: listener.states)
    start_s = time.monotonic()
    await wired.close()
    assert time.monotonic() - start_s < 0.5
    assert len(listener.states) == 1


async def test_nothing_is_told_after_closing(wired: CanAdapter, peer: SlcanPeer, listener: Listener) -> None:
    peer.say(b"t0011AA\r" * 1000)
    await wired.close()
    told = len(listener.frames)
    await asyncio.sleep(0.1)
    assert len(listener.frames) == told
    assert listener.states == []


async def test_lines_that_are_no_frames_are_counted(wired: CanAdapter, peer: SlcanPeer, listener: Listener) -> None:
    peer.say(b"garbage\r\at0011AA\r")
    await until(lambda: listener.frames)
    assert wired.statistics.errors == 2


def wait_for_received(adapter: CanAdapter, count: int) -> None:
    """Hold the event loop up until the thread has read so many frames."""
    deadline_s = time.monotonic() + 30
    while adapter.statistics.frames_received < count:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


async def test_a_flood_fills_no_memory_and_leaves_the_event_loop_time(
    virtual: CanAdapter, bus: can.BusABC, listener: Listener
) -> None:
    flood = 2 * QUEUE_FRAMES
    tracemalloc.start()
    frame = message(1, bytes(8))
    for index in range(flood):
        frame.arbitration_id = index % 0x800
        bus.send(frame)
    wait_for_received(virtual, flood)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 10e6
    assert virtual.statistics.dropped == flood - QUEUE_FRAMES
    assert listener.frames == []

    longest_s = 0.0
    while len(listener.frames) < QUEUE_FRAMES:
        before_s = time.monotonic()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.monotonic() - before_s)
    assert longest_s < 0.1
    assert max(len(batch) for batch in listener.batches) == BATCH_FRAMES
    assert [f.can_id for f in listener.frames] == [i % 0x800 for i in range(flood - QUEUE_FRAMES, flood)]


async def test_a_listener_that_fails_stops_nothing(
    bus: can.BusABC, channel: str, listener: Listener, event_loop_errors: list[dict[str, object]]
) -> None:
    def fail_once(frames: Sequence[ReceivedFrame]) -> None:
        if frames[0].can_id == 1:
            raise RuntimeError("a fault of the listener")
        listener.on_frames(frames)

    adapter = CanAdapter(AdapterConfig("virtual", channel), on_frames=fail_once, on_state=listener.on_state)
    await adapter.open()
    bus.send(message(1))
    await until(lambda: event_loop_errors)
    bus.send(message(2))
    await until(lambda: listener.frames)
    await adapter.close()
    assert listener.states == []


@pytest.fixture
async def event_loop_errors() -> AsyncGenerator[list[dict[str, object]]]:
    """What ended in the event loop's exception handler."""
    errors: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    yield errors
    loop.set_exception_handler(before)


def test_an_event_loop_that_ends_without_closing_ends_the_thread(channel: str) -> None:
    listener = Listener()
    adapter = listener.adapter("virtual", channel)
    asyncio.run(adapter.open())
    other_end = can.Bus(interface="virtual", channel=channel)
    other_end.send(message(1))
    assert adapter._thread is not None
    adapter._thread.join(2)
    assert not adapter._thread.is_alive()
    assert not adapter.connected
    assert listener.frames == []
    other_end.shutdown()
