"""Conditions: how real frames say that packs are."""

from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    DeviceType,
    Fault,
    FaultCode,
    Function,
    ModeSet,
    PackWarningSet,
)

from .automations import automate, complaint, device_id, holds
from .conftest import SERIAL, Clock, wait_until
from .peers import STATUS, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

OTHER_SERIAL = "b0b1c2d3e4f6"
ALL = [
    "{condition: alfaspark.has_mode, options: {mode: eco}}",
    "{condition: alfaspark.has_mode, options: {mode: eco, state: off}}",
    "condition: alfaspark.has_reached_loads_limit",
    "condition: alfaspark.has_reached_import_limit",
    "condition: alfaspark.is_gone",
    "condition: alfaspark.has_lost_bms",
    "condition: alfaspark.has_fault",
]


@pytest.fixture
async def second(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> PeerPack:
    """Put a second pack on the bus, which has not reported yet."""
    other = peers.add(OTHER_SERIAL, 34)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in house.runtime_data.packs)
    return other


async def _report(house: MockConfigEntry, pack: PeerPack, **changes: Any) -> None:
    """Say a STATUS that differs so from the usual one, and wait until it was heard."""
    pack.report(replace(STATUS, **changes))
    data = house.runtime_data.packs[pack.serial].data
    await wait_until(lambda: data.status == pack.status)


