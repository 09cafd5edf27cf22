"""The simulated energy packs: their process, and the socket through which the test of a house moves the sun and the grid."""

import asyncio
import json
from pathlib import Path
import socket
from typing import Any, Self

from . import HouseError
from .process import Child

# The first start builds it.
_START_S = 600.0
_ANSWER_S = 30.0


class Simulator:
    """Some packs on one bus, which is offered as an slcan adapter."""

    def __init__(self, child: Child, ready: dict[str, Any]) -> None:
        """Take over what `start` made; `ready` is what the simulator said when it was."""
        self.child = child
        self.slcan_url: str = ready["slcan"]
        self.serials: list[str] = [pack["serial"] for pack in ready["packs"]]
        host, _, port = ready["control"].rpartition(":")
        self._control = (host, int(port))

    @classmethod
    async def start(cls, root: Path, log: Path, *options: str, low_priority: bool = False) -> Self:
        """Build it where needed and start it; `low_priority` leaves the processor to whoever else wants it.

        Raises HouseError if it ends instead of getting ready.
        """
        command: list[str | Path] = [root / "scripts/simulate", *options]
        if low_priority:
            command = ["nice", "-n", "10", *command]
        child = await Child.start("The simulator", command, log=log, cwd=root, pipe_stdout=True)
        try:
            async with asyncio.timeout(_START_S):
                ready = await _ready_line(child)
        except TimeoutError:
            await child.stop()
            raise HouseError(f"The simulator was not ready within {_START_S:.0f} s ({log}):\n{child.tail()}") from None
        except BaseException:
            await child.stop()
            raise
        return cls(child, json.loads(ready))

    async def control(self, **line: Any) -> dict[str, Any]:
        """The answer to one line for the control socket. Raises HouseError if the simulator refuses it."""
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(*self._control, limit=1 << 20)
            try:
                writer.write(json.dumps(line).encode() + b"\n")
                answer: dict[str, Any] = json.loads(await reader.readline())
            finally:
                writer.close()
                await writer.wait_closed()
        if "error" in answer:
            raise HouseError(f"The simulator refuses {line}: {answer['error']}")
        return answer

    def command(self, **line: Any) -> str:
        """What to type into a bash to send one line to the control socket."""
        host, port = self._control
        return f"echo '{json.dumps(line)}' >/dev/tcp/{host}/{port}"

    async def send(self, can_id: int, payload: bytes) -> None:
        """Put a base frame on the bus. Raises HouseError if the simulator does not take it."""
        host, _, port = self.slcan_url.removeprefix("socket://").rpartition(":")
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(f"C\rS6\rO\rt{can_id:03X}{len(payload)}{payload.hex()}\r".encode())
                answer = await reader.readuntil((b"z\r", b"\a"))
            finally:
                writer.close()
        if b"\a" in answer:
            raise HouseError(f"The simulator refuses a frame: {answer!r}")

    async def truth(self) -> dict[str, Any]:
        """What physically is; see `{"get": "truth"}` in the simulator's description."""
        return await self.control(get="truth")


async def _ready_line(child: Child) -> str:
    while not (line := await child.read_line()).startswith("{"):
        if not line:
            await child.wait()
            raise child.death()
    return line


def free_port() -> int:
    """A TCP port that nobody on this machine's loopback listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
