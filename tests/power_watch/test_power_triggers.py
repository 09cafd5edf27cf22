"""Triggers of power sources: real automations that hear of what entities show."""

import asyncio
from datetime import datetime
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from tests.automations import automate, complaint
from tests.conftest import wait_until

from .entities import seen_by, show, source_device

ALL = ("power_lost", "power_restored", "power_suspected", "power_unknown")


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source that two devices show, and one that one shows."""
    return [seen_by("Utility", "kitchen", "freezer"), seen_by("UPS", "router")]


@pytest.fixture
async def all_is_well(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    """Have power everywhere."""
    await show(hass, kitchen="on", freezer="on", router="on")


async def _hear(hass: HomeAssistant, target: str = "") -> list[Event[Any]]:
    return await automate(hass, "\n".join(f"- trigger: alfaspark.{name}{target}" for name in ALL))


def _kinds(told: list[Event[Any]]) -> list[tuple[str, str]]:
    return [(event.data["words"].split()[0], event.data["kind"]) for event in told]


@pytest.mark.usefixtures("all_is_well")
async def test_each_is_told_once_with_a_sentence(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    told = await _hear(hass)
    await show(hass, kitchen="unavailable")
    await wait_until(lambda: bool(told), "for the suspicion, which has to last a moment")
    await show(hass, freezer="unavailable")
    await show(hass, kitchen="on", freezer="on")
    await show(hass, router="unknown")
    assert [(event.data["kind"], event.data["device_id"]) for event in told] == [
        ("power_suspected", source_device(hass, watch, "Utility").id),
        ("power_lost", source_device(hass, watch, "Utility").id),
        ("power_restored", source_device(hass, watch, "Utility").id),
        ("power_unknown", source_device(hass, watch, "UPS").id),
    ]
    suspected, lost, restored, unknown = (event.data["words"] for event in told)
    assert suspected.startswith("Utility may have lost power at ")
    assert suspected.endswith(" (seen by: Kitchen)")
    assert lost.startswith("Utility lost power at ")
    assert set(lost[lost.index("seen by: ") + len("seen by: ") : -1].split(", ")) == {"Freezer", "Kitchen"}
    assert restored.startswith("Utility has power again since ")
    assert ": it was away from " in restored
    assert unknown.startswith("UPS may have power or not: nobody can tell since ")


@pytest.mark.usefixtures("all_is_well")
async def test_a_loss_that_is_seen_in_steps_is_no_suspicion(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    """Packs sense the loss of the same grid within milliseconds, one after the other."""
    told = await _hear(hass)
    await show(hass, kitchen="unavailable")
    await show(hass, freezer="unavailable")
    assert [event.data["kind"] for event in told] == ["power_lost"]
    await show(hass, kitchen="on", freezer="on")
    await asyncio.sleep(2.2)
    assert [event.data["kind"] for event in told] == ["power_lost", "power_restored"]


@pytest.mark.usefixtures("all_is_well")
async def test_templates_have_all_that_is_known(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    names = ("source", "start", "end", "duration_s", "evidence", "reason", "battery_wh", "end_is_estimate")
    config = {
        "alias": "all",
        "triggers": [{"trigger": "alfaspark.power_lost"}, {"trigger": "alfaspark.power_restored"}],
        "actions": [{"event": "all", "event_data": {name: f"{{{{ trigger.{name} }}}}" for name in names}}],
    }
    told = async_capture_events(hass, "all")
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
    await hass.async_block_till_done()
    await show(hass, router="unavailable")
    await show(hass, router="on")
    lost, restored = (event.data for event in told)
    assert (lost["source"], lost["evidence"], lost["reason"]) == ("UPS", ["Router"], "most_down")
    assert (lost["end"], lost["duration_s"], lost["battery_wh"], lost["end_is_estimate"]) == (None, None, None, False)
    start, end = (datetime.fromisoformat(restored[name]) for name in ("start", "end"))
    assert restored["start"] == lost["start"]
    assert start.tzinfo is not None
    assert abs((end - start).total_seconds() - restored["duration_s"]) <= 1


@pytest.mark.usefixtures("all_is_well")
@pytest.mark.parametrize("target", ["device", "entity", "area", "label", "floor_of_none"])
async def test_only_the_targeted_sources_count(hass: HomeAssistant, watch: MockConfigEntry, target: str) -> None:
    ours = source_device(hass, watch, "UPS").id
    area = ar.async_get(hass).async_create("Cellar")
    label = lr.async_get(hass).async_create("Watched")
    dr.async_get(hass).async_update_device(ours, area_id=area.id, labels={label.label_id})
    text = {
        "device": f"device_id: {ours}",
        "entity": "entity_id: binary_sensor.ups",
        "area": f"area_id: {area.id}",
        "label": f"label_id: {label.label_id}",
        "floor_of_none": "floor_id: attic",
    }[target]
    told = await _hear(hass, f"\n  target:\n    {text}")
    await show(hass, kitchen="unavailable", freezer="unavailable", router="unavailable")
    assert [event.data["device_id"] for event in told] == ([] if target == "floor_of_none" else [ours])


@pytest.mark.usefixtures("all_is_well")
async def test_a_source_goes_by_the_name_that_the_owner_gave_its_device(
    hass: HomeAssistant, watch: MockConfigEntry
) -> None:
    told = await _hear(hass)
    dr.async_get(hass).async_update_device(source_device(hass, watch, "UPS").id, name_by_user="Rack")
    await show(hass, router="unavailable")
    assert _kinds(told) == [("Rack", "power_lost")]


@pytest.mark.usefixtures("all_is_well")
async def test_an_automation_outlives_the_power_watch(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    told = await _hear(hass, f"\n  target:\n    device_id: {source_device(hass, watch, 'UPS').id}")
    assert await hass.config_entries.async_reload(watch.entry_id)
    await hass.async_block_till_done()
    await show(hass, router="unavailable")
    assert _kinds(told)[-1] == ("UPS", "power_lost")
    await hass.services.async_call(AUTOMATION, "turn_off", {"entity_id": "automation.test"}, blocking=True)
    heard = len(told)
    await show(hass, router="on")
    assert len(told) == heard


@pytest.mark.usefixtures("all_is_well")
async def test_what_has_changed_while_nobody_watched_is_told_after_the_start(
    hass: HomeAssistant, watch: MockConfigEntry
) -> None:
    told = await _hear(hass, f"\n  target:\n    device_id: {source_device(hass, watch, 'UPS').id}")

    async def shown_after_a_start(state: str) -> str:
        assert await hass.config_entries.async_unload(watch.entry_id)
        await show(hass, router=state)
        assert await hass.config_entries.async_setup(watch.entry_id)
        await hass.async_block_till_done()
        event = hass.states.get("event.ups_outage")
        assert event is not None
        return str(event.attributes["event_type"])

    assert await shown_after_a_start("unavailable") == "power_lost"
    assert await shown_after_a_start("unavailable") == "power_lost"
    assert await shown_after_a_start("on") == "power_restored"
    assert _kinds(told) == [("UPS", "power_lost"), ("UPS", "power_restored")]
    assert "some time after" in told[-1].data["words"]
    # Nothing has changed.
    assert await shown_after_a_start("on") == "power_restored"
    assert len(told) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{trigger: alfaspark.power_lost, options: {mode: eco}}", "mode"),
        ("{trigger: alfaspark.power_lost, target: {device_id: []}}", "the target is empty: choose power sources"),
        (
            "{trigger: alfaspark.power_lost, target: {entity_id: light.kitchen}}",
            "there is no power source among the targets: light.kitchen",
        ),
        (
            "{trigger: alfaspark.pack_gone, target: {entity_id: binary_sensor.utility}}",
            "there is no energy pack among the targets: binary_sensor.utility",
        ),
    ],
)
async def test_what_is_wrong_is_said(
    hass: HomeAssistant, watch: MockConfigEntry, hass_ws_client: WebSocketGenerator, text: str, said: str
) -> None:
    error = await complaint(hass, hass_ws_client, "triggers", text)
    assert error is not None
    assert said in error


async def test_the_editor_offers_them_for_sources_alone(
    hass: HomeAssistant, watch: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [parse_yaml("{triggers: [], actions: []}")]})
    assert await async_setup_component(hass, "websocket_api", {})
    client = await hass_ws_client(hass)

    async def offered(entity_id: str) -> set[str]:
        await client.send_json_auto_id({"type": "get_triggers_for_target", "target": {"entity_id": [entity_id]}})
        return {name for name in (await client.receive_json())["result"] if name.startswith("alfaspark.power_")}

    assert er.async_get(hass).async_get("event.ups_outage") is not None
    assert await offered("event.ups_outage") == {f"alfaspark.{name}" for name in ALL}
    assert await offered("sensor.ups_state") == set()
