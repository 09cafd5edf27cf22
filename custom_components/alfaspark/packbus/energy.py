"""Device counters to totals that never jump, reset, lose or double a watt-hour.

A pack counts from 0 when it gets its supply, and goes on over software restarts. Such a *count* is told from others by its
`count_id`. A total is the sum of what was heard of every count, held in whole 0.1 Wh so that it stays exact.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from math import inf, isfinite
from typing import Any, Self, TypeGuard

from . import frames
from .frames import EnergyCounter

_COUNTS_PER_WH = 10
_WRAP = 1 << 32
_QUARTER = _WRAP // 4
_LATE_S = 60.0
"""A frame of a boot that was left can come so much later. Not longer: boot ids are random and may come again."""
_CARRY_SLACK = 1000
"""100 Wh, 10 s of the most that a pack can measure: what it saves for its next boot may be as old as that."""
_BOOTS_REMEMBERED = 8
_GAPS_REMEMBERED = 16
_NAMES = {counter.name.lower(): counter for counter in EnergyCounter}


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a pack lost its supply: what it counted there and nobody heard is not in the totals. Unix times."""

    from_s: float
    """A counter of the old count was heard for the last time."""
    to_s: float
    """One of the new count was heard for the first time."""


@dataclass(frozen=True, slots=True)
class EnergyStep:
    """What one frame did to the totals."""

    added_wh: float
    """0 or more; 0 for a frame that tells nothing new."""
    gap: Gap | None = None
    """Given once for each new count of the pack, whichever counter tells it."""


@dataclass(frozen=True, slots=True)
class _Boot:
    """One boot of a pack."""

    count_id: int
    boot_id: int
    taken_s: float
    """Unix time when a counter was last taken in it."""
    left_s: float = 0.0
    """Unix time when one was taken in the next boot."""


@dataclass(slots=True)
class _Counter:
    """One counter over all boots, in counts."""

    total: int = 0
    last: int | None = None
    """Furthest value of the pack's present count; None: nothing of this count is in the total yet."""
    boot_id: int | None = None
    """Boot in which it was last taken."""


class PackEnergy:
    """Totals of one pack over all its boots."""

    def __init__(self, *, from_now: bool = False) -> None:
        """Start with nothing counted. `from_now`: what a pack counted before its first frame is not to be added."""
        self._counters: dict[EnergyCounter, _Counter] = {}
        self._skipped = set(EnergyCounter) if from_now else set()
        self._boot: _Boot | None = None
        self._left: deque[_Boot] = deque(maxlen=_BOOTS_REMEMBERED)
        self._gaps: deque[Gap] = deque(maxlen=_GAPS_REMEMBERED)

    @property
    def gaps(self) -> list[Gap]:
        """The last 16 gaps, oldest first."""
        return list(self._gaps)

    def total_wh(self, counter: EnergyCounter) -> float | None:
        """Return what was counted in all boots, in Wh; None before the first frame of that counter."""
        return self._counters[counter].total / _COUNTS_PER_WH if counter in self._counters else None

    def take(self, energy: frames.Energy, unix_s: float) -> EnergyStep:
        """Take a counter; return what it adds. `unix_s`: time of the host.

        The frame must be plausible and of the boot that the pack announced (Fleet sees to both). What is late all the
        same, from a boot that was left within the last minute, adds nothing; nor does what is no number or below 0.
        """
        value = _counts(energy.value_wh)
        if value is None or self._is_late(energy, unix_s):
            return EnergyStep(0.0)
        gap = self._enter(energy, unix_s)
        counter = self._counters.setdefault(energy.counter, _Counter())
        if _began_anew(counter, energy.boot_id, value):
            # The 12 bits of the count are by chance those of the one before.
            gap = self._begin_count(counter.boot_id, unix_s) or gap
        moved = value if counter.last is None else _moved(counter.last, value)
        if energy.counter in self._skipped:
            self._skipped.remove(energy.counter)
            moved = 0
        counter.boot_id = energy.boot_id
        if moved is None:
            return EnergyStep(0.0, gap)
        counter.last = value
        counter.total += moved
        return EnergyStep(moved / _COUNTS_PER_WH, gap)

    def _is_late(self, energy: frames.Energy, unix_s: float) -> bool:
        return any(
            (boot.count_id, boot.boot_id) == (energy.count_id, energy.boot_id) and abs(unix_s - boot.left_s) <= _LATE_S
            for boot in self._left
        )

    def _enter(self, energy: frames.Energy, unix_s: float) -> Gap | None:
        """Be in the boot of a frame; return the gap before it if a new count began."""
        before, self._boot = self._boot, _Boot(energy.count_id, energy.boot_id, unix_s)
        if before is None or (before.count_id, before.boot_id) == (energy.count_id, energy.boot_id):
            return None
        self._left.append(replace(before, left_s=unix_s))
        return None if before.count_id == energy.count_id else self._begin_count(None, unix_s)

    def _begin_count(self, last_boot_id: int | None, unix_s: float) -> Gap | None:
        """Expect counters to begin at 0: all, or those that were last taken in the same boot; return the gap if new."""
        for counter in self._counters.values():
            if last_boot_id in (None, counter.boot_id):
                counter.last = None
        from_s = self._left[-1].taken_s if self._left else unix_s
        gap = Gap(min(from_s, unix_s), unix_s)
        if self._gaps and self._gaps[-1].from_s == gap.from_s:
            return None
        self._gaps.append(gap)
        return gap

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes, as JSON can hold it."""
        return {
            "boot": None if self._boot is None else astuple(self._boot),
            "left": [astuple(boot) for boot in self._left],
            "gaps": [astuple(gap) for gap in self._gaps],
            "counters": {counter.name.lower(): asdict(known) for counter, known in self._counters.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the totals as they were. A damaged counter is left out and begins anew with its next frame.

        Raises ValueError if it cannot be told to which count the counters belong.
        """
        match data:
            case {"boot": boot, "left": [*left], "gaps": [*gaps], "counters": Mapping() as counters}:
                energy = cls()
            case _:
                raise ValueError("The stored energies of a pack are incomplete")
        energy._boot = _boot(boot)
        if energy._boot is None and (counters or boot is not None):
            raise ValueError(f"The stored energies belong to no boot of the pack: {boot!r}")
        energy._counters.update(_counters(counters))
        energy._left.extend(known for item in left if (known := _boot(item)) is not None)
        energy._gaps.extend(gap for item in gaps if (gap := _gap(item)) is not None)
        return energy


