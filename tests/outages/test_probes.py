"""The engine of the probes: spread, bounded, undisturbed by what it calls, and gone when it is stopped."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
import gc
from itertools import pairwise
from pathlib import Path
import socket
import time

from aiohttp import ClientSession
import pytest

from custom_components.alfaspark.outages.model import Kind, Result
from custom_components.alfaspark.outages.probe_base import ProbeResult
from custom_components.alfaspark.outages.probes import OnResult, Prober, TargetError

from .servers import HOST, black_hole, serve

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Results:
    """What a prober reports."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.of: defaultdict[str, list[ProbeResult]] = defaultdict(list)
        self.at_s: list[float] = []

    def take(self, checkpoint_id: str, result: ProbeResult) -> None:
        """Take a result."""
        self.of[checkpoint_id].append(result)
        self.at_s.append(asyncio.get_running_loop().time())


@asynccontextmanager
async def probing(on_result: OnResult, at_once: int | None = None) -> AsyncGenerator[Prober]:
    """Make a prober that is not started yet; it is stopped in the end."""
    async with ClientSession() as session:
        prober = Prober(session, on_result, at_once=at_once)
        try:
            yield prober
        finally:
            await prober.stop()


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for it."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def _hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take all and say nothing: to who connects a server that is there, to who asks HTTP one that hangs."""
    await reader.read()


def under_way() -> int:
    """How many checks are under way."""
    return sum((task.get_name() or "").startswith("probe ") for task in asyncio.all_tasks())


async def test_each_is_checked_once_in_its_interval_by_its_kind() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        prober.add("port", Kind.TCP, f"{HOST}:{server.port}", 0.3)
        prober.add("page", Kind.HTTP, f"http://{HOST}:{server.port}/", 0.5)
        prober.start()
        await asyncio.sleep(2.0)
    assert 6 <= len(results.of["port"]) <= 8
    assert {result.detail for result in results.of["port"]} == {"open"}
    # It reads until the end, and says nothing: half the interval is the time it has.
    assert {result.result for result in results.of["page"]} == {Result.DOWN}
    assert 3 <= len(results.of["page"]) <= 4


async def test_checks_are_spread_evenly_and_each_keeps_its_phase() -> None:
    number, interval_s, rounds = 40, 1.0, 4
    begins: defaultdict[str, list[float]] = defaultdict(list)

    def take(checkpoint_id: str, result: ProbeResult) -> None:
        assert result.latency_ms is not None
        begins[checkpoint_id].append(result.at_s - result.latency_ms / 1000)

    async with serve(_hang) as server, probing(take) as prober:
        for index in range(number):
            prober.add(str(index), Kind.TCP, f"{HOST}:{server.port}", interval_s)
        began_s = asyncio.get_running_loop().time()
        prober.start()
        await until(lambda: len(begins) == number and min(map(len, begins.values())) > rounds)
    first = sorted(times[0] - began_s for times in begins.values())
    # From soon after the start, not at once, and all within the interval.
    assert first[0] < 0.3 and 0.8 < first[-1] < 1.5
    for moments in (first, sorted(times[2] % interval_s for times in begins.values())):
        in_each_tenth = [
            sum(tenth <= moment % interval_s * 10 < tenth + 1 for moment in moments) for tenth in range(10)
        ]
        assert max(in_each_tenth) <= 3 * number / 10, in_each_tenth
    for times in begins.values():
        gaps = [after - before for before, after in pairwise(times[1:])]
        assert all(abs(gap - interval_s) < 0.3 for gap in gaps), gaps
        # The second look is not right after the first.
        assert 0.1 * interval_s < times[1] - times[0] < 1.6 * interval_s


async def test_no_more_at_once_than_allowed() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take, at_once=5) as prober:
        for index in range(40):
            prober.add(str(index), Kind.HTTP, f"http://{HOST}:{server.port}/", 0.6)
        prober.start()
        at_once = set()
        while len(results.at_s) <= 40:
            at_once.add(under_way())
            await asyncio.sleep(0.005)
        assert max(at_once) == 5
        # One that was left may still be on its way out.
        assert server.open_at_most <= 10
        assert {result.result for of_one in results.of.values() for result in of_one} == {Result.DOWN}
        # Nobody is forgotten, however long the queue.
        await until(lambda: len(results.of) == 40, 30)


