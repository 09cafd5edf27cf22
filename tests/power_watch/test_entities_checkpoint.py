"""Entities of Home Assistant as checkpoints, with states as integrations set and remove them."""

from datetime import timedelta

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import ATTR_RESTORED, EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.outages.model import CheckpointView, Kind, Result, Verdict
from custom_components.alfaspark.power_watch.setup import CheckpointSetup
from tests.conftest import state

from .conftest import source

pytestmark = pytest.mark.usefixtures("integration")

POWER = "binary_sensor.workshop"
REASON = "sensor.workshop_reason"
PLUG, LAMP = "switch.plug", "light.lamp"
INTERVAL_S = 60


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """A plug that is down when it is off or jammed, and a lamp that may be either; twice in a row."""
    plug = CheckpointSetup(Kind.ENTITY, PLUG, "Plug", options={"down_states": ["off", "jammed", "unavailable"]})
    lamp = CheckpointSetup(Kind.ENTITY, LAMP, "Lamp", options={"down_states": []})
    return [source("Workshop", [plug.as_dict(), lamp.as_dict()], failures=2, interval_s=INTERVAL_S)]


def _view(watch: MockConfigEntry, name: str) -> CheckpointView:
    (source_id,) = watch.runtime_data.sources
    views: dict[str, CheckpointView] = {
        watched.setup.name: view for watched, view in watch.runtime_data.checkpoints(source_id)
    }
    return views[name]


def _verdict(watch: MockConfigEntry, name: str = "Plug") -> Verdict:
    return _view(watch, name).verdict


async def _show(hass: HomeAssistant, entity_id: str, value: str, **attributes: object) -> None:
    hass.states.async_set(entity_id, value, attributes)
    await hass.async_block_till_done()


