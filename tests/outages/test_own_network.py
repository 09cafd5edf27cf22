"""Whether this machine's own network is there, by files as Linux writes them and by gateways on loopback."""

import asyncio
from contextlib import suppress
from pathlib import Path
import sys
import time

import pytest

from custom_components.alfaspark.outages import own_network
from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.own_network import (
    OwnNetwork,
    check_gateway,
    check_network,
    probe_network,
    read_own_network,
)
from custom_components.alfaspark.outages.ping_probe import Pinger
from custom_components.alfaspark.outages.probe_base import ProbeResult

from .servers import HOST, black_hole, free_port, serve

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(sys.platform != "linux", reason="these files are Linux's"),
]

HEADLINE = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
V6_UNREACHABLE = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"


class Machine:
    """The files of a Linux machine."""

    def __init__(self, root: Path) -> None:
        """Nothing but loopback."""
        self.root = root
        (root / "proc/net").mkdir(parents=True)
        self.interface("lo", "unknown", "1")
        self.routes()

    def interface(self, name: str, state: str, carrier: str | None, *, inside: str | None = None) -> None:
        """Add an interface."""
        folder = self.root / "sys/class/net" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "operstate").write_text(f"{state}\n")
        if carrier is not None:
            (folder / "carrier").write_text(f"{carrier}\n")
        if inside:
            (folder / inside).mkdir()

    def routes(self, *v4: str, v6: str = "") -> None:
        """Write the tables; those of IPv4 as `interface destination gateway flags metric mask`."""
        lines = []
        for route in v4:
            interface, destination, gateway, flags, metric, mask = route.split()
            lines.append(f"{interface}\t{destination}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0   \n")
        (self.root / "proc/net/route").write_text(HEADLINE + "".join(lines))
        (self.root / "proc/net/ipv6_route").write_text(v6 + V6_UNREACHABLE)

    def read(self) -> OwnNetwork:
        """What is made of it."""
        return read_own_network(self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def hexadecimal(address: str) -> str:
    """As the kernel prints an address: four bytes, as a number of this machine's byte order."""
    return f"{int.from_bytes(bytes(map(int, address.split('.'))), sys.byteorder):08X}"


def default(interface: str, gateway: str = "192.0.2.1", flags: str = "0003", metric: int = 0) -> str:
    """A default route."""
    return f"{interface} 00000000 {hexadecimal(gateway)} {flags} {metric} 00000000"


def test_a_cable_and_a_gateway(machine: Machine) -> None:
    machine.interface("eth0", "up", "1")
    machine.routes(default("eth0"), f"eth0 {hexadecimal('192.0.2.0')} 00000000 0001 0 {hexadecimal('255.255.255.0')}")
    assert machine.read() == OwnNetwork(True, ("192.0.2.1",))


@pytest.mark.parametrize(
    ("state", "carrier", "has_link"),
    [
        ("up", "1", True),
        ("unknown", "1", True),
        ("up", "0", False),
        ("down", "0", False),
        ("down", None, False),
        ("dormant", "1", False),
        ("lowerlayerdown", "0", False),
    ],
)
def test_a_link_is_up_with_carrier(machine: Machine, state: str, carrier: str | None, has_link: bool) -> None:
    machine.interface("eth0", state, carrier)
    assert machine.read() == OwnNetwork(has_link)


def test_bridges_of_containers_are_no_way_out(machine: Machine) -> None:
    machine.interface("hassio", "up", "1", inside="bridge")
    machine.interface("veth1234", "up", "1", inside="brport")
    machine.interface("eth0", "down", "0")
    assert machine.read() == OwnNetwork(False)
    machine.routes(default("eth0"))
    assert machine.read() == OwnNetwork(False, ("192.0.2.1",))
    # A bridge that leads out, as on a host of virtual machines, does count.
    machine.routes(default("hassio"))
    assert machine.read() == OwnNetwork(True, ("192.0.2.1",))


def test_one_of_two_ways_out_is_enough(machine: Machine) -> None:
    machine.interface("eth0", "down", "0")
    machine.interface("wlan0", "up", "1")
    machine.routes(default("wlan0", "198.51.100.1", metric=600), default("eth0", metric=100))
    assert machine.read() == OwnNetwork(True, ("192.0.2.1", "198.51.100.1"))


def test_a_gateway_of_ipv6(machine: Machine) -> None:
    machine.interface("eth0", "up", "1")
    link_local = f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003     eth0\n"
    subnet = f"fd{'0' * 30} 40 {'0' * 32} 00 {'0' * 32} 00000100 00000001 00000000 00000001     eth0\n"
    machine.routes(v6=subnet + link_local)
    assert machine.read() == OwnNetwork(True, ("fe80::1%eth0",))


def test_a_way_out_without_gateway(machine: Machine) -> None:
    machine.interface("wg0", "unknown", "1")
    machine.routes("wg0 00000000 00000000 0001 0 00000000", default("gone0"), "nonsense a b c d e")
    assert machine.read() == OwnNetwork(True)


def test_another_system_says_nothing(tmp_path: Path) -> None:
    assert read_own_network(tmp_path) == OwnNetwork(None)


def test_this_machine_can_be_read() -> None:
    assert read_own_network().has_link in (None, True, False)


@pytest.fixture
def no_ping(monkeypatch: pytest.MonkeyPatch) -> Pinger:
    """A pinger whose process may not ping at all."""
    monkeypatch.setattr("custom_components.alfaspark.outages.ping_probe._import_icmplib", lambda: None)
    monkeypatch.setenv("PATH", "")
    return Pinger()


async def test_a_gateway_that_answers_no_ping_is_known_by_its_ports(
    no_ping: Pinger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as dark:
        monkeypatch.setattr(own_network, "_PORTS", (dark, free_port()))
        assert (await check_gateway(HOST, no_ping, 2.0)).detail == "refused"
        async with serve(lambda reader, _: _read(reader)) as server:
            monkeypatch.setattr(own_network, "_PORTS", (dark, server.port))
            assert (await check_gateway(HOST, no_ping, 2.0)).detail == "open"
        monkeypatch.setattr(own_network, "_PORTS", (dark,))
        began_s = time.monotonic()
        assert (await check_gateway(HOST, no_ping, 0.5)).result is Result.DOWN
        assert time.monotonic() - began_s < 1


async def _read(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read()


async def test_the_network_is_as_its_link_and_its_gateways(
    machine: Machine, no_ping: Pinger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def result() -> tuple[Result, str]:
        found: ProbeResult = await probe_network(pinger=no_ping, timeout_s=0.5, root=machine.root)
        assert (
            await check_network(pinger=no_ping, timeout_s=0.5, root=machine.root)
            is {
                Result.ALIVE: True,
                Result.DOWN: False,
                Result.UNKNOWN: None,
            }[found.result]
        )
        return found.result, found.detail

    machine.interface("eth0", "up", "0")
    assert await result() == (Result.DOWN, "no link")
    machine.interface("eth0", "up", "1")
    assert await result() == (Result.UNKNOWN, "no gateway")
    machine.routes(default("eth0", HOST))
    monkeypatch.setattr(own_network, "_PORTS", (free_port(),))
    assert await result() == (Result.ALIVE, "refused")
    with black_hole() as dark:
        monkeypatch.setattr(own_network, "_PORTS", (dark,))
        assert await result() == (Result.DOWN, "no answer")


async def test_files_are_read_in_the_thread_that_is_handed_in(machine: Machine) -> None:
    asked: list[object] = []

    async def run(job: object, root: Path) -> OwnNetwork:
        asked.append(job)
        return OwnNetwork(False)

    assert await check_network(run, root=machine.root) is False
    assert asked == [read_own_network]
