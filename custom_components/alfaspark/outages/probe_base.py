"""What the probes of HTTP, TCP and ping share: a result, what an error of the network says, several addresses."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
import errno
import os
import ssl

from .model import Result
from .probe_names import Names, UnresolvedError


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one check found."""

    result: Result
    """ALIVE, DOWN or UNKNOWN."""
    at_s: float
    """Time of the event loop: of the answer, or, where there was none, of the begin of the check."""
    latency_ms: float | None = None
    """From the request to the answer; None without an answer. The look-up of a name is no part of it."""
    detail: str = ""
    """A few words in English."""


_REFUSED = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EPIPE: "reset"}
_UNREACHABLE = {
    errno.EHOSTUNREACH: "host unreachable",
    errno.EHOSTDOWN: "host unreachable",
    errno.ETIMEDOUT: "no answer",
}


def judge_error(error: OSError) -> tuple[Result, str]:
    """What an error says of the power of the other end, and in words.

    A refusal and a reset are answers: something that has power sent them. Whatever this machine or its network did
    not even let out says nothing of the other end.
    """
    # Both come without a number from within TLS.
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Result.ALIVE, "reset"
    if isinstance(error, ssl.SSLError):  # whose numbers are those of another library
        return Result.ALIVE, f"TLS failed: {getattr(error, 'reason', None) or 'handshake'}"
    number = error.errno or 0
    if number in _REFUSED:
        return Result.ALIVE, _REFUSED[number]
    if number in _UNREACHABLE:
        return Result.DOWN, _UNREACHABLE[number]
    words = os.strerror(number) if number > 0 else str(error) or type(error).__name__
    return Result.UNKNOWN, f"own network: {words}"


def answered(began_s: float, detail: str) -> ProbeResult:
    """Something answered, now, what was asked at `began_s`."""
    now_s = asyncio.get_running_loop().time()
    return ProbeResult(Result.ALIVE, now_s, 1000 * (now_s - began_s), detail)


def failed(began_s: float, result: Result, detail: str) -> ProbeResult:
    """What an attempt came to that an error or the time ended."""
    return answered(began_s, detail) if result is Result.ALIVE else ProbeResult(result, began_s, None, detail)


def silent(began_s: float) -> ProbeResult:
    """Nothing answered."""
    return ProbeResult(Result.DOWN, began_s, None, "no answer")


_WORTH = (Result.UNKNOWN, Result.DOWN, Result.ALIVE)


async def first_alive(attempts: Sequence[Awaitable[ProbeResult]]) -> ProbeResult:
    """Make all attempts at once; the first that finds life, or else the one that says most. The others are ended."""
    if len(attempts) == 1:
        return await attempts[0]
    tasks = [asyncio.ensure_future(attempt) for attempt in attempts]
    results = []
    try:
        for attempt in asyncio.as_completed(tasks):
            results.append(await attempt)
            if results[-1].result is Result.ALIVE:
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return max(results, key=lambda result: _WORTH.index(result.result))


class Probe(ABC):
    """Checks one target, again and again; one check at a time."""

    def __init__(self, host: str, names: Names) -> None:
        """Name the host, a name or an address."""
        self.host = host
        self._names = names

    async def check(self, timeout_s: float) -> ProbeResult:
        """Check once. It takes `timeout_s` at most, and raises nothing that the network did."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            addresses = await self._names.addresses(self.host, timeout_s)
        except UnresolvedError as error:
            return ProbeResult(Result.UNKNOWN, began_s, None, str(error))
        left_s = max(0.0, began_s + timeout_s - loop.time())
        result = await first_alive([self._ask(address, left_s) for address in addresses])
        if result.result is not Result.ALIVE:
            self._names.doubt(self.host)
        if result.result is Result.DOWN:
            return ProbeResult(Result.DOWN, began_s, None, result.detail)
        return result

    @abstractmethod
    async def _ask(self, address: str, timeout_s: float) -> ProbeResult:
        """Check one address."""
