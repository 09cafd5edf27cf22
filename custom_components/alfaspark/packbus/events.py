"""What happens to a pack, told from what it reports: for automations and the logbook.

An event is a change between two states that are known. What is found at first is none, and an unknown state in between
changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .frames import Announce, AnnounceFlagSet, FaultCode, Function, Mode, PackWarningSet, Reason, Relay, Status
from .pack import GONE_TIMEOUT_S, Pack

IMPORT_THRESHOLDS_PCT = (80, 90, 100)
"""The shares of the day's grid import limit at which a pack warns; at 100 % it is exhausted."""

EVENTFUL = frozenset({Function.STATUS, Function.FAULT})
"""Frames after each of which to follow, so that what comes and goes within one batch of frames is two events."""

FIRST_FAULTS_S = 2.0
"""A pack tells the faults that stand 0.25 s after it was asked who it is: until then they are found, not news."""

SETTLING_S = 30.0
"""So long after a restart nothing is believed to have ended: a pack finds its faults again, and gets today's import back."""


class EventKind(StrEnum):
    """What can happen."""

    MODE_CHANGED = "mode_changed"
    LOADS_LIMIT_REACHED = "loads_limit_reached"
    LOADS_LIMIT_ENDED = "loads_limit_ended"
    IMPORT_LIMIT_REACHED = "import_limit_reached"
    """A higher one of the three thresholds than before."""
    IMPORT_LIMIT_LOWERED = "import_limit_lowered"
    """A lower one or none, but it was not exhausted: no news, but the next one reached is."""
    IMPORT_LIMIT_RELEASED = "import_limit_released"
    """It was exhausted and no longer is."""
    PACK_GONE = "pack_gone"
    PACK_RETURNED = "pack_returned"
    PACK_RESTARTED = "pack_restarted"
    BMS_LOST = "bms_lost"
    BMS_RETURNED = "bms_returned"
    FAULT_APPEARED = "fault_appeared"
    FAULT_CLEARED = "fault_cleared"
    RELAY_CHANGED = "relay_changed"
    """It moved, or something else holds it."""


@dataclass(frozen=True, slots=True)
class PackEvent:
    """Something that happened, with what belongs to its kind; the rest is None."""

    kind: EventKind
    mode: Mode | None = None
    on: bool | None = None
    """Of the mode."""
    percent: int | None = None
    """Of the import limit: the highest threshold that is reached now; 0, 80, 90 or 100."""
    percent_before: int | None = None
    """The highest one that was reached before."""
    fault: FaultCode | None = None
    argument: int | None = None
    """Of the fault: channel or task, as FAULT has it."""
    relay: Relay | None = None
    closed: bool | None = None
    """Of the relay, now."""
    moved: bool | None = None
    """Whether the relay opened or closed; False: it only has another reason."""
    reason: Reason | None = None
    """Who holds the relay now."""


def is_gone(pack: Pack, listening_since_s: float, now_s: float) -> bool | None:
    """Whether a pack was not heard for 120 s; None while nobody has listened for so long. Times: monotonic."""
    if now_s - max(pack.last_seen_s, listening_since_s) > GONE_TIMEOUT_S:
        return True
    return False if pack.last_seen_s >= listening_since_s else None


def is_bms_lost(pack: Pack) -> bool | None:
    """Whether the BMS does not answer its pack; None while that is not known.

    The warning comes at once, but after a restart it takes 10 s, in which ANNOUNCE does not say yet that it is online.
    """
    if pack.status is None:
        return None
    if PackWarningSet.BMS_LOST in pack.status.warnings:
        return True
    return False if AnnounceFlagSet.BMS_ONLINE in pack.announce.flags else None


def is_loads_limit(pack: Pack) -> bool | None:
    """Whether the home is above the eco limit with nothing left to shed; None while that is not known."""
    return None if pack.status is None else PackWarningSet.LOADS_LIMIT in pack.status.warnings


def import_share_pct(pack: Pack) -> int | None:
    """Return the highest threshold of the import limit that is reached: 0, 80, 90, 100; None while it is not known."""
    if pack.status is None:
        return None
    warnings = pack.status.warnings
    if PackWarningSet.IMPORT_LIMIT_EXHAUSTED in warnings:
        return 100
    if pack.status.grid_import_today_kwh is None:
        return None
    if PackWarningSet.IMPORT_ABOVE_90 in warnings:
        return 90
    return 80 if PackWarningSet.IMPORT_ABOVE_80 in warnings else 0


def _signature(status: Status, announce: Announce) -> tuple[object, ...]:
    """Return all that events depend on."""
    return (
        status.modes,
        status.warnings,
        status.relays,
        status.reason_grid,
        status.reason_inverter,
        status.reason_load1,
        status.reason_load2,
        status.grid_import_today_kwh is None,
        announce.flags,
    )


