"""Automations as an owner writes them, in YAML."""

from textwrap import indent
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import condition, device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.const import DOMAIN

TOLD = "told"


def device_id(hass: HomeAssistant, entry: MockConfigEntry, identifier: str) -> str:
    """Return the id of a pack's device, or of the adapter's."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)
    assert device is not None
    return device.id


async def automate(hass: HomeAssistant, triggers: str, conditions: str = "[]") -> list[Event[Any]]:
    """Set an automation up that fires an event with what its trigger says; return the events, as they come."""
    text = f"""
alias: test
triggers:
{indent(triggers.strip(), "  ")}
conditions:
{indent(conditions.strip(), "  ")}
actions:
  - event: {TOLD}
    event_data:
      device_id: "{{{{ trigger.device_id | default }}}}"
      pack: "{{{{ trigger.pack | default }}}}"
      kind: "{{{{ trigger.kind | default }}}}"
      words: "{{{{ trigger.description | default }}}}"
      detail: "{{{{ trigger.mode_name | default }}}}{{{{ trigger.percent | default }}}}{{{{ trigger.fault_name | default }}}}"
"""
    told: list[Event[Any]] = async_capture_events(hass, TOLD)
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [parse_yaml(text)]})
    await hass.async_block_till_done()
    (automation,) = hass.states.async_all(AUTOMATION)
    assert automation.state == "on", "the automation is not valid"
    return told


async def complaint(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, part: str, text: str) -> str | None:
    """Return what the automation editor says of triggers or conditions in YAML; None if they are valid."""
    assert await async_setup_component(hass, "websocket_api", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "validate_config", part: parse_yaml(text)})
    result = (await client.receive_json())["result"][part]
    assert result["valid"] is (result["error"] is None)
    error: str | None = result["error"]
    return error


async def holds(hass: HomeAssistant, text: str) -> bool:
    """Return whether a condition in YAML holds now."""
    config: Any = parse_yaml(text)
    checker = await condition.async_from_config(hass, await condition.async_validate_condition_config(hass, config))
    try:
        result = checker.async_check()
    finally:
        checker.async_unload()
    assert result is not None
    return result
