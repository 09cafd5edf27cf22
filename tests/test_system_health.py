"""System health tells of adapters, packs and power sources."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus.frames import GridState

from .conftest import state, wait_until
from .peers import STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")


async def test_adapters_and_packs(hass: HomeAssistant, house: MockConfigEntry) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    assert (info["adapters"], info["adapters_connected"], info["packs_present"]) == (1, 1, 1)
    assert info["frames_received"] >= 12
    assert info["frames_ignored"] == 0
    assert (info["sources"], info["sources_lost"]) == (0, 0)


async def test_power_sources(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()

    async def told() -> tuple[int, int]:
        info = await get_system_health_info(hass, DOMAIN)
        return info["sources"], info["sources_lost"]

    await wait_until(lambda: state(hass, "binary_sensor.utility") == "on")
    assert await told() == (1, 0)
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, "binary_sensor.utility") == "off")
    assert await told() == (1, 1)
    # What is not watched is not known to be lost.
    assert await hass.config_entries.async_unload(watch.entry_id)
    assert await told() == (1, 0)


async def test_without_an_open_adapter(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    assert info["adapters"] == 1
    assert info["packs_present"] in (0, 1)
    await hass.config_entries.async_unload(entry.entry_id)
