"""The simulator as a process, and its clients."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
import json
import os
from pathlib import Path
import signal
from typing import Any, Self

ROOT = Path(__file__).parents[2]
NOON = "2026-06-01T12:00:00+01:00"
"""There is sun."""

_START_S = 600.0
_ANSWER_S = 240.0
"""Sixteen hours of a sanitized pack are 43 s of processor time, and there are others."""
"""The first start may build it."""
_STOP_S = 10.0


def program() -> Path:
    """The simulator with sanitizers where scripts/test has built it, else the one that scripts/simulate builds."""
    if build := os.environ.get("ALFASPARK_FIRMWARE_BUILD"):
        sanitized = Path(build) / "alfaspark-sim"
        assert sanitized.exists(), f"{sanitized} is missing: scripts/test builds it"
        return sanitized
    return ROOT / "scripts/simulate"


class Control:
    """A connection to the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over a connection."""
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, address: str) -> Self:
        """Connect to "HOST:PORT"."""
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port), limit=1 << 22))

    async def send(self, line: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(line)
        await self.writer.drain()

    async def answer(self) -> dict[str, Any]:
        """Return the next answer; fails after four minutes."""
        async with asyncio.timeout(_ANSWER_S):
            answer = json.loads(await self.reader.readline())
        assert isinstance(answer, dict)
        return answer

    async def ask(self, **line: Any) -> dict[str, Any]:
        """Send one line and return its answer, an error too."""
        await self.send(json.dumps(line).encode() + b"\n")
        return await self.answer()

    async def do(self, **line: Any) -> None:
        """Send one line that has to succeed."""
        assert await self.ask(**line) == {"ok": True}, line

    async def truth(self) -> dict[str, Any]:
        """Return what physically is."""
        answer = await self.ask(get="truth")
        assert answer["ok"] is True
        return answer

    async def pack(self, index: int) -> dict[str, Any]:
        """Return what physically is of one pack."""
        pack = (await self.truth())["packs"][index]
        assert isinstance(pack, dict)
        return pack

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Simulator:
    """A running simulator."""

    def __init__(self, process: Process, ready: dict[str, Any], control: Control) -> None:
        """Take over a process that is ready, and a first connection to its control socket."""
        self.process = process
        self.ready = ready
        self.control = control

    @property
    def slcan(self) -> str:
        """The URL for python-can."""
        url = self.ready["slcan"]
        assert isinstance(url, str)
        return url

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, bytes]:
        """End it; its exit code and the rest of its standard output."""
        self.process.send_signal(how)
        assert self.process.stdout is not None
        async with asyncio.timeout(_STOP_S):
            rest = await self.process.stdout.read()
            return await self.process.wait(), rest


async def launch(*options: str) -> Process:
    """Start the process, with pipes for its output."""
    return await asyncio.create_subprocess_exec(program(), *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)


@asynccontextmanager
async def simulator(*options: str) -> AsyncGenerator[Simulator]:
    """Run the simulator; it has to end cleanly."""
    process = await launch(*options)
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
        assert line, (await errors).decode()
        ready = json.loads(line)
        control = await Control.connect(ready["control"])
        running = Simulator(process, ready, control)
        yield running
        await control.close()
        if process.returncode is None:
            code, rest = await running.stop()
            assert (code, rest) == (0, b""), (await errors).decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # What the sanitizers found.
        assert "ERROR" not in (said := (await errors).decode()), said
        assert "runtime error" not in said, said


class SlcanClient:
    """The slcan protocol in bytes, for what python-can is too polite or too slow for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over a connection."""
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str, *, opened: bool = True) -> Self:
        """Connect to socket://HOST:PORT."""
        host, _, port = url.removeprefix("socket://").rpartition(":")
        client = cls(*await asyncio.open_connection(host, int(port), limit=1 << 24))
        if opened:
            await client.send(b"C\rS6\rO\r")
            assert await client.reader.readexactly(3) == b"\r\r\r"
        return client

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def stop_reading(self) -> None:
        """Leave what comes in the system's buffers."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    async def line(self) -> bytes:
        """Return the next line without its end."""
        async with asyncio.timeout(20):
            return (await self.reader.readuntil(b"\r"))[:-1]

    async def frame(self, start: bytes) -> bytes:
        """Return the next frame whose line starts so."""
        while True:
            if (line := await self.line()).startswith(start):
                return line

    async def arrived(self) -> list[bytes]:
        """Return the frames that have been handed to this machine's network by now."""
        lines = b""
        with suppress(TimeoutError):
            while chunk := await asyncio.wait_for(self.reader.read(1 << 20), 0.3):
                lines += chunk
        return [line for line in lines.split(b"\r") if line[:1] in (b"t", b"T", b"r", b"R")]

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
