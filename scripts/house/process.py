"""A child process that takes everything it started with it when it ends."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence
import contextlib
import os
from pathlib import Path
import shutil
import signal
from typing import Self

from . import HouseError

_TAIL_LINES = 25


class Child:
    """A program in a session of its own, so that a Ctrl-C reaches it only in the order that its owner chooses."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take over a process that `start` started."""
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        pipe_stdout: bool = False,
    ) -> Self:
        """Start `command`; its output is appended to `log`, but for standard output where that is piped.

        Raises HouseError if the program cannot be started.
        """
        words = [str(word) for word in command]
        # Should this program be killed outright, the kernel ends the child in its place.
        if setpriv := shutil.which("setpriv"):
            words = [setpriv, "--pdeathsig", "TERM", *words]
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=DEVNULL,
                    stdout=PIPE if pipe_stdout else output,
                    stderr=output if pipe_stdout else STDOUT,
                    cwd=cwd,
                    env=None if env is None else dict(env),
                    start_new_session=True,
                )
            except OSError as error:
                raise HouseError(f"{name} cannot be started: {error}") from error
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The process id, which is that of its process group too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self._process.returncode is None

    async def read_line(self) -> str:
        """The next line of the piped standard output; empty at its end."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode(errors="replace").strip()

    async def wait(self) -> int:
        """Wait for the end; the exit code, negative for a signal."""
        return await self._process.wait()

    def tail(self) -> str:
        """The last lines of the log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])

    def death(self) -> HouseError:
        """The error that tells of an end nobody asked for."""
        code = self._process.returncode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        return HouseError(f"{self.name} ended by itself {how}. Its last lines ({self.log}):\n{self.tail()}")

    def kill(self) -> None:
        """End the process and all it started, at once."""
        self._signal_group(signal.SIGKILL)

    async def stop(self, grace_s: float = 20.0) -> None:
        """End the process and all it started: asked first, killed after `grace_s` seconds. Does nothing the second time."""
        if self.running:
            self._signal_group(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        self.kill()
        await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
