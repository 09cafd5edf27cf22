"""The slcan bus over a real TCP connection and a real pty, with adapters that behave and others that do not."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import time

import can
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
import serial

from custom_components.alfaspark.packbus import slcan
from custom_components.alfaspark.packbus.slcan import BulkSlcanBus, NoAdapterAnswersError

from .slcan_peer import PtyPeer, SlcanPeer, TcpPeer, acknowledge

BITRATE = 500_000


@contextmanager
def opened(channel: str) -> Iterator[BulkSlcanBus]:
    bus = BulkSlcanBus(channel, bitrate=BITRATE)
    try:
        yield bus
    finally:
        bus.shutdown()


def receive_all(bus: BulkSlcanBus, count: int) -> list[can.Message]:
    messages: list[can.Message] = []
    while len(messages) < count:
        message = bus.recv(2)
        assert message is not None, f"only {len(messages)} of {count} frames came"
        messages.append(message)
    return messages


def send_until_it_fails(bus: BulkSlcanBus, attempts: int, pause_s: float = 0.0) -> None:
    for _ in range(attempts):
        bus.send(can.Message(arbitration_id=1, data=bytes(8), is_extended_id=False))
        time.sleep(pause_s)


def test_opening_sets_the_bit_rate_and_opens_the_channel(peer: SlcanPeer) -> None:
    start_s = time.monotonic()
    with opened(peer.channel):
        assert time.monotonic() - start_s < 0.5
        peer.wait_for(b"O")
    commands = [line for line in peer.lines if line not in (b"", b"V")]
    assert commands == [b"C", b"S6", b"O", *commands[3:]]
    peer.wait_for(b"O")
    assert commands[3:] in ([], [b"C"])


def test_frames_of_all_kinds_are_received(peer: SlcanPeer) -> None:
    with opened(peer.channel) as bus:
        peer.say(b"t1232AABB\rT18A1B2C3811223344556677FF\rt7FF0\rr1231\rR000001230\rt1231ab1234\r")
        messages = receive_all(bus, 6)
        assert bus.take_errors() == 0
    assert [(m.arbitration_id, m.is_extended_id, m.is_remote_frame, bytes(m.data)) for m in messages] == [
        (0x123, False, False, b"\xaa\xbb"),
        (0x18A1B2C3, True, False, bytes.fromhex("11223344556677FF")),
        (0x7FF, False, False, b""),
        (0x123, False, True, b""),
        (0x123, True, True, b""),
        (0x123, False, False, b"\xab"),  # with a time stamp
    ]


def test_frames_are_sent_as_slcan_writes_them(peer: SlcanPeer) -> None:
    with opened(peer.channel) as bus:
        bus.send(can.Message(arbitration_id=0x7F, data=b"\x01\x02", is_extended_id=False))
        bus.send(can.Message(arbitration_id=0x18000001, data=b"", is_extended_id=True))
        peer.wait_for(b"T180000010")
        assert b"t07F20102" in peer.lines
        assert bus.recv(0.1) is None  # acknowledgements are no frames
        assert bus.take_errors() == 0


def test_many_frames_in_pieces_arrive_whole_and_in_order(peer: SlcanPeer) -> None:
    lines = b"".join(b"t%03X2%04X\r" % (index % 0x800, index) for index in range(3000))
    with opened(peer.channel) as bus, ThreadPoolExecutor(1) as background:
        speaking = [background.submit(peer.say, lines[at : at + 777]) for at in range(0, len(lines), 777)]
        messages = receive_all(bus, 3000)
        assert bus.take_errors() == 0
    assert all(piece.exception() is None for piece in speaking)
    assert [int.from_bytes(message.data, "big") for message in messages] == list(range(3000))


@pytest.mark.parametrize(
    ("garbage", "errors"),
    [
        (b"hello\r", 1),
        (b"t12\r", 1),
        (b"t1239" + b"00" * 9 + b"\r", 1),
        (b"t1232AA\r", 1),
        (b"t1232AABBCCDDEE\r", 1),
        (b"t1232AAt1232AABB\r", 1),
        (b"t8231AA\r", 1),
        (b"T2000000018AA\r", 1),
        (b"d1232AABB\r", 1),
        (b"\xff\x00\xfe\r", 1),
        (b"\a", 1),
        (b"\a\a\a", 3),
        (b"t12\a", 2),
        (b"x" * 100_000 + b"\r", 1),
        (b"\r\r\rz\rZ\rF00\rV1013\rN1234\r", 0),
        (b"CANable2-b158aa7 github.com/normaldotcom/canable2.git\r", 0),
    ],
)
def test_what_is_no_frame_is_counted_and_skipped(tcp_peer: TcpPeer, garbage: bytes, errors: int) -> None:
    with opened(tcp_peer.channel) as bus:
        tcp_peer.say(b"t0011AA\r" + garbage + b"t0021BB\r")
        assert [message.arbitration_id for message in receive_all(bus, 2)] == [1, 2]
        assert bus.take_errors() == errors
        assert bus.take_errors() == 0


def test_garbage_without_an_end_fills_no_memory(pty_peer: PtyPeer) -> None:
    with opened(pty_peer.channel) as bus:
        for _ in range(200):
            pty_peer.say(b"x" * 1000)
            assert bus.recv(0) is None
        assert len(bus._partial_line) <= slcan._LONGEST_LINE
        pty_peer.say(b"\rt0011AA\r")
        assert receive_all(bus, 1)[0].arbitration_id == 1
        assert bus.take_errors() == 1


@pytest.fixture
def looped() -> Iterator[BulkSlcanBus]:
    """A port that cannot be waited for with select; it hears what it says, which passes for an adapter's answer."""
    bus = BulkSlcanBus("loop://", bitrate=BITRATE)
    yield bus
    bus.shutdown()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=80), st.from_regex(rb"[tTrR][0-9A-F]{3,30}\r", fullmatch=True))))