async def test_without_a_number_there_is_room_for_all_to_hang() -> None:
    # As many targets that hang as there may be: every one is still checked in each of its intervals.
    results = Results()
    with black_hole() as port:
        async with probing(results.take) as prober:
            for index in range(60):
                prober.add(str(index), Kind.TCP, f"{HOST}:{port}", 2.0)
            prober.start()
            await asyncio.sleep(5.5)
    assert min(len(results.of[str(index)]) for index in range(60)) >= 2


async def test_check_now_goes_before_all_and_is_reported_too() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        for index in range(200):
            prober.add(str(index), Kind.TCP, f"{HOST}:{server.port}", 3600)
        assert (await prober.check_now("199")).detail == "stopped"
        prober.start()
        began_s = time.monotonic()
        found = await asyncio.gather(*(prober.check_now("199") for _ in range(3)))
        assert time.monotonic() - began_s < 1
        assert found[0].result is Result.ALIVE
        # Asked three times at once, checked once.
        assert results.of["199"] == [found[0]] and found[1:] == found[:1] * 2
        with pytest.raises(KeyError):
            await prober.check_now("nobody")


async def test_all_asked_for_at_once_are_paced() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        for index in range(100):
            prober.add(str(index), Kind.TCP, f"{HOST}:{server.port}", 3600)
        prober.start()
        began_s = time.monotonic()
        found = await asyncio.gather(*(prober.check_now(str(index)) for index in range(100)))
        assert {result.result for result in found} == {Result.ALIVE}
        assert 0.4 < time.monotonic() - began_s < 5


async def test_who_is_told_a_result_may_ask_again_at_once() -> None:
    again: list[asyncio.Task[ProbeResult]] = []

    def take(checkpoint_id: str, _: ProbeResult) -> None:
        if not again:
            again.append(asyncio.ensure_future(prober.check_now(checkpoint_id)))

    async with serve(_hang) as server, probing(take) as prober:
        prober.add("port", Kind.TCP, f"{HOST}:{server.port}", 3600)
        prober.start()
        await until(lambda: again and again[0].done())
        assert (await again[0]).result is Result.ALIVE


async def test_stop_leaves_no_task_and_no_socket() -> None:
    results = Results()
    tasks_before = asyncio.all_tasks()
    sockets_before = sockets()
    async with ClientSession() as session:
        with black_hole() as port:
            async with serve(_hang) as server:
                prober = Prober(session, results.take, at_once=100)
                for index in range(20):
                    prober.add(f"page {index}", Kind.HTTP, f"http://{HOST}:{server.port}/", 30)
                    prober.add(f"port {index}", Kind.TCP, f"{HOST}:{port}", 30)
                    prober.add(f"host {index}", Kind.PING, "192.0.2.1", 30)
                prober.start()
                asked = [asyncio.create_task(prober.check_now(checkpoint_id)) for checkpoint_id in prober.ids]
                await until(lambda: server.open_now == 20)
                assert len(asyncio.all_tasks() - tasks_before) > 60
                await prober.stop()
                for task in asked:
                    assert (await task).result is not Result.DOWN
                reported = len(results.at_s)
                await asyncio.sleep(0.1)
                assert under_way() == 0
                assert len(results.at_s) == reported
    await until(lambda: sockets() <= sockets_before)
    assert asyncio.all_tasks() == tasks_before


