"""Smart sockets are shed and restored, and their owner has the last word."""

from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.alfaspark.packbus.frames import ModeSet
from custom_components.alfaspark.sockets.keeper import CONF_PACK, CONF_SOCKETS, SOCKETS, SocketKeeper
from tests.conftest import SERIAL, state, wait_until

from .conftest import KETTLE, LAMP, LIMIT_W, OVEN, Home

pytestmark = pytest.mark.usefixtures("integration")


async def test_sockets_give_way_and_come_back_in_reverse(hass: HomeAssistant, home: Home) -> None:
    switched = async_capture_events(hass, EVENT_STATE_CHANGED)

    def order() -> list[tuple[str, str]]:
        return [
            (event.data["entity_id"], new.state)
            for event in switched
            if event.data["entity_id"] in home.powers_w and (new := event.data["new_state"]) is not None
        ]

    home.base_w = 2950
    await home.live(2)
    assert home.off == [KETTLE]
    await home.live(7)
    assert home.off == [KETTLE]
    await home.live(30)
    assert home.off == [KETTLE, OVEN, LAMP]
    assert home.home_w < LIMIT_W

    home.base_w = 500
    await home.live(270, 10)
    assert home.off == [KETTLE, OVEN, LAMP]
    await home.live(60)
    assert home.off == []
    assert order() == [
        (KETTLE, "off"), (OVEN, "off"), (LAMP, "off"), (LAMP, "on"), (OVEN, "on"), (KETTLE, "on"),
    ]  # fmt: skip


async def test_one_that_would_not_fit_waits(home: Home) -> None:
    home.base_w = 1500
    await home.live(20)
    assert home.off == [KETTLE]
    await home.live(350, 10)
    assert home.off == [KETTLE]
    home.base_w = 850  # with oven, lamp and kettle 2650 W: 10 % below the limit
    await home.live(2)
    assert home.off == []


async def test_eco_that_is_turned_off_gives_all_back(home: Home) -> None:
    home.base_w = 2950
    await home.live(40)
    assert len(home.off) == 3
    home.eco = ModeSet(0)
    await home.live(30)
    assert home.off == []


async def test_without_the_pack_the_house_gets_its_power_back(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 2950
    await home.live(40)
    assert await hass.config_entries.async_set_disabled_by(home.entry.entry_id, ConfigEntryDisabler.USER)
    home.is_heard = False
    await home.live(590, 10)
    assert len(home.off) == 3
    await home.live(60, 2)
    assert home.off == []


async def test_the_owner_has_the_last_word(
    hass: HomeAssistant, home: Home, area_registry: ar.AreaRegistry, entity_registry: er.EntityRegistry
) -> None:
    area = area_registry.async_create("Kitchen")
    entity_registry.async_update_entity(LAMP, area_id=area.id)
    home.base_w = 3500
    await home.live(40)
    await home.switch(KETTLE, True)
    await home.live(30)
    assert home.off == [OVEN, LAMP]  # not shed again
    await home.switch(OVEN, False)  # it is off already, and is to stay so
    home.base_w = 500
    await home.live(320, 10)
    assert home.off == [OVEN]
    await home.live(30)
    assert home.off == [OVEN]

    home.base_w = 3500
    await home.live(40)
    assert home.off == [KETTLE, OVEN, LAMP]
    await home.switch(LAMP, False, area_id=area.id)
    home.base_w = 500
    await home.live(320, 10)
    await home.live(30)
    assert home.off == [OVEN, LAMP]


async def test_turning_all_off_counts_for_what_is_shed(hass: HomeAssistant, home: Home) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    home.base_w = 3500
    await home.live(40)
    await hass.services.async_call("homeassistant", "turn_off", {ATTR_ENTITY_ID: KETTLE}, blocking=True)
    await hass.services.async_call("input_boolean", "turn_off", {ATTR_ENTITY_ID: "all"}, blocking=True)
    assert hass.data[SOCKETS].diagnostics(home.entry)[0]["shed"] == [LAMP]


async def test_what_is_meant_for_others_changes_nothing(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 3500
    await home.live(40)
    # Another domain, and another switch.
    async_mock_service(hass, "light", "turn_off")
    await hass.services.async_call("light", "turn_off", {ATTR_ENTITY_ID: "all"}, blocking=True)
    await home.switch("input_boolean.relay", False)
    assert hass.data[SOCKETS].diagnostics(home.entry)[0]["shed"] == [KETTLE, OVEN, LAMP]


async def _restart(hass: HomeAssistant, hass_storage: dict[str, Any]) -> None:
    """Have the sockets looked after anew, from what is stored."""
    hass.data[SOCKETS]._run(False)
    assert hass_storage["alfaspark_sockets"]["data"]
    hass.data[SOCKETS] = SocketKeeper(hass)
    await hass.data[SOCKETS].async_start()


async def test_a_restart_of_home_assistant_forgets_nothing(
    hass: HomeAssistant, home: Home, hass_storage: dict[str, Any]
) -> None:
    home.base_w = 2950
    await home.live(40)
    await _restart(hass, hass_storage)
    home.base_w = 500
    await home.live(280, 10)
    assert len(home.off) == 3
    await home.live(60)
    assert home.off == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=5))
    await hass.async_block_till_done()
    await wait_until(lambda: hass_storage["alfaspark_sockets"]["data"] == {}, "for the store")


