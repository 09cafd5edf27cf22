"""No single frame puts an absurd value into a reading, and nothing real is kept out for longer than one period."""

from dataclasses import replace

import pytest

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.fleet import Fleet, FleetStatistics
from custom_components.alfaspark.packbus.frames import BatteryState, EnergyCounter, Frame, PulseChannel
from tests.peers import BATTERY, CURRENTS, LOADS, POWER, STATUS, UNKNOWN_BATTERY

from .speaker import SET, Clock, Speaker

IMPOSSIBLE: list[Frame] = [
    replace(BATTERY, voltage_v=22.0),
    replace(BATTERY, voltage_v=71.0),
    replace(BATTERY, current_a=-327.0),
    replace(POWER, home_w=-1),
    replace(POWER, solar_w=-500),
    replace(POWER, battery_w=32_000),
    replace(LOADS, load1_w=-3),
    replace(LOADS, load2_w=-3),
    replace(LOADS, inverter_w=-3),
    replace(LOADS, grid_frequency_hz=500.0),
    replace(CURRENTS, grid_a=600.0),
    replace(CURRENTS, load2_a=401.0),
]

UNLIKELY: list[Frame] = [
    replace(BATTERY, soc_pct=0.0),
    replace(BATTERY, soc_pct=100.0),
    replace(BATTERY, voltage_v=40.0),
    replace(BATTERY, current_a=250.0),
    replace(POWER, grid_w=22_000),
    replace(POWER, home_w=30_000),
    replace(LOADS, load2_w=20_000),
    replace(CURRENTS, inverter_a=200.0),
    replace(STATUS, grid_import_today_kwh=22.0),
    replace(STATUS, grid_import_today_kwh=0.9),
]


def reading_of(speaker: Speaker, like: Frame) -> Frame | None:
    pack = speaker.pack
    readings: list[Frame | None] = [pack.battery, pack.power, pack.loads, pack.status, pack.currents]
    return next((reading for reading in readings if type(reading) is type(like)), None)


@pytest.mark.parametrize("absurd", IMPOSSIBLE + UNLIKELY, ids=str)
def test_one_absurd_frame_changes_nothing_and_is_counted(
    absurd: Frame, pack_a: Speaker, fleet: Fleet, clock: Clock
) -> None:
    pack_a.settle()
    readings = pack_a.readings()
    seen_s = pack_a.pack.last_seen_s
    clock.advance(2)
    assert pack_a.say(absurd) is None
    assert pack_a.readings() == readings
    assert pack_a.pack.last_seen_s == seen_s, "what is refused is no sign of health"
    assert fleet.statistics == FleetStatistics(implausible=1)
    pack_a.report()
    assert pack_a.readings() == readings
    assert fleet.statistics == FleetStatistics(implausible=1)


