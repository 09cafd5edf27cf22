"""A host that speaks to pack 0 of a simulator, in virtual time."""

from itertools import count
from typing import Any

from custom_components.alfaspark.packbus.frames import CommandFrame, Function, Response, Result, SetTime, Status

from .simulator import Simulator, SlcanClient


class Host:
    """Who speaks to pack 0, in virtual time."""

    def __init__(self, running: Simulator) -> None:
        """Take over a running simulator."""
        self._url = running.slcan
        self.control = running.control
        self._sequences = count()
        self.node = 0

    async def heard(self, function: Function, seconds: float, send: bytes = b"") -> list[bytes]:
        """Let time pass; the payloads that pack 0 sent of a function meanwhile."""
        bus = await SlcanClient.connect(self._url)
        if send:
            await bus.send(f"t{self.node:03X}{len(send)}{send.hex()}\r".encode())
            await bus.reader.readuntil(b"\r")
        await self.control.do(advance_s=seconds)
        start = f"t{function + self.node:03X}".encode()
        lines = [bytes.fromhex(line[5:].decode()) for line in await bus.arrived() if line.startswith(start)]
        await bus.close()
        return lines

    async def status(self) -> Status:
        """Return the next periodic STATUS."""
        return Status.decode((await self.heard(Function.STATUS, 2.5))[-1])

    async def ask(self, command: CommandFrame) -> Response:
        """Send a command and return its RESPONSE."""
        data = command.encode(next(self._sequences) % 128)
        (response,) = [Response.decode(line) for line in await self.heard(Function.RESPONSE, 0.2, data)]
        return response

    async def do(self, command: CommandFrame) -> None:
        """Send a command that has to be accepted."""
        assert (await self.ask(command)).result is Result.ACCEPTED, command

    async def set_time(self, unix_s: int) -> None:
        """Tell the time; nothing answers."""
        data = SetTime(unix_s=unix_s, utc_offset_min=60).encode(next(self._sequences) % 128)
        assert await self.heard(Function.RESPONSE, 0.2, data) == []

    async def truth(self) -> dict[str, Any]:
        """Return what physically is of the pack."""
        return await self.control.pack(0)
