"""python-can's slcan interface, made fit for an unattended installation.

What differs from `can.interfaces.slcan`: bytes are read in bulk instead of one by one; lines that are no frame are
counted and skipped instead of raising; the adapter is waited for as long as it needs instead of always 2 s, and one
that never answers is noticed; the port is held exclusively; writing does not wait for the wire; a link that broke is
reported by the next `recv`.
"""

from collections import deque
from contextlib import suppress
import io
from queue import SimpleQueue
import re
import select
import socket
import time
from typing import Any, override

import can
from can.exceptions import error_check
from can.interfaces.slcan import slcanBus
import serial

PROBE_TIMEOUT_S = 3.0
"""How long an adapter may take to answer after its port was opened.

python-can sleeps 2 s instead, because opening the port resets some adapters (an Arduino's boot loader listens for 1 to
2 s); others answer within a millisecond. Asking again and again serves both.
"""

PROBE_INTERVAL_S = 0.2

QUIET_S = 0.03
"""Silence after which no further answer to the probes is expected; a USB adapter flushes its buffer within 16 ms."""

COMMAND_TIMEOUT_S = 0.3
"""How long an adapter may take to acknowledge a command; those that acknowledge none (CANable) are not failed for it."""

FIRST_FRAME_TIMEOUT_S = 2.5
"""How long to listen for a frame before an adapter that acknowledges nothing counts as none: packs speak every 2 s."""

WRITE_TIMEOUT_S = 1.0

_READ_SIZE = 4096
_LONGEST_LINE = 64
"""Twice the longest frame line; of more bytes without a line's end only the last ones are kept."""

_BLIND_READ_S = 0.1
"""Time-out of a read on a port that cannot be waited for with select (loop://, rfc2217://)."""

# dlc digit and twice as many data digits; a time stamp of 4 digits may follow.
_FRAME = re.compile(
    rb"(?:t[0-7][0-9A-Fa-f]{2}|[Tx][01][0-9A-Fa-f]{7})"
    rb"(?:" + b"|".join(b"%d[0-9A-Fa-f]{%d}" % (dlc, 2 * dlc) for dlc in range(9)) + rb")(?:[0-9A-Fa-f]{4})?"
)
_REMOTE = re.compile(rb"(?:r[0-7][0-9A-Fa-f]{2}|R[01][0-9A-Fa-f]{7})[0-8](?:[0-9A-Fa-f]{4})?")
# Acknowledgements of a sent frame, status flags, serial number, and versions as "V1013" or a firmware's name.
_ANSWER = re.compile(rb"[zZ]?|F[0-9A-Fa-f]{2}|[NVv][0-9A-Za-z]{1,8}|(?i:[ -~]*can[ -~]*)")


class NoAdapterAnswersError(can.CanInitializationError):
    """The port opened, but what is there does not behave like an slcan adapter."""


