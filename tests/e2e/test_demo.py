"""scripts/demo ends with all it started, however it is ended."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
import os
from pathlib import Path
import re
import shutil
import signal

import pytest

from scripts.house.house import ROOT

_UP_S = 120.0
_END_S = 30.0


class Demo:
    """A running scripts/demo."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Watch a process that was just started."""
        self.process = process
        self.said = ""

    async def wait_until_up(self) -> None:
        """Read its output until it says how to end it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_UP_S):
            while "Ctrl-C ends it." not in self.said:
                line = await self.process.stdout.readline()
                assert line, f"it ended early:\n{self.said}"
                self.said += line.decode()

    async def wait_for_end(self) -> int:
        """Read the rest; the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_END_S):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def forget_logs(self) -> None:
        """Remove the folder that stays after a death, with the logs that tell why."""
        found = re.search(r"^Logs: (\S+)$", self.said, re.MULTILINE)
        assert found
        shutil.rmtree(ROOT / found[1], ignore_errors=True)

    def children(self) -> list[int]:
        """The process ids of what it started, and what that started."""
        return _descendants(self.process.pid)


def _descendants(parent: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        found += [int(child), *_descendants(int(child))]
    return found


async def _all_ended(pids: Sequence[int]) -> bool:
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        await asyncio.sleep(0.1)
    return False


async def _start() -> Demo:
    process = await asyncio.create_subprocess_exec(ROOT / "scripts/demo", stdout=PIPE, stderr=STDOUT)
    demo = Demo(process)
    await demo.wait_until_up()
    return demo


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_everything(number: signal.Signals) -> None:
    demo = await _start()
    children = demo.children()
    assert len(children) >= 2
    demo.process.send_signal(number)
    assert await demo.wait_for_end() == 0, demo.said
    assert await _all_ended(children)


async def test_killing_it_ends_everything() -> None:
    demo = await _start()
    children = demo.children()
    demo.process.kill()
    await demo.wait_for_end()
    assert await _all_ended(children)
    demo.forget_logs()


async def test_it_says_what_died_and_ends_the_rest() -> None:
    demo = await _start()
    children = demo.children()
    os.kill(_bus(children), signal.SIGKILL)
    assert await demo.wait_for_end() == 1
    assert "The simulator ended by itself by signal 9" in demo.said
    assert await _all_ended(children)
    demo.forget_logs()


def _bus(pids: Sequence[int]) -> int:
    """Return the simulator that Home Assistant hears; another one computes the past."""
    (found,) = [pid for pid in pids if {b"alfaspark-sim", b"--slcan"} <= _words(pid)]
    return found


def _words(pid: int) -> set[bytes]:
    """Return the words of a command line, the program without its folder."""
    program, *words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return {program.rpartition(b"/")[2], *words}
