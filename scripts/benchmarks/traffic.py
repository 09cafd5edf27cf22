"""A process of its own: an slcan adapter behind a TCP port, with a bus full of packs that talk.

It prints one line of JSON when it is ready and answers one to each line that it is told: "start", "stop", "count".
"""

import argparse
from collections import deque
from collections.abc import Iterator
import json
import os
import select
import socket
import sys
import time

from custom_components.alfaspark.packbus.frames import Function

from .packs import LARGEST_NODE, RawFrame, TalkingPack, packs_of
from .wire import BITRATE_BPS, slcan_line, wire_bits

_PERIOD_S = 2.0
_ALL_NODES = 127
_USB_FRAME_S = 0.001
"""An adapter at full-speed USB hands over what it has once a millisecond."""
_ADAPTER_BYTES = 65_536
"""What waits in the adapter at most; real ones have less. More is lost, as there."""


class Bus:
    """The frames in the order and at the time in which they are through on the wire."""

    def __init__(self, packs: list[TalkingPack], *, saturated: bool, only_sets: bool = False) -> None:
        """Nobody is there until `start`."""
        self.packs = packs
        self.sets = 0
        self._there = False
        self._saturated = saturated
        self._only_sets = only_sets
        self._answers: deque[RawFrame] = deque()
        self._said: deque[tuple[float, RawFrame]] = deque()
        self._slots: Iterator[tuple[float, TalkingPack, int]] | None = None
        self._next: tuple[float, TalkingPack, int] | None = None
        self._on_wire: tuple[float, RawFrame] | None = None
        self._free_s = 0.0

    def start(self, now_s: float) -> None:
        """Put all packs on the bus: each introduces itself when its turn comes, and talks from then on."""
        self._there = True
        self._slots = self._turns(now_s)
        self._next = next(self._slots)

    def stop(self) -> None:
        """Let all packs be silent but for answers."""
        self._slots = self._next = None
        self._said.clear()

    def hear(self, can_id: int, payload: bytes) -> None:
        """Let the packs answer a frame of the host's."""
        function, node = can_id & ~0x7F, can_id & 0x7F
        if not self._there or function != Function.COMMAND or len(payload) < 2:
            return
        for pack in self.packs:
            if node in (pack.node, _ALL_NODES):
                self._answers += pack.answer(payload)

    def through(self, now_s: float) -> Iterator[RawFrame]:
        """The frames that are through by now."""
        while True:
            if self._on_wire is None and (waiting := self._take(now_s)) is not None:
                since_s, frame = waiting
                can_id, data, extended = frame
                bits = wire_bits(can_id, data, extended=extended)
                self._free_s = max(self._free_s, since_s) + bits / BITRATE_BPS
                self._on_wire = self._free_s, frame
            if self._on_wire is None or self._on_wire[0] > now_s:
                return
            yield self._on_wire[1]
            self._on_wire = None

    def _take(self, now_s: float) -> tuple[float, RawFrame] | None:
        """The frame that is next on the wire and since when it waits."""
        if self._answers:
            return max(self._free_s, now_s - _USB_FRAME_S), self._answers.popleft()
        if not self._said and self._next is not None and (self._saturated or self._next[0] <= now_s):
            due_s, pack, cycle = self._next
            pack.advance(max(due_s, self._free_s))
            if cycle == 0:
                self._said += ((due_s, frame) for frame in pack.introduce())
            self._said += ((due_s, frame) for frame in pack.cycle(cycle, len(self.packs), only_sets=self._only_sets))
            self.sets += 1
            assert self._slots is not None
            self._next = next(self._slots)
        return self._said.popleft() if self._said else None

    def _turns(self, start_s: float) -> Iterator[tuple[float, TalkingPack, int]]:
        """Each pack once a cycle, in its own phase; on a saturated bus all wait from the beginning."""
        for pack in self.packs:
            pack.now_s = start_s
        cycle = 0
        while True:
            for pack in self.packs:
                phase_s = 0.0 if self._saturated else _PERIOD_S * (cycle + pack.node / LARGEST_NODE)
                yield start_s + phase_s, pack, cycle
            cycle += 1


class Adapter:
    """The port: one client at a time."""

    def __init__(self, bus: Bus) -> None:
        """Listen on a free port of this machine."""
        self.frames = self.overrun = 0
        self._bus = bus
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        self._open = False
        self._incoming = b""
        self._outgoing = bytearray()
        self._orders = b""

    @property
    def url(self) -> str:
        """How the port is opened."""
        return f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Work until standard input ends."""
        while True:
            sockets = [sys.stdin.fileno(), self._listener, *([self._client] if self._client else [])]
            readable, _, _ = select.select(sockets, [], [], _USB_FRAME_S)
            if sys.stdin.fileno() in readable and not self._obey():
                return
            if self._listener in readable:
                self._accept()
            elif self._client in readable:
                self._read()
            self._hand_over()
            # Not earlier: what the bus has in a millisecond goes out in one piece.
            if readable:
                time.sleep(_USB_FRAME_S)

    def _obey(self) -> bool:
        data = os.read(sys.stdin.fileno(), 4096)
        *orders, self._orders = (self._orders + data).split(b"\n")
        for order in orders:
            if order == b"start":
                self._bus.start(time.monotonic())
            elif order == b"stop":
                self._bus.stop()
            print(json.dumps({"frames": self.frames, "sets": self._bus.sets, "overrun": self.overrun}), flush=True)
        return bool(data)

    def _accept(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client, _ = self._listener.accept()
        self._client.setblocking(False)
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming, self._open = b"", False
        self._outgoing.clear()

    def _read(self) -> None:
        assert self._client is not None
        try:
            data = self._client.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._client.close()
            self._client = None
            return
        *lines, self._incoming = (self._incoming + data).split(b"\r")
        for line in lines:
            self._answer(line)

    def _answer(self, line: bytes) -> None:
        if line == b"V":
            self._outgoing += b"V1013\r"
        elif line[:1] == b"t" and len(line) > 4:
            self._outgoing += b"z\r"
            self._bus.hear(int(line[1:4], 16), bytes.fromhex(line[5:].decode()))
        else:
            self._open = line == b"O" or (self._open and line != b"C")
            self._outgoing += b"\r"

    def _hand_over(self) -> None:
        for can_id, data, extended in self._bus.through(time.monotonic()):
            if not self._open:
                continue
            self.frames += 1
            if len(self._outgoing) > _ADAPTER_BYTES:
                self.overrun += 1
            else:
                self._outgoing += slcan_line(can_id, data, extended=extended)
        if self._client is None or not self._outgoing:
            return
        try:
            del self._outgoing[: self._client.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._client.close()
            self._client = None


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs", type=int, required=True)
    parser.add_argument("--saturated", action="store_true", help="no pause between two frames")
    parser.add_argument("--only-sets", action="store_true", help="nothing but the 2 s sets, and answers")
    options = parser.parse_args()
    packs = packs_of(options.packs)
    adapter = Adapter(Bus(packs, saturated=options.saturated, only_sets=options.only_sets))
    print(json.dumps({"slcan": adapter.url, "serials": [pack.serial for pack in packs]}), flush=True)
    adapter.serve()


if __name__ == "__main__":
    main()
