"""A process of the benchmarks' own that takes orders by line and answers each with a line of JSON."""

import asyncio
from asyncio.subprocess import PIPE
import contextlib
import json
from pathlib import Path
import sys
from types import TracebackType
from typing import Any, Self

from .registry import BenchError

ROOT = Path(__file__).parents[2]
_START_S = 60.0
_ANSWER_S = 30.0
_END_S = 10.0


class Worker:
    """Used in `async with`; it ends with it."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Name a module of this package and its arguments. Nothing is started yet."""
        self._module = f"{__package__}.{module}"
        self._arguments = arguments
        self.ready: dict[str, Any] = {}
        """What it said when it was ready."""
        self._process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start it and wait until it is ready. Raises BenchError if it ends instead."""
        # In a session of its own a Ctrl-C does not reach it; the end of its standard input does.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            self.ready = await self._line(_START_S)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        await self._end()

    async def order(self, line: str) -> dict[str, Any]:
        """Its answer to a line. Raises BenchError if there is none."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        return await self._line(_ANSWER_S)

    async def _line(self, within_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise BenchError(f"{self._module} does not answer") from None
        if not line:
            raise BenchError(f"{self._module} ended by itself")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
