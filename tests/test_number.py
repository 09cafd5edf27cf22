"""Numbers: shown as the packs hold them, set by command, for one pack or for all."""

from time import monotonic
from typing import Any

from homeassistant.components.number.const import ATTR_VALUE, DOMAIN as NUMBER, SERVICE_SET_VALUE
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import Command, Function, Result
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter
from custom_components.alfaspark.settings.parameter_units import checked_count, parameter_unit

from .conftest import SERIAL, Clock, state, wait_until
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

IMPORT_LIMIT = "number.energy_pack_e4f5_import_limit"
CAPACITY = "number.energy_pack_e4f5_battery_capacity"
CONNECT = "number.energy_pack_e4f5_connect_grid_at_charge"
HOUSE_CONNECT = "number.alfaspark_connect_grid_at_charge_each_pack"
HOUSE_LIMIT = "number.alfaspark_import_limit_each_pack"


async def set_number(hass: HomeAssistant, entity_id: str, value: float) -> None:
    await hass.services.async_call(
        NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: entity_id, ATTR_VALUE: value}, blocking=True
    )


async def known(house: MockConfigEntry, serial: str = SERIAL) -> None:
    """Wait until the pack has told all its settings."""
    await wait_until(lambda: len(house.runtime_data.packs[serial].settings.windows) == 8, "for the settings")