def test_no_bytes_raise_or_get_stuck(looped: BulkSlcanBus, pieces: list[bytes]) -> None:
    looped.serialPortOrig.write(b"".join(pieces)[:4000])
    looped.serialPortOrig.write(b"\r")
    while (message := looped.recv(0)) is not None:
        assert message.arbitration_id < 1 << 29
        assert len(message.data) <= 8
    looped.send(can.Message(arbitration_id=0x123, data=b"\x01\x02", is_extended_id=False))
    assert (message := looped.recv(1)) is not None
    assert (message.arbitration_id, bytes(message.data)) == (0x123, b"\x01\x02")


def test_a_port_without_select_is_read_too(looped: BulkSlcanBus) -> None:
    looped.send(can.Message(arbitration_id=0x123, data=b"\x01", is_extended_id=False))
    looped.send(can.Message(arbitration_id=0x124, data=b"\x02", is_extended_id=False))
    assert [message.arbitration_id for message in receive_all(looped, 2)] == [0x123, 0x124]
    start_s = time.monotonic()
    assert looped.recv(0) is None
    assert time.monotonic() - start_s < 0.05
    assert looped.recv(0.2) is None


def test_flush_forgets_what_was_read(pty_peer: PtyPeer) -> None:
    with opened(pty_peer.channel) as bus:
        pty_peer.say(b"t0011AA\rt0021BB\rt003")
        receive_all(bus, 1)
        bus.flush()
        pty_peer.say(b"t0041CC\r")
        assert receive_all(bus, 1)[0].arbitration_id == 4


def test_a_peer_that_closes_is_noticed_at_once(peer: SlcanPeer) -> None:
    with opened(peer.channel) as bus:
        peer.unplug()
        start_s = time.monotonic()
        with pytest.raises(can.CanOperationError):
            bus.recv(5)
        assert time.monotonic() - start_s < 0.2


def test_a_line_that_broke_on_writing_is_reported_by_reading(peer: SlcanPeer) -> None:
    with opened(peer.channel) as bus:
        peer.unplug()
        with pytest.raises(can.CanOperationError, match="could not write"):
            send_until_it_fails(bus, 10, pause_s=0.02)
        with pytest.raises(can.CanOperationError):
            bus.recv(5)


def hang(_: bytes) -> bytes:
    time.sleep(3)
    return b""


