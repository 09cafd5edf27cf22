"""Names and targets: what is looked up when, and what is no target at all."""

import asyncio
import socket
import time

import pytest

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.probe_names import Names, UnresolvedError, is_address, system_lookup
from custom_components.alfaspark.outages.probe_targets import (
    Endpoint,
    TargetError,
    TargetFault,
    parse_endpoint,
    parse_host,
    parse_url,
)
from custom_components.alfaspark.outages.tcp_probe import TcpProbe

from .servers import HOST, black_hole

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Directory:
    """A name server, as far as a look-up sees it."""

    def __init__(self) -> None:
        """Know no name."""
        self.asked: list[str] = []
        self.addresses: list[str] = []
        self.error: Exception | None = None
        self.delay_s = 0.0
        self.at_once = 0
        self.at_most = 0

    async def lookup(self, name: str) -> list[str]:
        """Look up."""
        self.asked.append(name)
        self.at_once += 1
        self.at_most = max(self.at_most, self.at_once)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.at_once -= 1
        if self.error:
            raise self.error
        return self.addresses


async def test_an_address_is_not_looked_up() -> None:
    directory = Directory()
    names = Names(directory.lookup)
    for address in ("192.0.2.1", "2001:db8::1", "fe80::1%eth0"):
        assert is_address(address)
        assert await names.addresses(address, 1.0) == (address,)
    assert directory.asked == []


async def test_a_name_is_looked_up_once_for_all_who_ask() -> None:
    directory = Directory()
    directory.addresses = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"]
    directory.delay_s = 0.02
    names = Names(directory.lookup)
    found = await asyncio.gather(*(names.addresses("nas.example", 1.0) for _ in range(20)))
    assert {frozenset(addresses) for addresses in found} == {frozenset({"2001:db8::1", "192.0.2.1"})}
    await names.addresses("nas.example", 1.0)
    assert directory.asked == ["nas.example"]


@pytest.mark.parametrize("error", [socket.EAI_NONAME, socket.EAI_AGAIN])
async def test_a_name_that_vanishes_with_the_power_keeps_its_address(error: int) -> None:
    directory = Directory()
    names = Names(directory.lookup)
    with black_hole() as port:
        probe = TcpProbe(f"heater.example:{port}", names)
        directory.error = socket.gaierror(error, "words")
        assert (await probe.check(0.3)).result is Result.UNKNOWN
        directory.error, directory.addresses = None, [HOST]
        assert (await probe.check(0.3)).result is Result.DOWN
        directory.error = socket.gaierror(error, "words")
        assert (await probe.check(0.3)).result is Result.DOWN
    # Nothing answered there, so it was looked up each time.
    assert len(directory.asked) == 3


async def test_a_name_server_that_hangs_is_not_waited_for_when_the_address_is_known() -> None:
    directory = Directory()
    directory.addresses = [HOST]
    names = Names(directory.lookup)
    await names.addresses("nas.example", 1.0)
    names.doubt("nas.example")
    directory.delay_s = 60
    began_s = time.monotonic()
    assert await names.addresses("nas.example", 3.0) == (HOST,)
    assert 1.0 < time.monotonic() - began_s < 2.5
    with pytest.raises(UnresolvedError, match="not looked up in time"):
        await names.addresses("other.example", 0.1)
    await names.close()
    assert directory.at_once == 0


async def test_few_look_ups_at_once() -> None:
    directory = Directory()
    directory.addresses = [HOST]
    directory.delay_s = 0.01
    names = Names(directory.lookup)
    await asyncio.gather(*(names.addresses(f"device-{number}.example", 5.0) for number in range(30)))
    assert directory.at_most == 4


async def test_an_empty_answer_and_odd_errors_are_said() -> None:
    directory = Directory()
    names = Names(directory.lookup)
    with pytest.raises(UnresolvedError, match="has no address"):
        await names.addresses("nas.example", 1.0)
    directory.error = OSError("odd")
    with pytest.raises(UnresolvedError, match="odd"):
        await names.addresses("nas.example", 1.0)
    directory.error = socket.gaierror(socket.EAI_FAIL, "broken")
    with pytest.raises(UnresolvedError, match="broken"):
        await names.addresses("nas.example", 1.0)


async def test_the_system_is_asked_without_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HOST in await system_lookup("localhost")
    real = socket.getaddrinfo

    def slow(*arguments: object, **options: object) -> object:
        time.sleep(0.3)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    looking = asyncio.create_task(system_lookup("localhost"))
    longest_s, before_s = 0.0, time.monotonic()
    while not looking.done():
        await asyncio.sleep(0.005)
        longest_s, before_s = max(longest_s, time.monotonic() - before_s), time.monotonic()
    assert HOST in await looking
    assert longest_s < 0.2


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.0.2.1", "http://192.0.2.1/"),
        (" heater.local/status ", "http://heater.local/status"),
        ("heater.local:8080", "http://heater.local:8080/"),
        ("https://heater.local/a?b=c#d", "https://heater.local/a?b=c"),
        ("http://[2001:db8::1]:81/", "http://[2001:db8::1]:81/"),
        ("[2001:db8::1]", "http://[2001:db8::1]/"),
        ("bücher.example", "http://xn--bcher-kva.example/"),
    ],
)
def test_urls(text: str, url: str) -> None:
    assert str(parse_url(text)).rstrip("/") == url.rstrip("/") or parse_url(text).raw_host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", TargetFault.HOST),
        ("http://", TargetFault.HOST),
        ("ftp://nas.local/", TargetFault.SCHEME),
        ("file:///etc/passwd", TargetFault.SCHEME),
        ("http://nas.local:99999/", TargetFault.URL),
        ("http://nas.local:0/", TargetFault.PORT),
        ("http://nas local/", TargetFault.URL),
        ("http://nas_/\r\nX: y", TargetFault.URL),
        ("http://a..b/", TargetFault.HOST),
    ],
)
def test_what_is_no_url(text: str, fault: TargetFault) -> None:
    with pytest.raises(TargetError) as caught:
        parse_url(text)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("nas.local:22", Endpoint("nas.local", 22)),
        ("192.0.2.1:65535", Endpoint("192.0.2.1", 65535)),
        ("[2001:db8::1]:22", Endpoint("2001:db8::1", 22)),
        ("[fe80::1%eth0]:22", Endpoint("fe80::1%eth0", 22)),
    ],
)
def test_endpoints(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nas.local", TargetFault.PORT),
        ("nas.local:", TargetFault.PORT),
        ("nas.local:0", TargetFault.PORT),
        ("nas.local:65536", TargetFault.PORT),
        ("nas.local:-1", TargetFault.PORT),
        ("nas.local:²", TargetFault.PORT),
        ("nas.local:" + "9" * 5000, TargetFault.PORT),
        ("2001:db8::1:22", TargetFault.HOST),
        (":22", TargetFault.HOST),
    ],
)
def test_what_is_no_endpoint(text: str, fault: TargetFault) -> None:
    with pytest.raises(TargetError) as caught:
        parse_endpoint(text)
    assert caught.value.fault is fault


@pytest.mark.parametrize("text", ["nas", "nas.local.", "shelly_1.lan", "192.0.2.1", "::1", "[::1]"])
def test_hosts(text: str) -> None:
    assert parse_host(text) == text.strip("[]")


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "-f", "a/b", "a..b", "x" * 64, "x." * 200 + "y", "300.1.1.1", "1.2.3", "a:b", "a\nb", "*"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(TargetError):
        parse_host(text)