class HouseEnergy:
    """Sums of what all packs of a house counted while the house knew them.

    A pack that is new brings nothing of what it counted before: do not add its first step (the sum would jump by days).
    """

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._totals: dict[EnergyCounter, int] = {}

    def add(self, counter: EnergyCounter, added_wh: float) -> None:
        """Add a step of a pack. Raises ValueError if it is below 0 or no number."""
        if not (isfinite(added_wh) and added_wh >= 0):
            raise ValueError(f"{added_wh} Wh cannot be added")
        self._totals[counter] = self._totals.get(counter, 0) + round(added_wh * _COUNTS_PER_WH)

    def total_wh(self, counter: EnergyCounter) -> float | None:
        """Return the sum in Wh; None before the first step."""
        return self._totals[counter] / _COUNTS_PER_WH if counter in self._totals else None

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes, as JSON can hold it: counts of 0.1 Wh."""
        return {counter.name.lower(): total for counter, total in self._totals.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the sums as they were. A damaged one is left out and begins anew. Raises ValueError if it is no mapping."""
        if not isinstance(data, Mapping):
            raise ValueError("The stored energies of a house are no mapping")  # noqa: TRY004 - wrong data, not a wrong call
        house = cls()
        house._totals = {counter: data[name] for name, counter in _NAMES.items() if _is_count(data.get(name))}
        return house


def _counts(value_wh: float) -> int | None:
    """Return whole counts; None if the value cannot be that of a counter."""
    if not isfinite(value_wh) or value_wh < 0:
        return None
    value = round(value_wh * _COUNTS_PER_WH)
    return value if value < _WRAP else None


def _moved(last: int, value: int) -> int | None:
    """Return how far a counter went on, over a wrap too; None if the value is older than the last."""
    if value < last:
        return value - last + _WRAP if last >= _WRAP - _QUARTER and value < _QUARTER else None
    return None if last < _QUARTER and value >= _WRAP - _QUARTER else value - last  # from before a wrap: older too


def _began_anew(counter: _Counter, boot_id: int, value: int) -> bool:
    """Whether a counter fell by so much in a new boot that it cannot be the count that it was."""
    last = None if counter.boot_id == boot_id else counter.last
    return last is not None and value < last - _CARRY_SLACK and _moved(last, value) is None


def _is_count(data: object, maximum: float = inf) -> TypeGuard[int]:
    return type(data) is int and 0 <= data <= maximum


def _is_time(data: object) -> TypeGuard[float]:
    return isinstance(data, (int, float)) and isfinite(data)


def _boot(data: object) -> _Boot | None:
    match data:
        case [count_id, boot_id, taken_s, left_s] if _is_count(count_id, 0xFFF) and _is_count(boot_id, 0xFFFF):
            return _Boot(count_id, boot_id, taken_s, left_s) if _is_time(taken_s) and _is_time(left_s) else None
    return None


def _gap(data: object) -> Gap | None:
    match data:
        case [from_s, to_s] if _is_time(from_s) and _is_time(to_s):
            return Gap(from_s, to_s)
    return None


def _counters(data: Mapping[str, Any]) -> Iterator[tuple[EnergyCounter, _Counter]]:
    for name, counter in _NAMES.items():
        match data.get(name):
            case {"total": total, "last": last, "boot_id": boot_id} if _is_count(total) and _is_count(boot_id, 0xFFFF):
                if last is None or _is_count(last, _WRAP - 1):
                    yield counter, _Counter(total, last, boot_id)
