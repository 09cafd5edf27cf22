"""Totals from counters: single cases, and damage on disk. Random histories: test_energy_histories.py."""

import json
from math import inf, nan
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.alfaspark.packbus.energy import EnergyStep, Gap, HouseEnergy, PackEnergy
from custom_components.alfaspark.packbus.frames import Energy, EnergyCounter

WRAP = 1 << 32
COUNTERS = (EnergyCounter.GRID, EnergyCounter.SOLAR, EnergyCounter.LOAD1)
GRID, SOLAR, LOAD1 = COUNTERS


def frame(value_wh: float, *, counter: EnergyCounter = GRID, count_id: int = 0x123, boot_id: int = 0x4123) -> Energy:
    return Energy(counter, count_id, boot_id, value_wh)


def test_nothing_is_known_before_the_first_frame() -> None:
    pack = PackEnergy()
    assert pack.total_wh(GRID) is None
    assert pack.take(frame(0.0), 100.0) == EnergyStep(0.0, None)
    assert pack.total_wh(GRID) == 0.0
    assert pack.total_wh(SOLAR) is None


def test_a_total_begins_with_what_was_counted_before() -> None:
    pack = PackEnergy()
    assert pack.take(frame(70.3), 100.0) == EnergyStep(70.3, None)
    assert pack.take(frame(70.5), 110.0) == EnergyStep(0.2, None)
    assert pack.total_wh(GRID) == 70.5


def test_a_frame_that_comes_again_or_late_adds_nothing() -> None:
    pack = PackEnergy()
    for value_wh, added_wh in ((10.0, 10.0), (10.0, 0.0), (12.0, 2.0), (11.0, 0.0), (12.1, 0.1)):
        assert pack.take(frame(value_wh), 100.0) == EnergyStep(added_wh)


def test_a_counter_goes_on_over_its_wrap_and_late_frames_do_not_turn_it_back() -> None:
    pack = PackEnergy()
    pack.take(frame((WRAP - 3) / 10), 100.0)
    assert pack.take(frame(0.4), 110.0).added_wh == 0.7
    assert pack.take(frame((WRAP - 2) / 10), 111.0).added_wh == 0.0
    assert pack.take(frame(0.5), 120.0).added_wh == 0.1
    assert pack.total_wh(GRID) == (WRAP + 5) / 10


def test_a_software_restart_may_bring_a_wrap() -> None:
    pack = PackEnergy()
    pack.take(frame((WRAP - 3) / 10), 100.0)
    assert pack.take(frame(0.4, boot_id=0x77), 110.0) == EnergyStep(0.7)


def test_a_new_count_is_reported_once_and_added_whole_for_each_counter() -> None:
    pack = PackEnergy()
    for counter in COUNTERS:
        pack.take(frame(500.0, counter=counter), 100.0)
    new = {"count_id": 0x55, "boot_id": 0x1055}
    # More than before the gap: it is none the less another count.
    assert pack.take(frame(600.0, counter=SOLAR, **new), 300.0) == EnergyStep(600.0, Gap(100.0, 300.0))
    assert pack.take(frame(2.0, counter=GRID, **new), 301.0) == EnergyStep(2.0)
    assert pack.take(frame(3.0, counter=GRID, **new), 311.0) == EnergyStep(1.0)
    # The pack restarts by software before the third counter is heard.
    assert pack.take(frame(4.0, counter=LOAD1, count_id=0x55, boot_id=0x99), 320.0) == EnergyStep(4.0)
    assert [pack.total_wh(counter) for counter in COUNTERS] == [503.0, 1100.0, 504.0]
    assert pack.gaps == [Gap(100.0, 300.0)]


def test_a_count_with_the_bits_of_the_one_before_is_told_by_its_fall() -> None:
    pack = PackEnergy()
    for counter, value_wh in ((GRID, 500.0), (SOLAR, 0.0), (LOAD1, 300.0)):
        pack.take(frame(value_wh, counter=counter), 100.0)
    again = {"boot_id": 0x9123}
    # This one tells nothing yet, and it is no end of the gap.
    assert pack.take(frame(1.0, counter=SOLAR, **again), 200.0) == EnergyStep(1.0)
    assert pack.take(frame(20.0, counter=GRID, **again), 205.0) == EnergyStep(20.0, Gap(100.0, 205.0))
    # This one has passed what it was before: only the fall of the other tells.
    assert pack.take(frame(310.0, counter=LOAD1, **again), 206.0) == EnergyStep(310.0)
    assert pack.take(frame(1.5, counter=SOLAR, **again), 210.0) == EnergyStep(0.5)
    assert [pack.total_wh(counter) for counter in COUNTERS] == [520.0, 1.5, 610.0]
    assert len(pack.gaps) == 1


@given(
    before=st.integers(1001, 1 << 24),
    lag=st.integers(0, 1000),
    used=st.lists(st.integers(0, 500), max_size=30),
)
def test_a_restart_that_carries_over_a_little_less_neither_doubles_nor_gaps(
    before: int, lag: int, used: list[int]
) -> None:
    pack = PackEnergy()
    pack.take(frame(before / 10), 100.0)
    carried = before - lag
    for counted in [carried, *(carried := carried + counts for counts in used)]:
        assert pack.take(frame(counted / 10, boot_id=0x321), 130.0).gap is None
    assert pack.total_wh(GRID) == max(before, carried) / 10


