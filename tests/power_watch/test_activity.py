"""Activity: what a person reads of an outage, through the real logbook and recorder."""

from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from .entities import seen_by, show, source_device


@pytest.fixture
async def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Have the recorder's database before Home Assistant starts."""


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source that two devices show."""
    return [seen_by("Utility", "kitchen", "freezer")]


async def _read(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, of: dict[str, list[str]]
) -> list[dict[str, Any]]:
    assert await async_setup_component(hass, "logbook", {})
    await async_wait_recording_done(hass)
    client = await hass_ws_client(hass)
    begin = dt_util.utcnow() - timedelta(hours=1)
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": begin.isoformat(), **of})
    entries: list[dict[str, Any]] = (await client.receive_json())["result"]
    return [entry for entry in entries if entry.get("domain") == "alfaspark"]


async def test_an_outage_is_told_in_sentences_beside_the_power(
    hass: HomeAssistant, recorder_mock: object, watch: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    await show(hass, kitchen="on", freezer="on")
    await show(hass, kitchen="unavailable")
    await show(hass, freezer="unavailable")
    await show(hass, kitchen="on", freezer="on")
    device = source_device(hass, watch, "Utility")
    of_device = await _read(hass, hass_ws_client, {"device_ids": [device.id]})
    lost, restored = of_device
    assert {entry["name"] for entry in of_device} == {"Utility"}
    assert lost["message"].startswith("lost power at ")
    assert lost["message"].endswith((" (seen by: Freezer, Kitchen)", " (seen by: Kitchen, Freezer)"))
    assert restored["message"].startswith("has power again since ")
    assert await _read(hass, hass_ws_client, {"entity_ids": ["binary_sensor.utility"]}) == of_device