@pytest.mark.parametrize("absurd", IMPOSSIBLE, ids=str)
def test_the_impossible_stays_out_however_often_it_comes(absurd: Frame, pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    for _ in range(5):
        pack_a.say(absurd)
    assert reading_of(pack_a, absurd) in SET.values()
    assert fleet.statistics.implausible == 5


@pytest.mark.parametrize("jump", UNLIKELY, ids=str)
def test_a_real_jump_is_taken_with_the_second_frame(jump: Frame, pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    clock.advance(2)
    pack_a.say(jump)
    clock.advance(2)
    assert pack_a.say(jump) is pack_a.pack
    assert reading_of(pack_a, jump) == jump


@pytest.mark.parametrize("absurd", UNLIKELY, ids=str)
def test_two_absurd_frames_confirm_each_other_only_in_a_row(absurd: Frame, pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    good = reading_of(pack_a, absurd)
    assert good is not None
    for _ in range(3):
        for frame in (absurd, good):
            clock.advance(2)
            pack_a.say(frame)
            assert reading_of(pack_a, absurd) == good


def test_a_confirmation_that_comes_too_late_is_none(pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    jump = replace(POWER, grid_w=22_000)
    clock.advance(2)
    pack_a.say(jump)
    clock.advance(6.5)
    assert pack_a.say(jump) is None
    clock.advance(2)
    assert pack_a.say(jump) is pack_a.pack


@pytest.mark.parametrize("absurd", [*IMPOSSIBLE[:3], *UNLIKELY[:4]], ids=str)
def test_the_first_frame_can_be_absurd_too(absurd: Frame, pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.introduce()
    pack_a.say(absurd)
    assert reading_of(pack_a, BATTERY) is None
    for _ in range(2):
        clock.advance(2)
        pack_a.say(BATTERY)
    assert pack_a.pack.battery == BATTERY
    assert fleet.statistics.implausible == 1


def test_first_frames_need_a_second_one_and_are_not_called_implausible(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.introduce()
    pack_a.report()
    assert reading_of(pack_a, BATTERY) is None
    assert (pack_a.pack.power, pack_a.pack.status) == (POWER, None)
    pack_a.report()
    assert pack_a.pack.battery == BATTERY
    assert fleet.statistics == FleetStatistics()


def test_a_bms_that_comes_back_is_believed_with_the_second_frame(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack_a.say(UNKNOWN_BATTERY)
    pack_a.say(replace(BATTERY, soc_pct=0.0))
    assert pack_a.pack.battery == UNKNOWN_BATTERY
    pack_a.say(BATTERY)
    assert pack_a.pack.battery == UNKNOWN_BATTERY
    pack_a.say(BATTERY)
    assert pack_a.pack.battery == BATTERY
    assert fleet.statistics == FleetStatistics(implausible=1)


def test_what_a_house_does_is_never_held_up(pack_a: Speaker, fleet: Fleet, clock: Clock) -> None:
    pack_a.settle()
    ordinary: list[Frame] = [
        replace(POWER, home_w=9_000, grid_w=6_000, battery_w=-3_000),  # heater and kettle
        POWER,
        replace(LOADS, load2_w=3_000, grid_frequency_hz=0.0),  # grid lost
        replace(LOADS, grid_frequency_hz=49.7),
        replace(BATTERY, voltage_v=50.1, current_a=-120.0, soc_pct=42.5, state=BatteryState.DISCHARGING),
        BATTERY,
        replace(CURRENTS, grid_a=45.0, inverter_a=40.0),
        replace(STATUS, grid_import_today_kwh=1.26),
        replace(STATUS, grid_import_today_kwh=0.0),  # the daily reset
        replace(STATUS, grid_import_today_kwh=None),
        replace(STATUS, grid_import_today_kwh=0.03),
    ]
    for frame in ordinary:
        clock.advance(2)
        assert pack_a.say(frame) is pack_a.pack, frame
        assert reading_of(pack_a, frame) == frame
    assert fleet.statistics == FleetStatistics()


def test_after_a_long_silence_the_battery_may_be_anywhere(pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    clock.advance(60)
    charged = replace(BATTERY, voltage_v=60.0, soc_pct=85.0)
    assert pack_a.say(charged) is pack_a.pack
    assert pack_a.pack.battery == charged


# Counters: a wrong one would reach a total.


@pytest.mark.parametrize("absurd_wh", [0.0, 99.0, 4_000.0, 429_496_729.5])
def test_a_counter_neither_falls_nor_leaps(absurd_wh: float, pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    for value_wh in (100.0, 102.0):
        pack_a.energy(EnergyCounter.GRID, value_wh)
    assert pack_a.energy(EnergyCounter.GRID, absurd_wh) is None
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 102.0}
    assert pack_a.energy(EnergyCounter.GRID, 104.0) is pack_a.pack
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 104.0}
    assert fleet.statistics == FleetStatistics(implausible=1)


@pytest.mark.parametrize("absurd_wh", [0.0, 429_496_729.5])
def test_the_first_counter_may_be_wrong(absurd_wh: float, pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack_a.energy(EnergyCounter.HOME, absurd_wh)
    pack_a.energy(EnergyCounter.HOME, 7_000.0)
    assert pack_a.pack.energies_wh == {}
    pack_a.energy(EnergyCounter.HOME, 7_001.0)
    assert pack_a.pack.energies_wh == {EnergyCounter.HOME: 7_001.0}
    assert fleet.statistics == FleetStatistics(implausible=1)


def test_a_counter_goes_on_over_a_gap(pack_a: Speaker, clock: Clock, fleet: Fleet) -> None:
    pack_a.settle()
    for value_wh in (100.0, 102.0):
        pack_a.energy(EnergyCounter.GRID, value_wh)
    clock.advance(3600)
    fleet.expire(clock.now_s)
    pack_a.introduce()
    assert pack_a.energy(EnergyCounter.GRID, 17_000.0) is pack_a.pack
    assert pack_a.pack.energies_wh == {EnergyCounter.GRID: 17_000.0}


def test_pulses_come_no_faster_than_the_standard_allows(pack_a: Speaker, fleet: Fleet) -> None:
    pack_a.settle()
    pack_a.pulse(10)
    pack_a.pulse(11)
    assert pack_a.pulse(400) is None
    assert pack_a.pulse(10) is None
    assert pack_a.pulse(11 + 160 * 3) is pack_a.pack
    assert pack_a.pack.pulses[PulseChannel.ACTIVE].count == 491
    assert fleet.statistics.implausible == 2


def test_a_burst_of_pulses_is_followed(pack_a: Speaker, clock: Clock, fleet: Fleet) -> None:
    pack_a.settle()
    count = 0
    for _ in range(100):
        clock.advance(0.2)
        count += 3
        pack_a.say(frames.Pulse(PulseChannel.ACTIVE, pack_a.boot_id & 0xFF, count, 62))
    assert pack_a.pack.pulses[PulseChannel.ACTIVE].count == 300
    assert fleet.statistics == FleetStatistics()
