"""What is told of smart sockets: in the logbook, in the log and in diagnostics."""

from datetime import timedelta
import logging
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_mock_service
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.diagnostics import async_get_config_entry_diagnostics
from custom_components.alfaspark.events.pack_events import EVENT_ALFASPARK
from custom_components.alfaspark.events.words import sentence
from custom_components.alfaspark.packbus.frames import ModeSet
from custom_components.alfaspark.sockets.keeper import SOCKETS
from tests.conftest import SERIAL

from .conftest import KETTLE, Home

pytestmark = pytest.mark.usefixtures("integration")

LOGGER = "custom_components.alfaspark.sockets.keeper"
SHED = "shed Kettle: it is above its eco limit and has nothing of its own left to shed"


@pytest.fixture
async def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Have the recorder's database before Home Assistant starts."""


async def test_the_logbook_gives_the_reason_as_the_cause(
    hass: HomeAssistant, recorder_mock: object, home: Home, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    home.base_w = 1500
    await home.live(4)
    await async_wait_recording_done(hass)
    client = await hass_ws_client(hass)
    begin = (dt_util.utcnow() - timedelta(hours=1)).isoformat()

    async def entries(**of: list[str]) -> list[dict[str, Any]]:
        await client.send_json_auto_id({"type": "logbook/get_events", "start_time": begin, **of})
        result: list[dict[str, Any]] = (await client.receive_json())["result"]
        return result

    # On the socket's page, beside that it was switched off.
    off = (await entries(entity_ids=[KETTLE]))[-1]
    assert (off["state"], off["context_domain"], off["context_name"]) == ("off", DOMAIN, "Energy pack E4F5")
    assert off["context_message"] == SHED

    # On the pack's page.
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, SERIAL), home.entry.entry_id)
    assert device is not None
    told = [entry["message"] for entry in await entries(device_ids=[device.id]) if entry.get("domain") == DOMAIN]
    assert SHED in told


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


async def test_diagnostics_tell_what_is_shed(hass: HomeAssistant, home: Home) -> None:
    home.base_w = 1500
    await home.live(4)
    told = await async_get_config_entry_diagnostics(hass, home.entry)
    assert told["sockets"] == hass.data[SOCKETS].diagnostics(home.entry)
    assert told["sockets"][0]["shed"] == [KETTLE]
