"""Triggers: real automations that hear of what real frames say."""

from dataclasses import replace
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.packbus import events
from custom_components.alfaspark.packbus.frames import Fault, FaultCode, Function, ModeSet, PackWarningSet

from .automations import automate, complaint, device_id
from .conftest import SERIAL, Clock, wait_until
from .peers import STATUS, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

OTHER_SERIAL = "b0b1c2d3e4f6"

ABOVE_80 = PackWarningSet.IMPORT_ABOVE_80
ABOVE_90 = ABOVE_80 | PackWarningSet.IMPORT_ABOVE_90
EXHAUSTED = ABOVE_90 | PackWarningSet.IMPORT_LIMIT_EXHAUSTED


def _warn(pack: PeerPack, warnings: PackWarningSet) -> None:
    pack.report(replace(pack.status, warnings=warnings))


def _fault(pack: PeerPack, code: FaultCode, active: bool, argument: int = 0) -> None:
    pack.say(Function.FAULT, Fault(code=code, active=active, argument=argument).encode())


def _kinds(told: list[Event[Any]]) -> list[str]:
    return [event.data["kind"] for event in told]


@pytest.fixture
def old_friends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pack's first faults be events at once, as if it had been heard for a while."""
    monkeypatch.setattr(events, "FIRST_FAULTS_S", 0.0)


@pytest.fixture
async def second(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> PeerPack:
    """Put a second pack on the bus, which Home Assistant knows."""
    other = peers.add(OTHER_SERIAL, 34)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in house.runtime_data.packs)
    other.report()
    await wait_until(lambda: house.runtime_data.packs[OTHER_SERIAL].data.status is not None)
    return other