class BulkSlcanBus(slcanBus):
    """An slcan adapter on a serial device, a pty or `socket://host:port`.

    `send` and `recv` may be called by one thread each at the same time.
    """

    def __init__(
        self,
        channel: str,
        *,
        bitrate: int,
        tty_baudrate: int = 115200,
        rtscts: bool = False,
        listen_only: bool = False,
    ) -> None:
        """Open the port and the adapter's CAN channel; takes as long as the adapter needs to answer.

        `channel` may end with `@` and the port's baud rate. Raises CanInitializationError (its cause says why the port
        cannot be opened), NoAdapterAnswersError, and ValueError for a bit rate that slcan does not have.
        """
        if bitrate not in self._BITRATES:
            raise ValueError(f"slcan knows no {bitrate} bit/s, only {', '.join(map(str, self._BITRATES))}")
        path, _, baudrate = channel.partition("@")
        # Public only in name: slcanBus writes and closes through these.
        self.serialPortOrig = _open_port(path, int(baudrate or tty_baudrate), rtscts)
        self._listen_only = listen_only
        self._can_protocol = can.CanProtocol.CAN_20
        self._partial_line = b""
        self._lines: deque[bytes] = deque()
        self._queue = SimpleQueue()
        self._answers = 0
        self._refusals = 0
        self._garbage_lines = 0
        self._reported_errors = 0
        self._broken: Exception | None = None
        try:
            self._selectable = _make_non_blocking(self.serialPortOrig)
            self._start_channel(bitrate)
            can.BusABC.__init__(self, channel)
        except BaseException:
            self.serialPortOrig.close()
            raise

    def take_errors(self) -> int:
        """Number of lines that were no frame and of commands that the adapter refused, since the last call."""
        errors = self._garbage_lines + self._refusals
        new = errors - self._reported_errors
        self._reported_errors = errors
        return new

    def _start_channel(self, bitrate: int) -> None:
        deadline_s = time.monotonic() + PROBE_TIMEOUT_S
        answered = False
        while not answered and time.monotonic() < deadline_s:
            # The empty line ends whatever another program left half written; V is answered by those that never
            # acknowledge anything.
            answered = self._command("\rC\rV", PROBE_INTERVAL_S) is not None
        self._skip_late_answers()
        self._command(self._BITRATES[bitrate], COMMAND_TIMEOUT_S)
        accepted = self._command("L" if self._listen_only else "O", COMMAND_TIMEOUT_S)
        if accepted is False:
            raise can.CanInitializationError("the adapter refuses to open its CAN channel")
        if not answered and accepted is None:
            self._await_any_frame()

    def _command(self, command: str, timeout_s: float) -> bool | None:
        """Send a command and return whether it was acknowledged; None if nothing came back in time."""
        answers, refusals = self._answers, self._refusals
        self._write(command)
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            self._receive(left_s)
            if self._answers > answers or self._lines:
                return True
            if self._refusals > refusals:
                return False
        return None

    def _skip_late_answers(self) -> None:
        deadline_s = time.monotonic() + COMMAND_TIMEOUT_S
        while self._receive(QUIET_S) and time.monotonic() < deadline_s:
            pass
        self._lines.clear()

    def _await_any_frame(self) -> None:
        deadline_s = time.monotonic() + FIRST_FRAME_TIMEOUT_S
        while not self._lines:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise NoAdapterAnswersError("nothing there answers as an slcan adapter does")
            self._receive(left_s)

    def _receive(self, timeout_s: float | None) -> bool:
        """Wait for bytes and sort them into lines; return whether any came. Raises CanOperationError when broken."""
        if self._broken is not None:
            raise can.CanOperationError(str(self._broken)) from self._broken
        port = self.serialPortOrig
        try:
            if not self._selectable:
                data = port.read(max(1, port.in_waiting)) if timeout_s != 0 or port.in_waiting else b""
            elif select.select([port.fileno()], [], [], timeout_s)[0]:
                data = port.read(_READ_SIZE)
            else:
                data = b""
        except Exception as error:  # pyserial lets OSError, TypeError, ... through when a port vanishes
            raise can.CanOperationError(f"could not read: {error}") from error
        if data:
            self._sort(data)
        return bool(data)

    def _sort(self, data: bytes) -> None:
        if b"\a" in data:  # a refusal, which has no line's end after it
            data = data.replace(b"\a", b"\a\r")
        *lines, rest = (self._partial_line + data).split(b"\r")
        self._partial_line = rest[-_LONGEST_LINE:]
        for line in lines:
            if _FRAME.fullmatch(line) or _REMOTE.fullmatch(line):
                self._lines.append(line)
            elif line.endswith(b"\a"):
                self._refusals += 1
                self._garbage_lines += len(line) > 1
            elif _ANSWER.fullmatch(line):
                self._answers += 1
            else:
                self._garbage_lines += 1

    @override
    def _read(self, timeout: float | None) -> str | None:
        if not self._lines:
            self._receive(timeout)
        return self._lines.popleft().decode() if self._lines else None

    @override
    def _write(self, string: str) -> None:
        try:
            self.serialPortOrig.write(string.encode() + self.LINE_TERMINATOR)
        except Exception as error:
            # Half a line may be out: only a new start brings both ends together again.
            self._broken = error
            raise can.CanOperationError(f"could not write: {error}") from error

    @override
    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        super().send(msg, WRITE_TIMEOUT_S)  # another value would reconfigure the port each time

    @override
    def flush(self) -> None:
        with error_check("could not flush"):
            self.serialPortOrig.reset_input_buffer()
        self._partial_line = b""
        self._lines.clear()

    @override
    def shutdown(self) -> None:
        if self._is_shutdown:
            return
        can.BusABC.shutdown(self)
        with suppress(can.CanOperationError):  # an unplugged adapter hears no goodbye
            self.close()
        self.serialPortOrig.close()


def _open_port(path: str, baudrate: int, rtscts: bool) -> Any:
    try:
        # With DTR and RTS as the driver sets them; exclusive, because two programs on one adapter steal each other's
        # bytes.
        port = serial.serial_for_url(
            path, baudrate=baudrate, rtscts=rtscts, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
        )
    except (OSError, ValueError) as error:
        raise can.CanInitializationError(str(error)) from error
    if path.startswith("socket://"):
        _watch_connection(port)
    return port


def _watch_connection(port: Any) -> None:
    # A gateway that lost its power says no goodbye: without keep-alive its silence would look like a quiet bus forever.
    with socket.fromfd(port.fileno(), socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _make_non_blocking(port: Any) -> bool:
    """Return whether the port can be waited for with select; else reads wait themselves, briefly."""
    try:
        port.fileno()
    except io.UnsupportedOperation, AttributeError:
        port.timeout = _BLIND_READ_S
        return False
    return True
