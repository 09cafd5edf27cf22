"""What Home Assistant remembers over its own restarts and those of the packs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from time import monotonic
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.memory import MEMORY, ImportToday, Memory
from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.energy import PackEnergy
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, Command, EnergyCounter, Function, Result
from custom_components.alfaspark.upkeep.import_return import follow_import, import_day
from custom_components.alfaspark.upkeep.timekeeping import TimeKeeper

from .conftest import SERIAL, state, wait_until
from .peers import STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

GRID_ENERGY = "sensor.energy_pack_e4f5_grid_energy"
FORGETFUL = replace(STATUS, grid_import_today_kwh=0.0)


async def remembers_import(hass: HomeAssistant, import_kwh: float, boot_id: int) -> None:
    def is_remembered() -> bool:
        remembered = hass.data[MEMORY].packs[SERIAL].import_today
        return remembered is not None and (remembered.import_kwh, remembered.boot_id) == (import_kwh, boot_id)

    await wait_until(is_remembered, f"for {import_kwh} kWh of boot {boot_id:#x}")


async def restart_home_assistant(hass: HomeAssistant, house: MockConfigEntry) -> None:
    """Unload the adapter and forget everything but the file."""
    assert await hass.config_entries.async_unload(house.entry_id)
    memory = Memory(hass)
    await memory.async_load()
    hass.data[MEMORY] = memory
    assert await hass.config_entries.async_setup(house.entry_id)
    await hass.async_block_till_done()


async def test_a_pack_that_is_not_heard_is_there_with_its_totals(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.count({EnergyCounter.GRID: 5000.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "5.0", "for the counter")
    pack.mute = True
    await restart_home_assistant(hass, house)
    assert state(hass, GRID_ENERGY) == "5.0"
    assert state(hass, "sensor.energy_pack_e4f5_state_of_charge") == "unavailable"
    last_known = house.runtime_data.packs[SERIAL].record.last_known
    assert last_known is not None
    assert last_known.readings["soc"] == 61.5
    assert last_known.seen_s == pytest.approx(datetime.now(UTC).timestamp(), abs=10)
    pack.mute = False


async def test_what_was_counted_while_home_assistant_was_down_is_not_lost(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.count({EnergyCounter.GRID: 5000.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "5.0", "for the counter")
    await restart_home_assistant(hass, house)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.present)
    pack.count({EnergyCounter.GRID: 7250.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "7.25", "for the counter")
    # What the pack counted before it was known is nobody's.
    await wait_until(lambda: state(hass, "sensor.alfaspark_grid_energy") == "2.25", "for the sum over the packs")


async def test_a_pack_that_lost_its_supply_goes_on_where_it_was(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, caplog: pytest.LogCaptureFixture
) -> None:
    pack.count({EnergyCounter.GRID: 5000.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "5.0", "for the counter")
    pack.restart(0x4321)
    pack.count({EnergyCounter.GRID: 20.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "5.02", "for the new count")
    assert "lost its supply" in caplog.text


async def test_a_lost_file_is_a_new_beginning_and_counts_nothing_again(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, hass_storage: dict[str, Any]
) -> None:
    pack.count({EnergyCounter.GRID: 5000.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "5.0", "for the counter")
    shown = hass.states.get(GRID_ENERGY)
    assert shown is not None
    assert await hass.config_entries.async_unload(house.entry_id)
    hass.data[MEMORY] = Memory(hass)
    hass.data[MEMORY].packs.clear()
    assert await hass.config_entries.async_setup(house.entry_id)
    await wait_until(lambda: SERIAL in house.runtime_data.packs and house.runtime_data.packs[SERIAL].data.present)
    hass.data[MEMORY].packs[SERIAL].since_s += 5
    pack.count({EnergyCounter.GRID: 5000.0})
    pack.count({EnergyCounter.GRID: 5250.0})
    await wait_until(lambda: state(hass, GRID_ENERGY) == "0.25", "for what was counted since")
    again = hass.states.get(GRID_ENERGY)
    assert again is not None
    assert again.attributes["last_reset"] > shown.attributes["last_reset"], "a cycle of its own"


async def test_todays_import_is_handed_back_once(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    pack.status = FORGETFUL
    pack.restart(0x4321)
    pack.report()
    await wait_until(lambda: Command.RESTORE_IMPORT in pack.commands, "for the import")
    _, command = next(heard for heard in pack.heard if heard[0] is Command.RESTORE_IMPORT)
    _, returned = frames.RestoreImport.decode(command)
    assert returned == frames.RestoreImport(1.25, import_day(dt_util.now(), 300), 0x4321)
    await remembers_import(hass, 1.25, 0x4321)
    pack.report(replace(STATUS, grid_import_today_kwh=1.3))
    await remembers_import(hass, 1.3, 0x4321)
    assert pack.commands.count(Command.RESTORE_IMPORT) == 1


async def test_todays_import_is_handed_back_after_a_restart_of_both(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    pack.status, pack.boot_id = FORGETFUL, 0x4321
    await restart_home_assistant(hass, house)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.present)
    pack.report()
    await wait_until(lambda: Command.RESTORE_IMPORT in pack.commands, "for the import")


async def test_an_import_is_not_handed_back_before_the_pack_has_a_clock(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    pack.status, pack.flags = FORGETFUL, AnnounceFlagSet.BMS_ONLINE
    pack.restart(0x4321)
    pack.report()
    data = house.runtime_data.packs[SERIAL].data
    await wait_until(lambda: data.boot_id == 0x4321 and data.status == FORGETFUL, "for the restart")
    house.runtime_data._upkeep.follow(monotonic())
    await hass.async_block_till_done(wait_background_tasks=True)
    assert Command.RESTORE_IMPORT not in pack.commands
    pack.flags |= AnnounceFlagSet.CLOCK_VALID
    pack.announce()
    pack.report()
    await wait_until(lambda: Command.RESTORE_IMPORT in pack.commands, "for the import")


async def test_an_import_of_yesterday_is_not_handed_back(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    record = hass.data[MEMORY].packs[SERIAL]
    assert record.import_today is not None
    record.import_today = replace(record.import_today, import_day=record.import_today.import_day - 1)
    pack.status = FORGETFUL
    pack.boot_id = 0x4321
    pack.introduce()
    pack.report()
    await remembers_import(hass, 0.0, 0x4321)
    assert Command.RESTORE_IMPORT not in pack.commands


async def test_what_was_said_before_the_reset_is_yesterdays(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    """The last STATUS of a pack whose supply is cut right before the reset is still there right after it."""
    await remembers_import(hass, 1.25, 0x1234)
    coordinator = house.runtime_data.packs[SERIAL]
    said_s = coordinator.data.taken_s(Function.STATUS)
    reset = dt_util.now().replace(hour=5, minute=0, second=0, microsecond=0)
    yesterday = import_day(reset - timedelta(seconds=1), 300)
    before = ImportToday(1.25, yesterday, 0x1234)
    coordinator.record.import_today = before

    # Said 2 s before the reset, looked at 3 s after it.
    assert follow_import(coordinator, reset + timedelta(seconds=3), said_s + 5) is None
    assert coordinator.record.import_today == before
    # Said after the reset by a clock that is behind: it has not fallen yet.
    assert follow_import(coordinator, reset + timedelta(seconds=3), said_s + 1) is None
    assert coordinator.record.import_today == before
    # By now every clock agrees: so much was drawn since the reset.
    assert follow_import(coordinator, reset + timedelta(seconds=200), said_s + 1) is None
    assert coordinator.record.import_today == ImportToday(1.25, yesterday + 1, 0x1234)


async def test_an_import_that_fell_after_the_reset_is_todays(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    coordinator = house.runtime_data.packs[SERIAL]
    await remembers_import(hass, 1.25, 0x1234)
    reset = dt_util.now().replace(hour=5, minute=0, second=0, microsecond=0)
    yesterday = import_day(reset - timedelta(seconds=1), 300)
    coordinator.record.import_today = ImportToday(9.9, yesterday, 0x1234)
    said_s = coordinator.data.taken_s(Function.STATUS)
    follow_import(coordinator, reset + timedelta(seconds=3), said_s + 1)
    assert coordinator.record.import_today == ImportToday(1.25, yesterday + 1, 0x1234)


async def test_a_pack_that_kept_its_import_is_left_alone(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    pack.restart(0x4321)
    pack.report()
    await remembers_import(hass, 1.25, 0x4321)
    assert Command.RESTORE_IMPORT not in pack.commands


async def test_a_pack_that_refuses_its_import_is_asked_once(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await remembers_import(hass, 1.25, 0x1234)
    pack.answers[Command.RESTORE_IMPORT] = (Result.OUT_OF_RANGE, 0)
    pack.status = FORGETFUL
    pack.restart(0x4321)
    pack.report()
    await remembers_import(hass, 0.0, 0x4321)
    assert pack.commands.count(Command.RESTORE_IMPORT) == 1


@pytest.mark.parametrize(
    ("local", "reset_min", "day"),
    [
        (datetime(1970, 1, 2, 4, 59, tzinfo=UTC), 300, 0),
        (datetime(1970, 1, 2, 5, 0, tzinfo=UTC), 300, 1),
        (datetime(1970, 1, 2, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))), 0, 1),
        (datetime(2149, 6, 8, 0, 0, tzinfo=UTC), 0, 1),  # 16 bits
    ],
)
def test_the_day_of_import_counting(local: datetime, reset_min: int, day: int) -> None:
    assert import_day(local, reset_min) == day


RECORD: dict[str, Any] = {
    "device_type": 1,
    "firmware": [1, 2, 3],
    "boot_id": 1,
    "since_s": 1_790_000_000,
    "energy": PackEnergy().as_dict(),
    "import_today": {"import_kwh": 1.5, "import_day": 20000, "boot_id": 1},
    "last_known": {"seen_s": 1.8e9, "readings": {"soc": 50.0}},
}


def stored(data: Any, version: int = 1) -> dict[str, Any]:
    return {"version": version, "minor_version": 1, "key": DOMAIN, "data": data}


@pytest.mark.parametrize(
    "damage",
    [{"energy": None}, {"firmware": "x"}, {"firmware": [1]}, {"boot_id": -1}, {"device_type": 9}, {"energy": {}}],
)
async def test_a_damaged_record_costs_that_pack_alone(
    hass: HomeAssistant, hass_storage: dict[str, Any], damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    hass_storage[DOMAIN] = stored({"packs": {"a": RECORD, "b": RECORD | damage}, "houses": {}})
    memory = Memory(hass)
    await memory.async_load()
    assert list(memory.packs) == ["a"]
    assert "The stored totals of pack b are damaged" in caplog.text


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("import_today", {"import_kwh": "x", "import_day": 1, "boot_id": 1}),
        ("import_today", {"import_kwh": 1.0, "import_day": None, "boot_id": 1}),
        ("import_today", []),
        ("last_known", {"seen_s": "abc", "readings": {}}),
        ("last_known", {"seen_s": 1.0, "readings": {"soc": "x"}}),
    ],
)
async def test_a_damaged_part_costs_no_totals(
    hass: HomeAssistant, hass_storage: dict[str, Any], part: str, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hass_storage[DOMAIN] = stored({"packs": {"a": RECORD | {part: damage}}, "houses": {}})
    memory = Memory(hass)
    await memory.async_load()
    assert getattr(memory.packs["a"], part) is None
    other = "last_known" if part == "import_today" else "import_today"
    assert getattr(memory.packs["a"], other) is not None
    assert "damaged and left out" in caplog.text


@pytest.mark.parametrize("data", [[1], {"packs": [], "houses": 3}, {"packs": {"a": 1}, "houses": {"b": 2}}])
async def test_nonsense_in_the_file_keeps_nothing_from_starting(
    hass: HomeAssistant, hass_storage: dict[str, Any], data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hass_storage[DOMAIN] = stored(data)
    memory = Memory(hass)
    await memory.async_load()
    assert memory.packs == {}
    assert memory.house("b").energy.total_wh(EnergyCounter.GRID) is None
    assert "damaged" in caplog.text


async def test_a_file_of_a_newer_version_is_not_overwritten(
    hass: HomeAssistant, hass_storage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    newer = stored({"packs": {}, "more": 1}, version=2)
    hass_storage[DOMAIN] = newer
    memory = Memory(hass)
    await memory.async_load()
    memory.house("a").energy.add(EnergyCounter.GRID, 1.0)
    memory.save_soon()
    await memory.async_save()
    await hass.async_block_till_done()
    assert hass_storage[DOMAIN] == newer
    assert "written by a newer version" in caplog.text
    caplog.clear()


async def test_the_time_is_told_at_once_when_summer_begins(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    told: list[tuple[int, int]] = []
    await hass.config.async_set_time_zone("Europe/Lisbon")
    freezer.move_to("2026-03-29T00:59:59+00:00")
    keeper = TimeKeeper(lambda unix_s, offset_min: told.append((unix_s, offset_min)))
    keeper.follow(0.0)
    keeper.follow(1.0)
    freezer.move_to("2026-03-29T01:00:00+00:00")
    keeper.follow(2.0)
    keeper.follow(61.9)
    keeper.follow(62.0)
    assert [offset_min for _, offset_min in told] == [0, 60, 60]
    await hass.config.async_set_time_zone("UTC")
