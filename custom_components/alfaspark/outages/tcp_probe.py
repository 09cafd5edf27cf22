"""Does a TCP port answer? Connects, reads nothing and closes."""

import asyncio
import socket
from typing import override

from .probe_base import Probe, ProbeResult, answered, failed, judge_error, silent
from .probe_names import Names
from .probe_targets import parse_endpoint


class TcpProbe(Probe):
    """Connects to `host:port`.

    ALIVE also when the port is closed ("refused"): only a machine that has power refuses. An owner who asks whether a
    service runs asks another question.
    """

    def __init__(self, target: str, names: Names) -> None:
        """Raises TargetError."""
        endpoint = parse_endpoint(target)
        super().__init__(endpoint.host, names)
        self._port = endpoint.port

    @override
    async def _ask(self, address: str, timeout_s: float) -> ProbeResult:
        return await knock(address, self._port, timeout_s)


async def knock(address: str, port: int, timeout_s: float) -> ProbeResult:
    """Connect to a port of an address and close again."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            async with asyncio.timeout(timeout_s):
                await loop.sock_connect(connection, (address, port))
            return answered(began_s, "open")
    except TimeoutError:  # ours or the system's
        return silent(began_s)
    except OSError as error:
        return failed(began_s, *judge_error(error))
