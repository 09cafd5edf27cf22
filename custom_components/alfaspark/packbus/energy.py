"""PLACEHOLDER by the lead, to be replaced by helper ENERGY."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .frames import Energy, EnergyCounter


@dataclass(frozen=True, slots=True)
class Gap:
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class EnergyStep:
    added_wh: float
    gap: Gap | None = None


class PackEnergy:
    def __init__(self) -> None:
        self._totals: dict[EnergyCounter, float] = {}
        self._last: dict[EnergyCounter, float] = {}

    def total_wh(self, counter: EnergyCounter) -> float | None:
        return self._totals.get(counter)

    def take(self, energy: Energy, unix_s: float) -> EnergyStep:
        added = energy.value_wh - self._last.get(energy.counter, 0.0)
        if added < 0:
            added = energy.value_wh
        self._last[energy.counter] = energy.value_wh
        self._totals[energy.counter] = self._totals.get(energy.counter, 0.0) + added
        return EnergyStep(added)

    def as_dict(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls()


class HouseEnergy:
    def __init__(self) -> None:
        self._totals: dict[EnergyCounter, float] = {}

    def add(self, counter: EnergyCounter, added_wh: float) -> None:
        self._totals[counter] = self._totals.get(counter, 0.0) + added_wh

    def total_wh(self, counter: EnergyCounter) -> float | None:
        return self._totals.get(counter)

    def as_dict(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls()
