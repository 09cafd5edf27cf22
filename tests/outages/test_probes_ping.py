"""Pings of this machine itself, by sockets and by the program, and what is said when neither is allowed."""

import asyncio
import json
import os
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import textwrap

import pytest

from custom_components.alfaspark.outages import ping_probe
from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.ping_probe import NO_PERMISSION, Pinger, PingProbe, judge_program
from custom_components.alfaspark.outages.probe_names import Names

REPOSITORY = Path(__file__).parents[2]
HOST = "127.0.0.1"
_SETPRIV = shutil.which("setpriv")

pytestmark = pytest.mark.usefixtures("socket_enabled")


def _may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


may_ping = pytest.mark.skipif(not _may_ping(), reason="this process may not open sockets for ping")
has_program = pytest.mark.skipif(shutil.which("ping") is None, reason="there is no program ping")


@may_ping
async def test_a_host_that_is_there_answers() -> None:
    began_s = asyncio.get_running_loop().time()
    result = await PingProbe(HOST, Names(), Pinger()).check(5.0)
    assert (result.result, result.detail) == (Result.ALIVE, "answers")
    assert result.latency_ms is not None and 0 < result.latency_ms < 1000
    assert result.at_s > began_s


@may_ping
@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
async def test_a_host_answers_over_ipv6() -> None:
    assert (await Pinger().ping("::1", 5.0)).result is Result.ALIVE


@may_ping
async def test_many_at_once_each_get_their_own_answer() -> None:
    pinger = Pinger()
    addresses = [f"127.0.{number}.1" for number in range(100)]
    results = await asyncio.gather(*(pinger.ping(address, 5.0) for address in addresses))
    assert {result.result for result in results} == {Result.ALIVE}


@may_ping
async def test_a_host_that_is_silent_is_down_since_the_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    # Requests that go nowhere: the filter that drops them needs rights that a test does not have.
    import icmplib

    sent = []
    monkeypatch.setattr(icmplib.ICMPv4Socket, "send", lambda _, request: sent.append(request.sequence))
    began_s = asyncio.get_running_loop().time()
    result = await PingProbe(HOST, Names(), Pinger()).check(1.4)
    assert (result.result, result.latency_ms, result.detail) == (Result.DOWN, None, "no answer")
    assert result.at_s == pytest.approx(began_s, abs=0.2)
    # One lost packet is no outage: asked again after a second.
    assert len(sent) == 2
    assert asyncio.get_running_loop().time() - began_s < 2


@may_ping
async def test_an_answer_to_the_second_request_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    import icmplib

    real = icmplib.ICMPv4Socket.send
    sent = []

    def lose_the_first(sock: object, request: object) -> None:
        sent.append(request)
        if len(sent) > 1:
            real(sock, request)

    monkeypatch.setattr(icmplib.ICMPv4Socket, "send", lose_the_first)
    result = await Pinger().ping(HOST, 5.0)
    assert result.result is Result.ALIVE
    assert result.latency_ms is not None and result.latency_ms < 900


@may_ping
async def test_an_address_that_may_not_be_pinged_is_this_ends_trouble() -> None:
    result = await Pinger().ping("255.255.255.255", 1.0)
    assert result.result is Result.UNKNOWN
    assert result.detail.startswith("own network: ")


@may_ping
async def test_a_cancelled_ping_leaves_no_socket() -> None:
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    tasks = [asyncio.create_task(Pinger().ping("192.0.2.1", 30)) for _ in range(20)]
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before


@has_program
@pytest.mark.parametrize("address", [HOST])
async def test_the_program_does_it_too(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(ping_probe, "_import_icmplib", lambda: None)
    result = await Pinger().ping(address, 5.0)
    assert (result.result, result.detail) == (Result.ALIVE, "answers")
    assert result.latency_ms is not None and result.latency_ms < 1000


async def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ping"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setattr(ping_probe, "_import_icmplib", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    pinger = Pinger()
    assert (await pinger.ping(HOST, 0.5)).result is Result.DOWN
    task = asyncio.create_task(pinger.ping(HOST, 30))
    await asyncio.sleep(0.5)
    assert children() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert children() == 0


def children() -> int:
    """Processes that this one started and that are there."""
    found = 0
    for task in Path("/proc/self/task").iterdir():
        found += len((task / "children").read_text().split())
    return found


@pytest.mark.skipif(os.geteuid() != 0 or _SETPRIV is None, reason="only root can give rights away")
def test_without_any_right_to_ping_nothing_is_claimed(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import asyncio, json
        from custom_components.alfaspark.outages.ping_probe import Pinger
        result = asyncio.run(Pinger().ping("127.0.0.1", 5.0))
        print(json.dumps([result.result, result.detail]))
    """)
    done = subprocess.run(
        [
            _SETPRIV or "",
            *("--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--clear-groups"),
            *(sys.executable, "-c", program),
        ],
        cwd=REPOSITORY,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode and "Permission denied" in done.stderr:
        pytest.skip("others may not read this repository")
    assert done.returncode == 0, done.stderr
    result, detail = json.loads(done.stdout)
    if result == "alive":
        pytest.skip("everybody may ping here")
    assert (result, detail) == ("unknown", NO_PERMISSION)


# What iputils 20221126 and BusyBox 1.35 say.
@pytest.mark.parametrize(
    ("code", "out", "err", "said"),
    [
        (
            0,
            "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.035 ms\n",
            "",
            (Result.ALIVE, 0.035, "answers"),
        ),
        (0, "64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.042 ms\n", "", (Result.ALIVE, 0.042, "answers")),
        (0, "something else\n", "", (Result.ALIVE, None, "answers")),
        (1, "1 packets transmitted, 0 packets received, 100% packet loss\n", "", (Result.DOWN, None, "no answer")),
        (
            1,
            "From 192.0.2.2 icmp_seq=1 Destination Host Unreachable\n",
            "",
            (Result.DOWN, None, "host unreachable"),
        ),
        (
            1,
            "From 192.0.2.2 icmp_seq=1 Destination Port Unreachable\n",
            "",
            (Result.UNKNOWN, None, "ping is forbidden"),
        ),
        (
            1,
            "From 192.0.2.2 icmp_seq=1 Destination Net Unreachable\n",
            "",
            (Result.UNKNOWN, None, "own network: no way there"),
        ),
        (1, "", "ping: permission denied (are you root?)\n", (Result.UNKNOWN, None, "not allowed to ping")),
        (
            2,
            "",
            "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n",
            (Result.UNKNOWN, None, "not allowed to ping"),
        ),
        (
            2,
            "",
            "ping: connect: Network is unreachable\n",
            (Result.UNKNOWN, None, "own network: connect: Network is unreachable"),
        ),
        (
            1,
            "",
            "ping: sendto: Network unreachable\n",
            (Result.UNKNOWN, None, "own network: sendto: Network unreachable"),
        ),
    ],
)
def test_what_the_program_says(code: int, out: str, err: str, said: tuple[Result, float | None, str]) -> None:
    assert judge_program(code, out, err) == said
