"""Times: both ends of the first window go out together; the reset of the import."""

import asyncio
from datetime import time

from homeassistant.components.time.const import DOMAIN as TIME, SERVICE_SET_VALUE
from homeassistant.const import ATTR_ENTITY_ID, ATTR_TIME
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus.frames import Command, Result, WeekdaySet
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.packbus.settings import Window

from .conftest import SERIAL, state, wait_until
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration", "entity_registry_enabled_by_default")

START, END = "time.energy_pack_e4f5_start_of_first_window", "time.energy_pack_e4f5_end_of_first_window"
HOUSE_START, HOUSE_END = (
    "time.alfaspark_start_of_first_window_all_packs",
    "time.alfaspark_end_of_first_window_all_packs",
)
RESET = "time.energy_pack_e4f5_import_reset_time"

EVERY_DAY = WeekdaySet(127)
WORKDAYS = WeekdaySet(0b11111)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for the other end."""
    monkeypatch.setattr("custom_components.alfaspark.settings.first_window._QUIET_S", 0.1)


async def move(hass: HomeAssistant, entity_id: str, value: time) -> None:
    await hass.services.async_call(
        TIME, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: entity_id, ATTR_TIME: value}, blocking=True
    )


async def known(house: MockConfigEntry) -> None:
    packs = house.runtime_data.packs.values()
    await wait_until(lambda: all(len(pack.settings.windows) == 8 for pack in packs), "for the settings")


def hold(house: MockConfigEntry, pack: PeerPack, window: Window) -> None:
    """Have the pack hold a window, and Home Assistant know it."""
    pack.windows[0] = window
    house.runtime_data.packs[SERIAL].take_setting(0, window.value)


async def test_an_empty_slot_is_unknown(hass: HomeAssistant, house: MockConfigEntry) -> None:
    await known(house)
    assert [state(hass, entity_id) for entity_id in (START, END, HOUSE_START, HOUSE_END)] == ["unknown"] * 4


async def test_both_ends_go_out_as_one(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    await asyncio.gather(move(hass, START, time(22, 30)), move(hass, END, time(6)))
    assert pack.windows == {0: Window(1350, 360, EVERY_DAY)}
    assert pack.commands.count(Command.SET_WINDOW) == 1
    assert [state(hass, START), state(hass, END)] == ["22:30:00", "06:00:00"]


async def test_the_first_end_of_an_empty_slot_waits_for_the_other(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    await move(hass, START, time(8))
    assert pack.windows == {}
    assert state(hass, START) == "unknown"
    await move(hass, END, time(0))
    assert pack.windows == {0: Window(480, 1440, EVERY_DAY)}, "midnight is the end of the day"
    assert [state(hass, START), state(hass, END)] == ["08:00:00", "00:00:00"]


async def test_one_end_moves_and_the_weekdays_stay(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.windows[0] = Window(480, 600, WORKDAYS)
    await known(house)
    house.runtime_data.packs[SERIAL].take_setting(0, pack.windows[0].value)
    await move(hass, END, time(12))
    assert pack.windows == {0: Window(480, 720, WORKDAYS)}


async def test_an_end_that_is_moved_onto_the_other_is_refused_and_forgotten(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    hold(house, pack, Window(1350, 360, WORKDAYS))
    with pytest.raises(ServiceValidationError, match=r"start and end at 22:30 .* Change the other end first"):
        await move(hass, END, time(22, 30))
    assert Command.SET_WINDOW not in pack.commands
    await move(hass, START, time(22, 10))
    assert pack.windows == {0: Window(1330, 360, WORKDAYS)}, "the end as it was shown all the time"


async def test_an_end_is_refused_that_meets_one_that_is_about_to_be_sent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    hold(house, pack, Window(1350, 360, WORKDAYS))
    end = asyncio.create_task(move(hass, END, time(7)))
    await asyncio.sleep(0.05)
    with pytest.raises(ServiceValidationError, match="start and end at 07:00"):
        await move(hass, START, time(7))
    # The old end does not stand in the way any more.
    await asyncio.gather(end, move(hass, START, time(6)))
    assert pack.windows == {0: Window(360, 420, WORKDAYS)}
    assert pack.commands.count(Command.SET_WINDOW) == 1


async def test_an_end_is_refused_that_somebody_else_moved_the_other_one_onto(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    hold(house, pack, Window(1350, 360, WORKDAYS))
    start = asyncio.create_task(move(hass, START, time(7)))
    await asyncio.sleep(0.05)
    hold(house, pack, Window(1350, 420, WORKDAYS))
    with pytest.raises(ServiceValidationError, match="start and end at 07:00"):
        await start
    await move(hass, END, time(8))
    assert pack.windows == {0: Window(1350, 480, WORKDAYS)}


async def test_an_end_that_waits_in_an_empty_slot_is_not_met(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    await move(hass, START, time(8))
    with pytest.raises(ServiceValidationError, match="start and end at 08:00"):
        await move(hass, END, time(8))
    await move(hass, START, time(9))
    assert pack.windows == {}, "the end that was refused does not wait"
    await move(hass, END, time(10))
    assert pack.windows == {0: Window(540, 600, EVERY_DAY)}


async def test_an_end_that_waits_is_forgotten_once_there_is_a_window(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    await move(hass, START, time(3))
    hold(house, pack, Window(1320, 360, WORKDAYS))
    await move(hass, END, time(7))
    assert pack.windows == {0: Window(1320, 420, WORKDAYS)}


async def test_a_change_while_another_is_being_sent_builds_on_it(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(house)
    hold(house, pack, Window(1350, 360, WORKDAYS))
    # The pack hears nothing of the first try, so that the second change falls due before the first one is answered.
    monkeypatch.setattr("custom_components.alfaspark.settings.first_window._QUIET_S", 0.02)
    pack.mute = True
    start = asyncio.create_task(move(hass, START, time(22)))
    await wait_until(lambda: Command.SET_WINDOW in pack.commands, "for the first try")
    end = asyncio.create_task(move(hass, END, time(7)))
    await asyncio.sleep(0.1)
    pack.mute = False
    await asyncio.gather(start, end)
    assert pack.windows == {0: Window(1320, 420, WORKDAYS)}


async def test_seconds_are_cut_off(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    hold(house, pack, Window(1350, 360, WORKDAYS))
    await move(hass, START, time(22, 10, 30))
    assert pack.windows == {0: Window(1330, 360, WORKDAYS)}
    assert state(hass, START) == "22:10:00"


async def test_an_end_does_not_wait_for_ever(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(house)
    await move(hass, START, time(3))
    monkeypatch.setattr("custom_components.alfaspark.settings.first_window._FORGET_S", 0.0)
    await asyncio.sleep(0.15)
    await move(hass, END, time(7))
    assert pack.windows == {}, "the start is forgotten"
    assert [state(hass, START), state(hass, END)] == ["unknown", "unknown"]


async def test_a_refused_window_is_told_to_both_and_not_shown(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    pack.answers[Command.SET_WINDOW] = (Result.STORAGE_FAILED, 0)
    results = await asyncio.gather(move(hass, START, time(8)), move(hass, END, time(9)), return_exceptions=True)
    assert [type(result) for result in results] == [HomeAssistantError, HomeAssistantError]
    assert state(hass, START) == "unknown"
    # What was refused is not sent along with the next one.
    del pack.answers[Command.SET_WINDOW]
    await move(hass, START, time(10))
    assert pack.windows == {}


async def test_the_window_of_all_packs(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    second = peers.add("0000000011aa", 99)
    second.introduce()
    second.report()
    await wait_until(lambda: second.serial in house.runtime_data.packs, "for the second pack")
    await known(house)
    await asyncio.gather(move(hass, HOUSE_START, time(1)), move(hass, HOUSE_END, time(5)))
    assert pack.windows == second.windows == {0: Window(60, 300, EVERY_DAY)}
    assert [state(hass, entity_id) for entity_id in (START, HOUSE_START, HOUSE_END)] == [
        "01:00:00",
        "01:00:00",
        "05:00:00",
    ]
    await move(hass, START, time(2))
    house.runtime_data.bus.async_follow_hub()
    assert state(hass, HOUSE_START) == "unknown", "the packs differ"


async def test_the_reset_of_the_import(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    assert state(hass, RESET) == "05:00:00"
    await move(hass, RESET, time(6, 30))
    assert pack.parameters[Parameter.IMPORT_RESET_TIME] == 390
    assert state(hass, RESET) == "06:30:00"
