"""Does a host answer a ping? By icmplib, or by the program `ping` where this process may open no such socket."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
import contextlib
from importlib import import_module
from math import inf
import os
import random
import re
import shutil
from types import ModuleType
from typing import TYPE_CHECKING, Final, override

from .model import Result
from .probe_base import Probe, ProbeResult, answered, failed, judge_error, silent
from .probe_names import Names
from .probe_targets import parse_host

if TYPE_CHECKING:
    import icmplib

_PAUSES_S: Final = (1.0, 2.0, inf)
"""After each request. One packet lost in the radio is no outage."""
_PAYLOAD: Final = b"AlfaSpark"
"""Shorter than an IP header: icmplib takes a request that comes by, as on loopback, for a message about a packet."""
_PROGRAMS_AT_ONCE: Final = 32
_PROGRAM_S: Final = 4.0
"""A process each is dear: it waits no longer."""
_HOST_CODES: Final = {4: frozenset({1, 7, 12}), 6: frozenset({3})}
_NETWORK_CODES: Final = {4: frozenset({0, 6, 11}), 6: frozenset({0, 2})}
"""Of "destination unreachable", by IP version: no host there, no way there. All others: somebody forbids it."""
_LATENCY: Final = re.compile(r"time[=<]([0-9.]+) ?ms")

NO_PERMISSION: Final = "not allowed to ping, and there is no program for it"


class PingProbe(Probe):
    """Pings a host."""

    def __init__(self, target: str, names: Names, pinger: Pinger) -> None:
        """Raises TargetError."""
        super().__init__(parse_host(target), names)
        self._pinger = pinger

    @override
    async def _ask(self, address: str, timeout_s: float) -> ProbeResult:
        return await self._pinger.ping(address, timeout_s)


class Pinger:
    """Pings addresses, many at once, in the way that this process is allowed."""

    def __init__(self) -> None:
        """Find the way with the first ping."""
        self._icmplib: ModuleType | None = None
        self._is_imported = False
        self._id = random.randrange(0x10000)
        self._programs = asyncio.Semaphore(_PROGRAMS_AT_ONCE)

    async def ping(self, address: str, timeout_s: float) -> ProbeResult:
        """Ping an address up to three times within `timeout_s`; any answer will do."""
        loop = asyncio.get_running_loop()
        if not self._is_imported:
            # Who has no ping to make needs no icmplib; and loading it here would block.
            self._icmplib = await loop.run_in_executor(None, _import_icmplib)
            self._is_imported = True
        began_s = loop.time()
        try:
            sock = self._open(_version(address))
        except OSError as error:
            return failed(began_s, *judge_error(error))
        if sock is None:
            return await self._run_program(address, timeout_s)
        with sock:
            try:
                return await self._ask(sock, address, timeout_s)
            except TimeoutError:
                return silent(began_s)
            except OSError as error:
                return failed(began_s, *judge_error(error))

    def _open(self, version: int) -> icmplib.AsyncSocket | None:
        """A socket; None if this process may not open any. Raises OSError."""
        if self._icmplib is None:
            return None
        make = self._icmplib.ICMPv6Socket if version == 6 else self._icmplib.ICMPv4Socket
        # The kernel hands an unprivileged one nothing but its own answers; a raw one gets those of all others too.
        for privileged in (False, True):
            try:
                return self._icmplib.AsyncSocket(make(privileged=privileged))
            except self._icmplib.SocketPermissionError:
                continue
            except self._icmplib.ICMPSocketError as error:
                raise _cause(error) from error
        return None

    async def _ask(self, sock: icmplib.AsyncSocket, address: str, timeout_s: float) -> ProbeResult:
        """Raises TimeoutError and OSError."""
        assert self._icmplib is not None
        loop = asyncio.get_running_loop()
        self._id = (self._id + 1) & 0xFFFF
        sent_s: dict[int, float] = {}
        # Begins anywhere, so that it cannot be the number of another program that pings.
        first = random.randrange(0x10000)
        async with asyncio.timeout(timeout_s):
            for attempt, pause_s in enumerate(_PAUSES_S):
                sequence = (first + attempt) & 0xFFFF
                request = self._icmplib.ICMPRequest(address, self._id, sequence, payload=_PAYLOAD)
                sent_s[sequence] = now_s = loop.time()
                try:
                    sock.send(request)
                except self._icmplib.ICMPSocketError as error:
                    raise _cause(error) from error
                until_s = now_s + min(pause_s, timeout_s)
                while (left_s := until_s - loop.time()) > 0:
                    reply = await self._receive(sock, left_s)
                    # The kernel gives an unprivileged socket an id of its own, which the request tells after sending.
                    if reply is not None and reply.id == request.id and reply.sequence in sent_s:
                        return self._judge(reply, _version(address), sent_s[reply.sequence])
        return silent(min(sent_s.values()))

    async def _receive(self, sock: icmplib.AsyncSocket, timeout_s: float) -> icmplib.ICMPReply | None:
        """The next message; None after the time, which icmplib takes from a clock that may be set. Raises OSError."""
        assert self._icmplib is not None
        try:
            return await sock.receive(timeout=timeout_s)
        except self._icmplib.TimeoutExceeded:
            return None
        except self._icmplib.ICMPSocketError as error:
            raise _cause(error) from error

    def _judge(self, reply: icmplib.ICMPReply, version: int, sent_s: float) -> ProbeResult:
        assert self._icmplib is not None
        try:
            reply.raise_for_status()
        except self._icmplib.DestinationUnreachable:
            if reply.code in _HOST_CODES[version]:
                return ProbeResult(Result.DOWN, sent_s, None, "host unreachable")
            if reply.code in _NETWORK_CODES[version]:
                return ProbeResult(Result.UNKNOWN, sent_s, None, "own network: no way there")
            # By the host itself or by a firewall before it: icmplib does not tell.
            return ProbeResult(Result.UNKNOWN, sent_s, None, "ping is forbidden")
        except self._icmplib.ICMPError:
            return ProbeResult(Result.UNKNOWN, sent_s, None, "own network: lost on the way")
        return answered(sent_s, "answers")

    async def _run_program(self, address: str, timeout_s: float) -> ProbeResult:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        path = await loop.run_in_executor(None, shutil.which, "ping")
        if path is None:
            return ProbeResult(Result.UNKNOWN, began_s, None, NO_PERMISSION)
        timeout_s = min(timeout_s, _PROGRAM_S)
        try:
            async with asyncio.timeout(timeout_s):
                await self._programs.acquire()
        except TimeoutError:
            return ProbeResult(Result.UNKNOWN, began_s, None, "too many pings at once")
        try:
            return await _ping_by(path, address, timeout_s)
        finally:
            self._programs.release()


async def _ping_by(path: str, address: str, timeout_s: float) -> ProbeResult:
    """Run the program; it is gone when this returns."""
    began_s = asyncio.get_running_loop().time()
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *("-n", "-c", "1", "-w", str(max(1, int(timeout_s))), address),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        return failed(began_s, *judge_error(error))
    try:
        async with asyncio.timeout(timeout_s + 0.5):
            out, err = await process.communicate()
    except TimeoutError:
        return silent(began_s)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    result, latency_ms, detail = judge_program(
        process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )
    if result is not Result.ALIVE:
        return ProbeResult(result, began_s, None, detail)
    return ProbeResult(result, asyncio.get_running_loop().time(), latency_ms, detail)


def judge_program(code: int, out: str, err: str) -> tuple[Result, float | None, str]:
    """What `ping` of iputils or BusyBox says: the result, milliseconds, and in words."""
    if code == 0:
        found = _LATENCY.search(out)
        return Result.ALIVE, float(found[1]) if found else None, "answers"
    words = f"{out}\n{err}".lower()
    if "host unreachable" in words or "host is unreachable" in words:
        return Result.DOWN, None, "host unreachable"
    if "not permitted" in words or "denied" in words:
        return Result.UNKNOWN, None, "not allowed to ping"
    if complaint := err.strip():
        return Result.UNKNOWN, None, f"own network: {complaint.splitlines()[0].removeprefix('ping: ')[:80]}"
    if "net unreachable" in words:
        return Result.UNKNOWN, None, "own network: no way there"
    if "unreachable" in words or "prohibited" in words or "filtered" in words:
        return Result.UNKNOWN, None, "ping is forbidden"
    return Result.DOWN, None, "no answer"


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _import_icmplib() -> ModuleType | None:
    try:
        return import_module("icmplib")
    except ImportError:
        return None


def _cause(error: Exception) -> OSError:
    """The error of the system behind one of icmplib's, which keeps its text only."""
    return error.__context__ if isinstance(error.__context__, OSError) else OSError(str(error))
