"""Setting up and unloading an adapter; removing packs."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.const import CONF_INTERFACE, DOMAIN

from .conftest import SERIAL, Clock, state, wait_until
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration")


async def test_a_pack_appears_with_its_readings(hass: HomeAssistant, house: MockConfigEntry) -> None:
    assert house.state is ConfigEntryState.LOADED
    assert state(hass, "sensor.energy_pack_e4f5_state_of_charge") == "61.5"
    assert state(hass, "sensor.energy_pack_e4f5_solar_power") == "715"
    assert state(hass, "binary_sensor.energy_pack_e4f5_grid") == "on"
    assert state(hass, "binary_sensor.alfaspark_can_adapter") == "on"


async def test_the_devices(hass: HomeAssistant, house: MockConfigEntry, device_registry: dr.DeviceRegistry) -> None:
    hub = device_registry.async_get_device_by_identifier((DOMAIN, house.entry_id), house.entry_id)
    pack = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    assert hub is not None
    assert pack is not None
    assert (hub.name, hub.manufacturer, hub.model) == ("AlfaSpark", "AlfaSpark", "CAN adapter (virtual)")
    assert (pack.name, pack.manufacturer, pack.model) == ("Energy pack E4F5", "AlfaSpark", "Energy-Pack")
    assert (pack.serial_number, pack.sw_version, pack.via_device_id) == (SERIAL, "1.2.3", hub.id)


async def test_unloading_closes_the_bus(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    hub = house.runtime_data
    assert await hass.config_entries.async_unload(house.entry_id)
    assert house.state is ConfigEntryState.NOT_LOADED
    assert not hub.connected
    assert state(hass, "switch.energy_pack_e4f5_grid_relay") == "unavailable"

    assert await hass.config_entries.async_setup(house.entry_id)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.present, "for the pack again")
    pack.report()
    await wait_until(lambda: state(hass, "switch.energy_pack_e4f5_grid_relay") == "on")


async def test_home_assistant_closes_the_bus_when_it_stops(hass: HomeAssistant, house: MockConfigEntry) -> None:
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not house.runtime_data.connected


async def test_a_missing_adapter_is_retried_with_a_reason(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN, data={CONF_INTERFACE: "slcan", CONF_DEVICE: "/dev/serial/by-id/no-adapter"})
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "adapter_not_found"
    assert entry.reason is not None
    assert entry.reason.startswith("CAN adapter /dev/serial/by-id/no-adapter is not there.")


async def _remove(hass: HomeAssistant, ws: WebSocketGenerator, entry: MockConfigEntry, identifier: str) -> bool:
    """Have the owner remove a device; return whether it was allowed."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)
    assert device is not None
    assert await async_setup_component(hass, "config", {})
    response = await (await ws(hass)).remove_device(device.id)
    await hass.async_block_till_done()
    return bool(response["success"])


async def test_a_present_pack_and_the_hub_cannot_be_removed(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, house: MockConfigEntry
) -> None:
    assert not await _remove(hass, hass_ws_client, house, SERIAL)
    assert not await _remove(hass, hass_ws_client, house, house.entry_id)


async def test_a_gone_pack_can_be_removed_and_may_come_back(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    await clock.advance(121)
    assert state(hass, "sensor.alfaspark_packs_present") == "0"
    assert await _remove(hass, hass_ws_client, house, SERIAL)
    assert hass.states.get("sensor.energy_pack_e4f5_battery_voltage") is None

    pack.introduce()
    pack.report()
    await wait_until(lambda: SERIAL in house.runtime_data.packs, "for the pack again")
    await hass.async_block_till_done()
    await wait_until(lambda: state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "53.2")


async def test_a_pack_that_was_not_heard_since_the_start_can_be_removed(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, house: MockConfigEntry
) -> None:
    dr.async_get(hass).async_get_or_create(config_entry_id=house.entry_id, identifiers={(DOMAIN, "00000000cafe")})
    assert await _remove(hass, hass_ws_client, house, "00000000cafe")


async def test_nothing_can_be_removed_while_nobody_listens(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, house: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(house.entry_id)
    assert not await _remove(hass, hass_ws_client, house, SERIAL)