async def test_an_automation_acts_only_while_the_mode_is_on(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(
        hass,
        "- trigger: event\n  event_type: asked",
        """
- condition: alfaspark.has_mode
  options:
    mode: eco
    state: on
""",
    )
    for modes, runs in ((ModeSet.BACKUP, 0), (ModeSet.ECO | ModeSet.BACKUP, 1), (ModeSet(0), 1)):
        await _report(house, pack, modes=modes)
        hass.bus.async_fire("asked")
        await hass.async_block_till_done()
        assert len(told) == runs


async def test_modes(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    on, off = "{condition: alfaspark.has_mode, options: {mode: eco}}", ALL[1]
    assert not await holds(hass, on)
    assert await holds(hass, off)
    await _report(house, pack, modes=ModeSet.ECO)
    assert await holds(hass, on)
    assert not await holds(hass, off)


@pytest.mark.parametrize(
    ("warnings", "reached"),
    [
        (PackWarningSet(0), []),
        (PackWarningSet.IMPORT_ABOVE_80, [80]),
        (PackWarningSet.IMPORT_ABOVE_80 | PackWarningSet.IMPORT_ABOVE_90, [80, 90]),
        (PackWarningSet.IMPORT_LIMIT_EXHAUSTED, [80, 90, 100]),
    ],
)
async def test_the_import_limit_is_reached_from_each_share_on(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, warnings: PackWarningSet, reached: list[int]
) -> None:
    await _report(house, pack, warnings=warnings)
    text = "{{condition: alfaspark.has_reached_import_limit, options: {{percent: {}}}}}"
    assert [percent for percent in (80, 90, 100) if await holds(hass, text.format(percent))] == reached
    assert await holds(hass, "condition: alfaspark.has_reached_import_limit") is (100 in reached)


async def test_warnings(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    loads, bms = "condition: alfaspark.has_reached_loads_limit", "condition: alfaspark.has_lost_bms"
    for warnings, held in (
        (PackWarningSet(0), (False, False)),
        (PackWarningSet.LOADS_LIMIT, (True, False)),
        (PackWarningSet.BMS_LOST, (False, True)),
    ):
        await _report(house, pack, warnings=warnings)
        assert (await holds(hass, loads), await holds(hass, bms)) == held


async def test_faults(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    any_fault = "condition: alfaspark.has_fault"
    assert not await holds(hass, any_fault)
    pack.say(Function.FAULT, Fault(code=FaultCode.BUS_OFF, active=True, argument=0).encode())
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.faults)
    assert await holds(hass, any_fault)
    chosen = "{{condition: alfaspark.has_fault, options: {{code: [brown_out, {}]}}}}"
    assert await holds(hass, chosen.format("bus_off"))
    assert not await holds(hass, chosen.format("bms_lost"))


async def test_a_pack_is_gone_only_while_somebody_listens(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    gone = "condition: alfaspark.is_gone"
    pack.mute = True
    await clock.advance(100)
    assert not await holds(hass, gone)
    await clock.advance(30)
    assert await holds(hass, gone)
    assert await hass.config_entries.async_unload(house.entry_id)
    assert not await holds(hass, gone)
    # Known from an earlier time: it is given two minutes to speak before it is gone.
    assert await hass.config_entries.async_setup(house.entry_id)
    await hass.async_block_till_done()
    assert SERIAL in house.runtime_data.packs
    assert not await holds(hass, gone)
    await clock.advance(130)
    assert await holds(hass, gone)


async def test_what_is_unknown_is_not_so(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    warnings = PackWarningSet.LOADS_LIMIT | PackWarningSet.BMS_LOST | PackWarningSet.IMPORT_LIMIT_EXHAUSTED
    await _report(house, pack, warnings=warnings, modes=ModeSet.ECO)
    pack.say(Function.FAULT, Fault(code=FaultCode.BUS_OFF, active=True, argument=0).encode())
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.faults)
    assert [await holds(hass, text) for text in ALL] == [True, False, True, True, False, True, True]
    # It is not heard, but not for so long that it is gone.
    pack.mute = True
    await clock.advance(20)
    assert not any([await holds(hass, text) for text in ALL])
    # Nobody listens.
    assert await hass.config_entries.async_unload(house.entry_id)
    assert not any([await holds(hass, text) for text in ALL])


async def test_nothing_is_so_where_there_is_no_pack(hass: HomeAssistant) -> None:
    assert not any([await holds(hass, text) for text in ALL])
    assert not await holds(hass, "{condition: alfaspark.is_gone, options: {behavior: all}}")


async def test_an_import_that_is_not_known_has_reached_nothing(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    text = "{condition: alfaspark.has_reached_import_limit, options: {percent: 80}}"
    await _report(house, pack, warnings=PackWarningSet.IMPORT_ABOVE_80, grid_import_today_kwh=None)
    assert not await holds(hass, text)
    await _report(house, pack, warnings=PackWarningSet.IMPORT_LIMIT_EXHAUSTED, grid_import_today_kwh=None)
    assert await holds(hass, text)


async def test_the_bms_of_a_pack_that_has_not_found_it_yet_is_not_lost(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.flags = AnnounceFlagSet(0)
    pack.restart(0x4321)
    await _report(house, pack)
    assert not await holds(hass, "condition: alfaspark.has_lost_bms")


async def test_any_or_all_of_the_targeted_packs(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, peers: PeerBus
) -> None:
    def text(behavior: str, *serials: str) -> str:
        target = ", ".join(device_id(hass, house, serial) for serial in serials)
        options = f"options: {{mode: eco, behavior: {behavior}}}"
        return f"{{condition: alfaspark.has_mode, target: {{device_id: [{target}]}}, {options}}}"

    await _report(house, pack, modes=ModeSet.ECO)
    both = (SERIAL, OTHER_SERIAL)
    # Of the second one nothing is known yet.
    assert await holds(hass, text("any", *both))
    assert not await holds(hass, text("all", *both))
    await _report(house, second)
    assert not await holds(hass, text("all", *both))
    assert await holds(hass, text("all", SERIAL))
    assert not await holds(hass, text("any", OTHER_SERIAL))
    await _report(house, second, modes=ModeSet.ECO)
    assert await holds(hass, text("all", *both))
    # The adapter stands for its packs; a gateway has no modes to be asked for.
    gateway = peers.add("c0b1c2d3e4f7", 56, DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs)
    assert await holds(hass, text("all", house.entry_id))
    assert not await holds(hass, text("any", gateway.serial))
    assert await holds(hass, "{condition: alfaspark.has_mode, options: {mode: eco, behavior: all}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{condition: alfaspark.has_modes}", "Invalid condition 'alfaspark.has_modes' specified"),
        ("{condition: alfaspark.has_mode}", "mode"),
        ("{condition: alfaspark.has_mode, options: {mode: sleep}}", "self_consumption"),
        ("{condition: alfaspark.has_reached_import_limit, options: {percent: 50}}", "80, 90, 100"),
        ("{condition: alfaspark.has_fault, options: {code: broken}}", "watchdog_restart"),
        ("{condition: alfaspark.is_gone, options: {behavior: most}}", "any"),
        ("{condition: alfaspark.is_gone, target: {device_id: []}}", "the target is empty: choose energy packs"),
        (
            "{condition: alfaspark.is_gone, target: {device_id: nowhere}}",
            "there is no energy pack among the targets: nowhere",
        ),
    ],
)
async def test_what_is_wrong_is_said(
    hass: HomeAssistant, house: MockConfigEntry, hass_ws_client: WebSocketGenerator, text: str, said: str
) -> None:
    error = await complaint(hass, hass_ws_client, "conditions", text)
    assert error is not None
    assert said in error


async def test_all_of_them_are_accepted(
    hass: HomeAssistant, house: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    for text in ALL:
        assert await complaint(hass, hass_ws_client, "conditions", text) is None
