"""What hassfest does not see: every text and icon is there, and none is left over."""

import ast
from collections.abc import Iterable, Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import ATTR_DEVICE_CLASS, ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, State
from homeassistant.data_entry_flow import section
from homeassistant.helpers import entity_registry as er
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark import config_flow
from custom_components.alfaspark.outages import model as outages
from custom_components.alfaspark.packbus.adapter_terms import AdapterFault
from custom_components.alfaspark.packbus.frames import BatteryAlarm, DeviceType, FaultCode, Reason, Result
from custom_components.alfaspark.power_watch.entities.events import attributes
from custom_components.alfaspark.power_watch.news import PowerEvent, PowerNews

from .conftest import wait_until
from .peers import PeerBus

INTEGRATION = Path(config_flow.__file__).parent

TEXTS = json.loads((INTEGRATION / "translations" / "en.json").read_text())
ICONS = json.loads((INTEGRATION / "icons.json").read_text())

GATEWAY = "00000000aa01"

FORMS = {
    "serial": config_flow._SERIAL_SCHEMA,
    "network": config_flow._NETWORK_SCHEMA,
    "socketcan": config_flow._socketcan_schema([]),
    "other": config_flow._OTHER_SCHEMA,
}


def _strings(texts: Any) -> Iterator[str]:
    for value in texts.values() if isinstance(texts, dict) else ():
        if isinstance(value, str):
            yield value
        else:
            yield from _strings(value)


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.fixture
def every_entity(integration: None, entity_registry_enabled_by_default: None) -> None:
    """Have those enabled that an owner has to ask for."""


