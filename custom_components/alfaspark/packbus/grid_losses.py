"""Losses of the grid that packs keep: what happened while nobody listened."""

import asyncio
from dataclasses import dataclass
from typing import Self

from .frames import GridLoss, Response

KEPT = 32
"""A pack keeps so many, the newest."""

_NUMBERS = 256
"""Numbers on the bus wrap."""


@dataclass(frozen=True, slots=True)
class GridLossRecord:
    """One loss of the grid as a pack recorded it, in its own time.

    A number names a loss only among those the pack keeps now: it wraps, and a pack whose flash was erased begins again.
    """

    start_s: int | None
    """Unix time; None where the pack had no time in that boot. At the start of a pack that finds no grid: that start."""
    duration_s: int | None
    """Until the power came back; None while it goes on, and where the pack does not know."""
    is_going_on: bool
    number: int
    """0..255."""

    @classmethod
    def from_frame(cls, frame: GridLoss) -> Self:
        """Return what a frame says."""
        return cls(frame.start_s, frame.duration_s, frame.going_on, frame.number)


class GridLossReading:
    """Gathers what one pack tells after READ_GRID_LOSSES, over several answers."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._heard: dict[tuple[int, int | None], GridLossRecord] = {}
        """By number and start: of two with the same number none hides the other."""
        self._count = 0
        self._newest = 0
        self._news = asyncio.Event()

    def take(self, record: GridLossRecord) -> None:
        """Take one loss; a later word about it counts, also one that knows when it began."""
        if record.start_s is not None:
            self._heard.pop((record.number, None), None)
        self._heard[record.number, record.start_s] = record
        self._news.set()

    def expect(self, answer: Response) -> None:
        """Learn from the answer to the command how many follow."""
        self._count = min(answer.value & 0xFF, KEPT)
        self._newest = answer.value >> 8 & 0xFF

    @property
    def missing(self) -> int:
        """How many have not come."""
        return max(0, self._count - len(self._wanted()))

    @property
    def count(self) -> int:
        """How many the pack keeps."""
        return self._count

    @property
    def records(self) -> tuple[GridLossRecord, ...]:
        """What has come, oldest first."""
        return tuple(record for _, record in sorted(self._wanted(), key=lambda aged: (-aged[0], aged[1].start_s or 0)))

    async def wait(self, pause_s: float) -> None:
        """Return when none is missing, or none came for so long."""
        while self.missing:
            self._news.clear()
            try:
                async with asyncio.timeout(pause_s):
                    await self._news.wait()
            except TimeoutError:
                return

    def _wanted(self) -> list[tuple[int, GridLossRecord]]:
        """Return each with its age in numbers; what is too old or newer than the answer is not of it."""
        aged = [((self._newest - record.number) % _NUMBERS, record) for record in self._heard.values()]
        return [(age, record) for age, record in aged if age < KEPT]
