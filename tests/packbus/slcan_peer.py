"""The other end of a serial line: an slcan adapter as a real one behaves, on a pty or behind a TCP port."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
import os
from pathlib import Path
import select
import socket
import threading
import time
import tty
from typing import override

type Behaviour = Callable[[bytes], bytes]
"""What is answered to a command line, given without its line's end."""


def acknowledge(line: bytes) -> bytes:
    """Answer as a LAWICEL CANUSB does."""
    if line[:1] == b"V":
        return b"V1013\r"
    return b"z\r" if line[:1] in (b"t", b"T") and len(line) > 4 else b"\r"


class SlcanPeer(ABC):
    """An adapter that can be unplugged and plugged in again."""

    def __init__(self, behaviour: Behaviour = acknowledge, *, deaf_s: float = 0.0, greeting: bytes = b"") -> None:
        """Be ready to be plugged in.

        `deaf_s`: what comes so soon after the port was opened is lost, as while a boot loader runs. `greeting` is sent
        when the CAN channel was opened.
        """
        self.lines: list[bytes] = []
        self.connections = 0
        self._behaviour = behaviour
        self._deaf_s = deaf_s
        self._greeting = greeting
        self._fd: int | None = None
        self._thread: threading.Thread | None = None

    @property
    @abstractmethod
    def channel(self) -> str:
        """How the port is opened."""

    @abstractmethod
    def _attach(self) -> None:
        """Make the port exist."""

    @abstractmethod
    def _accept(self) -> int | None:
        """Return the file descriptor of this end once the port is open at the other; None if unplugged before."""

    @abstractmethod
    def _detach(self) -> None:
        """Make the port vanish, with what is connected to it."""

    def plug_in(self) -> None:
        """Make the port exist and answer on it."""
        self._attach()
        self._until, self._unplugged = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Make the port vanish."""
        if self._thread is None:
            return
        os.close(self._unplugged)
        self._thread.join()
        self._thread = None
        os.close(self._until)
        self._detach()

    def say(self, data: bytes) -> None:
        """Send bytes as the adapter."""
        assert self._fd is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def wait_for(self, line: bytes) -> None:
        """Wait until a line was received; fail after 5 s."""
        deadline_s = time.monotonic() + 5
        while line not in self.lines:
            assert time.monotonic() < deadline_s, f"{line!r} is not among {self.lines}"
            time.sleep(0.005)

    def _serve(self) -> None:
        while (fd := self._accept()) is not None:
            self._fd = fd
            self.connections += 1
            with suppress(OSError):
                self._answer(fd)

    def _answer(self, fd: int) -> None:
        start_s = None
        pending = b""
        while self._readable(fd) and (data := os.read(fd, 4096)):
            start_s = start_s or time.monotonic()
            if time.monotonic() - start_s < self._deaf_s:
                continue
            *lines, pending = (pending + data).split(b"\r")
            for line in lines:
                self.lines.append(line)
                os.write(fd, self._behaviour(line))
                if line == b"O":
                    os.write(fd, self._greeting)

    def _readable(self, fd: int) -> bool:
        """Wait for bytes; False when unplugged."""
        return self._until not in select.select([fd, self._until], [], [])[0]


class TcpPeer(SlcanPeer):
    """An adapter behind a TCP port on this machine."""

    _port = 0
    _connection: socket.socket | None = None

    @property
    @override
    def channel(self) -> str:
        return f"socket://127.0.0.1:{self._port}"

    @override
    def _attach(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]

    @override
    def _accept(self) -> int | None:
        if not self._readable(self._listener.fileno()):
            return None
        self._hang_up()
        self._connection, _ = self._listener.accept()
        return self._connection.fileno()

    @override
    def _detach(self) -> None:
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()


class PtyPeer(SlcanPeer):
    """An adapter on a pty; its path stays the same, as /dev/serial/by-id does for a USB adapter."""

    def __init__(self, link: Path, behaviour: Behaviour = acknowledge, *, deaf_s: float = 0.0) -> None:
        """Name the path."""
        super().__init__(behaviour, deaf_s=deaf_s)
        self._link = link

    @property
    @override
    def channel(self) -> str:
        return str(self._link)

    @override
    def _attach(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._link.symlink_to(os.ttyname(self._slave))
        self._accepted = False

    @override
    def _accept(self) -> int | None:
        # This end keeps the port open too, so that it does not end when the other one closes it.
        if self._accepted:
            return None
        self._accepted = True
        return self._master

    @override
    def _detach(self) -> None:
        os.close(self._slave)
        os.close(self._master)
        self._link.unlink()
