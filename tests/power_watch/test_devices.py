"""Devices of power sources: they come, are renamed and go with their subentries."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.const import DOMAIN

from .entities import seen_by, show, source_device, subentry_id


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """Two sources."""
    return [seen_by("Utility", "kitchen"), seen_by("UPS", "router")]


async def test_a_source_that_is_removed_leaves_nothing(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    ups, device = subentry_id(watch, "UPS"), source_device(hass, watch, "UPS")
    assert hass.states.get("binary_sensor.ups") is not None
    assert hass.config_entries.async_remove_subentry(watch, ups)
    await hass.async_block_till_done()
    assert list(watch.runtime_data.sources) == [subentry_id(watch, "Utility")]
    assert dr.async_get(hass).async_get(device.id) is None
    entities = er.async_entries_for_config_entry(er.async_get(hass), watch.entry_id)
    assert [entity.entity_id for entity in entities if entity.config_subentry_id == ups] == []
    assert hass.states.get("binary_sensor.ups") is None
    # The others are watched all along.
    await show(hass, kitchen="on", router="on")
    await show(hass, kitchen="unavailable", router="unavailable")
    utility = hass.states.get("binary_sensor.utility")
    assert utility is not None
    assert utility.state == "off"


async def test_a_source_that_is_added_is_there_at_once(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    data = seen_by("Generator", "shed")
    subentry = ConfigSubentry(
        data=MappingProxyType(data["data"]), subentry_type=data["subentry_type"], title=data["title"], unique_id=None
    )
    hass.config_entries.async_add_subentry(watch, subentry)
    await hass.async_block_till_done()
    await show(hass, shed="on")
    generator = hass.states.get("binary_sensor.generator")
    assert generator is not None
    assert generator.state == "on"
    assert source_device(hass, watch, "Generator").config_entry_id == watch.entry_id


async def test_a_source_that_is_renamed_has_a_device_of_the_new_name(
    hass: HomeAssistant, watch: MockConfigEntry
) -> None:
    subentry = watch.subentries[subentry_id(watch, "UPS")]
    hass.config_entries.async_update_subentry(watch, subentry, title="Rack")
    await hass.async_block_till_done()
    assert source_device(hass, watch, "Rack").name == "Rack"
    renamed = hass.states.get("binary_sensor.ups")
    assert renamed is not None
    assert renamed.name == "Rack"


async def test_only_what_was_left_behind_can_be_removed_by_hand(
    hass: HomeAssistant, watch: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)

    async def removed(device: dr.DeviceEntry) -> bool:
        message = {"type": "config/device_registry/remove_config_entry", "config_entry_id": watch.entry_id}
        await client.send_json_auto_id({**message, "device_id": device.id})
        return bool((await client.receive_json())["success"])

    registry = dr.async_get(hass)
    left = registry.async_get_or_create(config_entry_id=watch.entry_id, identifiers={(DOMAIN, "long_gone")})
    own = registry.async_get_device_by_identifier((DOMAIN, watch.entry_id), watch.entry_id)
    assert own is not None
    assert not await removed(source_device(hass, watch, "UPS"))
    assert not await removed(own)
    assert await removed(left)
    assert registry.async_get(left.id) is None
