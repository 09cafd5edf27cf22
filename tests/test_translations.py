"""What hassfest does not see: every text is there, none is left over, and manifest and icons keep the house's rules."""

from collections.abc import Iterable, Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.components.usb import USBDevice, usb_device_matches_matcher
from homeassistant.data_entry_flow import section
import pytest

from custom_components.alfaspark import config_flow
from custom_components.alfaspark.binary_sensor import ADAPTER, MASTER, PACK_BINARY_SENSORS
from custom_components.alfaspark.button import IDENTIFY
from custom_components.alfaspark.packbus.frames import BatteryAlarm, Reason, Result
from custom_components.alfaspark.packbus.opening import AdapterFault
from custom_components.alfaspark.sensor import BUS_SENSORS, PACK_SENSORS
from custom_components.alfaspark.switch import RELAY_SWITCHES

INTEGRATION = Path(config_flow.__file__).parent

TEXTS = json.loads((INTEGRATION / "translations" / "en.json").read_text())
ICONS = json.loads((INTEGRATION / "icons.json").read_text())
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text())

DESCRIPTIONS = {
    "binary_sensor": (ADAPTER, MASTER, *PACK_BINARY_SENSORS),
    "button": (IDENTIFY,),
    "sensor": (*BUS_SENSORS, *PACK_SENSORS),
    "switch": RELAY_SWITCHES,
}

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


@pytest.mark.parametrize("platform", DESCRIPTIONS)
def test_every_entity_has_a_name_and_no_name_is_left_over(platform: str) -> None:
    keys = {description.translation_key for description in DESCRIPTIONS[platform]}
    assert keys == set(TEXTS["entity"][platform])
    assert all(texts["name"] for texts in TEXTS["entity"][platform].values())


def test_every_state_of_an_enumeration_has_a_text() -> None:
    for description in (*BUS_SENSORS, *PACK_SENSORS):
        states = TEXTS["entity"]["sensor"][description.translation_key].get("state", {})
        assert set(states) == set(description.options or [])
    alarms = TEXTS["entity"]["binary_sensor"]["battery_alarm"]["state_attributes"]["alarms"]["state"]
    assert set(alarms) == {alarm.name.lower() for alarm in BatteryAlarm}


def test_units_are_given_once() -> None:
    for description in (*BUS_SENSORS, *PACK_SENSORS):
        translated = "unit_of_measurement" in TEXTS["entity"]["sensor"][description.translation_key]
        countable = description.native_unit_of_measurement is None and description.device_class is None
        assert translated == countable, description.key


def test_icons_belong_to_entities_and_say_something() -> None:
    for platform, icons in ICONS["entity"].items():
        keys = {description.translation_key for description in DESCRIPTIONS[platform]}
        assert set(icons) <= keys
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


@pytest.mark.parametrize("step", ["user", "reconfigure"])
def test_every_kind_of_adapter_is_explained(step: str) -> None:
    texts = TEXTS["config"]["step"][step]
    assert set(texts["menu_options"]) == set(texts["menu_option_descriptions"]) == set(config_flow._MENU) == set(FORMS)


def test_every_error_of_the_flow_has_a_text() -> None:
    errors = TEXTS["config"]["error"]
    assert set(errors) == {*AdapterFault, "esphome", "options"}
    for fault in AdapterFault:
        assert _placeholders(errors[fault]) == {"problem"}


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
    assert set(exceptions) == to_the_adapter | to_a_pack
    for key in to_the_adapter:
        assert _placeholders(exceptions[key]["message"]) == {"channel", "error"}
    for key in to_a_pack:
        assert "pack" in _placeholders(exceptions[key]["message"]) <= {"pack", "error"}


def test_texts_name_no_address_and_refer_to_no_other_text() -> None:
    for text in _strings(TEXTS):
        assert "://" not in text
        assert "[%" not in text
    assert not (INTEGRATION / "strings.json").exists()


def test_manifest() -> None:
    assert list(MANIFEST)[:2] == ["domain", "name"]
    assert list(MANIFEST)[2:] == sorted(list(MANIFEST)[2:])
    assert {"codeowners", "documentation", "issue_tracker", "version", "iot_class", "integration_type"} <= set(MANIFEST)
    assert all("==" in requirement for requirement in MANIFEST["requirements"])
    for matcher in MANIFEST["usb"]:
        assert matcher["vid"] == matcher["vid"].upper()
        assert matcher["pid"] == matcher["pid"].upper()
        # A chip's own numbers say nothing of what is built with it.
        assert matcher["description"] == matcher["description"].lower() != "*"


@pytest.mark.parametrize(
    ("vid", "pid", "description"),
    [
        ("AD50", "60C4", "CANtact dev"),
        ("AD50", "60C4", "CANable b158aa7 github.com/normaldotcom/canable-fw.git"),
        ("16D0", "117E", "CANable2 b158aa7 github.com/normaldotcom/canable2.git"),
    ],
)
def test_slcan_adapters_are_matched(vid: str, pid: str, description: str) -> None:
    def is_matched(device_description: str) -> bool:
        device = USBDevice(
            device="/dev/ttyACM0",
            vid=vid,
            pid=pid,
            serial_number="1",
            manufacturer="x",
            description=device_description,
        )
        return any(usb_device_matches_matcher(device, matcher) for matcher in MANIFEST["usb"])

    assert is_matched(description)
    assert not is_matched("Modem")