def test_an_adapter_that_takes_no_more_bytes_is_given_up(pty_peer: PtyPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(pty_peer.channel) as bus:
        monkeypatch.setattr(pty_peer, "_behaviour", hang)
        bus.send(can.Message(arbitration_id=1, is_extended_id=False))
        start_s = time.monotonic()
        with pytest.raises(can.CanOperationError, match="could not write"):
            send_until_it_fails(bus, 100_000)
        assert time.monotonic() - start_s < 3
        with pytest.raises(can.CanOperationError):
            bus.recv(0)


def test_closing_says_goodbye_once(peer: SlcanPeer) -> None:
    with opened(peer.channel) as bus:
        peer.lines.clear()
        bus.shutdown()
        peer.wait_for(b"C")
        bus.shutdown()
    assert peer.lines == [b"C"]


def test_an_adapter_with_a_boot_loader_is_waited_for(tmp_path: Path) -> None:
    adapter = PtyPeer(tmp_path / "adapter", deaf_s=1.2)
    adapter.plug_in()
    try:
        start_s = time.monotonic()
        with opened(adapter.channel) as bus:
            assert 1.2 < time.monotonic() - start_s < 2.0
            adapter.say(b"t0011AA\r")
            receive_all(bus, 1)
    finally:
        adapter.unplug()


def test_an_adapter_that_acknowledges_nothing_but_tells_its_version_is_opened(tmp_path: Path) -> None:
    _open_and_receive(tmp_path, lambda line: b"CANable2 github.com/x/y\r" if line == b"V" else b"")


def test_a_mute_adapter_is_opened_once_a_frame_comes(tmp_path: Path) -> None:
    _open_and_receive(tmp_path, lambda line: b"t7AA0\r" if line == b"O" else b"")


def test_an_adapter_that_was_left_open_is_opened(tmp_path: Path) -> None:
    def behaviour(line: bytes) -> bytes:
        return b"t7AA0\r" * 50 + acknowledge(line) if line != b"O" else acknowledge(line)

    _open_and_receive(tmp_path, behaviour)


def _open_and_receive(tmp_path: Path, behaviour: Callable[[bytes], bytes]) -> None:
    adapter = PtyPeer(tmp_path / "adapter", behaviour)
    adapter.plug_in()
    try:
        with opened(adapter.channel) as bus:
            adapter.wait_for(b"O")
            adapter.say(b"t0011AA\r")
            while receive_all(bus, 1)[0].arbitration_id != 1:
                pass
    finally:
        adapter.unplug()


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda _: b"",
        lambda line: b"$GPGGA,123519,4807.038,N*47\r\n",
        lambda line: line + b"?\r\n",
        lambda line: b"\x1a\xc1\x02\x0b\x0a\x52\x7e",
    ],
    ids=["silent", "gps", "echo", "zigbee"],
)
def test_what_is_no_can_adapter_is_not_taken_for_one(
    tmp_path: Path, behaviour: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slcan, "PROBE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(slcan, "FIRST_FRAME_TIMEOUT_S", 0.3)
    adapter = PtyPeer(tmp_path / "adapter", behaviour)
    adapter.plug_in()
    try:
        with pytest.raises(NoAdapterAnswersError):
            BulkSlcanBus(adapter.channel, bitrate=BITRATE)
    finally:
        adapter.unplug()


def test_an_adapter_that_refuses_to_open_is_reported_and_its_port_released(tmp_path: Path) -> None:
    answers = {b"O": b"\a"}
    adapter = PtyPeer(tmp_path / "adapter", lambda line: answers.get(line, b"\r"))
    adapter.plug_in()
    try:
        with pytest.raises(can.CanInitializationError, match="refuses"):
            BulkSlcanBus(adapter.channel, bitrate=BITRATE)
        answers.clear()
        with opened(adapter.channel):
            pass
    finally:
        adapter.unplug()


def test_the_port_is_held_exclusively(pty_peer: PtyPeer) -> None:
    with opened(pty_peer.channel):
        with pytest.raises(can.CanInitializationError) as raised:
            BulkSlcanBus(pty_peer.channel, bitrate=BITRATE)
        assert isinstance(raised.value.__cause__, serial.SerialException)


def test_the_baud_rate_can_follow_the_path(pty_peer: PtyPeer) -> None:
    with opened(f"{pty_peer.channel}@230400") as bus:
        assert bus.serialPortOrig.baudrate == 230400


def test_listening_only_is_asked_of_the_adapter(pty_peer: PtyPeer) -> None:
    bus = BulkSlcanBus(pty_peer.channel, bitrate=250_000, listen_only=True)
    bus.shutdown()
    assert b"L" in pty_peer.lines
    assert b"S5" in pty_peer.lines
    assert b"O" not in pty_peer.lines


def test_a_bit_rate_that_slcan_does_not_have_is_refused(pty_peer: PtyPeer) -> None:
    with pytest.raises(ValueError, match="500000"):
        BulkSlcanBus(pty_peer.channel, bitrate=123_456)
    assert pty_peer.lines == []


def test_python_cans_own_bus_works_against_the_same_adapter(pty_peer: PtyPeer) -> None:
    """The peer of these tests is one that the original understands, too."""
    bus = can.Bus(interface="slcan", channel=pty_peer.channel, bitrate=BITRATE, sleep_after_open=0)
    try:
        pty_peer.wait_for(b"O")
        pty_peer.say(b"t0011AA\r")
        message = bus.recv(2)
        assert message is not None
        assert message.arbitration_id == 1
    finally:
        bus.shutdown()