class EventWatch:
    """Watches one pack. Each call of `follow` returns what happened since the one before."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._first_heard_s: float | None = None
        self._restarted_s: float | None = None
        self._boot_id = 0
        self._gone: bool | None = None
        self._status: Status | None = None
        self._announce: Announce | None = None
        self._signature: tuple[object, ...] | None = None
        self._modes: int | None = None
        self._loads_limit: bool | None = None
        self._import_pct: int | None = None
        self._bms_lost: bool | None = None
        self._faults: set[tuple[FaultCode, int]] = set()
        self._relays: dict[Relay, tuple[bool, Reason]] = {}

    def follow(self, pack: Pack, gone: bool | None) -> list[PackEvent]:
        """Return what happened to the pack. `gone`: as `is_gone` has it."""
        if pack.last_seen_s == 0.0:
            # Known from an earlier time only. That it is gone is remembered, so that it can return.
            self._gone = self._gone if gone is None else gone
            return []
        events: list[PackEvent] = []
        # Nearly always nothing has happened, and this is asked for every batch of frames.
        if pack.announce is not self._announce:
            events += self._follow_boot(pack)
        if gone is not None and gone is not self._gone:
            events += self._follow_presence(gone)
        if pack.faults != self._faults:
            events += self._follow_faults(pack)
        if pack.status is not None and (pack.status is not self._status or pack.announce is not self._announce):
            signature = _signature(pack.status, pack.announce)
            if signature != self._signature:
                events += self._follow_modes(pack.status)
                events += self._follow_relays(pack)
                events += self._follow_limits(pack)
                events += self._follow_bms(pack)
                self._signature = None if self._is_settling(pack) else signature
        self._status, self._announce = pack.status, pack.announce
        return events

    def _is_settling(self, pack: Pack) -> bool:
        return self._restarted_s is not None and pack.last_seen_s - self._restarted_s < SETTLING_S

    def _follow_boot(self, pack: Pack) -> Iterator[PackEvent]:
        if self._first_heard_s is None:
            self._first_heard_s = pack.last_seen_s
        elif pack.boot_id != self._boot_id:
            self._restarted_s = pack.last_seen_s
            yield PackEvent(EventKind.PACK_RESTARTED)
        self._boot_id = pack.boot_id

    def _follow_presence(self, gone: bool) -> Iterator[PackEvent]:
        if self._gone is not None:
            yield PackEvent(EventKind.PACK_GONE if gone else EventKind.PACK_RETURNED)
        self._gone = gone

    def _follow_faults(self, pack: Pack) -> Iterator[PackEvent]:
        assert self._first_heard_s is not None
        found = pack.last_seen_s - self._first_heard_s < FIRST_FAULTS_S
        for code, argument in sorted(pack.faults - self._faults):
            self._faults.add((code, argument))
            if not found:
                yield PackEvent(EventKind.FAULT_APPEARED, fault=code, argument=argument)
        if self._is_settling(pack):
            return
        for code, argument in sorted(self._faults - pack.faults):
            self._faults.discard((code, argument))
            yield PackEvent(EventKind.FAULT_CLEARED, fault=code, argument=argument)

    def _follow_modes(self, status: Status) -> Iterator[PackEvent]:
        if self._modes is not None and status.modes != self._modes:
            for mode in Mode:
                on = bool(status.modes & 1 << mode)
                if on is not bool(self._modes & 1 << mode):
                    yield PackEvent(EventKind.MODE_CHANGED, mode=mode, on=on)
        self._modes = int(status.modes)

    def _follow_relays(self, pack: Pack) -> Iterator[PackEvent]:
        for relay in Relay:
            closed, reason = pack.is_closed(relay), pack.reason_of(relay)
            # After a restart nobody has decided about it yet.
            if closed is None or reason is None or reason is Reason.START_UP:
                continue
            before = self._relays.get(relay)
            if before is not None and before != (closed, reason):
                yield PackEvent(
                    EventKind.RELAY_CHANGED, relay=relay, closed=closed, moved=closed is not before[0], reason=reason
                )
            self._relays[relay] = closed, reason

    def _follow_limits(self, pack: Pack) -> Iterator[PackEvent]:
        settling = self._is_settling(pack)
        limited, before = is_loads_limit(pack), self._loads_limit
        if limited is not None and limited is not before and not (before and settling):
            if before is not None:
                yield PackEvent(EventKind.LOADS_LIMIT_REACHED if limited else EventKind.LOADS_LIMIT_ENDED)
            self._loads_limit = limited
        percent, percent_before = import_share_pct(pack), self._import_pct
        if percent is None or percent == percent_before:
            return
        if percent_before is not None:
            if percent < percent_before and settling:
                return
            yield PackEvent(_import_kind(percent, percent_before), percent=percent, percent_before=percent_before)
        self._import_pct = percent

    def _follow_bms(self, pack: Pack) -> Iterator[PackEvent]:
        lost = is_bms_lost(pack)
        if lost is None:
            return
        if self._bms_lost is not None and lost is not self._bms_lost:
            yield PackEvent(EventKind.BMS_LOST if lost else EventKind.BMS_RETURNED)
        self._bms_lost = lost


def _import_kind(percent: int, before: int) -> EventKind:
    if percent > before:
        return EventKind.IMPORT_LIMIT_REACHED
    return EventKind.IMPORT_LIMIT_RELEASED if before == IMPORT_THRESHOLDS_PCT[-1] else EventKind.IMPORT_LIMIT_LOWERED