@pytest.fixture
async def second(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> PeerPack:
    """Put another pack on the bus."""
    pack = peers.add("0000000011aa", 99)
    pack.introduce()
    pack.report()
    await wait_until(lambda: pack.serial in house.runtime_data.packs, "for the second pack")
    await known(house, pack.serial)
    await known(house)
    house.runtime_data.bus.async_follow_hub()
    return pack


async def test_limits_are_shown_as_the_pack_holds_them(hass: HomeAssistant, house: MockConfigEntry) -> None:
    await known(house)
    assert [state(hass, entity_id) for entity_id in (IMPORT_LIMIT, CONNECT)] == ["10.0", "10.0"]
    assert state(hass, "number.energy_pack_e4f5_eco_limit") == "3000.0"
    shown = hass.states.get(IMPORT_LIMIT)
    assert shown is not None
    assert [shown.attributes[name] for name in ("min", "max", "step", "unit_of_measurement")] == [2.0, 30.0, 0.5, "kWh"]


async def test_a_limit_is_unknown_until_the_pack_has_told_it(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack
) -> None:
    pack.answers[Command.GET_PARAMETER] = (Result.NOT_SUPPORTED, 0)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: SERIAL in entry.runtime_data.packs)
    pack.report()
    await wait_until(lambda: state(hass, IMPORT_LIMIT) == "unknown")
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_limit_is_set(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    await set_number(hass, IMPORT_LIMIT, 12.5)
    assert pack.parameters[Parameter.IMPORT_LIMIT] == 1250
    assert state(hass, IMPORT_LIMIT) == "12.5"


async def test_a_refused_limit_is_not_shown(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    pack.answers[Command.SET_PARAMETER] = (Result.OUT_OF_RANGE, 0)
    with pytest.raises(HomeAssistantError) as raised:
        await set_number(hass, IMPORT_LIMIT, 12.5)
    assert raised.value.translation_key == "command_out_of_range"
    assert state(hass, IMPORT_LIMIT) == "10.0"


async def test_no_number_is_refused(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await known(house)
    with pytest.raises(ServiceValidationError, match="must be between 2 and 30 kWh"):
        await set_number(hass, IMPORT_LIMIT, float("nan"))
    assert Command.SET_PARAMETER not in pack.commands


@pytest.mark.parametrize("entity_id", [IMPORT_LIMIT, HOUSE_LIMIT])
async def test_a_value_between_two_steps_is_refused(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, entity_id: str
) -> None:
    await known(house)
    with pytest.raises(ServiceValidationError, match=r"import_limit goes in steps of 0\.5 kWh, and 8\.3 lies between"):
        await set_number(hass, entity_id, 8.3)
    assert Command.SET_PARAMETER not in pack.commands


async def test_thresholds_that_cross_in_several_packs_are_told_of_each(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, peers: PeerBus
) -> None:
    third = peers.add("0000000022bb", 98)
    third.parameters[Parameter.SOC_GRID_DISCONNECT] = 900
    third.introduce()
    third.report()
    await wait_until(lambda: third.serial in house.runtime_data.packs, "for the third pack")
    await known(house, third.serial)
    with pytest.raises(ServiceValidationError) as raised:
        await set_number(hass, HOUSE_CONNECT, 48)
    # In the order of their serial numbers; the third one could take it.
    assert str(raised.value).startswith("Energy pack 11AA, Energy pack E4F5: the state of charge")
    assert not any(Command.SET_PARAMETER in peer.commands for peer in (pack, second, third))


async def test_thresholds_that_cross_are_refused_with_what_to_do(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    with pytest.raises(ServiceValidationError, match="Change the other one first"):
        await set_number(hass, CONNECT, 46)
    assert Command.SET_PARAMETER not in pack.commands
    await set_number(hass, CONNECT, 45)
    assert state(hass, CONNECT) == "45.0"


async def test_a_setting_that_another_host_changed_is_read_again(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    await known(house)
    pack.parameters[Parameter.IMPORT_LIMIT] = 700
    answer = frames.Response(Command.SET_PARAMETER, 200, Result.ACCEPTED, 0, 700)
    pack.say(Function.RESPONSE, answer.encode())
    await wait_until(lambda: state(hass, IMPORT_LIMIT) == "7.0", "for the other host's limit")


async def test_all_settings_are_looked_at_again_in_time(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await known(house)
    pack.heard.clear()
    pack.parameters[Parameter.LED_BRIGHTNESS] = 77
    settings = house.runtime_data.packs[SERIAL].settings
    for turn in range(40):
        house.runtime_data._upkeep.follow(monotonic() + 15 * (turn + 1))
        await hass.async_block_till_done(wait_background_tasks=True)
    assert settings.parameters[Parameter.LED_BRIGHTNESS] == 77
    assert len(pack.heard) < 50, "one setting at a time"


async def test_the_limit_of_all_packs(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    assert state(hass, HOUSE_LIMIT) == "10.0"
    await set_number(hass, IMPORT_LIMIT, 12)
    house.runtime_data.bus.async_follow_hub()
    assert state(hass, HOUSE_LIMIT) == "unknown"

    pack.heard.clear()
    await set_number(hass, HOUSE_LIMIT, 8)
    assert [peer.parameters[Parameter.IMPORT_LIMIT] for peer in (pack, second)] == [800, 800]
    assert pack.commands.count(Command.SET_PARAMETER) == 1, "one broadcast"
    assert state(hass, HOUSE_LIMIT) == state(hass, IMPORT_LIMIT) == "8.0"


async def test_packs_that_do_not_take_the_limit_of_all_are_named(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    second.answers[Command.SET_PARAMETER] = (Result.STORAGE_FAILED, 0)
    pack.mute = True
    with pytest.raises(HomeAssistantError) as raised:
        await set_number(hass, HOUSE_LIMIT, 8)
    told = str(raised.value)
    assert "Energy pack E4F5 did not answer" in told
    assert "Energy pack 11AA could not store this" in told
    pack.mute = False


async def test_the_scripted_pack_and_the_table_have_the_same_parameters(pack: PeerPack) -> None:
    assert set(pack.parameters) == {spec.parameter for spec in PARAMETERS}


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_every_quantity_of_the_table_is_a_number_with_its_range(
    hass: HomeAssistant, house: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    await known(house)
    numbers = {
        entity.unique_id.removeprefix(f"{SERIAL}_"): entity.entity_id
        for entity in entity_registry.entities.values()
        if entity.unique_id.startswith(SERIAL) and entity.domain == NUMBER
    }
    for spec in PARAMETERS:
        if spec.unit in ("", "min") and spec.parameter is not Parameter.BMS_ADDRESS:
            assert spec.parameter.name.lower() not in numbers
            continue
        shown = hass.states.get(numbers[spec.parameter.name.lower()])
        assert shown is not None
        unit = parameter_unit(spec.parameter)
        assert unit.to_count(float(shown.state)) == spec.default
        assert checked_count(spec.parameter, float(shown.state)) == spec.default
        assert [unit.to_count(shown.attributes[end]) for end in ("min", "max")] == [spec.minimum, spec.maximum]


async def test_the_batterys_capacity_is_home_assistants_own(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, hass_storage: dict[str, Any]
) -> None:
    await known(house)
    assert state(hass, CAPACITY) == "unknown"
    shown = hass.states.get(CAPACITY)
    assert shown is not None
    assert [shown.attributes[name] for name in ("min", "max", "step", "unit_of_measurement")] == [0.5, 100, 0.1, "kWh"]
    heard = len(pack.heard)
    await set_number(hass, CAPACITY, 14.3)
    assert state(hass, CAPACITY) == "14.3"
    assert len(pack.heard) == heard, "the pack is told nothing"
    for value in (0.4, 100.1):
        with pytest.raises(ServiceValidationError):
            await set_number(hass, CAPACITY, value)
    await clock.advance(2)
    assert hass_storage[DOMAIN]["data"]["packs"][SERIAL]["capacity_kwh"] == 14.3
    # A pack that is silent can be given another battery.
    pack.mute = True
    await clock.advance(20)
    assert state(hass, IMPORT_LIMIT) == "unavailable"
    assert state(hass, CAPACITY) == "14.3"
    await set_number(hass, CAPACITY, 0.1 + 0.2 + 4.9)
    assert house.runtime_data.packs[SERIAL].record.capacity_kwh == 5.2
    assert await hass.config_entries.async_reload(house.entry_id)
    await hass.async_block_till_done()
    assert state(hass, CAPACITY) == "5.2"


async def test_a_gateway_has_no_battery(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> None:
    gateway = peers.add("0000000011aa", 99, frames.DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    assert hass.states.get("number.energy_gateway_11aa_battery_capacity") is None
    assert hass.states.get(CAPACITY) is not None
