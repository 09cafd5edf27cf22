"""The fleet: who appears, what is read of it, when that ends, who is master and what sums up."""

from dataclasses import replace

import pytest

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet, FleetStatistics, FleetTotals
from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    DeviceType,
    EnergyCounter,
    FaultCode,
    Function,
    PulseChannel,
    Result,
)
from custom_components.alfaspark.packbus.pack import Pack
from tests.peers import BATTERY, CURRENTS, LOADS, POWER, STATUS, UNKNOWN_BATTERY, UNKNOWN_POWER

from .conftest import Events
from .speaker import SET, Clock, Speaker


def test_a_pack_appears_with_claim_and_announce(pack_a: Speaker, events: Events, clock: Clock) -> None:
    pack_a.claim()
    assert events.fleet.packs == {}
    assert pack_a.announce() is pack_a.pack
    assert events.told == [("appeared", "a0b1c2d3e4f5")]
    pack = pack_a.pack
    assert (pack.serial, pack.node, pack.device_type, pack.firmware_version) == (
        "a0b1c2d3e4f5",
        12,
        DeviceType.ENERGY_PACK,
        "1.2.3",
    )
    assert (pack.boot_id, pack.protocol_version, pack.present, pack.available) == (0x1111, 1, True, True)
    assert pack.last_seen_s == clock.now_s
    assert events.fleet.statistics == FleetStatistics()


def test_the_answers_to_who_may_come_in_any_order(pack_a: Speaker, events: Events, clock: Clock) -> None:
    # ANNOUNCE wins arbitration over a CLAIM that waits beside it.
    pack_a.announce()
    clock.advance(0.01)
    pack_a.claim()
    assert events.told == [("appeared", "a0b1c2d3e4f5")]


def test_an_announce_of_long_ago_does_not_answer(pack_a: Speaker, events: Events, clock: Clock) -> None:
    pack_a.announce()
    clock.advance(1.5)
    pack_a.claim()
    assert events.told == []