def sockets() -> set[str]:
    """The sockets of this process."""
    gc.collect()
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            target = str(path.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


async def test_it_can_be_started_again() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        prober.add("port", Kind.TCP, f"{HOST}:{server.port}", 0.2)
        for _ in range(2):
            prober.start()
            prober.start()
            await until(lambda: results.at_s)
            await prober.stop()
            await prober.stop()
            seen = len(results.at_s)
            await asyncio.sleep(0.3)
            assert len(results.at_s) == seen
            results.at_s.clear()


async def test_a_callback_that_fails_or_is_slow_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    def take(checkpoint_id: str, _: ProbeResult) -> None:
        calls.append(checkpoint_id)
        if checkpoint_id == "bad":
            raise ValueError("not taken")
        time.sleep(0.05)

    async with serve(_hang) as server, probing(take, at_once=2) as prober:
        prober.add("bad", Kind.TCP, f"{HOST}:{server.port}", 0.2)
        prober.add("slow", Kind.TCP, f"{HOST}:{server.port}", 0.2)
        prober.start()
        await until(lambda: calls.count("bad") > 4 and calls.count("slow") > 4)
        assert (await prober.check_now("bad")).result is Result.ALIVE
    assert "was not taken" in caplog.text


async def test_a_machine_that_was_busy_does_not_blame_the_others() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        prober.add("page", Kind.HTTP, f"http://{HOST}:{server.port}/", 0.6)
        prober.start()
        await until(lambda: server.open_now)
        time.sleep(1.2)  # noqa: ASYNC251 - that is the case
        await until(lambda: results.at_s)
        assert results.of["page"][0].result is Result.UNKNOWN
        assert results.of["page"][0].detail == "this machine was too busy"
        await until(lambda: len(results.at_s) > 1)
        assert results.of["page"][1].result is Result.DOWN


async def test_turns_that_were_missed_are_not_made_up_for() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        for index in range(10):
            prober.add(str(index), Kind.TCP, f"{HOST}:{server.port}", 0.2)
        prober.start()
        await until(lambda: len(results.of) == 10)
        time.sleep(1.0)  # noqa: ASYNC251 - that is the case
        results.at_s.clear()
        await asyncio.sleep(0.4)
        assert len(results.at_s) <= 30


async def test_one_that_is_removed_is_heard_of_no_more() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        prober.add("page", Kind.HTTP, f"http://{HOST}:{server.port}/", 1.0)
        prober.start()
        asked = asyncio.create_task(prober.check_now("page"))
        await until(lambda: server.open_now)
        prober.remove("page")
        prober.remove("page")
        assert (await asked).detail == "removed"
        await until(lambda: not server.open_now)
        await asyncio.sleep(0.6)
        assert results.at_s == [] and prober.ids == frozenset()


async def test_one_that_is_replaced_is_checked_as_it_is_now() -> None:
    results = Results()
    async with serve(_hang) as server, probing(results.take) as prober:
        with black_hole() as port:
            prober.add("one", Kind.TCP, f"{HOST}:{port}", 0.4)
            prober.start()
            await until(lambda: results.of["one"])
            assert {result.result for result in results.of.pop("one")} == {Result.DOWN}
            prober.add("one", Kind.TCP, f"{HOST}:{server.port}", 0.3)
            await until(lambda: results.of["one"])
            assert {result.result for result in results.of["one"]} == {Result.ALIVE}
            with pytest.raises(TargetError):
                prober.add("one", Kind.TCP, "nonsense", 0.3)
            # What cannot be checked leaves what is there as it is.
            assert prober.ids == {"one"}
            results.at_s.clear()
            await until(lambda: results.at_s)


async def test_what_cannot_be_checked_is_refused() -> None:
    async with probing(lambda *_: None) as prober:
        for interval_s in (0, -1, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="interval"):
                prober.add("one", Kind.TCP, f"{HOST}:1", interval_s)
        with pytest.raises(ValueError, match="mqtt"):
            prober.add("one", Kind.MQTT, "topic", 60)
        for kind, target in ((Kind.HTTP, "ftp://x/"), (Kind.PING, "a b"), (Kind.TCP, "x")):
            with pytest.raises(TargetError):
                prober.add("one", kind, target, 60)
        assert prober.ids == frozenset()


async def test_a_check_that_fails_by_itself_is_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    results = Results()
    async with probing(results.take) as prober:
        prober.add("port", Kind.TCP, f"{HOST}:1", 0.2)
        monkeypatch.setattr(socket, "socket", None)
        prober.start()
        await until(lambda: results.at_s)
        monkeypatch.undo()
        assert results.of["port"][0].result is Result.UNKNOWN
        await until(lambda: results.of["port"][-1].result is Result.ALIVE)
    assert "failed by itself" in caplog.text