async def _barrier(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    """Wait until everything that a pack has said so far was heard: another of its modes is shown."""
    shown = house.runtime_data.packs[pack.serial].data
    modes = pack.status.modes ^ ModeSet.TIME_OF_USE
    pack.report(replace(pack.status, modes=modes))
    await wait_until(lambda: shown.status is not None and shown.status.modes == modes)
    await hass.async_block_till_done()


async def test_a_mode_tells_that_it_was_turned_on_or_off(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(hass, "- trigger: alfaspark.mode_changed")
    pack.report(replace(STATUS, modes=ModeSet.ECO))
    await wait_until(lambda: told)
    assert told[0].data == {
        "device_id": device_id(hass, house, SERIAL),
        "pack": "Energy pack E4F5",
        "kind": "mode_changed",
        "words": "Energy pack E4F5 turned Eco on",
        "detail": "Eco",
    }
    pack.report(STATUS)
    await wait_until(lambda: len(told) == 2)
    assert told[1].data["words"] == "Energy pack E4F5 turned Eco off"


async def test_only_the_chosen_modes_and_direction_count(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(
        hass,
        """
- trigger: alfaspark.mode_changed
  options:
    mode: [eco, backup]
    to: on
""",
    )
    for modes in (ModeSet.IMPORT_LIMIT, ModeSet.BACKUP, ModeSet(0)):
        pack.report(replace(STATUS, modes=modes))
    await _barrier(hass, house, pack)
    assert [event.data["words"] for event in told] == ["Energy pack E4F5 turned Backup on"]


async def test_an_owner_sees_the_pack_by_the_name_it_was_given(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, device_registry: dr.DeviceRegistry
) -> None:
    told = await automate(hass, "- trigger: alfaspark.mode_changed")
    device_registry.async_update_device(device_id(hass, house, SERIAL), name_by_user="Garage")
    pack.report(replace(STATUS, modes=ModeSet.ECO))
    await wait_until(lambda: told)
    assert (told[0].data["pack"], told[0].data["words"]) == ("Garage", "Garage turned Eco on")


async def test_the_import_limit_fires_once_for_what_is_reached_at_once(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(
        hass,
        """
- trigger: alfaspark.import_limit_reached
  options:
    percent: [80, 100]
- trigger: alfaspark.import_limit_released
""",
    )
    for warnings in (ABOVE_80, ABOVE_90, EXHAUSTED, PackWarningSet(0), ABOVE_90, PackWarningSet(0)):
        _warn(pack, warnings)
    await _barrier(hass, house, pack)
    assert [(event.data["kind"], event.data["detail"]) for event in told] == [
        ("import_limit_reached", 80),
        ("import_limit_reached", 100),
        ("import_limit_released", 0),
        # 80 % and 90 % at the same moment.
        ("import_limit_reached", 90),
    ]
    assert told[1].data["words"] == "Energy pack E4F5 has drawn 100 % of the day's grid import limit"


async def test_all_shares_count_where_none_is_chosen(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(hass, "- trigger: alfaspark.import_limit_reached")
    for warnings in (ABOVE_80, ABOVE_90, EXHAUSTED):
        _warn(pack, warnings)
    await _barrier(hass, house, pack)
    assert [event.data["detail"] for event in told] == [80, 90, 100]


async def test_loads_limit_and_bms(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    told = await automate(
        hass,
        """
- trigger: alfaspark.loads_limit_reached
- trigger: alfaspark.loads_limit_ended
- trigger: alfaspark.bms_lost
- trigger: alfaspark.bms_returned
""",
    )
    for warnings in (PackWarningSet.LOADS_LIMIT, PackWarningSet.BMS_LOST, PackWarningSet(0)):
        _warn(pack, warnings)
    await _barrier(hass, house, pack)
    assert _kinds(told) == ["loads_limit_reached", "loads_limit_ended", "bms_lost", "bms_returned"]


async def test_a_pack_goes_returns_and_restarts(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    told = await automate(
        hass,
        """
- trigger: alfaspark.pack_gone
- trigger: alfaspark.pack_returned
- trigger: alfaspark.pack_restarted
""",
    )
    pack.mute = True
    await clock.advance(100)
    assert told == []
    await clock.advance(30)
    assert _kinds(told) == ["pack_gone"]
    clock._ahead_s = 0.0  # frames bear the real time
    pack.restart(0x4321)
    await wait_until(lambda: len(told) == 3)
    assert sorted(_kinds(told)[1:]) == ["pack_restarted", "pack_returned"]


async def test_faults_tell_their_code(
    hass: HomeAssistant, old_friends: None, house: MockConfigEntry, pack: PeerPack
) -> None:
    told = await automate(
        hass,
        """
- trigger: alfaspark.fault_appeared
  options:
    code: [open_relay_current, watchdog_restart, bus_off]
- trigger: alfaspark.fault_cleared
""",
    )
    _fault(pack, FaultCode.SENSOR_CLIPPED, True, 1)
    _fault(pack, FaultCode.OPEN_RELAY_CURRENT, True, 2)
    await _barrier(hass, house, pack)
    _fault(pack, FaultCode.SENSOR_CLIPPED, False, 1)
    _fault(pack, FaultCode.WATCHDOG_RESTART, True, 3)
    await _barrier(hass, house, pack)
    assert [(event.data["kind"], event.data["detail"]) for event in told] == [
        ("fault_appeared", "Current through an open relay (load 1)"),
        ("fault_cleared", "Current beyond the sensor's range (inverter output)"),
        ("fault_appeared", "Restarted by the watchdog (task 3)"),
    ]
    assert told[0].data["words"] == "Energy pack E4F5 has a fault: current through an open relay (load 1)"


@pytest.mark.parametrize("target", ["device", "entity", "area", "label", "floor_of_none"])
async def test_only_the_targeted_packs_count(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, target: str
) -> None:
    ours = device_id(hass, house, OTHER_SERIAL)
    area = ar.async_get(hass).async_create("Cellar")
    label = lr.async_get(hass).async_create("Watched")
    dr.async_get(hass).async_update_device(ours, area_id=area.id, labels={label.label_id})
    entity_id = er.async_get(hass).async_get_entity_id("switch", "alfaspark", f"{OTHER_SERIAL}_grid_relay")
    text = {
        "device": f"device_id: {ours}",
        "entity": f"entity_id: {entity_id}",
        "area": f"area_id: {area.id}",
        "label": f"label_id: {label.label_id}",
        "floor_of_none": "floor_id: attic",
    }[target]
    told = await automate(hass, f"- trigger: alfaspark.loads_limit_reached\n  target:\n    {text}")
    _warn(pack, PackWarningSet.LOADS_LIMIT)
    _warn(second, PackWarningSet.LOADS_LIMIT)
    await _barrier(hass, house, pack)
    await _barrier(hass, house, second)
    assert [event.data["device_id"] for event in told] == ([] if target == "floor_of_none" else [ours])


@pytest.mark.parametrize("targeted", [False, True])
async def test_the_adapter_or_no_target_means_all_its_packs(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, targeted: bool
) -> None:
    hub = device_id(hass, house, house.entry_id)
    target = f"\n  target:\n    device_id: {hub}" if targeted else ""
    told = await automate(hass, f"- trigger: alfaspark.loads_limit_reached{target}")
    _warn(pack, PackWarningSet.LOADS_LIMIT)
    _warn(second, PackWarningSet.LOADS_LIMIT)
    await wait_until(lambda: len(told) == 2)
    packs = {device_id(hass, house, SERIAL), device_id(hass, house, OTHER_SERIAL)}
    assert {event.data["device_id"] for event in told} == packs


async def test_an_area_that_a_pack_moves_into_counts_from_then_on(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    area = ar.async_get(hass).async_create("Cellar")
    told = await automate(hass, f"- trigger: alfaspark.mode_changed\n  target:\n    area_id: {area.id}")
    await _barrier(hass, house, pack)
    assert told == []
    dr.async_get(hass).async_update_device(device_id(hass, house, SERIAL), area_id=area.id)
    await _barrier(hass, house, pack)
    assert _kinds(told) == ["mode_changed"]


async def test_an_automation_may_come_before_its_pack_and_outlives_its_adapter(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack
) -> None:
    async def set_up_and_change(modes: ModeSet) -> None:
        pack.status = replace(STATUS, modes=modes ^ ModeSet.ECO)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await wait_until(lambda: SERIAL in entry.runtime_data.packs and entry.runtime_data.packs[SERIAL].data.present)
        pack.report()
        await wait_until(lambda: entry.runtime_data.packs[SERIAL].data.status is not None)
        pack.report(replace(STATUS, modes=modes))
        await wait_until(lambda: entry.runtime_data.packs[SERIAL].data.status.modes == modes)
        await hass.async_block_till_done()
        assert await hass.config_entries.async_unload(entry.entry_id)

    # The device is known from an earlier time, its adapter is not there.
    await set_up_and_change(ModeSet.ECO)
    pack_device = device_id(hass, entry, SERIAL)
    told = await automate(hass, f"- trigger: alfaspark.mode_changed\n  target:\n    device_id: {pack_device}")
    await set_up_and_change(ModeSet.ECO)
    assert len(told) == 1
    await set_up_and_change(ModeSet(0))
    assert len(told) == 2
    # What was removed hears nothing any more.
    await hass.services.async_call(AUTOMATION, "turn_off", {"entity_id": "automation.test"}, blocking=True)
    await set_up_and_change(ModeSet.ECO)
    assert len(told) == 2


async def test_a_device_that_is_gone_is_named_and_the_others_count(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, caplog: pytest.LogCaptureFixture
) -> None:
    pack_device = device_id(hass, house, SERIAL)
    told = await automate(
        hass, f"- trigger: alfaspark.mode_changed\n  target:\n    device_id: [{pack_device}, sold_long_ago]"
    )
    assert "Referenced devices sold_long_ago are missing" in caplog.text
    await _barrier(hass, house, pack)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trigger: alfaspark.mode_change", "Invalid trigger 'alfaspark.mode_change' specified"),
        ("{trigger: alfaspark.mode_changed, options: {mode: sleep}}", "self_consumption"),
        ("{trigger: alfaspark.mode_changed, options: {to: maybe}}", "boolean"),
        ("{trigger: alfaspark.import_limit_reached, options: {percent: 85}}", "80, 90, 100"),
        ("{trigger: alfaspark.fault_appeared, options: {code: 7}}", "watchdog_restart"),
        ("{trigger: alfaspark.pack_gone, options: {mode: eco}}", "mode"),
        (
            "{trigger: alfaspark.pack_gone, target: {device_id: nowhere}}",
            "there is no energy pack among the targets: nowhere",
        ),
        ("{trigger: alfaspark.pack_gone, target: {device_id: []}}", "the target is empty: choose energy packs"),
        ("{trigger: alfaspark.pack_gone, target: {area_id: [], entity_id: []}}", "the target is empty"),
        ("{trigger: alfaspark.pack_gone, target: {}}", "leave out the target to mean all of them"),
        ("{trigger: alfaspark.import_limit_reached, options: {percent: []}}", "choose at least one of 80, 90, 100"),
        (
            "{trigger: alfaspark.pack_gone, target: {entity_id: light.kitchen}}",
            "there is no energy pack among the targets: light.kitchen",
        ),
    ],
)
async def test_what_is_wrong_is_said(
    hass: HomeAssistant, house: MockConfigEntry, hass_ws_client: WebSocketGenerator, text: str, said: str
) -> None:
    error = await complaint(hass, hass_ws_client, "triggers", text)
    assert error is not None
    assert said in error


async def test_what_is_right_is_accepted_while_no_adapter_is_set_up(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    for text in ("trigger: alfaspark.pack_gone", "{trigger: alfaspark.pack_gone, target: {area_id: nowhere}}"):
        assert await complaint(hass, hass_ws_client, "triggers", text) is None
