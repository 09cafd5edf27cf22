"""Which smart socket is shed or restored next, so that a home stays under the eco limit of its pack.

A pack sheds its own loads first. Sockets follow one by one while it warns *loads limit*: nothing of its own is left to
shed, and the home is still over the limit. They are restored in reverse order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Any, Self

_MIN_STEP_S = 10.0
"""A radio socket, the pack's measurement and its warning need that long until a step is seen."""
_CONFIRM_S = 30.0
"""A socket that does not show by then what it was asked for has failed."""
_SETTLE_S = 6.0
"""After a socket is off the home power shows it: three readings of the pack."""
_RETRY_S = 60.0
"""Until a socket that could not be switched on again is asked once more."""
_LOST_S = 600.0
"""Without readings of the pack for so long, the house gets its power back."""
_POWER_TRUSTED_S = 3600.0
"""What the home power dropped by when a socket was shed may have been another load: after that it is tried."""


class StepReason(StrEnum):
    """Why a socket is switched."""

    LOADS_LIMIT = auto()
    """Shed: the pack has nothing left to shed and the home is over the limit."""
    LIMIT_GONE = auto()
    """Restored: the home was under the limit long enough, and the socket fits under it."""
    ECO_OFF = auto()
    """Restored: eco is off."""
    PACK_LOST = auto()
    """Restored: nobody knows for 10 minutes how much the home draws."""
    NOT_CHOSEN = auto()
    """Restored: it is not one of the pack's sockets any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """A socket to switch now."""

    socket: str
    on: bool
    reason: StepReason


@dataclass(frozen=True, slots=True)
class EcoReading:
    """What a pack says of eco at one moment. None is unknown."""

    is_on: bool | None = None
    loads_limit: bool | None = None
    home_w: float | None = None
    limit_w: float | None = None
    margin: float = 0.1
    """Share of the limit that stays free when a socket is restored."""
    step_s: float = 4.0
    """Between two steps of the pack; sockets take 10 s at least."""
    min_off_s: float = 300.0
    """The loads limit must be gone for so long before anything is restored."""

    @property
    def is_known(self) -> bool:
        """Whether it says enough to decide on."""
        return self.is_on is False or None not in (self.is_on, self.loads_limit, self.home_w, self.limit_w)

    def fits(self, power_w: float) -> bool:
        """Return whether a load of that many watts fits under the limit now."""
        return (
            self.home_w is not None
            and self.limit_w is not None
            and self.home_w + power_w <= self.limit_w * (1 - self.margin)
        )


class _Phase(Enum):
    SWITCHING_OFF = auto()
    OFF = auto()
    SWITCHING_ON = auto()


@dataclass(slots=True)
class _Shed:
    """A socket that was shed and not given back yet."""

    socket: str
    phase: _Phase
    asked_s: float
    """When it was last asked to switch."""
    home_before_w: float | None = None
    """Home power before it was shed, while its own is not known yet."""
    power_w: float | None = None
    """What the home power dropped by when it was shed; None where that is not known."""
    shed_s: float = 0.0
    off_s: float = 0.0
    """When it was seen to be off."""
    retry_s: float = 0.0
    """It is not restored before that."""
    was_seen_off: bool = False
    """It was off when it was last looked at: one that was out of reach, or a restart ago, may be on by itself."""

    def is_under_way(self, now_s: float) -> bool:
        """Return whether its last step is not over: it has not switched yet, or its power cannot be seen yet."""
        return self.phase is not _Phase.OFF or (self.home_before_w is not None and now_s < self.off_s + _SETTLE_S)

    def trusted_power_w(self, now_s: float) -> float:
        """Return what it will draw as far as that is known, else 0: then it is tried."""
        return self.power_w if self.power_w is not None and now_s < self.shed_s + _POWER_TRUSTED_S else 0.0


@dataclass(slots=True)
class SocketShedding:
    """The sockets of one pack. Knows no clock: all times are handed in, in seconds of one that never jumps."""

    order: Sequence[str]
    """The sockets, the one that is shed first at the front."""
    problems: set[str] = field(default_factory=set)
    """Sockets that did not do what they were last asked for."""
    _shed: list[_Shed] = field(default_factory=list)
    _spared: set[str] = field(default_factory=set)
    """Sockets that are left alone until the loads limit was gone long enough: their owner wants them, or they failed."""
    _next_step_s: float = 0.0
    _gone_since_s: float | None = None
    """Since when there is no loads limit."""
    _unknown_since_s: float | None = None

    @classmethod
    def restored_from(cls, order: Sequence[str], stored: Iterable[Mapping[str, Any]], now_s: float) -> Self:
        """Go on from what `stored` returned, in whatever process that was."""
        shed = [_Shed(item["socket"], _Phase.OFF, now_s, power_w=item["power_w"], shed_s=now_s) for item in stored]
        return cls(order, _shed=shed)

    def stored(self) -> list[dict[str, Any]]:
        """Return what has to be known after a restart."""
        return [{"socket": shed.socket, "power_w": shed.power_w} for shed in self._shed]

    @property
    def shed(self) -> list[str]:
        """The sockets that are shed now, in the order in which that happened."""
        return [shed.socket for shed in self._shed]

    def follow(self, now_s: float, eco: EcoReading, is_on: Mapping[str, bool | None]) -> Step | None:
        """Return the step to take now, if any; it counts as taken unless `failed` is called.

        To be called about once a second. `is_on`: what each socket says of itself; None or missing while that is unknown.
        """
        for shed in tuple(self._shed):
            self._observe(now_s, shed, is_on.get(shed.socket))
            self._measure(now_s, shed, eco)
        self._follow_limit(now_s, eco)
        if now_s < self._next_step_s or any(shed.is_under_way(now_s) for shed in self._shed):
            return None
        step = self._next_step(now_s, eco, is_on)
        if step is not None:
            self._next_step_s = now_s + max(_MIN_STEP_S, eco.step_s)
            self._begin(now_s, step, eco)
        return step

    def failed(self, now_s: float, socket: str) -> None:
        """Take note that a socket could not be asked, so that the next one is."""
        if (shed := self._find(socket)) is not None:
            self._give_up_step(now_s, shed)
            self._next_step_s = now_s

    def turned_off_by_hand(self, socket: str) -> None:
        """Take note that somebody wants a socket off, also if it was off: it is not restored then."""
        if (shed := self._find(socket)) is not None:
            self._shed.remove(shed)

    def _find(self, socket: str) -> _Shed | None:
        return next((shed for shed in self._shed if shed.socket == socket), None)

    def _observe(self, now_s: float, shed: _Shed, is_on: bool | None) -> None:
        """Compare what a socket shows with what it was asked for."""
        late = now_s >= shed.asked_s + _CONFIRM_S
        match shed.phase, is_on:
            case _Phase.SWITCHING_OFF, False:
                shed.phase, shed.off_s = _Phase.OFF, now_s
                self.problems.discard(shed.socket)
            case _Phase.OFF, True:
                self._shed.remove(shed)
                # Not by us: somebody wants it on, if it was not its supply or Home Assistant that came back.
                if shed.was_seen_off or shed.socket in self.problems:
                    self._spared.add(shed.socket)
            case _Phase.SWITCHING_ON, True:
                self._shed.remove(shed)
                self.problems.discard(shed.socket)
            case ((_Phase.SWITCHING_OFF | _Phase.SWITCHING_ON), _) if late:
                self._give_up_step(now_s, shed)
        shed.was_seen_off = is_on is False

    def _give_up_step(self, now_s: float, shed: _Shed) -> None:
        """Go on without a socket. Whether it switched is seen when it shows something: one that is off is ours."""
        self.problems.add(shed.socket)
        shed.phase, shed.home_before_w, shed.retry_s = _Phase.OFF, None, now_s + _RETRY_S

    def _measure(self, now_s: float, shed: _Shed, eco: EcoReading) -> None:
        """See what a socket drew, once the home power shows it."""
        if shed.phase is not _Phase.OFF or shed.home_before_w is None or shed.is_under_way(now_s):
            return
        if eco.home_w is not None:
            shed.power_w = max(0.0, shed.home_before_w - eco.home_w)
        shed.home_before_w = None

    def _follow_limit(self, now_s: float, eco: EcoReading) -> None:
        if not eco.is_known:
            if self._unknown_since_s is None:
                self._unknown_since_s = now_s
            return
        self._unknown_since_s = None
        if eco.is_on and eco.loads_limit:
            self._gone_since_s = None
        elif self._gone_since_s is None:
            self._gone_since_s = now_s
        if self._is_calm(now_s, eco):
            self._spared.clear()

    def _is_calm(self, now_s: float, eco: EcoReading) -> bool:
        return self._gone_since_s is not None and now_s >= self._gone_since_s + eco.min_off_s

    def _next_step(self, now_s: float, eco: EcoReading, is_on: Mapping[str, bool | None]) -> Step | None:
        waiting = [shed for shed in reversed(self._shed) if is_on.get(shed.socket) is False and now_s >= shed.retry_s]
        dropped = [shed for shed in waiting if shed.socket not in self.order]
        if dropped:
            return Step(dropped[0].socket, True, StepReason.NOT_CHOSEN)
        if self._unknown_since_s is not None:
            lost = now_s >= self._unknown_since_s + _LOST_S
            return Step(waiting[0].socket, True, StepReason.PACK_LOST) if waiting and lost else None
        if not eco.is_on:
            return Step(waiting[0].socket, True, StepReason.ECO_OFF) if waiting else None
        if eco.loads_limit:
            socket = next((socket for socket in self.order if self._may_be_shed(socket, is_on)), None)
            return None if socket is None else Step(socket, False, StepReason.LOADS_LIMIT)
        if waiting and self._is_calm(now_s, eco) and eco.fits(waiting[0].trusted_power_w(now_s)):
            return Step(waiting[0].socket, True, StepReason.LIMIT_GONE)
        return None

    def _may_be_shed(self, socket: str, is_on: Mapping[str, bool | None]) -> bool:
        return is_on.get(socket) is True and socket not in self._spared and self._find(socket) is None

    def _begin(self, now_s: float, step: Step, eco: EcoReading) -> None:
        shed = self._find(step.socket)
        if shed is None:
            shed = _Shed(step.socket, _Phase.SWITCHING_OFF, now_s, home_before_w=eco.home_w, shed_s=now_s)
            self._shed.append(shed)
        else:
            shed.phase, shed.asked_s = _Phase.SWITCHING_ON, now_s
