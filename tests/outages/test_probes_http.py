"""The HTTP probe against servers of every kind."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import groupby
from pathlib import Path
import socket

from aiohttp import ClientSession
import pytest

from custom_components.alfaspark.outages.http_probe import HttpProbe
from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.probe_base import ProbeResult
from custom_components.alfaspark.outages.probe_names import Names

from .servers import HOST, Server, black_hole, free_port, reset, self_signed, serve, serve_http

pytestmark = pytest.mark.usefixtures("socket_enabled")

_TIMEOUT_S = 0.6


@pytest.fixture
async def session() -> AsyncGenerator[ClientSession]:
    async with ClientSession() as made:
        yield made


async def check(session: ClientSession, target: str | Server, timeout_s: float = 5.0) -> ProbeResult:
    """Check once with a new probe."""
    url = target if isinstance(target, str) else f"http://{HOST}:{target.port}/status?all=1"
    return await HttpProbe(url, Names(), session).check(timeout_s)


def methods(server: Server) -> list[bytes]:
    """The methods that a server was asked with, in order; aiohttp itself tries again once what was cut off."""
    return [method for method, _ in groupby(request.partition(b" ")[0] for request in server.requests)]


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500, 503])
async def test_any_status_is_an_answer_and_no_redirect_is_followed(session: ClientSession, status: int) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Words\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())

    async with serve_http(answer) as server:
        began_s = asyncio.get_running_loop().time()
        result = await check(session, server)
        assert (result.result, result.detail) == (Result.ALIVE, f"HTTP {status}")
        assert result.latency_ms is not None and 0 < result.latency_ms < 2000
        assert began_s < result.at_s <= asyncio.get_running_loop().time()
        assert methods(server) == [b"HEAD"]
        assert server.requests[0].startswith(b"HEAD /status?all=1 HTTP/1.1\r\n")
        assert f"\r\nHost: {HOST}:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize("way", ["closes", "resets", "garbage"])
async def test_a_server_that_knows_get_only_is_asked_so_from_then_on(session: ClientSession, way: str) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET"):
            writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        elif way == "resets":
            reset(writer)
        elif way == "garbage":
            writer.write(b"?? HEAD ??\r\n\r\n")

    async with serve_http(answer) as server:
        probe = HttpProbe(f"{HOST}:{server.port}", Names(), session)
        for _ in range(2):
            result = await probe.check(5.0)
            assert (result.result, result.detail) == (Result.ALIVE, "HTTP 200")
        assert methods(server) == [b"HEAD", b"GET"]
        assert server.requests[-2].startswith(b"GET")


async def test_a_server_that_lets_head_hang_is_given_half_the_time_for_get(session: ClientSession) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            await asyncio.sleep(60)

    async with serve_http(answer) as server:
        assert (await check(session, server, _TIMEOUT_S)).detail == "HTTP 200"
        assert methods(server) == [b"HEAD", b"GET"]


async def test_a_server_that_once_answered_head_has_the_whole_time_for_it(session: ClientSession) -> None:
    delay_s = 0.0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async with serve_http(answer) as server:
        probe = HttpProbe(f"{HOST}:{server.port}", Names(), session)
        await probe.check(_TIMEOUT_S)
        delay_s = 0.75 * _TIMEOUT_S
        assert (await probe.check(_TIMEOUT_S)).result is Result.ALIVE
        assert [request[:4] for request in server.requests] == [b"HEAD", b"HEAD"]


async def test_a_server_that_hangs_is_down_since_the_begin_of_the_check(session: ClientSession) -> None:
    async def answer(_: bytes, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with serve_http(answer) as server:
        began_s = asyncio.get_running_loop().time()
        result = await check(session, server, _TIMEOUT_S)
        ended_s = asyncio.get_running_loop().time()
        assert (result.result, result.latency_ms, result.detail) == (Result.DOWN, None, "no answer")
        assert result.at_s == pytest.approx(began_s, abs=0.1)
        assert _TIMEOUT_S * 0.9 < ended_s - began_s < _TIMEOUT_S + 0.5


async def test_a_server_that_drips_is_not_waited_for_longer(session: ClientSession) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.05)

    async with serve_http(answer) as server:
        began_s = asyncio.get_running_loop().time()
        assert (await check(session, server, _TIMEOUT_S)).result is Result.DOWN
        assert asyncio.get_running_loop().time() - began_s < _TIMEOUT_S + 0.5


@pytest.mark.parametrize(
    ("way", "detail"),
    [
        ("closes at once", "closed without an answer"),
        ("resets", "reset"),
        ("talks garbage", "no HTTP"),
        ("talks SSH", "no HTTP"),
        ("huge header", "no HTTP"),
        ("headers without end", "no HTTP"),
    ],
)
async def test_what_only_a_machine_with_power_does_is_life(session: ClientSession, way: str, detail: str) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        if way == "resets":
            reset(writer)
        elif way == "talks garbage":
            writer.write(bytes(range(256)) * 10)
        elif way == "talks SSH":
            writer.write(b"SSH-2.0-dropbear\r\n")
        elif way == "huge header":
            writer.write(b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 1_000_000 + b"\r\n\r\n")
        elif way == "headers without end":
            writer.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(1_000_000):
                writer.write(f"X-{number}: {'x' * 100}\r\n".encode())
                await writer.drain()

    async with serve_http(answer) as server:
        result = await check(session, server)
        assert (result.result, result.detail) == (Result.ALIVE, detail)
        assert methods(server) == [b"HEAD", b"GET"]


async def test_life_that_head_found_stands_when_get_finds_none(session: ClientSession) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"HEAD"):
            reset(writer)
        else:
            await asyncio.sleep(60)

    async with serve_http(answer) as server:
        began_s = asyncio.get_running_loop().time()
        result = await check(session, server, _TIMEOUT_S)
        assert (result.result, result.detail) == (Result.ALIVE, "reset")
        # Of the answer, not of the end of the check.
        assert result.at_s - began_s < _TIMEOUT_S / 2


async def test_no_body_is_read(session: ClientSession) -> None:
    sent = 0

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if head.startswith(b"HEAD"):
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with serve_http(answer) as server:
        assert (await check(session, server)).detail == "HTTP 200"
        while server.open_now:
            await asyncio.sleep(0.01)
        assert sent < 20_000_000


async def test_a_refused_connection_is_an_answer(session: ClientSession) -> None:
    result = await check(session, f"http://{HOST}:{free_port()}/")
    assert (result.result, result.detail) == (Result.ALIVE, "refused")


async def test_a_port_that_is_silent_is_down(session: ClientSession) -> None:
    with black_hole() as port:
        began_s = asyncio.get_running_loop().time()
        result = await check(session, f"http://{HOST}:{port}/", _TIMEOUT_S)
        assert (result.result, result.detail) == (Result.DOWN, "no answer")
        assert asyncio.get_running_loop().time() - began_s < _TIMEOUT_S + 0.5


async def test_a_self_signed_certificate_is_accepted(session: ClientSession, tmp_path: Path) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 401 Unauthorized\r\n\r\n")

    async with serve_http(answer, self_signed(tmp_path)) as server:
        assert (await check(session, f"https://{HOST}:{server.port}/")).detail == "HTTP 401"


async def test_the_name_is_sent_also_though_the_address_is_connected_to(session: ClientSession, tmp_path: Path) -> None:
    names: list[str | None] = []

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def lookup(_: str) -> list[str]:
        return [HOST]

    tls = self_signed(tmp_path)
    tls.sni_callback = lambda _, name, __: names.append(name)
    async with serve_http(answer, tls) as server:
        probe = HttpProbe(f"https://heater.example:{server.port}/x", Names(lookup), session)
        assert (await probe.check(5.0)).detail == "HTTP 200"
        assert f"\r\nHost: heater.example:{server.port}\r\n".encode() in server.requests[0]
        assert names == ["heater.example"]


async def test_a_tls_handshake_that_fails_is_life(session: ClientSession) -> None:
    async def talk_plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with serve(talk_plain) as server:
        result = await check(session, f"https://{HOST}:{server.port}/")
        assert result.result is Result.ALIVE
        assert result.detail.startswith("TLS failed")


async def test_a_tls_handshake_that_is_cut_is_life(session: ClientSession) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        reset(writer)

    async with serve(cut) as server:
        assert (await check(session, f"https://{HOST}:{server.port}/")).result is Result.ALIVE


async def test_a_tls_handshake_that_hangs_is_down(session: ClientSession) -> None:
    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with serve(hang) as server:
        result = await check(session, f"https://{HOST}:{server.port}/", _TIMEOUT_S)
        assert (result.result, result.detail) == (Result.DOWN, "no answer")


async def test_a_tls_server_asked_in_plain_is_life(session: ClientSession, tmp_path: Path) -> None:
    async with serve(lambda _, __: asyncio.sleep(60), self_signed(tmp_path)) as server:
        assert (await check(session, server)).result is Result.ALIVE


@pytest.mark.parametrize(
    ("error", "result", "detail"),
    [
        (socket.EAI_NONAME, Result.UNKNOWN, "name does not exist"),
        (socket.EAI_AGAIN, Result.UNKNOWN, "name server does not answer"),
    ],
)
async def test_a_name_without_address_is_no_outage(
    session: ClientSession, error: int, result: Result, detail: str
) -> None:
    async def lookup(_: str) -> list[str]:
        raise socket.gaierror(error, "words")

    found = await HttpProbe("http://heater.example/", Names(lookup), session).check(5.0)
    assert (found.result, found.detail) == (result, detail)


async def test_a_closed_session_is_this_ends_trouble() -> None:
    session = ClientSession()
    await session.close()
    assert (await check(session, f"http://{HOST}:{free_port()}/")).result is Result.UNKNOWN


async def test_no_connection_is_kept(session: ClientSession) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"\r\nConnection: close\r\n" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        # The other end is to close first, so that the device need not remember the connection.
        closed.append(await reader.read())

    closed: list[bytes] = []
    async with serve(answer) as server:
        assert (await check(session, server)).detail == "HTTP 200"
        async with asyncio.timeout(5):
            while server.open_now:
                await asyncio.sleep(0.01)
    assert closed == [b""]
