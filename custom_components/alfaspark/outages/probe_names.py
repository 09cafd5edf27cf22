"""Addresses of hosts: looked up without blocking, and kept for the time when the power has taken the name server along."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
import socket
from typing import Final

_FRESH_S: Final = 300.0
_PATIENCE_S: Final = 2.0
"""How long a check waits for a new look-up while it has the addresses of the last one."""
_LOOKUPS_AT_ONCE: Final = 4
"""Each takes a thread of the event loop's, for up to half a minute when no name server answers."""

_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})

type Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name, the best first. Raises OSError, socket.gaierror when it can say more."""


class UnresolvedError(Exception):
    """A name has no address that is known. The text says why; never a sign of lost power."""


async def system_lookup(name: str) -> Sequence[str]:
    """Ask the system, in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def is_address(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class _Known:
    addresses: tuple[str, ...]
    looked_up_s: float


class Names:
    """What is known of the names of all checkpoints.

    A name that had an address once keeps it while it cannot be looked up: names given out by a router or told by the
    device itself vanish together with the power, and the device must count as down then, not as unknown.
    """

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        """Look names up by the system, or by what is handed in."""
        self._lookup = lookup
        self._known: dict[str, _Known] = {}
        self._running: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def addresses(self, host: str, timeout_s: float) -> tuple[str, ...]:
        """One or two addresses, at most one of each IP version. Raises UnresolvedError."""
        if is_address(host):
            return (host,)
        known = self._known.get(host)
        if known and asyncio.get_running_loop().time() - known.looked_up_s < _FRESH_S:
            return known.addresses
        if (task := self._running.get(host)) is None:
            task = self._running[host] = asyncio.create_task(self._look_up(host))
            task.add_done_callback(lambda done: self._forget_task(host, done))
        try:
            async with asyncio.timeout(min(_PATIENCE_S, timeout_s / 2) if known else timeout_s):
                return await asyncio.shield(task)
        except TimeoutError:
            if known:
                return known.addresses
            raise UnresolvedError("name not looked up in time") from None
        except UnresolvedError:
            if known:
                return known.addresses
            raise

    def doubt(self, host: str) -> None:
        """Nothing answers there: look the name up again next time."""
        if known := self._known.get(host):
            known.looked_up_s = float("-inf")

    async def close(self) -> None:
        """End all look-ups."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _forget_task(self, host: str, done: asyncio.Task[tuple[str, ...]]) -> None:
        self._running.pop(host, None)
        # Whoever waited for it may have lost patience; nobody else is to complain.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, host: str) -> tuple[str, ...]:
        async with self._slots:
            try:
                found = await self._lookup(host)
            except socket.gaierror as error:
                raise UnresolvedError(_words(error)) from error
            except (OSError, UnicodeError) as error:
                raise UnresolvedError(f"name not looked up: {error}") from error
        addresses = tuple({":" in address: address for address in reversed(found)}.values())
        if not addresses:
            raise UnresolvedError("name has no address")
        self._known[host] = _Known(addresses, asyncio.get_running_loop().time())
        return addresses


def _words(error: socket.gaierror) -> str:
    if error.errno in _NO_SUCH_NAME:
        return "name does not exist"
    if error.errno == socket.EAI_AGAIN:
        return "name server does not answer"
    return f"name not looked up: {error.strerror}"
