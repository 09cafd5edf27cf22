"""What happens to a pack: changes between two known states, and nothing else."""

from dataclasses import dataclass, replace

import pytest

from custom_components.alfaspark.packbus.events import (
    SETTLING_S,
    EventKind,
    EventWatch,
    PackEvent,
    import_share_pct,
    is_gone,
)
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    Fault,
    FaultCode,
    Mode,
    ModeSet,
    PackWarningSet,
    Reason,
    Relay,
    RelaySet,
    Status,
)
from custom_components.alfaspark.packbus.pack import GONE_TIMEOUT_S
from tests.peers import STATUS

from .speaker import Clock, Speaker

ABOVE_80 = PackWarningSet.IMPORT_ABOVE_80
ABOVE_90 = ABOVE_80 | PackWarningSet.IMPORT_ABOVE_90
NO_FLAGS = AnnounceFlagSet(0)
EXHAUSTED = ABOVE_90 | PackWarningSet.IMPORT_LIMIT_EXHAUSTED


@dataclass
class Watched:
    """A device whose frames go into a fleet, and who watches it; the adapter has been there all the time."""

    speaker: Speaker
    fleet: Fleet
    clock: Clock
    watch: EventWatch
    status: Status = STATUS

    def follow(self) -> list[PackEvent]:
        """Return what happened since the last time."""
        pack = self.speaker.pack
        return self.watch.follow(pack, is_gone(pack, 0.0, self.clock.now_s))

    def report(self, **changes: object) -> list[PackEvent]:
        """Say a STATUS that differs so from the one before; return what that means."""
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self.clock.advance(2)
        self.speaker.say(self.status)
        return self.follow()

    def fault(self, code: FaultCode, active: bool, argument: int = 0) -> list[PackEvent]:
        """Say that a fault appears or clears; return what that means."""
        self.clock.advance(0.1)
        self.speaker.say(Fault(code=code, active=active, argument=argument))
        return self.follow()

    def restart(self, *faults: FaultCode, flags: AnnounceFlagSet = NO_FLAGS) -> list[PackEvent]:
        """Come up again as a pack does: no BMS yet, faults told anew; return what that means."""
        self.clock.advance(3)
        self.speaker.boot_id += 1
        self.speaker.flags = flags
        self.speaker.introduce()
        events = self.follow()
        for code in faults:
            events += self.fault(code, True)
        return events

    def be_silent(self, seconds: float) -> list[PackEvent]:
        """Let time pass in which nothing is heard; return what that means."""
        events = []
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.fleet.expire(self.clock.now_s)
            events += self.follow()
        return events

    def settle(self) -> list[PackEvent]:
        """Report unchanged until nothing is held back any more."""
        events = []
        for _ in range(round(SETTLING_S / 2) + 1):
            events += self.report()
        return events


@pytest.fixture
def watched(pack_a: Speaker, fleet: Fleet, clock: Clock) -> Watched:
    """A pack that was heard for a while, with an eventless life so far."""
    watched = Watched(pack_a, fleet, clock, EventWatch())
    pack_a.introduce()
    events = watched.follow()
    for _ in range(3):
        events += watched.report()
    assert events == []
    return watched