async def _pass(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def _counts(hass: HomeAssistant) -> list[str]:
    return [state(hass, f"sensor.workshop_checkpoints_{each}") for each in ("up", "down", "never_seen")]


async def test_how_many_stand_how_is_shown_at_once(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    assert _counts(hass) == ["0", "0", "2"]
    await _show(hass, PLUG, "on")
    assert _counts(hass) == ["1", "0", "1"]
    await _show(hass, PLUG, "off")
    assert _counts(hass) == ["0", "1", "1"], "one that fails is not up any more"
    await _pass(hass, INTERVAL_S + 1)
    assert _verdict(watch) is Verdict.DOWN
    assert _counts(hass) == ["0", "1", "1"]
    (subentry,) = watch.subentries.values()
    third = CheckpointSetup(Kind.ENTITY, "light.attic", "Attic").as_dict()
    checkpoints = [*subentry.data["checkpoints"], third]
    hass.config_entries.async_update_subentry(watch, subentry, data={**subentry.data, "checkpoints": checkpoints})
    await hass.async_block_till_done()
    assert _counts(hass) == ["0", "1", "2"]


@pytest.mark.parametrize("down", ["unavailable", "off", "jammed"])
async def test_it_is_down_after_two_failures_and_up_again_at_once(
    hass: HomeAssistant, watch: MockConfigEntry, down: str
) -> None:
    assert _verdict(watch) is Verdict.UNTRACKED, "never seen alive"
    await _show(hass, PLUG, "on")
    await _show(hass, LAMP, "off")
    assert (_verdict(watch), _verdict(watch, "Lamp")) == (Verdict.UP, Verdict.UP)
    assert state(hass, POWER) == "on"
    await _show(hass, PLUG, down)
    assert _verdict(watch) is Verdict.FAILING
    failed = _view(watch, "Plug").down_since_s
    await _pass(hass, INTERVAL_S + 1)
    assert _verdict(watch) is Verdict.DOWN
    assert _view(watch, "Plug").down_since_s == failed
    assert state(hass, REASON) == "even_split"
    await _show(hass, LAMP, "unavailable")
    await _pass(hass, 2 * INTERVAL_S + 2)
    assert state(hass, POWER) == "off"
    await _show(hass, LAMP, "off")
    await _show(hass, PLUG, "on")
    assert _verdict(watch) is Verdict.UP
    assert state(hass, POWER) == "on"


async def test_one_that_was_never_alive_never_counts(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await _show(hass, LAMP, "on")
    await _show(hass, PLUG, "unavailable")
    await _pass(hass, INTERVAL_S + 1)
    assert _verdict(watch) is Verdict.UNTRACKED
    assert state(hass, POWER) == "on"


async def test_a_flicker_is_one_failure_however_often_it_is_written(
    hass: HomeAssistant, watch: MockConfigEntry
) -> None:
    await _show(hass, PLUG, "on")
    # Just before the look that is due.
    await _pass(hass, INTERVAL_S - 1)
    await _show(hass, PLUG, "unavailable")
    for rssi in range(3):
        await _show(hass, PLUG, "unavailable", rssi=rssi)
    await _show(hass, PLUG, "off")
    await _pass(hass, INTERVAL_S - 1)
    assert _verdict(watch) is Verdict.FAILING
    await _show(hass, PLUG, "on")
    await _show(hass, PLUG, "unavailable")
    assert _verdict(watch) is Verdict.FAILING, "not in a row with the first"


async def test_states_that_prove_nothing(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    for value, attributes in (("unknown", {}), ("unavailable", {ATTR_RESTORED: True})):
        await _show(hass, PLUG, "on")
        await _show(hass, PLUG, value, **attributes)
        assert _verdict(watch) is Verdict.UNKNOWN
        await _pass(hass, INTERVAL_S + 1)
        assert _verdict(watch) is Verdict.UNKNOWN


async def test_an_entity_that_is_removed_and_one_that_comes_back(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await _show(hass, PLUG, "on")
    hass.states.async_remove(PLUG)
    await hass.async_block_till_done()
    assert _verdict(watch) is Verdict.UNKNOWN
    last = _view(watch, "Plug").last
    assert last is not None
    assert last.detail == "there is no such entity"
    await _show(hass, PLUG, "on")
    assert _verdict(watch) is Verdict.UP


async def test_an_integration_that_is_unloaded_is_no_outage(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    """A real one: Home Assistant writes its entities as unavailable then."""
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"wall": {"initial": True}}})
    helper = MockConfigEntry(
        domain="group",
        title="Plug",
        options={"group_type": "switch", "name": "Plug", "entities": ["input_boolean.wall"], "hide_members": False},
    )
    helper.add_to_hass(hass)
    await hass.config_entries.async_setup(helper.entry_id)
    await hass.async_block_till_done()
    assert state(hass, PLUG) == "on"
    assert _verdict(watch) is Verdict.UP
    await hass.config_entries.async_unload(helper.entry_id)
    await hass.async_block_till_done()
    assert state(hass, PLUG) == "unavailable"
    assert _verdict(watch) is Verdict.UNKNOWN


async def test_while_home_assistant_starts(
    hass: HomeAssistant, watch_entry: MockConfigEntry, integration: None, tmp_path: object
) -> None:
    """An entity that is unavailable may only not have been looked at; of one that is off, somebody says so."""
    hass.config.config_dir = str(tmp_path)
    hass.set_state(CoreState.starting)
    await _show(hass, PLUG, "on")
    await _show(hass, LAMP, "on")
    await hass.config_entries.async_setup(watch_entry.entry_id)
    await hass.async_block_till_done()
    await _show(hass, PLUG, "jammed")
    await _show(hass, LAMP, "unavailable")
    await _pass(hass, INTERVAL_S + 1)
    assert (_verdict(watch_entry), _verdict(watch_entry, "Lamp")) == (Verdict.DOWN, Verdict.UNKNOWN)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    assert _verdict(watch_entry, "Lamp") is Verdict.FAILING, "looked at when the start is over"
    hass.set_state(CoreState.stopping)
    await _pass(hass, 2 * INTERVAL_S + 2)
    assert _verdict(watch_entry, "Lamp") is Verdict.UNKNOWN
    hass.set_state(CoreState.running)
    await hass.config_entries.async_unload(watch_entry.entry_id)


async def test_looking_now(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await _show(hass, PLUG, "on")
    await _show(hass, PLUG, "off")
    (source_id,) = watch.runtime_data.sources
    await watch.runtime_data.async_check_source(source_id)
    assert _verdict(watch) is Verdict.DOWN
    last = _view(watch, "Plug").last
    assert last is not None
    assert (last.result, last.detail) == (Result.DOWN, "off")
