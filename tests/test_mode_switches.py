"""Mode switches: of one pack and of all, shown as the packs report them."""

from dataclasses import replace

from homeassistant.components.switch.const import DOMAIN as SWITCH
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import Command, Mode, ModeSet, Reason, Result

from .conftest import state, wait_until
from .peers import STATUS, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

SWITCHES = {
    "self_consumption": Mode.SELF_CONSUMPTION,
    "eco": Mode.ECO,
    "time_of_use": Mode.TIME_OF_USE,
    "backup": Mode.BACKUP,
    "grid_import_limit": Mode.IMPORT_LIMIT,
}


async def turn(hass: HomeAssistant, entity_id: str, on: bool) -> None:
    await hass.services.async_call(
        SWITCH, SERVICE_TURN_ON if on else SERVICE_TURN_OFF, {ATTR_ENTITY_ID: entity_id}, blocking=True
    )


@pytest.fixture
async def second(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> PeerPack:
    """Put another pack on the bus."""
    pack = peers.add("0000000011aa", 99)
    pack.introduce()
    pack.report()
    await wait_until(lambda: pack.serial in house.runtime_data.packs, "for the second pack")
    await hass.async_block_till_done()
    packs = house.runtime_data.packs.values()
    await wait_until(lambda: all(coordinator.data.status for coordinator in packs), "for its modes")
    house.runtime_data.bus.async_follow_hub()
    return pack


@pytest.mark.parametrize(("name", "mode"), SWITCHES.items())
async def test_a_mode_is_switched_and_shown_when_the_call_ends(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, name: str, mode: Mode
) -> None:
    entity_id = f"switch.energy_pack_e4f5_{name}"
    for on in (True, False):
        pack.heard.clear()
        await turn(hass, entity_id, on)
        orders = [frames.SetMode.decode(data)[1] for command, data in pack.heard if command is Command.SET_MODE]
        assert orders == [frames.SetMode(mode=mode, on=on)]
        assert state(hass, entity_id) == ("on" if on else "off")
        others = [state(hass, f"switch.energy_pack_e4f5_{other}") for other in SWITCHES if other != name]
        assert others == ["off"] * 4


async def test_what_did_not_happen_is_not_shown(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.obeys = False
    await turn(hass, "switch.energy_pack_e4f5_eco", True)
    assert state(hass, "switch.energy_pack_e4f5_eco") == "off"
    pack.answers[Command.SET_MODE] = (Result.STORAGE_FAILED, 0)
    with pytest.raises(HomeAssistantError, match="could not store"):
        await turn(hass, "switch.energy_pack_e4f5_eco", True)
    assert state(hass, "switch.energy_pack_e4f5_eco") == "off"


async def test_a_relay_says_which_mode_holds_it(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    shown = hass.states.get("switch.energy_pack_e4f5_grid_relay")
    assert shown is not None
    assert shown.attributes["reason"] == "manual"
    pack.report(replace(STATUS, modes=ModeSet.BACKUP, reason_grid=Reason.BACKUP))
    await wait_until(lambda: state(hass, "switch.energy_pack_e4f5_backup") == "on")
    shown = hass.states.get("switch.energy_pack_e4f5_grid_relay")
    assert shown is not None
    assert shown.attributes["reason"] == "backup"


async def test_a_mode_of_all_is_unknown_while_the_packs_differ(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    every = "switch.alfaspark_eco_all_packs"
    assert state(hass, every) == "off"
    await turn(hass, "switch.energy_pack_e4f5_eco", True)
    house.runtime_data.bus.async_follow_hub()
    assert state(hass, every) == "unknown"

    pack.heard.clear()
    await turn(hass, every, True)
    assert pack.commands.count(Command.SET_MODE) == 1, "one broadcast"
    assert second.status.modes == ModeSet.ECO
    assert state(hass, every) == "on"
    await turn(hass, every, False)
    assert state(hass, every) == state(hass, "switch.energy_pack_e4f5_eco") == "off"


async def test_a_mode_of_all_names_who_did_not_take_it(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    second.mute = True
    with pytest.raises(HomeAssistantError) as raised:
        await turn(hass, "switch.alfaspark_eco_all_packs", True)
    assert raised.value.translation_key == "broadcast_incomplete"
    assert "Energy pack 11AA did not answer" in str(raised.value)
    assert "E4F5" not in str(raised.value)
    assert state(hass, "switch.energy_pack_e4f5_eco") == "on"
    second.mute = False


async def test_without_a_pack_there_is_nobody_to_tell(
    hass: HomeAssistant, entry: MockConfigEntry, peers: PeerBus
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "switch.alfaspark_eco_all_packs") == "unavailable"
    with pytest.raises(HomeAssistantError, match="no energy pack on the bus"):
        await entry.runtime_data.async_set_mode_of_all(Mode.ECO, True)
    assert await hass.config_entries.async_unload(entry.entry_id)
