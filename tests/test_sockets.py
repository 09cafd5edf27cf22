"""Smart sockets: real switches of Home Assistant, shed and restored for a scripted pack."""

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
import logging
import time
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState, ConfigSubentryData
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.diagnostics import async_get_config_entry_diagnostics
from custom_components.alfaspark.event_words import sentence
from custom_components.alfaspark.pack_events import EVENT_ALFASPARK
from custom_components.alfaspark.packbus.frames import ModeSet, PackWarningSet
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.sockets import CONF_PACK, CONF_SOCKETS, SOCKETS, SUBENTRY_SOCKETS, SocketKeeper

from .conftest import CHANNEL, SERIAL, state, wait_until
from .peers import POWER, STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

KETTLE, OVEN, LAMP = "input_boolean.kettle", "input_boolean.oven", "switch.lamp"
LIMIT_W = 3000
LOGGER = "custom_components.alfaspark.sockets"


class Home:
    """A home whose pack holds it under 3000 W, with a clock of its own for the sockets."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack) -> None:
        """Start with everything on."""
        self.hass, self.entry, self.pack = hass, entry, pack
        self.base_w = 2000
        self.powers_w = {KETTLE: 900, OVEN: 800, LAMP: 100}
        self.eco = ModeSet.ECO
        self.is_heard = True
        self._ahead_s = 0.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self._ahead_s

    @property
    def home_w(self) -> int:
        """What the home draws now."""
        return self.base_w + sum(
            power_w for entity_id, power_w in self.powers_w.items() if state(self.hass, entity_id) == "on"
        )

    @property
    def off(self) -> list[str]:
        """The sockets that are off."""
        return [entity_id for entity_id in self.powers_w if state(self.hass, entity_id) != "on"]

    async def report(self) -> None:
        """Have the pack say how the home is, and wait until it was heard."""
        home_w, hub = self.home_w, self.entry.runtime_data
        over = self.eco and home_w > LIMIT_W
        warnings = PackWarningSet.LOADS_LIMIT if over else PackWarningSet(0)
        status = replace(STATUS, modes=self.eco, warnings=warnings)
        self.pack.report(replace(POWER, home_w=home_w), status)
        await wait_until(
            lambda: (
                (data := hub.packs[SERIAL].data).power is not None
                and data.power.home_w == home_w
                and data.status == status
            ),
            "for what the pack says",
        )

    async def live(self, seconds: int, step_s: int = 2) -> None:
        """Let time pass; the pack reports in each step."""
        for _ in range(0, seconds, step_s):
            if self.is_heard:
                await self.report()
            self._ahead_s += step_s
            async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=1))
            await self.hass.async_block_till_done()
            await wait_until(self._is_at_rest, "for a socket")

    def _is_at_rest(self) -> bool:
        groups = self.hass.data[SOCKETS]._groups.values()
        return all(group.switching is None or group.switching.done() for group in groups)

    async def switch(self, entity_id: str, on: bool, **target: Any) -> None:
        """Switch by hand."""
        domain, service = entity_id.partition(".")[0], "turn_on" if on else "turn_off"
        await self.hass.services.async_call(domain, service, target or {ATTR_ENTITY_ID: entity_id}, blocking=True)


@pytest.fixture
def sockets() -> list[str]:
    """Choose the sockets, in the order in which they give way."""
    return [KETTLE, OVEN, LAMP]


@pytest.fixture
def entry(hass: HomeAssistant, sockets: list[str]) -> MockConfigEntry:
    """Configure the adapter, with sockets."""
    config_entry = MockConfigEntry(
        domain=DOMAIN,
        title="house",
        unique_id=f"virtual:{CHANNEL}",
        data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL},
        subentries_data=[
            ConfigSubentryData(
                data={CONF_PACK: SERIAL, CONF_SOCKETS: sockets},
                subentry_type=SUBENTRY_SOCKETS,
                title="Energy pack E4F5",
                unique_id=SERIAL,
            )
        ],
    )
    config_entry.add_to_hass(hass)
    return config_entry


@pytest.fixture
async def switches(hass: HomeAssistant) -> None:
    """Have two helpers and a template switch that follows a third, all on."""
    helpers = {name: {"name": name.capitalize(), "initial": True} for name in ("kettle", "oven", "relay")}
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": helpers})
    relay = {"target": {"entity_id": "input_boolean.relay"}}
    lamp = {
        "name": "Lamp",
        "unique_id": "lamp",
        "state": "{{ is_state('input_boolean.relay', 'on') }}",
        "turn_on": {"action": "input_boolean.turn_on", **relay},
        "turn_off": {"action": "input_boolean.turn_off", **relay},
    }
    assert await async_setup_component(hass, "template", {"template": {"switch": lamp}})
    await hass.async_block_till_done()


@pytest.fixture
def clock(hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack) -> Generator[Home]:
    """Take the clock of the sockets into the test's hands."""
    home = Home(hass, entry, pack)
    with patch(f"{LOGGER}.monotonic", home.monotonic):
        yield home