def test_a_late_frame_of_a_boot_that_was_left_is_nothing_new() -> None:
    pack = PackEnergy()
    pack.take(frame(500.0), 100.0)
    pack.take(frame(0.5, count_id=1, boot_id=1), 1000.0)
    assert pack.take(frame(500.1), 1030.0) == EnergyStep(0.0)
    assert pack.take(frame(0.7, count_id=1, boot_id=1), 1040.0) == EnergyStep(0.2)
    assert pack.gaps == [Gap(100.0, 1000.0)]


def test_a_boot_id_that_comes_again_after_long_is_a_boot_like_any_other() -> None:
    pack = PackEnergy()
    pack.take(frame(500.0), 100.0)
    pack.take(frame(2.0, count_id=1, boot_id=1), 200.0)
    assert pack.take(frame(3.0), 5000.0) == EnergyStep(3.0, Gap(200.0, 5000.0))


def test_a_clock_that_was_set_back_makes_no_gap_of_negative_length() -> None:
    pack = PackEnergy()
    pack.take(frame(500.0), 9000.0)
    assert pack.take(frame(1.0, count_id=1, boot_id=1), 200.0) == EnergyStep(1.0, Gap(200.0, 200.0))


@pytest.mark.parametrize("value_wh", [nan, inf, -inf, -0.01, -5.0, WRAP / 10])
def test_what_no_counter_can_be_changes_nothing(value_wh: float) -> None:
    pack = PackEnergy()
    for known_wh in (None, 20.0):
        stored = pack.as_dict()
        assert pack.take(frame(value_wh, count_id=7, boot_id=7), 200.0) == EnergyStep(0.0)
        assert pack.as_dict() == stored
        assert pack.total_wh(GRID) == known_wh
        pack.take(frame(20.0), 100.0)


def test_sixteen_gaps_are_kept() -> None:
    pack = PackEnergy()
    for boot in range(20):
        pack.take(frame(1.0, count_id=boot, boot_id=boot), boot * 1000.0)
    assert pack.gaps == [Gap(boot * 1000.0 - 1000.0, boot * 1000.0) for boot in range(4, 20)]
    assert PackEnergy.from_dict(json.loads(json.dumps(pack.as_dict()))).gaps == pack.gaps


def test_sums_stay_exact() -> None:
    house = HouseEnergy()
    assert house.total_wh(GRID) is None
    for _ in range(100_000):
        house.add(GRID, 0.1)
    assert house.total_wh(GRID) == 10_000.0


@pytest.mark.parametrize("added_wh", [nan, inf, -0.1])
def test_a_house_takes_no_step_that_is_none(added_wh: float) -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        HouseEnergy().add(GRID, added_wh)


# Damage on disk.


def stored() -> tuple[PackEnergy, dict[str, Any]]:
    """A pack with some history, and its file."""
    pack = PackEnergy()
    for boot_id, count_id in ((0x123, 0x123), (0x456, 0x123), (0x789, 0x789)):
        for counter in COUNTERS:
            pack.take(frame(800.0 + boot_id, counter=counter, count_id=count_id, boot_id=boot_id), 1000.0 + boot_id)
    return pack, json.loads(json.dumps(pack.as_dict()))


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in the file, from its parts to single values."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, part in items for place in ((*path, key), *places(part, (*path, key)))]


JUNK: tuple[Any, ...] = (True, -1, 1.5, "12", [], {}, nan, 1 << 40)
PLACES = places(stored()[1])


@given(place=st.sampled_from(PLACES), junk=st.sampled_from([None, *JUNK]), used=st.integers(0, 1000))
def test_a_damaged_file_gives_the_true_total_or_none(place: tuple[Any, ...], junk: Any, used: int) -> None:
    pack, data = stored()
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    if junk is None:
        del parent[place[-1]]
    elif (place[-1], junk) != ("total", 1 << 40):  # which is a number like any other
        parent[place[-1]] = junk
    try:
        read = PackEnergy.from_dict(data)
    except ValueError:
        assert place[0] != "counters" or len(place) == 1
        return
    damaged = [counter for counter in COUNTERS if read.total_wh(counter) is None]
    assert len(damaged) <= 1 or place == ("counters",)
    now_wh = 800.0 + 0x789 + used / 10
    for counter in COUNTERS:
        step = read.take(frame(now_wh, counter=counter, count_id=0x789, boot_id=0x789), 9000.0)
        truth_wh = pack.total_wh(counter)
        assert truth_wh is not None
        assert read.total_wh(counter) == (now_wh if counter in damaged else truth_wh + used / 10)
        assert step.gap is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"counters": {}},
        {"boot": None, "left": [], "gaps": [], "counters": {"grid": {"total": 5, "last": 5, "boot_id": 1}}},
    ],
)
def test_a_file_that_tells_no_count_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"stored energies of a pack|belong to no boot"):
        PackEnergy.from_dict(data)


def test_an_empty_memory_is_stored_too() -> None:
    assert PackEnergy.from_dict(PackEnergy().as_dict()).as_dict() == PackEnergy().as_dict()


def test_a_damaged_sum_of_a_house_is_left_out() -> None:
    house = HouseEnergy.from_dict({"grid": 15, "solar": -1, "load1": 2.5, "load2": "7", "home": True, "moon": 3})
    assert house.as_dict() == {"grid": 15}
    assert house.total_wh(GRID) == 1.5
    with pytest.raises(ValueError, match="no mapping"):
        HouseEnergy.from_dict([])  # type: ignore[arg-type]
