"""The grid sense of packs decides in the very moment in which its frame comes."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus.frames import GridState
from tests.conftest import state, wait_until
from tests.peers import STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

POWER = "binary_sensor.utility"


async def test_power_that_is_lost_and_comes_back(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(lambda: state(hass, POWER) == "on", "for power")
    assert state(hass, "sensor.utility_reason") == "grid_sensed"
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")
    assert state(hass, "sensor.utility_reason") == "grid_not_sensed"
    assert state(hass, "event.utility_outage") != "unknown"
    shown = hass.states.get("event.utility_outage")
    assert shown is not None
    assert shown.attributes["event_type"] == "power_lost"
    assert shown.attributes["evidence"] == ["Energy pack E4F5"]
    pack.report(replace(STATUS, grid=GridState.PRESENT))
    await wait_until(lambda: state(hass, "sensor.utility_reason") == "holding_restoration", "for the grid")
    assert state(hass, POWER) == "off", "a restoration is held"
    await wait_until(lambda: state(hass, POWER) == "on", "for the end")
    shown = hass.states.get("event.utility_outage")
    assert shown is not None
    assert shown.attributes["event_type"] == "power_restored"
    assert 0 <= shown.attributes["duration_s"] <= 5
    await watch.runtime_data.sources[next(iter(watch.subentries))].async_read_figures()
    assert state(hass, "sensor.utility_outages_this_month") == "1"
    assert float(state(hass, "sensor.utility_uptime_today")) < 100