@pytest.fixture
async def home(clock: Home, switches: None, house: MockConfigEntry) -> Home:
    """Have a home that draws less than its limit, with settings that are known."""
    clock.base_w = 500
    coordinator = house.runtime_data.packs[SERIAL]
    await wait_until(lambda: Parameter.ECO_LIMIT in coordinator.settings.parameters, "for the settings")
    await clock.live(2)
    return clock


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


async def test_the_reason_is_in_the_logbook(
    hass: HomeAssistant, home: Home, device_registry: dr.DeviceRegistry
) -> None:
    told: list[Event] = async_capture_events(hass, EVENT_ALFASPARK)
    device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), home.entry.entry_id)
    assert device is not None
    home.base_w = 1500
    await home.live(12)
    (shed,) = [event for event in told if event.data["kind"].startswith("socket")]
    assert shed.data["device_id"] == device.id
    assert shed.data["pack"] == "Energy pack E4F5"
    assert shed.data["entity_id"] == KETTLE
    assert sentence(shed.data) == "shed Kettle: it is above its eco limit and has nothing of its own left to shed"
    kettle = hass.states.get(KETTLE)
    assert kettle is not None
    # The logbook gives the first event of a context as the cause of the others.
    assert kettle.context.id == shed.context.id
    assert shed.context.origin_event is shed

    told.clear()
    home.eco = ModeSet(0)
    await home.live(12)
    (restored,) = [event for event in told if event.data["kind"].startswith("socket")]
    assert sentence(restored.data) == "restored Kettle: eco is off"


@pytest.mark.parametrize("sockets", [["switch.broken", KETTLE]])
async def test_a_socket_that_raises_is_passed_over_and_told_once(
    hass: HomeAssistant, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    told = async_capture_events(hass, EVENT_ALFASPARK)
    async_mock_service(hass, "switch", "turn_off", raise_exception=HomeAssistantError("out of reach"))
    hass.states.async_set("switch.broken", "on")
    home.base_w = 3500
    await home.live(4)
    assert home.off == [KETTLE]
    await home.live(40)
    warnings = [record for record in caplog.records if record.name == LOGGER and record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        "Energy pack E4F5 could not switch switch.broken and goes on with the next socket"
    ]
    (failed,) = [event for event in told if event.data["kind"] == "socket_failed"]
    assert sentence(failed.data) == "could not switch broken, which does not do what it is asked for"
    (diagnostics,) = hass.data[SOCKETS].diagnostics(home.entry)
    assert diagnostics == {
        "pack": "Energy pack E4F5",
        "sockets": ["switch.broken", KETTLE],
        "shed": [KETTLE],
        "problems": ["switch.broken"],
    }


@pytest.mark.parametrize("sockets", [["switch.gone", KETTLE]])
async def test_a_socket_that_is_not_there_is_passed_over(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 3500
    await home.live(4)
    assert home.off == [KETTLE]
    assert home.entry.state is ConfigEntryState.LOADED


async def test_diagnostics_tell_what_is_shed(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 1500
    await home.live(4)
    told = await async_get_config_entry_diagnostics(hass, home.entry)
    assert told["sockets"] == hass.data[SOCKETS].diagnostics(home.entry)
    assert told["sockets"][0]["shed"] == [KETTLE]


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
