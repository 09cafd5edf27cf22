"""The TCP probe against ports that are open, closed and silent, and what errors of the system say."""

import asyncio
from contextlib import suppress
import errno
import os
from pathlib import Path
import resource
import ssl

import pytest

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.probe_base import first_alive, judge_error
from custom_components.alfaspark.outages.probe_names import Names
from custom_components.alfaspark.outages.tcp_probe import TcpProbe, knock

from .servers import HOST, black_hole, free_port, serve

pytestmark = pytest.mark.usefixtures("socket_enabled")

_TIMEOUT_S = 0.4


async def test_an_open_port_is_life_and_is_left_again() -> None:
    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    async with serve(listen) as server:
        began_s = asyncio.get_running_loop().time()
        result = await TcpProbe(f"{HOST}:{server.port}", Names()).check(5.0)
        assert (result.result, result.detail) == (Result.ALIVE, "open")
        assert result.latency_ms is not None and 0 < result.latency_ms < 2000
        assert result.at_s > began_s
        async with asyncio.timeout(5):
            while server.connections != 1 or server.open_now:
                await asyncio.sleep(0.01)


async def test_a_closed_port_is_life() -> None:
    result = await TcpProbe(f"{HOST}:{free_port()}", Names()).check(5.0)
    assert (result.result, result.detail) == (Result.ALIVE, "refused")
    assert result.latency_ms is not None


async def test_a_silent_port_is_down_since_the_begin_of_the_check() -> None:
    with black_hole() as port:
        began_s = asyncio.get_running_loop().time()
        result = await TcpProbe(f"{HOST}:{port}", Names()).check(_TIMEOUT_S)
        assert (result.result, result.latency_ms, result.detail) == (Result.DOWN, None, "no answer")
        assert result.at_s == pytest.approx(began_s, abs=0.1)
        assert _TIMEOUT_S * 0.9 < asyncio.get_running_loop().time() - began_s < _TIMEOUT_S + 0.5


async def test_no_more_sockets_is_this_machines_trouble() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    fillers = []
    try:
        with suppress(OSError):
            while True:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
        result = await knock(HOST, 9, 1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    assert result.result is Result.UNKNOWN
    assert result.detail == "own network: Too many open files"


@pytest.mark.parametrize(
    ("error", "result", "detail"),
    [
        (OSError(errno.ECONNREFUSED, ""), Result.ALIVE, "refused"),
        (OSError(errno.ECONNRESET, ""), Result.ALIVE, "reset"),
        (ConnectionResetError(), Result.ALIVE, "reset"),
        (OSError(errno.EHOSTUNREACH, ""), Result.DOWN, "host unreachable"),
        (OSError(errno.ETIMEDOUT, ""), Result.DOWN, "no answer"),
        (OSError(errno.ENETUNREACH, ""), Result.UNKNOWN, "own network: Network is unreachable"),
        (OSError(errno.ENETDOWN, ""), Result.UNKNOWN, "own network: Network is down"),
        (OSError(errno.EADDRNOTAVAIL, ""), Result.UNKNOWN, "own network: Cannot assign requested address"),
        (OSError(errno.EMFILE, ""), Result.UNKNOWN, "own network: Too many open files"),
        (OSError(errno.ENFILE, ""), Result.UNKNOWN, "own network: Too many open files in system"),
        (OSError(errno.EPERM, ""), Result.UNKNOWN, "own network: Operation not permitted"),
        (OSError(errno.EACCES, ""), Result.UNKNOWN, "own network: Permission denied"),
        (OSError("no number"), Result.UNKNOWN, "own network: no number"),
        # 1 is EPERM too.
        (ssl.SSLError(1, "words"), Result.ALIVE, "TLS failed: handshake"),
    ],
)
def test_what_an_error_says_of_the_power(error: OSError, result: Result, detail: str) -> None:
    assert judge_error(error) == (result, detail)


async def test_of_several_addresses_one_that_lives_is_enough() -> None:
    async with serve(lambda reader, _: reader.read()) as server:  # type: ignore[arg-type, return-value]
        with black_hole() as dark:
            began_s = asyncio.get_running_loop().time()
            result = await first_alive([knock(HOST, dark, 5.0), knock(HOST, server.port, 5.0)])
            assert (result.result, result.detail) == (Result.ALIVE, "open")
            assert asyncio.get_running_loop().time() - began_s < 2
            result = await first_alive([knock(HOST, dark, _TIMEOUT_S), knock(HOST, dark, _TIMEOUT_S)])
            assert result.result is Result.DOWN
