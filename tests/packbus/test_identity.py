"""Whose a node number is: moves, conflicts, restarts, exchanges behind our back, and garbage."""

from dataclasses import replace
from itertools import permutations

import pytest

from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet, FleetStatistics
from custom_components.alfaspark.packbus.frames import CLAIM_ID, DeviceType, EnergyCounter, Function
from tests.peers import BATTERY, POWER

from .conftest import Events
from .speaker import Clock, Speaker


def other_than(speaker: Speaker, **changes: object) -> Speaker:
    return speaker.copy(**{"serial": "00000000aaaa", "boot_id": 0x7777, **changes})


def test_a_pack_that_moves_keeps_its_readings_and_identity(pack_a: Speaker, events: Events) -> None:
    pack_a.settle()
    pack = pack_a.pack
    pack_a.claim(99)
    assert pack.node == 99
    assert pack.battery == BATTERY
    pack_a.say(replace(POWER, home_w=1600))
    assert pack.power == replace(POWER, home_w=1600)
    assert events.told == [("appeared", pack.serial)]
    assert events.fleet.holder(99) is pack
    assert events.fleet.holder(12) is None


def test_a_pack_without_a_number_is_known_but_cannot_be_reached(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    for node, expected in ((0, None), (0, None), (12, 12)):
        pack_a.claim(node)
        assert pack_a.pack.node == expected
    assert fleet.statistics == FleetStatistics()


def test_while_a_number_is_disputed_nothing_is_decoded(
    pack_a: Speaker, pack_b: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.settle()
    pack_b.settle()
    readings = pack_a.readings()[:8]
    pack_b.claim(12)
    assert (pack_a.pack.node, pack_b.pack.node) == (None, None)
    assert pack_a.say(replace(POWER, home_w=1)) is None
    assert pack_a.readings()[:8] == readings
    assert pack_b.pack.power == POWER
    assert fleet.statistics == FleetStatistics(foreign=1)
    assert fleet.take_who_request(clock.now_s)


def test_the_loser_moves_and_the_dispute_is_over(pack_a: Speaker, pack_b: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack_b.settle()
    pack_b.claim(12)
    pack_a.claim()  # held: it stays
    pack_b.claim(35)
    assert (pack_a.pack.node, pack_b.pack.node) == (12, 35)
    assert pack_a.say(POWER) is pack_a.pack
    assert pack_b.say(POWER) is pack_b.pack


def test_the_holder_loses_and_moves(pack_a: Speaker, pack_b: Speaker) -> None:
    pack_a.settle()
    pack_b.claim(12)
    pack_a.claim(13)
    pack_b.announce()
    assert (pack_a.pack.node, pack_b.pack.node) == (13, 12)


@pytest.mark.parametrize("order", permutations(range(3)))
def test_three_that_boot_with_one_number_are_told_apart(order: tuple[int, ...], fleet: Fleet, clock: Clock) -> None:
    packs = [Speaker(fleet, clock, f"00000000000{index}", 50, 0x100 + index, held=False) for index in range(3)]
    for index in order:
        packs[index].claim()
    packs[order[0]].claim()  # the answers of those that heard the others
    packs[1].claim(51)
    packs[2].claim(52)
    clock.advance(0.25)
    for index in order:
        packs[index].announce()
        packs[index].report()
        packs[index].report()
    assert [pack.pack.node for pack in packs] == [50, 51, 52]
    assert all(pack.pack.battery == BATTERY for pack in packs)
    assert fleet.statistics.foreign == 0


def test_the_move_of_the_loser_may_be_missed(pack_a: Speaker, pack_b: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack_b.claim(12)
    pack_a.claim()
    # B's CLAIM of another number is lost on our side. A's boot id tells whose the number is.
    pack_a.announce()
    assert pack_a.pack.node == 12
    assert pack_a.say(POWER) is pack_a.pack
    assert pack_b.serial not in fleet.packs


def test_a_number_of_a_pack_without_supply_can_be_taken_at_once(pack_a: Speaker, pack_b: Speaker, clock: Clock) -> None:
    pack_a.settle()
    clock.advance(7)
    pack_b.claim(12)
    pack_b.announce()
    assert (pack_a.pack.node, pack_b.pack.node) == (None, 12)


def test_a_pack_that_just_claimed_is_not_taken_for_dead(pack_a: Speaker, pack_b: Speaker, clock: Clock) -> None:
    pack_a.settle()
    clock.advance(30)  # its supply was cut
    pack_a.claim()
    pack_b.claim(12)
    pack_b.claim(34)
    pack_a.boot_id = 0x8888
    pack_a.announce()
    assert (pack_a.pack.node, pack_a.pack.boot_id) == (12, 0x8888)


def test_a_claimant_with_a_new_boot_id_takes_the_number_of_one_that_just_died(pack_a: Speaker, pack_b: Speaker) -> None:
    pack_a.settle()
    pack_b.claim(12)
    # A does not answer; B's ANNOUNCE has a boot id that A, who claimed nothing since, cannot have.
    pack_b.announce()
    assert (pack_a.pack.node, pack_b.pack.node) == (None, 12)
    assert pack_b.say(POWER) is pack_b.pack


def test_a_garbled_claim_takes_no_number_from_who_speaks(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    ghost = other_than(pack_a)
    ghost.claim()
    assert fleet.take_who_request(clock.now_s)
    pack_a.introduce()
    assert pack_a.pack.node == 12
    assert list(fleet.packs) == [pack_a.serial]


def test_two_strangers_on_one_number_are_told_apart_by_who_answers(
    pack_a: Speaker, pack_b: Speaker, fleet: Fleet
) -> None:
    pack_b.claim(12)  # and its supply is cut
    pack_a.claim()
    pack_a.announce()
    assert fleet.packs == {}, "either could have said it"
    pack_a.claim()
    assert list(fleet.packs) == [pack_a.serial], "only A answers WHO"
    pack_a.announce()
    assert pack_a.pack.node == 12


def test_a_stranger_that_took_the_number_behind_our_back_is_not_decoded(
    pack_a: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.settle()
    readings = pack_a.readings()[:8]
    stranger = other_than(pack_a)
    stranger.announce()
    assert pack_a.pack.node is None
    assert stranger.say(replace(POWER, home_w=1)) is None
    assert pack_a.readings()[:8] == readings
    assert fleet.take_who_request(clock.now_s)
    stranger.introduce()
    assert stranger.pack.node == 12
    assert stranger.say(POWER) is stranger.pack


def test_one_garbled_boot_id_is_healed_by_asking(pack_a: Speaker, events: Events, clock: Clock) -> None:
    pack_a.settle()
    pack_a.energy(EnergyCounter.GRID, 100)
    pack_a.energy(EnergyCounter.GRID, 100)
    pack_a.say(replace(pack_a.announced(), boot_id=0x1110))
    assert events.fleet.take_who_request(clock.now_s)
    pack_a.introduce()
    assert pack_a.pack.node == 12
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 100}
    assert events.told == [("appeared", pack_a.serial)]


def test_a_restart_that_was_missed_is_found_with_its_second_announce_in_any_order(
    pack_a: Speaker, events: Events
) -> None:
    pack_a.settle()
    pack_a.boot_id = 0x5555
    pack_a.announce()
    pack_a.claim()
    assert pack_a.pack.boot_id == 0x1111
    pack_a.announce()
    assert events.told == [("appeared", pack_a.serial), ("restarted", pack_a.serial)]

    pack_a.boot_id = 0x6666
    pack_a.announce()
    pack_a.announce()
    pack_a.claim()
    assert events.told[2:] == [("restarted", pack_a.serial)]


@pytest.mark.parametrize(
    "changes",
    [{"fw_minor": 9}, {"device_type": DeviceType.ENERGY_GATEWAY}, {"protocol_version": 3}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_announce_that_contradicts_what_is_known_changes_nothing(
    changes: dict[str, int], pack_a: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.settle()
    readings = pack_a.readings()
    assert pack_a.say(replace(pack_a.announced(), **changes)) is None  # type: ignore[arg-type]
    assert pack_a.readings() == readings
    assert fleet.statistics == FleetStatistics(implausible=1)
    assert fleet.take_who_request(clock.now_s)


def test_a_first_announce_that_contradicts_the_claim_makes_no_pack(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.claim()
    pack_a.say(replace(pack_a.announced(), fw_major=9))
    assert fleet.packs == {}
    pack_a.introduce()
    assert pack_a.pack.firmware_version == "1.2.3"


def test_after_the_adapter_was_lost_numbers_must_be_claimed_again(
    pack_a: Speaker, pack_b: Speaker, fleet: Fleet
) -> None:
    pack_a.settle()
    pack_b.settle()
    fleet.forget_nodes()
    assert (pack_a.pack.node, pack_b.pack.node) == (None, None)
    pack_a.node, pack_b.node = pack_b.node, pack_a.node  # meanwhile
    assert pack_a.say(replace(POWER, home_w=1)) is None
    assert pack_b.pack.power == POWER
    pack_a.introduce()
    pack_b.introduce()
    pack_a.say(replace(POWER, home_w=1))
    assert (pack_a.pack.node, pack_b.pack.node) == (34, 12)
    assert pack_a.pack.power == replace(POWER, home_w=1)
    assert pack_b.pack.power == POWER


def test_claims_of_a_hundred_serials_on_one_number_fill_no_memory(fleet: Fleet, clock: Clock) -> None:
    for serial in range(100):
        Speaker(fleet, clock, f"{serial:012x}", 50, serial).claim()
    assert len(fleet._numbers._claimants[50]) == 16
    last = Speaker(fleet, clock, f"{99:012x}", 50, 99)
    last.claim()
    last.announce()
    assert list(fleet.packs) == [last.serial]


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(8), bytes(9), b"\xff" * 8])
def test_claims_that_are_none_are_counted(data: bytes, fleet: Fleet) -> None:
    # All zeros name no device type, all ones no node number.
    assert fleet.receive(ReceivedFrame(CLAIM_ID | 0xABCDEF, True, data, 1.0)) is None
    assert fleet.statistics == FleetStatistics(invalid=1)


def test_the_serial_is_put_together_from_identifier_and_payload(fleet: Fleet, clock: Clock) -> None:
    pack = Speaker(fleet, clock, "00a000b00c0d", 1, 1)
    pack.introduce()
    assert list(fleet.packs) == ["00a000b00c0d"]
    assert pack.raw(Function.POWER, POWER.encode()) is pack.pack
