"""How the power watch comes into being: with the first pack or by hand, once, with or without an adapter."""

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.entries import is_power_watch
from custom_components.alfaspark.power_watch.setup import SourceKind, sources_of
from tests.conftest import CHANNEL, SERIAL, state, wait_until
from tests.flow import submit, unload
from tests.peers import PeerPack

pytestmark = [pytest.mark.usefixtures("integration"), pytest.mark.power_watch]

POWER = "binary_sensor.utility"


def _watches(hass: HomeAssistant) -> list[ConfigEntry]:
    return [entry for entry in hass.config_entries.async_entries(DOMAIN) if is_power_watch(entry)]


async def _add_by_hand(hass: HomeAssistant) -> MockConfigEntry:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert POWER_WATCH in result["menu_options"]
    result = await submit(hass, result, {"next_step_id": POWER_WATCH})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: MockConfigEntry = result["result"]
    return entry


async def test_it_comes_with_the_first_pack(hass: HomeAssistant, house: MockConfigEntry) -> None:
    await wait_until(lambda: _watches(hass), "for the power watch")
    await hass.async_block_till_done()
    (watch,) = _watches(hass)
    await wait_until(lambda: watch.state is ConfigEntryState.LOADED, "for its set-up")
    assert watch.title == "Power watch"
    assert [(each.name, each.kind) for each in sources_of(watch)] == [("Utility", SourceKind.UTILITY)]
    await wait_until(lambda: state(hass, POWER) == "on", "for the pack's grid sense")
    await unload(hass)


async def test_it_does_not_come_back_when_its_owner_has_removed_it(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(lambda: _watches(hass), "for the power watch")
    await hass.async_block_till_done()
    (watch,) = _watches(hass)
    await hass.config_entries.async_remove(watch.entry_id)
    await hass.config_entries.async_reload(house.entry_id)
    await wait_until(lambda: SERIAL in house.runtime_data.packs, "for the pack")
    await hass.async_block_till_done()
    assert _watches(hass) == []


async def test_one_that_was_added_by_hand_does_not_come_back_either(hass: HomeAssistant, pack: PeerPack) -> None:
    watch = await _add_by_hand(hass)
    await hass.config_entries.async_remove(watch.entry_id)
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id=f"virtual:{CHANNEL}", data={"interface": "virtual", "channel": CHANNEL}
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: SERIAL in entry.runtime_data.packs, "for the pack")
    await hass.async_block_till_done()
    assert _watches(hass) == []
    await unload(hass)


async def test_it_works_without_any_adapter(hass: HomeAssistant) -> None:
    watch = await _add_by_hand(hass)
    assert watch.state is ConfigEntryState.LOADED
    assert state(hass, POWER) == "unknown"
    assert state(hass, "sensor.utility_reason") == "nothing_tracked"
    await unload(hass)


async def test_an_adapter_that_is_missing_does_not_stop_it(hass: HomeAssistant) -> None:
    adapter = MockConfigEntry(
        domain=DOMAIN, title="gone", unique_id="slcan:/dev/gone", data={"interface": "slcan", "device": "/dev/gone"}
    )
    adapter.add_to_hass(hass)
    watch = await _add_by_hand(hass)
    assert adapter.state is ConfigEntryState.SETUP_RETRY
    assert watch.state is ConfigEntryState.LOADED
    await unload(hass)


async def test_there_is_one(hass: HomeAssistant) -> None:
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    watch = await _add_by_hand(hass)
    result = await submit(hass, menu, {"next_step_id": POWER_WATCH})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "power_watch_exists")
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert POWER_WATCH not in result["menu_options"]
    assert _watches(hass) == [watch]
    await unload(hass)
