"""What the verdicts of one source say now. Pure; the table of cases is tests/outages/test_quorum.py."""

from dataclasses import dataclass
from enum import Enum
from math import floor

from .model import PowerState, Reason

_ROUNDING = 1e-9
"""0.29 of 100 is 29, and not the 28.999999999999996 of binary fractions."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many checkpoints have which verdict. Those that are paused or were never seen alive are in none."""

    up: int = 0
    failing: int = 0
    down: int = 0
    unknown: int = 0

    @property
    def counted(self) -> int:
        """How many say something."""
        return self.up + self.failing + self.down

    def __add__(self, other: Counts) -> Counts:
        """Return both together."""
        return Counts(
            self.up + other.up, self.failing + other.failing, self.down + other.down, self.unknown + other.unknown
        )


class Basis(Enum):
    """Which checkpoints decide."""

    SENSES = "senses"
    """The grid senses of packs."""
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checkpoints say at one moment."""

    state: PowerState
    reason: Reason
    basis: Basis
    """Whose verdicts speak for it."""
    restores: bool
    """Whether it ends an outage, if it holds."""
    is_failing: bool
    """Whether it is lost, or would be if whatever fails goes on failing."""


def enough(counted: int, fraction: float) -> int:
    """Return how many of the counted are more than the fraction of them."""
    return floor(fraction * counted + _ROUNDING) + 1


def weigh(senses: Counts, others: Counts, fraction: float, mask: Reason | None = None) -> Evidence:
    """Return what the verdicts of a source say.

    Grid senses outrank the rest: they are milliseconds old and see the grid itself. `mask`: why some of the others are
    unknown, if it is the network.

    More than the fraction of those that decide, up, ends an outage. So one sense whose circuit is off, or one of three
    phases that stays away, does not keep an outage open for ever: afterwards the source is suspect. And with the first
    senses that are back the outage is over, though routers and clocks need a minute until they answer.
    """
    if senses.counted:
        return _weigh_senses(senses, others, fraction)
    return _weigh_others(senses + others, fraction, mask)


def _weigh_senses(senses: Counts, others: Counts, fraction: float) -> Evidence:
    needed = enough(senses.counted, fraction)
    if senses.down >= needed:
        return Evidence(PowerState.LOST, Reason.GRID_NOT_SENSED, Basis.SENSES, restores=False, is_failing=True)
    restores = senses.up >= needed
    is_failing = senses.down + senses.failing >= needed
    if senses.up < senses.counted:
        return Evidence(PowerState.SUSPECT, Reason.SENSES_DISAGREE, Basis.SENSES, restores, is_failing)
    if others.counted and others.down >= enough(others.counted, fraction):
        return Evidence(PowerState.SUSPECT, Reason.CHECKPOINTS_DISAGREE, Basis.OTHERS, restores, is_failing=False)
    return Evidence(PowerState.POWERED, Reason.GRID_SENSED, Basis.SENSES, restores, is_failing=False)


def _weigh_others(others: Counts, fraction: float, mask: Reason | None) -> Evidence:
    if not others.counted:
        reason = (mask or Reason.ALL_UNKNOWN) if others.unknown else Reason.NOTHING_TRACKED
        return Evidence(PowerState.UNKNOWN, reason, Basis.OTHERS, restores=False, is_failing=False)
    needed = enough(others.counted, fraction)
    if others.down >= needed:
        return Evidence(PowerState.LOST, Reason.MOST_DOWN, Basis.OTHERS, restores=False, is_failing=True)
    failing = others.down + others.failing
    if failing and failing >= fraction * others.counted - _ROUNDING:
        reason = Reason.SOME_DOWN if others.failing else Reason.EVEN_SPLIT
        return Evidence(PowerState.SUSPECT, reason, Basis.OTHERS, restores=False, is_failing=failing >= needed)
    restores = others.up >= needed
    return Evidence(PowerState.POWERED, Reason.MOST_UP, Basis.OTHERS, restores, is_failing=False)