async def test_what_comes_up_on_with_home_assistant_is_shed_again(
    hass: HomeAssistant, home: Home, hass_storage: dict[str, Any]
) -> None:
    home.base_w = 3500
    await home.live(40)
    assert home.off == [KETTLE, OVEN, LAMP]
    hass.data[SOCKETS]._run(False)
    await home.switch(KETTLE, True)
    await _restart(hass, hass_storage)
    await home.live(4)
    assert home.off == [KETTLE, OVEN, LAMP]
    await home.switch(OVEN, True)  # this time it is seen
    await home.live(30)
    assert home.off == [KETTLE, LAMP]


async def test_a_list_that_is_changed_counts_at_once(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 2950
    await home.live(40)
    hub = home.entry.runtime_data
    (subentry,) = home.entry.subentries.values()
    hass.config_entries.async_update_subentry(
        home.entry, subentry, data={CONF_PACK: SERIAL, CONF_SOCKETS: [OVEN, LAMP]}
    )
    await home.live(12)
    assert home.off == [OVEN, LAMP]
    assert home.entry.runtime_data is hub
    assert home.entry.state is ConfigEntryState.LOADED


async def test_a_list_that_is_removed_gives_all_back_and_then_rests(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 2950
    await home.live(40)
    (subentry_id,) = home.entry.subentries
    hass.config_entries.async_remove_subentry(home.entry, subentry_id)
    assert hass.data[SOCKETS].diagnostics(home.entry) == []
    await home.live(32)
    assert home.off == []
    assert hass.data[SOCKETS]._groups == {}
    assert hass.data[SOCKETS]._stop == []


async def test_an_entry_that_is_removed_gives_all_back(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 2950
    await home.live(40)
    home.is_heard = False
    await hass.config_entries.async_remove(home.entry.entry_id)
    await home.live(60, 2)
    assert home.off == []
    home.entry.add_to_hass(hass)  # for the fixture, which unloads it


async def test_a_socket_that_was_renamed_is_still_ours(
    hass: HomeAssistant, home: Home, entity_registry: er.EntityRegistry
) -> None:
    (subentry,) = home.entry.subentries.values()
    ids = [entity.id for entity_id in (KETTLE, LAMP) if (entity := entity_registry.async_get(entity_id))]
    hass.config_entries.async_update_subentry(home.entry, subentry, data={CONF_PACK: SERIAL, CONF_SOCKETS: ids})
    home.base_w = 3500
    await home.live(20)
    assert home.off == [KETTLE, LAMP]
    entity_registry.async_update_entity(LAMP, new_entity_id="switch.light")
    await hass.async_block_till_done()
    home.powers_w = {KETTLE: 900, "switch.light": 100}
    home.base_w = 500
    await home.live(320, 10)
    assert home.off == []


@pytest.mark.parametrize("sockets", [["switch.gone", KETTLE]])
async def test_a_socket_that_is_not_there_is_passed_over(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 3500
    await home.live(4)
    assert home.off == [KETTLE]
    assert home.entry.state is ConfigEntryState.LOADED


async def test_a_damaged_store_costs_only_what_is_damaged(
    hass: HomeAssistant, switches: None, hass_storage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    good: dict[str, Any] = {"serial": SERIAL, "name": "Energy pack E4F5", "shed": [{"socket": KETTLE, "power_w": None}]}
    data = {"a": {"serial": SERIAL}, "b": good, "c": {**good, "shed": [7]}}
    hass_storage["alfaspark_sockets"] = {"version": 1, "minor_version": 1, "key": "alfaspark_sockets", "data": data}
    keeper = SocketKeeper(hass)
    await keeper.async_start()
    assert [group.shedding.shed for group in keeper._groups.values()] == [[KETTLE]]
    assert sum("is damaged" in record.getMessage() for record in caplog.records) == 2
    # Nobody chose it: it gets its power back without a pack or an adapter.
    await hass.services.async_call("input_boolean", "turn_off", {ATTR_ENTITY_ID: KETTLE}, blocking=True)
    keeper._groups["b"].shedding = type(keeper._groups["b"].shedding).restored_from((), good["shed"], 0)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await wait_until(lambda: state(hass, KETTLE) == "on", "for the kettle")
    keeper._run(False)


async def test_nothing_runs_while_no_sockets_are_chosen(hass: HomeAssistant) -> None:
    keeper = SocketKeeper(hass)
    await keeper.async_start()
    assert keeper._stop == []
