"""Any history of a pack: what is told leads from each known state to the next one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import given, settings, strategies as st

from custom_components.alfaspark.packbus.events import (
    FIRST_FAULTS_S,
    SETTLING_S,
    EventKind,
    EventWatch,
    PackEvent,
    import_share_pct,
    is_bms_lost,
    is_loads_limit,
)
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    FaultCode,
    Mode,
    ModeSet,
    PackWarningSet,
    Reason,
    Relay,
    RelaySet,
    Status,
)
from custom_components.alfaspark.packbus.pack import Pack
from tests.peers import STATUS

from .speaker import Clock, Speaker
from .test_events import ABOVE_80, ABOVE_90, EXHAUSTED, NO_FLAGS

_WARNINGS = st.sampled_from(
    [warning | more for warning in (PackWarningSet(0), ABOVE_80, ABOVE_90, EXHAUSTED)
     for more in (PackWarningSet(0), PackWarningSet.LOADS_LIMIT, PackWarningSet.BMS_LOST)]
)  # fmt: skip
_STATUSES = st.builds(
    lambda modes, warnings, relays, reason, import_kwh: replace(
        STATUS, modes=ModeSet(modes), warnings=warnings, relays=RelaySet(relays), reason_load2=reason,
        grid_import_today_kwh=import_kwh,
    ),
    st.integers(0, 31), _WARNINGS, st.integers(0, 15), st.sampled_from(Reason), st.sampled_from([None, 1.25]),
)  # fmt: skip
_FAULTS = st.sets(st.tuples(st.sampled_from([FaultCode.SENSOR_CLIPPED, FaultCode.BUS_OFF]), st.integers(0, 1)))


@dataclass(frozen=True)
class Moment:
    """What a pack is like at one moment."""

    status: Status | None
    faults: set[tuple[FaultCode, int]]
    gone: bool | None
    bms_online: bool
    boot_id: int

    def show(self, pack: Pack) -> None:
        """Make the pack like this."""
        flags = AnnounceFlagSet.BMS_ONLINE if self.bms_online else NO_FLAGS
        pack.announce = replace(pack.announce, flags=flags, boot_id=self.boot_id)
        pack.status, pack.faults = replace(self.status) if self.status else None, set(self.faults)


_MOMENTS = st.builds(
    Moment, st.none() | _STATUSES, _FAULTS, st.sampled_from([None, False, True]), st.booleans(), st.just(1)
)
_RESTARTING = st.builds(replace, _MOMENTS, boot_id=st.integers(1, 3))


class Ledger:
    """Keeps what the events say, beginning with what was known at first."""

    def __init__(self) -> None:
        """Know nothing."""
        self.known: dict[object, object] = {}

    def check(self, key: object, value: object) -> None:
        """The state, where it is known, is what the events say."""
        if value is not None:
            assert self.known.setdefault(key, value) == value, key

    def note(self, event: PackEvent) -> None:
        """Take an event: it changes something that was known, from what it was to something else."""
        key, value = self._change(event)
        if event.kind in (EventKind.FAULT_APPEARED, EventKind.FAULT_CLEARED):
            self.known.setdefault(key, False)
        assert key in self.known and self.known[key] != value, event
        if event.percent_before is not None:
            assert self.known[key] == event.percent_before
        self.known[key] = value

    def _change(self, event: PackEvent) -> tuple[object, object]:
        match event:
            case PackEvent(kind=EventKind.MODE_CHANGED):
                return f"mode {event.mode}", event.on
            case PackEvent(kind=EventKind.RELAY_CHANGED):
                return f"relay {event.relay}", (event.closed, event.reason)
            case PackEvent(percent=int() as percent):
                return "import", percent
            case PackEvent(fault=FaultCode()):
                return (event.fault, event.argument), event.kind is EventKind.FAULT_APPEARED
        pairs = {
            EventKind.LOADS_LIMIT_REACHED: ("loads", True),
            EventKind.LOADS_LIMIT_ENDED: ("loads", False),
            EventKind.BMS_LOST: ("bms", True),
            EventKind.BMS_RETURNED: ("bms", False),
            EventKind.PACK_GONE: ("gone", True),
            EventKind.PACK_RETURNED: ("gone", False),
        }
        return pairs[event.kind]

    def check_prompt(self, pack: Pack, gone: bool | None) -> None:
        """What is told at once is what the events say."""
        self.check("gone", gone)
        self.check("bms", is_bms_lost(pack))
        for mode in Mode:
            self.check(f"mode {mode}", pack.has_mode(mode))
        for relay in Relay:
            reason = pack.reason_of(relay)
            known = None if reason in (None, Reason.START_UP) else (pack.is_closed(relay), reason)
            self.check(f"relay {relay}", known)

    def check_settled(self, pack: Pack) -> None:
        """So is what waits after a restart."""
        self.check("loads", is_loads_limit(pack))
        self.check("import", import_share_pct(pack))
        assert {key for key, stands in self.known.items() if isinstance(key, tuple) and stands} == pack.faults

    def find(self, pack: Pack) -> None:
        """Take what is known for the first time."""
        for key, value in (("loads", is_loads_limit(pack)), ("import", import_share_pct(pack))):
            if value is not None:
                self.known.setdefault(key, value)


def _history(moments: list[Moment], each: Callable[[Pack, Moment, list[PackEvent]], None]) -> None:
    """Show moments one after the other, 1 s apart, long after the pack was heard first."""
    fleet, clock = Fleet(), Clock()
    speaker = Speaker(fleet, clock, "a0b1c2d3e4f5", 12, boot_id=1)
    speaker.introduce()
    watch, pack = EventWatch(), speaker.pack
    assert watch.follow(pack, None) == []
    pack.last_seen_s += FIRST_FAULTS_S
    for moment in moments:
        pack.last_seen_s += 1
        moment.show(pack)
        each(pack, moment, watch.follow(pack, moment.gone))


@settings(max_examples=300, deadline=None)
@given(st.lists(_MOMENTS, max_size=30))
def test_events_lead_from_one_known_state_to_the_next(moments: list[Moment]) -> None:
    ledger = Ledger()

    def check(pack: Pack, moment: Moment, events: list[PackEvent]) -> None:
        for event in events:
            ledger.note(event)
        ledger.check_prompt(pack, moment.gone)
        ledger.check_settled(pack)

    _history(moments, check)


@settings(max_examples=200, deadline=None)
@given(st.lists(_RESTARTING, max_size=30), _MOMENTS)
def test_restarts_delay_events_but_lose_none(moments: list[Moment], last: Moment) -> None:
    ledger, restarts = Ledger(), []

    def check(pack: Pack, moment: Moment, events: list[PackEvent]) -> None:
        for event in events:
            if event.kind is EventKind.PACK_RESTARTED:
                restarts.append(moment.boot_id)
            else:
                ledger.note(event)
        ledger.find(pack)
        ledger.check_prompt(pack, moment.gone)
        if moment is settled[-1]:
            ledger.check_settled(pack)

    boots = [1, *(moment.boot_id for moment in moments)]
    settled = [replace(last, boot_id=boots[-1]) for _ in range(round(SETTLING_S) + 1)]
    _history([*moments, *settled], check)
    assert len(restarts) == sum(a != b for a, b in pairwise(boots))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_MOMENTS, st.booleans()), max_size=30))
def test_silence_in_between_changes_nothing_that_is_told(moments: list[tuple[Moment, bool]]) -> None:
    def told(history: list[Moment]) -> list[PackEvent]:
        events: list[PackEvent] = []
        _history(history, lambda _, __, happened: events.extend(happened))
        return events

    spoken = [moment for moment, _ in moments]
    interrupted: list[Moment] = []
    for moment, silent in moments:
        interrupted.append(moment)
        if silent:
            interrupted.append(replace(moment, status=None, gone=None))
    assert told(interrupted) == told(spoken)