def test_readings_come_and_are_named(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack = pack_a.pack
    assert (pack.battery, pack.power, pack.loads, pack.status, pack.currents) == tuple(SET.values())
    assert all(pack.is_fresh(function) for function in SET)
    assert not pack.is_fresh(Function.ENERGY)
    assert fleet.statistics == FleetStatistics()


def test_receive_returns_the_pack_that_has_news(pack_a: Speaker) -> None:
    pack_a.settle()
    assert pack_a.say(POWER) is pack_a.pack
    assert pack_a.raw(Function.POWER, bytes(7)) is None


@pytest.mark.parametrize("function", SET)
def test_each_reading_ends_by_itself_after_6_s(function: Function, pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    others = [other for other in SET if other is not function]
    for _ in range(3):
        clock.advance(2)
        for other in others:
            pack_a.say(SET[other])
    assert fleet.expire(clock.now_s) == []
    clock.advance(0.1)
    assert fleet.expire(clock.now_s) == [pack_a.pack]
    assert not pack_a.pack.is_fresh(function)
    assert all(pack_a.pack.is_fresh(other) for other in others)
    readings = dict(zip(SET, pack_a.readings(), strict=False))
    assert readings[function] is None
    assert None not in [readings[other] for other in others]


def test_a_pack_without_supply_is_unavailable_within_8_s_and_gone_after_120(
    pack_a: Speaker, events: Events, clock: Clock
) -> None:
    pack_a.settle()
    cut_s = clock.now_s
    pack = pack_a.pack
    changed: list[Pack] = []
    while not changed or pack.available:
        clock.advance(1)
        changed = events.fleet.expire(clock.now_s)
    assert changed == [pack]
    assert clock.now_s - cut_s < 8
    assert (pack.battery, pack.power, pack.loads, pack.status, pack.currents) == (None,) * 5
    assert pack.present
    clock.advance(110)
    assert events.fleet.expire(clock.now_s) == []
    while len(events.told) == 1:
        clock.advance(1)
        changed = events.fleet.expire(clock.now_s)
    assert changed == [pack]
    assert 120 < clock.now_s - cut_s < 122
    assert events.told == [("appeared", pack.serial), ("gone", pack.serial)]
    assert (pack.present, pack.node) == (False, None)
    assert events.fleet.packs == {pack.serial: pack}

    # The same device comes back, as the same pack.
    pack_a.boot_id = 0x9999
    pack_a.settle()
    back = pack_a.pack
    assert back is pack
    assert events.told[2:] == [("appeared", pack.serial), ("restarted", pack.serial)]
    assert back.available
    assert back.battery == BATTERY


def test_a_gone_pack_can_be_removed_and_a_present_one_cannot(pack_a: Speaker, events: Events, clock: Clock) -> None:
    pack_a.settle()
    with pytest.raises(ValueError, match="present"):
        events.fleet.remove(pack_a.serial)
    clock.advance(121)
    events.fleet.expire(clock.now_s)
    events.fleet.remove(pack_a.serial)
    assert events.fleet.packs == {}
    with pytest.raises(KeyError):
        events.fleet.remove(pack_a.serial)
    pack_a.introduce()
    assert events.told[-1] == ("appeared", pack_a.serial)


def test_unknown_values_stay_unknown(pack_a: Speaker) -> None:
    pack_a.settle()
    pack_a.say(UNKNOWN_BATTERY)
    pack_a.say(UNKNOWN_POWER)
    assert pack_a.pack.battery == UNKNOWN_BATTERY
    assert pack_a.pack.power == UNKNOWN_POWER


# Counters.


def test_counters_are_read_and_end_one_by_one(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    for value_wh in (100.0, 110.5):
        pack_a.energy(EnergyCounter.GRID, value_wh)
        pack_a.say(frames.Energy(EnergyCounter.SOLAR, pack_a.boot_id & 0xFFF, pack_a.boot_id, value_wh / 2))
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 110.5, EnergyCounter.SOLAR: 55.2}
    for _ in range(4):
        pack_a.energy(EnergyCounter.SOLAR, 55.2)
    fleet.expire(clock.now_s)
    assert pack_a.pack.energies_wh == {EnergyCounter.SOLAR: 55.2}
    assert pack_a.pack.is_fresh(Function.ENERGY)
    clock.advance(31)
    fleet.expire(clock.now_s)
    assert pack_a.pack.energies_wh == {}
    assert not pack_a.pack.is_fresh(Function.ENERGY)


def test_pulses_are_read_and_end(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    pack_a.pulse(5)
    pack_a.pulse(7)
    assert pack_a.pack.pulses[PulseChannel.ACTIVE].count == 7
    clock.advance(31)
    fleet.expire(clock.now_s)
    assert pack_a.pack.pulses == {}


def test_counters_of_another_boot_are_dropped_and_the_sender_is_asked(
    pack_a: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.settle()
    pack_a.energy(EnergyCounter.GRID, 100)
    pack_a.energy(EnergyCounter.GRID, 101)
    pack_a.pulse(1)
    pack_a.pulse(1)
    fleet.take_who_request(clock.now_s)
    pack_a.boot_id = 0x1212  # restarted, and both CLAIM and ANNOUNCE were missed
    assert pack_a.energy(EnergyCounter.GRID, 0.1) is None
    assert pack_a.pulse(0) is None
    assert fleet.statistics.outdated == 2
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 101}
    assert pack_a.pack.pulses[PulseChannel.ACTIVE].count == 1
    assert fleet.take_who_request(clock.now_s)
    pack_a.introduce()
    assert pack_a.pack.boot_id == 0x1212
    assert pack_a.pack.energies_wh == {}


def test_a_restart_starts_counters_and_faults_anew(pack_a: Speaker, events: Events) -> None:
    pack_a.settle()
    pack_a.energy(EnergyCounter.GRID, 5000)
    pack_a.energy(EnergyCounter.GRID, 5000)
    pack_a.pulse(70)
    pack_a.pulse(70)
    pack_a.say(frames.Fault(FaultCode.BMS_LOST, True, 0))
    pack_a.boot_id = 0x3333
    pack_a.firmware = (1, 3, 0)
    pack_a.introduce()
    pack = pack_a.pack
    assert events.told == [("appeared", pack.serial), ("restarted", pack.serial)]
    assert (pack.boot_id, pack.firmware_version) == (0x3333, "1.3.0")
    assert (pack.energies_wh, pack.pulses, pack.faults) == ({}, {}, set())
    pack_a.energy(EnergyCounter.GRID, 0.2)
    pack_a.energy(EnergyCounter.GRID, 0.3)
    assert pack.energies_wh == {EnergyCounter.GRID: 0.3}
    assert events.fleet.statistics == FleetStatistics()


def test_faults_stand_until_they_clear(pack_a: Speaker) -> None:
    pack_a.settle()
    for channel in (0, 2):
        pack_a.say(frames.Fault(FaultCode.SENSOR_CLIPPED, True, channel))
    pack_a.say(frames.Fault(FaultCode.SENSOR_CLIPPED, False, 0))
    pack_a.say(frames.Fault(FaultCode.BUS_OFF, False, 0))
    assert pack_a.pack.faults == {(FaultCode.SENSOR_CLIPPED, 2)}


def test_responses_are_handed_on(pack_a: Speaker, events: Events) -> None:
    pack_a.introduce()
    response = frames.Response(frames.Command.IDENTIFY, 5, Result.ACCEPTED, 0, 0)
    assert pack_a.say(response) is pack_a.pack
    assert events.responses == [(pack_a.serial, response)]


def test_nobody_needs_to_listen(clock: Clock) -> None:
    fleet = Fleet()
    pack = Speaker(fleet, clock, "a0b1c2d3e4f5", 12, 1)
    pack.settle()
    pack.say(frames.Response(frames.Command.IDENTIFY, 5, Result.ACCEPTED, 0, 0))
    pack.boot_id = 2
    pack.introduce()
    clock.advance(121)
    fleet.expire(clock.now_s)
    assert not fleet.packs[pack.serial].present


# What is not for us.


def test_frames_to_nodes_are_neither_presence_nor_foreign(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    seen_s = pack_a.pack.last_seen_s
    clock.advance(1)
    for function in (Function.COMMAND, Function.SERVICE, Function.UPDATE_REQUEST):
        assert pack_a.raw(function, b"\x01\x02") is None
    assert pack_a.pack.last_seen_s == seen_s
    assert fleet.statistics == FleetStatistics()


def test_an_update_answer_is_presence(pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    clock.advance(3)
    assert pack_a.raw(Function.UPDATE_RESPONSE, b"\x30\x00") is pack_a.pack
    assert pack_a.pack.last_seen_s == clock.now_s


@pytest.mark.parametrize(
    ("can_id", "extended"),
    [
        (0x100, False),  # node 0
        (0x17F, False),  # all nodes
        (0x781, False),  # reserved function
        (0x801, False),  # no 11-bit identifier
        (0x1C000001, True),
        (0x00000001, True),
    ],
)
def test_frames_of_no_kind_are_foreign(can_id: int, extended: bool, fleet: Fleet) -> None:
    assert fleet.receive(ReceivedFrame(can_id, extended, bytes(8), 1.0)) is None
    assert fleet.statistics == FleetStatistics(foreign=1)
    assert fleet.packs == {}


def test_a_node_that_never_claimed_is_foreign_and_asked_for(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    assert not fleet.take_who_request(clock.now_s)
    for frame in SET.values():
        assert pack_a.say(frame) is None
    pack_a.announce()
    assert fleet.packs == {}
    assert fleet.statistics == FleetStatistics(foreign=6)
    assert fleet.take_who_request(clock.now_s)


def test_asking_is_rate_limited_and_gives_up_slowly(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    asked_s = []
    start_s = clock.now_s
    for _ in range(400):
        pack_a.say(POWER)
        if fleet.take_who_request(clock.now_s):
            asked_s.append(clock.now_s - start_s)
            assert not fleet.take_who_request(clock.now_s)
        clock.advance(1)
    assert asked_s == [0, 5, 15, 35, 75, 155, 235, 315, 395]
    # A claim is news, and the loss of the adapter a new beginning.
    pack_a.claim()
    fleet.forget_nodes()
    pack_a.say(POWER)
    assert fleet.take_who_request(clock.now_s)


def test_known_nodes_are_not_asked_for(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    assert not fleet.take_who_request(clock.now_s)


# Another version of the protocol.


@pytest.mark.parametrize("version", [0, 2, 7])
def test_of_another_protocol_version_only_presence_is_known(
    version: int, pack_a: Speaker, events: Events, clock: Clock
) -> None:
    pack_a.protocol_version = version
    pack_a.settle()
    pack = pack_a.pack
    assert not pack.speaks_our_protocol
    assert (pack.battery, pack.power, pack.loads, pack.status, pack.currents) == (None,) * 5
    assert events.fleet.statistics == FleetStatistics(unsupported=10)
    assert pack.available
    assert pack.last_seen_s == clock.now_s


def test_an_update_to_our_protocol_opens_the_readings(pack_a: Speaker) -> None:
    pack_a.protocol_version = 2
    pack_a.settle()
    pack_a.protocol_version = 1
    pack_a.boot_id = 0x4444
    pack_a.settle()
    assert pack_a.pack.battery == BATTERY


# Master and totals.


def test_the_master_is_who_says_so(pack_a: Speaker, pack_b: Speaker, fleet: Fleet) -> None:
    pack_a.introduce()
    pack_b.introduce()
    assert fleet.master is None
    pack_a.flags = AnnounceFlagSet.IS_MASTER
    pack_a.announce()
    assert fleet.master is pack_a.pack


def test_of_two_masters_the_gateway_then_the_higher_number_counts(
    pack_a: Speaker, pack_b: Speaker, fleet: Fleet
) -> None:
    pack_a.flags = pack_b.flags = AnnounceFlagSet.IS_MASTER
    pack_a.introduce()
    pack_b.introduce()
    assert fleet.master is pack_b.pack
    gateway = pack_a.copy(serial="000000000001", node=3, boot_id=5, device_type=DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    assert fleet.master is gateway.pack


def test_a_silent_master_gives_way_to_its_successor_and_goes(
    pack_a: Speaker, pack_b: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.introduce()
    pack_b.flags = AnnounceFlagSet.IS_MASTER
    pack_b.introduce()
    clock.advance(100)
    pack_a.flags = AnnounceFlagSet.IS_MASTER
    pack_a.announce()
    fleet.expire(clock.now_s)
    assert fleet.master is pack_a.pack
    clock.advance(100)
    fleet.expire(clock.now_s)
    assert fleet.master is pack_a.pack
    clock.advance(100)
    fleet.expire(clock.now_s)
    assert fleet.master is None


def test_totals_sum_what_is_known(pack_a: Speaker, pack_b: Speaker, fleet: Fleet, clock: Clock) -> None:
    assert fleet.totals == FleetTotals(0, None, None, None, None, None)
    pack_a.settle()
    pack_b.settle()
    pack_a.report()
    pack_b.say(replace(POWER, solar_w=None, battery_w=500))
    pack_b.say(replace(BATTERY, soc_pct=51.5))
    gateway = pack_a.copy(serial="000000000001", node=3, boot_id=5, device_type=DeviceType.ENERGY_GATEWAY)
    gateway.settle()
    assert fleet.totals == FleetTotals(packs=2, soc_pct=56.5, grid_w=240, home_w=3000, solar_w=715, battery_w=500 - 665)
    clock.advance(4)
    pack_a.report()
    fleet.expire(clock.now_s)
    assert fleet.totals == FleetTotals(packs=2, soc_pct=61.5, grid_w=120, home_w=1500, solar_w=715, battery_w=-665)
    clock.advance(130)
    fleet.expire(clock.now_s)
    assert fleet.totals == FleetTotals(0, None, None, None, None, None)


def test_the_masters_own_totals_are_checked_and_not_used(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    before = pack_a.readings()
    pack_a.say(frames.Fleet(packs=9, soc_pct=50, grid_w=10, solar_w=20, battery_w=30))
    assert pack_a.readings() == before
    assert fleet.totals.packs == 1
    assert pack_a.pack.is_fresh(Function.FLEET)


def test_the_2_s_set_is_complete() -> None:
    assert list(SET.values()) == [BATTERY, POWER, LOADS, STATUS, CURRENTS]