@pytest.fixture
async def entities(
    hass: HomeAssistant, every_entity: None, house: MockConfigEntry, watch: MockConfigEntry, peers: PeerBus
) -> list[tuple[er.RegistryEntry, State]]:
    """Have every entity that there can be, with its state. One that bears the name of its device has no text."""
    peers.add(GATEWAY, 126, DeviceType.ENERGY_GATEWAY).introduce()
    await wait_until(lambda: GATEWAY in house.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    found = []
    for config_entry in (house, watch):
        for entry in er.async_entries_for_config_entry(er.async_get(hass), config_entry.entry_id):
            state = hass.states.get(entry.entity_id)
            assert state is not None
            if entry.original_name is not None:
                found.append((entry, state))
    return found


async def test_every_entity_has_a_name_and_no_name_is_left_over(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    keys: dict[str, set[str | None]] = {}
    for entry, _ in entities:
        keys.setdefault(entry.domain, set()).add(entry.translation_key)
    assert keys == {platform: set(texts) for platform, texts in TEXTS["entity"].items()}
    for texts in TEXTS["entity"].values():
        assert all(text["name"] for text in texts.values())


async def test_names_of_one_device_differ(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    names: dict[tuple[str | None, str], list[str]] = {}
    for entry, _ in entities:
        text = TEXTS["entity"][entry.domain][entry.translation_key]["name"]
        names.setdefault((entry.device_id, entry.domain), []).append(text)
    for texts in names.values():
        assert len(texts) == len(set(texts)), texts


async def test_every_state_of_an_enumeration_has_a_text(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    for entry, state in entities:
        if entry.domain not in ("sensor", "select"):
            continue
        texts = TEXTS["entity"][entry.domain][entry.translation_key].get("state", {})
        assert set(texts) == set(state.attributes.get("options", [])), entry.entity_id


async def test_every_attribute_has_a_text(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    by_home_assistant = {
        "assumed_state", "attribution", "device_class", "editable", "entity_picture", "event_types", "friendly_name",
        "icon", "last_reset", "max", "min", "mode", "options", "restored", "state_class", "step", "supported_features",
        "unit_of_measurement",
    }  # fmt: skip
    for entry, state in entities:
        own = set(state.attributes) - by_home_assistant
        assert own <= set(TEXTS["entity"][entry.domain][entry.translation_key].get("state_attributes", {})), (
            entry.entity_id
        )
    relay = TEXTS["entity"]["switch"]["grid_relay"]["state_attributes"]["reason"]["state"]
    assert set(relay) == {reason.name.lower() for reason in Reason}
    alarms = TEXTS["entity"]["binary_sensor"]["battery_alarm"]["state_attributes"]["alarms"]["state"]
    assert set(alarms) == {alarm.name.lower() for alarm in BatteryAlarm}
    outage = TEXTS["entity"]["event"]["outage"]["state_attributes"]
    assert set(outage["event_type"]["state"]) == set(PowerEvent)
    assert set(outage["reason"]["state"]) == set(outages.Reason)
    assert set(outage) == {"event_type", *attributes(PowerNews("", "", PowerEvent.LOST, outages.Reason.MOST_DOWN, 0.0))}


async def test_units_are_given_once(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    unitless = (SensorDeviceClass.ENUM, SensorDeviceClass.TIMESTAMP)
    for entry, state in entities:
        if entry.domain != "sensor" or state.attributes.get(ATTR_DEVICE_CLASS) in unitless:
            continue
        assert state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), entry.entity_id


async def test_every_entity_has_an_icon(entities: list[tuple[er.RegistryEntry, State]]) -> None:
    """One of its own, or that of its device class."""
    keys: dict[str, set[str | None]] = {}
    for entry, _ in entities:
        keys.setdefault(entry.domain, set()).add(entry.translation_key)
        icons = ICONS["entity"].get(entry.domain, {})
        general = entry.original_device_class not in (None, "switch", "enum")
        assert entry.translation_key in icons or general, f"{entry.domain} {entry.translation_key} has no icon"
    for platform, icons in ICONS["entity"].items():
        assert set(icons) <= keys[platform]
        for icon in icons.values():
            assert icon["default"] not in icon.get("state", {}).values()


def _fields(schema: Any) -> dict[str, Any]:
    return {str(key): selector for key, selector in schema.schema.items()}


def _assert_fields_are_described(fields: Iterable[str], texts: dict[str, Any]) -> None:
    assert set(texts.get("data", {})) == set(fields)
    assert set(texts.get("data_description", {})) == set(fields)


@pytest.mark.parametrize("step", FORMS)
def test_every_field_has_a_name_and_a_description(step: str) -> None:
    fields = _fields(FORMS[step])
    texts = TEXTS["config"]["step"][step]
    sections = {name: part for name, part in fields.items() if isinstance(part, section)}
    _assert_fields_are_described(fields.keys() - sections.keys(), texts)
    assert set(texts.get("sections", {})) == set(sections)
    for name, part in sections.items():
        assert part.options == {"collapsed": True}
        _assert_fields_are_described(_fields(part.schema), texts["sections"][name])


@pytest.mark.parametrize(("step", "more"), [("user", {"power_watch"}), ("reconfigure", set())])
def test_every_kind_of_adapter_is_explained(step: str, more: set[str]) -> None:
    texts = TEXTS["config"]["step"][step]
    assert set(config_flow._MENU) == set(FORMS)
    assert set(texts["menu_options"]) == set(texts["menu_option_descriptions"]) == set(FORMS) | more


def test_every_error_of_the_flow_has_a_text() -> None:
    errors = TEXTS["config"]["error"]
    assert set(errors) == {*AdapterFault, "esphome", "options"}
    for fault in AdapterFault:
        assert _placeholders(errors[fault]) == {"problem"}


def _literals() -> set[str]:
    """Return every text constant in the integration's code, f-strings as patterns."""
    found = set()
    for path in INTEGRATION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in node.values
                ]
                if any(part != r"\w+" for part in parts):
                    found.add("".join(parts))
    return found


def test_every_exception_has_a_text() -> None:
    to_the_adapter = {f"adapter_{fault}" for fault in AdapterFault}
    to_a_pack = {
        *(f"held_{reason.name.lower()}" for reason in Reason),
        *(f"command_{result.name.lower()}" for result in Result if result is not Result.ACCEPTED),
        "adapter_down",
        "no_answer",
        "no_node_number",
        "protocol_version",
    }
    exceptions = TEXTS["exceptions"]
    assert to_the_adapter | to_a_pack <= set(exceptions)
    for key in to_the_adapter:
        assert _placeholders(exceptions[key]["message"]) == {"channel", "error"}
    for key in to_a_pack:
        assert "pack" in _placeholders(exceptions[key]["message"]) <= {"pack", "error"}


def _raised_keys() -> Iterator[str]:
    """Return the keys that are given as literals where something is raised or an issue is made."""
    for path in INTEGRATION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                names = {"HomeAssistantError", "ServiceValidationError", "ConfigEntryNotReady"}
                if keyword.arg == "translation_key" and isinstance(keyword.value, ast.Constant):
                    if isinstance(node.func, ast.Name) and node.func.id in names:
                        yield str(keyword.value.value)
            if (
                isinstance(node.func, ast.Name)
                and node.func.id in ("_invalid", "invalid", "failed")
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value)


def test_every_raised_error_has_a_text_and_no_text_is_left_over() -> None:
    raised = set(_raised_keys())
    assert raised
    assert raised <= set(TEXTS["exceptions"])
    literals = _literals()
    for group in ("exceptions", "issues"):
        for key in TEXTS[group]:
            assert any(re.fullmatch(literal, key) for literal in literals), f"{group} {key} is used nowhere"
    assert {f"fault_{code.name.lower()}" for code in FaultCode} >= {key for key in TEXTS["issues"] if "fault_" in key}


def _assert_described(described: dict[str, Any], texts: dict[str, Any]) -> None:
    """Assert that each thing and each of its fields has a name and a description, and nothing else has."""
    described = {name: spec for name, spec in described.items() if not name.startswith(".")}
    assert set(described) == set(texts)
    for name, spec in described.items():
        assert texts[name]["name"]
        assert texts[name]["description"]
        fields = set((spec or {}).get("fields", {}))
        assert set(texts[name].get("fields", {})) == fields, name
        for text in texts[name].get("fields", {}).values():
            assert text["name"]
            assert text["description"]


@pytest.mark.parametrize(
    ("kind", "icon"), [("services", "service"), ("triggers", "trigger"), ("conditions", "condition")]
)
def test_actions_triggers_and_conditions_have_texts_and_icons(kind: str, icon: str) -> None:
    described = load_yaml_dict(str(INTEGRATION / f"{kind}.yaml"))
    _assert_described(described, TEXTS[kind])
    assert set(ICONS[kind]) == set(TEXTS[kind])
    assert all(icons[icon].startswith("mdi:") for icons in ICONS[kind].values())


def _selects(node: Any) -> Iterator[dict[str, Any]]:
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "select" and isinstance(value, dict):
            yield value
        else:
            yield from _selects(value)


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "object" and value:
            yield value
        yield from _objects(value)


def test_every_field_of_an_object_that_is_entered_has_texts() -> None:
    entered = {each["translation_key"]: each for each in _objects(load_yaml_dict(str(INTEGRATION / "services.yaml")))}
    assert set(entered) == {key for key, texts in TEXTS["selector"].items() if "fields" in texts}
    for key, texts in TEXTS["selector"].items():
        if "fields" in texts:
            assert set(texts["fields"]) == set(entered[key]["fields"])
            assert all(text["name"] and text["description"] for text in texts["fields"].values())


def test_every_option_of_a_selector_has_a_text() -> None:
    used = set()
    for kind in ("services", "triggers", "conditions"):
        for select in _selects(load_yaml_dict(str(INTEGRATION / f"{kind}.yaml"))):
            if (key := select.get("translation_key")) is not None:
                used.add(key)
                texts = TEXTS["selector"][key]["options"]
                for option in select["options"]:
                    if isinstance(option, dict):
                        assert texts[option["value"]] == option["label"]
                    else:
                        assert str(option) in texts, key
    assert used <= set(TEXTS["selector"])


def test_texts_name_no_address_and_refer_to_no_other_text() -> None:
    for text in _strings(TEXTS):
        assert "://" not in text
        assert "[%" not in text
    assert not (INTEGRATION / "strings.json").exists()
