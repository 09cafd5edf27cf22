"""Whether a well-formed frame can be true: the last guard before a reading.

A value outside its limits is refused. A jump beyond physics is refused too, unless the next such frame goes on from
there: then it was real. So one absurd frame, with a valid checksum or not, never becomes a reading, and nothing that is
real is refused for longer than one period.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import inf

from . import frames
from .frames import Frame, Function

type ReadingKey = tuple[Function, int]
"""A function, and for ENERGY and PULSE the counter or channel; 0 for the others."""


def reading_key(frame: Frame, function: Function) -> ReadingKey:
    """Return the key under which a frame follows its predecessor."""
    match frame:
        case frames.Energy():
            return function, frame.counter
        case frames.Pulse():
            return function, frame.channel
    return function, 0


class Verdict(Enum):
    """What a frame is good for."""

    PLAUSIBLE = "plausible"
    UNCONFIRMED = "unconfirmed"
    """There is nothing to compare it with: the next one decides."""
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value can be, and how far it can be from the one before it."""

    minimum: float
    maximum: float
    rise: float
    """At once."""
    fall: float
    rise_per_s: float = 0.0
    """On top of `rise`, for each second since the value before."""
    fall_per_s: float = 0.0
    after_unknown: float | None = None
    """What an unknown value before this one counts as; None: this one must be confirmed."""
    restart: float = -inf
    """A counter that may start again can always be as low as this."""

    def allow(self, value: float) -> bool:
        """Whether the value can be at all."""
        return self.minimum <= value <= self.maximum

    def judge_step(self, before: float | None, value: float, elapsed_s: float) -> Verdict:
        """Whether the value can follow another after so many seconds."""
        if value <= self.restart:
            return Verdict.PLAUSIBLE
        if before is None:
            before = self.after_unknown
            if before is None:
                return Verdict.UNCONFIRMED
        lowest = before - self.fall - self.fall_per_s * elapsed_s
        highest = before + self.rise + self.rise_per_s * elapsed_s
        return Verdict.PLAUSIBLE if lowest <= value <= highest else Verdict.IMPLAUSIBLE


def _signal(minimum: float, maximum: float, step: float, per_s: float = 0.0, *, confirmed: bool = False) -> Limits:
    return Limits(minimum, maximum, step, step, per_s, per_s, after_unknown=None if confirmed else 0.0)


# Circuits of a house: 80 A transformers at 220 V end at 17.6 kW, and no single appliance switches 15 kW. CTs know no
# direction, so that everything measured by one is positive (requirements.md, R1, R2).
_AC_POWER = _signal(0, 32_767, 15_000)
_AC_CURRENT = _signal(0, 400, 70)  # ct_rated ends at 400 A

# The most that POWER can tell.
_MOST_WH_PER_S = 32_767 / 3600

_LIMITS: Mapping[Function, Mapping[str, Limits]] = {
    Function.BATTERY: {
        # 30..70 V as in the firmware. 4 V: 200 A through the 20 milliohm of 16 cells, a fuse and cables.
        "voltage_v": _signal(30, 70, 4, 0.5, confirmed=True),
        "current_a": _signal(-300, 300, 200, confirmed=True),
        # By default SOC is a line over 16 V: 4 V are 25 %.
        "soc_pct": _signal(0, 100, 25, 3, confirmed=True),
    },
    Function.POWER: {
        "grid_w": _signal(-32_767, 32_767, 15_000),  # a gateway may know the direction
        "home_w": _AC_POWER,
        "solar_w": _AC_POWER,
        "battery_w": _signal(-21_000, 21_000, 15_000),  # 300 A at 70 V
    },
    Function.LOADS: {
        "load1_w": _AC_POWER,
        "load2_w": _AC_POWER,
        "inverter_w": _AC_POWER,
        # Valid cycles are 45..65 Hz; 0 is the absent grid.
        "grid_frequency_hz": _signal(0, 66, 66),
    },
    Function.STATUS: {
        # It falls at the daily reset only; it may rise at once when the host hands it back, which the next confirms.
        "grid_import_today_kwh": Limits(0, inf, 0.05, 0.02, rise_per_s=_MOST_WH_PER_S / 1000, restart=0.1),
    },
    Function.CURRENTS: {
        "grid_a": _AC_CURRENT,
        "inverter_a": _AC_CURRENT,
        "load1_a": _AC_CURRENT,
        "load2_a": _AC_CURRENT,
    },
    # At once as much as between two frames, however close together they are received.
    Function.ENERGY: {"value_wh": Limits(0, inf, 10 * _MOST_WH_PER_S, 0, rise_per_s=_MOST_WH_PER_S)},
    # IEC 62053-31: at least 30 ms on and 30 ms off; while pulses come, frames do so every 200 ms.
    Function.PULSE: {"count": Limits(0, inf, 4, 0, rise_per_s=1 / 0.06)},
}

_CONFIRMATION_S: Mapping[Function, float] = {Function.ENERGY: 30.0, Function.PULSE: 30.0}
_DEFAULT_CONFIRMATION_S = 6.0
"""How old a refused frame may be to be confirmed: the time after which a reading is stale."""


class Plausibility:
    """Remembers, for one pack, what came before."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._accepted: dict[ReadingKey, tuple[Frame, float]] = {}
        self._refused: dict[ReadingKey, tuple[Frame, float]] = {}

    def judge(self, key: ReadingKey, frame: Frame, time_s: float) -> Verdict:
        """Whether the frame may become the reading under its key; remembers it."""
        limits = _LIMITS.get(key[0])
        if limits is None:
            return Verdict.PLAUSIBLE
        if not _possible(limits, frame):
            return Verdict.IMPLAUSIBLE
        refused = self._refused.pop(key, None)
        if refused is not None and time_s - refused[1] > _CONFIRMATION_S.get(key[0], _DEFAULT_CONFIRMATION_S):
            refused = None
        verdict = _judge_step(self._accepted.get(key), limits, frame, time_s)
        if verdict is not Verdict.PLAUSIBLE and refused is not None:
            verdict = _judge_step(refused, limits, frame, time_s)
        if verdict is Verdict.PLAUSIBLE:
            self._accepted[key] = frame, time_s
        else:
            self._refused[key] = frame, time_s
        return verdict

    def accepted(self, key: ReadingKey) -> Frame | None:
        """Return the last frame that was plausible."""
        before = self._accepted.get(key)
        return before[0] if before else None

    def forget_counters(self) -> None:
        """Expect counters to start again, because the pack restarted."""
        for memory in (self._accepted, self._refused):
            for key in [key for key in memory if key[0] in (Function.ENERGY, Function.PULSE)]:
                del memory[key]


def _judge_step(
    before: tuple[Frame, float] | None, limits: Mapping[str, Limits], frame: Frame, time_s: float
) -> Verdict:
    verdict = Verdict.PLAUSIBLE
    for name, limit in limits.items():
        value: float | None = getattr(frame, name)
        if value is None:
            continue
        last = getattr(before[0], name) if before else None
        step = limit.judge_step(last, value, time_s - before[1] if before else 0.0)
        if step is Verdict.IMPLAUSIBLE:
            return step
        if step is Verdict.UNCONFIRMED:
            verdict = step
    return verdict


def _possible(limits: Mapping[str, Limits], frame: Frame) -> bool:
    return all((value := getattr(frame, name)) is None or limit.allow(value) for name, limit in limits.items())
