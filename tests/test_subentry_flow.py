"""Choosing the smart sockets of a pack, changing and removing them; without closing the bus."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigSubentryData, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.packbus.frames import DeviceType
from custom_components.alfaspark.power_watch.setup import SUBENTRY_SOURCE
from custom_components.alfaspark.sockets import keeper as sockets_module
from custom_components.alfaspark.sockets.keeper import CONF_PACK, CONF_SOCKETS, SUBENTRY_SOCKETS

from .conftest import SERIAL, wait_until
from .flow import suggested
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

KETTLE, FAN = "input_boolean.kettle", "input_boolean.fan"


@pytest.fixture(autouse=True)
async def helpers(hass: HomeAssistant) -> None:
    """Have two helpers, that are in the entity registry by what the owner calls them."""
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"kettle": None, "fan": None}})


async def _start(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_SOCKETS), context={"source": SOURCE_USER}
    )


async def _submit(hass: HomeAssistant, result: SubentryFlowResult, **entered: Any) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_configure(result["flow_id"], entered)


async def test_sockets_are_chosen_for_a_pack(
    hass: HomeAssistant, house: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    assert device is not None
    device_registry.async_update_device(device.id, name_by_user="Garage")
    hub = house.runtime_data
    result = await _start(hass, house)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {}

    result = await _submit(hass, result, pack=SERIAL, sockets=[])
    assert result["errors"] == {CONF_SOCKETS: "no_socket"}
    assert suggested(result) == {CONF_PACK: SERIAL}

    result = await _submit(hass, result, pack=SERIAL, sockets=[FAN, KETTLE, FAN])
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = house.get_subentries_of_type(SUBENTRY_SOCKETS)
    assert (subentry.title, subentry.unique_id) == ("Garage", SERIAL)
    registry = er.async_get(hass)
    ids = [entity.id for entity_id in (FAN, KETTLE) if (entity := registry.async_get(entity_id))]
    assert subentry.data == {CONF_PACK: SERIAL, CONF_SOCKETS: ids}
    assert house.runtime_data is hub
    assert hub.connected

    result = await _start(hass, house)
    assert result["reason"] == "already_configured"


async def test_sockets_are_changed_without_a_reload(hass: HomeAssistant, house: MockConfigEntry) -> None:
    result = await _start(hass, house)
    await _submit(hass, result, pack=SERIAL, sockets=[FAN, KETTLE])
    hub = house.runtime_data
    (subentry,) = house.get_subentries_of_type(SUBENTRY_SOCKETS)
    # A socket keeps its place when its owner renames it.
    er.async_get(hass).async_update_entity(FAN, new_entity_id="input_boolean.ventilator")

    result = await house.start_subentry_reconfigure_flow(hass, subentry.subentry_id)
    assert result["type"] is FlowResultType.FORM
    assert suggested(result) == {CONF_SOCKETS: ["input_boolean.ventilator", KETTLE]}
    placeholders = result["description_placeholders"]
    assert placeholders is not None and placeholders["pack"] == "Energy pack E4F5"
    result = await _submit(hass, result, sockets=[])
    assert result["errors"] == {CONF_SOCKETS: "no_socket"}
    result = await _submit(hass, result, sockets=[KETTLE, "switch.not_in_the_registry"])
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    kettle = er.async_get(hass).async_get(KETTLE)
    assert kettle is not None
    assert house.subentries[subentry.subentry_id].data == {
        CONF_PACK: SERIAL,
        CONF_SOCKETS: [kettle.id, "switch.not_in_the_registry"],
    }
    assert house.runtime_data is hub
    assert hub.connected


async def test_a_socket_gives_way_for_one_pack_only(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus
) -> None:
    other = peers.add("0000000011aa", 99)
    gateway = peers.add("00000000aa01", 126, DeviceType.ENERGY_GATEWAY)
    for node in (other, gateway):
        node.introduce()
    await wait_until(lambda: len(house.runtime_data.packs) == 3, "for the others")
    await _submit(hass, await _start(hass, house), pack=SERIAL, sockets=[FAN])

    result = await _start(hass, house)
    schema = result["data_schema"]
    assert schema is not None
    assert [option["value"] for option in schema.schema[CONF_PACK].config["options"]] == [other.serial]
    result = await _submit(hass, result, pack=other.serial, sockets=[KETTLE, FAN])
    assert result["errors"] == {CONF_SOCKETS: "socket_taken"}
    assert suggested(result) == {CONF_PACK: other.serial, CONF_SOCKETS: [KETTLE, FAN]}
    result = await _submit(hass, result, pack=other.serial, sockets=[KETTLE])
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_relays_of_packs_and_other_things_cannot_be_chosen(hass: HomeAssistant, house: MockConfigEntry) -> None:
    result = await _start(hass, house)
    for wrong in ("switch.energy_pack_e4f5_load_1_relay", "light.kitchen"):
        with pytest.raises(InvalidData):
            await _submit(hass, result, pack=SERIAL, sockets=[wrong])


async def test_an_adapter_that_is_not_there_has_no_packs_to_choose(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert (await _start(hass, entry))["reason"] == "entry_not_loaded"


async def test_without_a_pack_there_is_nothing_to_choose(hass: HomeAssistant) -> None:
    empty = MockConfigEntry(domain=DOMAIN, data={CONF_INTERFACE: "virtual", CONF_CHANNEL: "empty"})
    empty.add_to_hass(hass)
    assert await hass.config_entries.async_setup(empty.entry_id)
    assert (await _start(hass, empty))["reason"] == "no_pack"
    assert await hass.config_entries.async_unload(empty.entry_id)
    assert empty.state is ConfigEntryState.NOT_LOADED


async def test_a_socket_that_was_deleted_is_not_shown(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack
) -> None:
    data = ConfigSubentryData(
        data={CONF_PACK: SERIAL, CONF_SOCKETS: ["0123456789abcdef0123456789abcdef", KETTLE]},
        subentry_type=SUBENTRY_SOCKETS,
        title="Energy pack E4F5",
        unique_id=SERIAL,
    )
    gone = MockConfigEntry(domain=DOMAIN, data=dict(entry.data), subentries_data=[data])
    gone.add_to_hass(hass)
    (subentry_id,) = gone.subentries
    result = await gone.start_subentry_reconfigure_flow(hass, subentry_id)
    assert suggested(result) == {CONF_SOCKETS: [KETTLE]}


def test_every_text_is_there_and_none_is_left_over() -> None:
    path = Path(sockets_module.__file__).parents[1] / "translations" / "en.json"
    texts = json.loads(path.read_text())["config_subentries"]
    assert set(texts) == {SUBENTRY_SOCKETS, SUBENTRY_SOURCE}
    sockets = texts[SUBENTRY_SOCKETS]
    assert set(sockets) == {"entry_type", "initiate_flow", "step", "error", "abort"}
    assert set(sockets["initiate_flow"]) == set(sockets["step"]) == {"user", "reconfigure"}
    for step, fields in {"user": {CONF_PACK, CONF_SOCKETS}, "reconfigure": {CONF_SOCKETS}}.items():
        assert set(sockets["step"][step]["data"]) == set(sockets["step"][step]["data_description"]) == fields
    assert set(sockets["error"]) == {"no_socket", "socket_taken"}
    assert set(sockets["abort"]) == {"already_configured", "entry_not_loaded", "no_pack"}