def test_a_state_found_at_first_is_no_event(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    watched = Watched(pack_a, fleet, clock, EventWatch())
    pack_a.introduce()
    assert watched.follow() == []
    clock.advance(0.25)
    assert watched.fault(FaultCode.SENSOR_CLIPPED, True, 2) == []
    everything = PackWarningSet.LOADS_LIMIT | PackWarningSet.BMS_LOST | EXHAUSTED
    assert watched.report(modes=ModeSet.ECO, warnings=everything) == []
    assert watched.report(relays=RelaySet(0), reason_grid=Reason.IMPORT_LIMIT_EXHAUSTED) == []
    # What was found is known: its end is an event.
    assert watched.report(warnings=PackWarningSet(0), modes=ModeSet(0)) == [
        PackEvent(EventKind.MODE_CHANGED, mode=Mode.ECO, on=False),
        PackEvent(EventKind.LOADS_LIMIT_ENDED),
        PackEvent(EventKind.IMPORT_LIMIT_RELEASED, percent=0, percent_before=100),
        PackEvent(EventKind.BMS_RETURNED),
    ]
    assert watched.fault(FaultCode.SENSOR_CLIPPED, False, 2) == [
        PackEvent(EventKind.FAULT_CLEARED, fault=FaultCode.SENSOR_CLIPPED, argument=2)
    ]


def test_modes(watched: Watched) -> None:
    assert watched.report(modes=ModeSet.ECO | ModeSet.BACKUP) == [
        PackEvent(EventKind.MODE_CHANGED, mode=Mode.ECO, on=True),
        PackEvent(EventKind.MODE_CHANGED, mode=Mode.BACKUP, on=True),
    ]
    assert watched.report() == []
    assert watched.report(modes=ModeSet.BACKUP) == [PackEvent(EventKind.MODE_CHANGED, mode=Mode.ECO, on=False)]


def test_the_import_limit_tells_each_threshold_and_its_release(watched: Watched) -> None:
    def reached(percent: int, before: int) -> list[PackEvent]:
        return [PackEvent(EventKind.IMPORT_LIMIT_REACHED, percent=percent, percent_before=before)]

    assert watched.report(warnings=ABOVE_80) == reached(80, 0)
    assert watched.report(warnings=ABOVE_90) == reached(90, 80)
    assert watched.report(warnings=EXHAUSTED) == reached(100, 90)
    assert watched.report(warnings=PackWarningSet(0)) == [
        PackEvent(EventKind.IMPORT_LIMIT_RELEASED, percent=0, percent_before=100)
    ]
    # A limit that was lowered below the count reaches several at once.
    assert watched.report(warnings=ABOVE_90) == reached(90, 0)
    assert watched.report(warnings=ABOVE_80) == [
        PackEvent(EventKind.IMPORT_LIMIT_LOWERED, percent=80, percent_before=90)
    ]
    assert watched.report(warnings=ABOVE_90) == reached(90, 80)


def test_an_unknown_import_says_nothing_unless_the_limit_is_exhausted(watched: Watched) -> None:
    watched.report(warnings=ABOVE_80)
    assert watched.report(warnings=PackWarningSet(0), grid_import_today_kwh=None) == []
    assert watched.report(warnings=ABOVE_80, grid_import_today_kwh=1.25) == watched.report() == []
    assert import_share_pct(watched.speaker.pack) == 80
    # Nothing but that it is known now.
    assert watched.report(warnings=ABOVE_90, grid_import_today_kwh=None) == []
    known = watched.report(grid_import_today_kwh=1.25) + watched.report()  # a reading is taken once it is confirmed
    assert [event.percent for event in known] == [90]
    exhausted = watched.report(warnings=PackWarningSet.IMPORT_LIMIT_EXHAUSTED, grid_import_today_kwh=None)
    assert [event.percent for event in exhausted] == [100]


@pytest.mark.parametrize(
    ("warning", "begins", "ends"),
    [
        (PackWarningSet.LOADS_LIMIT, EventKind.LOADS_LIMIT_REACHED, EventKind.LOADS_LIMIT_ENDED),
        (PackWarningSet.BMS_LOST, EventKind.BMS_LOST, EventKind.BMS_RETURNED),
    ],
)
def test_warnings_begin_and_end(watched: Watched, warning: PackWarningSet, begins: EventKind, ends: EventKind) -> None:
    assert watched.report(warnings=warning) == [PackEvent(begins)]
    assert watched.report() == []
    # The same before and after a silence.
    assert watched.be_silent(20) == []
    assert watched.report() == watched.report() == []
    assert watched.report(warnings=PackWarningSet(0)) == [PackEvent(ends)]


def test_what_changed_in_a_silence_is_told_after_it(watched: Watched) -> None:
    assert watched.be_silent(20) == []
    assert watched.speaker.pack.status is None
    assert watched.report(modes=ModeSet.ECO) == [PackEvent(EventKind.MODE_CHANGED, mode=Mode.ECO, on=True)]


def test_a_pack_goes_and_returns(watched: Watched) -> None:
    assert watched.be_silent(GONE_TIMEOUT_S) == []
    assert watched.be_silent(1) == [PackEvent(EventKind.PACK_GONE)]
    assert watched.be_silent(100) == []
    watched.speaker.introduce()
    assert watched.follow() == [PackEvent(EventKind.PACK_RETURNED)]
    assert watched.report() == watched.report() == []


def test_nobody_is_gone_while_the_adapter_is(watched: Watched) -> None:
    pack, now_s = watched.speaker.pack, watched.clock.now_s
    back_s = now_s + 1000
    for gone in (None, is_gone(pack, back_s, back_s), is_gone(pack, back_s, back_s + GONE_TIMEOUT_S)):
        assert gone is None
        assert watched.watch.follow(pack, gone) == []
    # It was given the time to speak, and did not.
    gone = is_gone(pack, back_s, back_s + GONE_TIMEOUT_S + 1)
    assert watched.watch.follow(pack, gone) == [PackEvent(EventKind.PACK_GONE)]
    # The adapter is lost once more: it is neither gone again nor back.
    assert watched.watch.follow(pack, is_gone(pack, back_s + 500, back_s + 500)) == []


def test_a_pack_from_an_earlier_time_can_return(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    began_s = clock.now_s
    pack, watch = fleet.recall(pack_a.serial, pack_a.announced()), EventWatch()
    assert is_gone(pack, began_s, began_s + GONE_TIMEOUT_S) is None
    clock.advance(GONE_TIMEOUT_S + 1)
    assert is_gone(pack, began_s, clock.now_s) is True
    assert watch.follow(pack, True) == []
    # It restarted meanwhile, which nobody saw.
    pack_a.boot_id += 1
    pack_a.introduce()
    assert watch.follow(pack, is_gone(pack, began_s, clock.now_s)) == [PackEvent(EventKind.PACK_RETURNED)]


def test_faults_come_and_clear_each_for_itself(watched: Watched) -> None:
    clipped = FaultCode.SENSOR_CLIPPED
    assert watched.fault(clipped, True, 2) == [PackEvent(EventKind.FAULT_APPEARED, fault=clipped, argument=2)]
    assert watched.fault(clipped, True, 2) == []
    assert watched.fault(clipped, True, 3) == [PackEvent(EventKind.FAULT_APPEARED, fault=clipped, argument=3)]
    assert watched.fault(clipped, False, 2) == [PackEvent(EventKind.FAULT_CLEARED, fault=clipped, argument=2)]


def test_a_restart_ends_nothing_that_goes_on_after_it(watched: Watched) -> None:
    watched.fault(FaultCode.BMS_LOST, True)
    watched.report(warnings=PackWarningSet.BMS_LOST | PackWarningSet.LOADS_LIMIT | ABOVE_80)
    assert watched.restart() == [PackEvent(EventKind.PACK_RESTARTED)]
    # As a pack is for its first seconds: it knows neither BMS nor import, and nobody holds its relays.
    blank = {f"reason_{relay.name.lower()}": Reason.START_UP for relay in Relay}
    assert watched.report(warnings=PackWarningSet(0), grid_import_today_kwh=None, **blank) == []
    assert watched.report(grid_import_today_kwh=0.0) == []
    # Then the import is handed back and the BMS is missed again.
    manual = dict.fromkeys(blank, Reason.MANUAL)
    assert watched.report(warnings=ABOVE_80, grid_import_today_kwh=8.0, **manual) == watched.report() == []
    assert watched.fault(FaultCode.BMS_LOST, True) == []
    assert watched.report(warnings=PackWarningSet.BMS_LOST | PackWarningSet.LOADS_LIMIT | ABOVE_80) == []
    assert watched.settle() == []


def test_what_a_restart_did_end_is_told_when_it_has_settled(watched: Watched) -> None:
    watched.fault(FaultCode.BMS_LOST, True)
    watched.report(warnings=PackWarningSet.BMS_LOST | PackWarningSet.LOADS_LIMIT | EXHAUSTED)
    watched.restart(flags=AnnounceFlagSet.BMS_ONLINE)
    assert watched.report(warnings=PackWarningSet(0)) == [PackEvent(EventKind.BMS_RETURNED)]
    assert watched.settle() == [
        PackEvent(EventKind.FAULT_CLEARED, fault=FaultCode.BMS_LOST, argument=0),
        PackEvent(EventKind.LOADS_LIMIT_ENDED),
        PackEvent(EventKind.IMPORT_LIMIT_RELEASED, percent=0, percent_before=100),
    ]


def test_what_gets_worse_after_a_restart_is_told_at_once(watched: Watched) -> None:
    assert watched.restart(FaultCode.WATCHDOG_RESTART) == [
        PackEvent(EventKind.PACK_RESTARTED),
        PackEvent(EventKind.FAULT_APPEARED, fault=FaultCode.WATCHDOG_RESTART, argument=0),
    ]
    assert [event.kind for event in watched.report(warnings=PackWarningSet.LOADS_LIMIT | EXHAUSTED)] == [
        EventKind.LOADS_LIMIT_REACHED,
        EventKind.IMPORT_LIMIT_REACHED,
    ]


def test_relays_tell_who_holds_them(watched: Watched) -> None:
    opened = RelaySet.INVERTER | RelaySet.LOAD1 | RelaySet.LOAD2

    def grid(closed: bool, moved: bool, reason: Reason) -> list[PackEvent]:
        return [PackEvent(EventKind.RELAY_CHANGED, relay=Relay.GRID, closed=closed, moved=moved, reason=reason)]

    assert watched.report(reason_grid=Reason.BACKUP) == grid(True, False, Reason.BACKUP)
    exhausted = Reason.IMPORT_LIMIT_EXHAUSTED
    assert watched.report(relays=opened, reason_grid=exhausted) == grid(False, True, exhausted)
    assert watched.report() == []
    assert watched.report(relays=STATUS.relays, reason_grid=Reason.MANUAL) == grid(True, True, Reason.MANUAL)


@pytest.mark.parametrize("relay", Relay)
def test_each_relay_tells_for_itself(watched: Watched, relay: Relay) -> None:
    (event,) = watched.report(**{f"reason_{relay.name.lower()}": Reason.ECO_SHED})
    assert (event.relay, event.closed, event.moved, event.reason) == (relay, True, False, Reason.ECO_SHED)
    (event,) = watched.report(relays=STATUS.relays & ~RelaySet(1 << relay))
    assert (event.relay, event.closed, event.moved, event.reason) == (relay, False, True, Reason.ECO_SHED)


def test_a_gateway_measures_nothing_but_goes_and_restarts(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    watched = Watched(pack_a, fleet, clock, EventWatch())
    pack_a.introduce()
    assert watched.follow() == []
    assert watched.restart() == [PackEvent(EventKind.PACK_RESTARTED)]
    assert watched.be_silent(GONE_TIMEOUT_S + 1) == [PackEvent(EventKind.PACK_GONE)]
