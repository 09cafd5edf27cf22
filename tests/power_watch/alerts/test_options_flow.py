"""The options of the power watch, from the owner's side."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData, section
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark import config_flow
from custom_components.alfaspark.power_watch.alerts.alert import AlertKind
from custom_components.alfaspark.power_watch.alerts.options import AlertOptions, LifeOptions
from custom_components.alfaspark.power_watch.alerts.texts import DEFAULT_TEXTS
from custom_components.alfaspark.power_watch.options_flow import SCHEMA

from .conftest import Watching

TEXTS = json.loads((Path(config_flow.__file__).parent / "translations" / "en.json").read_text())["options"]
_TOPIC = "alfaspark/house/power_watch"
LIFE_OFF = {"enabled": False, "port": 1883, "tls": False, "topic": _TOPIC}
LIFE = {**LIFE_OFF, "enabled": True, "host": "127.0.0.1", "port": 1, "username": "house", "password": "secret"}
WHOLE = {
    "notify": ["notify.mum"], "tell_start": False, "tell_suspicion": True, "most_per_hour": 3, "texts": {}, "life": LIFE_OFF,
}  # fmt: skip


async def _submit(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> ConfigFlowResult:
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.FORM
    answer = await hass.config_entries.options.async_configure(result["flow_id"], {**WHOLE, **changes})
    await hass.async_block_till_done()
    return answer


def _suggested(result: ConfigFlowResult) -> dict[str, Any]:
    schema = result["data_schema"]
    assert schema is not None
    values: dict[str, Any] = {}
    for key, field in schema.schema.items():
        if isinstance(field, section):
            values[key] = {
                str(inner): (inner.description or {}).get("suggested_value") for inner in field.schema.schema
            }
        else:
            values[key] = (key.description or {}).get("suggested_value")
    return values


async def test_options_are_applied_without_a_reload(hass: HomeAssistant, watching: Watching) -> None:
    entry = await watching()
    watch = entry.runtime_data
    result = await _submit(hass, entry)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.runtime_data is watch
    assert watch.alerts.options == AlertOptions(("notify.mum",), False, True, 3)


async def test_default_texts_are_shown_but_not_kept(hass: HomeAssistant, watching: Watching) -> None:
    entry = await watching()
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert _suggested(result)["texts"] == {kind.value: text for kind, text in DEFAULT_TEXTS.items()}
    own = "{{ source }} weg"
    texts = {**_suggested(result)["texts"], "lost": own, "restored": " "}
    await _submit(hass, entry, texts=texts)
    assert entry.options["texts"] == {"lost": own}
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert _suggested(result)["texts"] == {kind.value: text for kind, text in DEFAULT_TEXTS.items()} | {"lost": own}


async def test_a_text_that_fails_is_not_taken(hass: HomeAssistant, watching: Watching) -> None:
    entry = await watching()
    result = await _submit(hass, entry, texts={"restored": "{{ sauce }}"})
    assert result["errors"] == {"base": "text_failed"}
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    told = TEXTS["error"]["text_failed"].format(**placeholders)
    assert told == "The text Power is back, in the section Texts, does not work: 'sauce' is undefined"
    assert _suggested(result)["texts"]["restored"] == "{{ sauce }}"
    with pytest.raises(InvalidData):
        await _submit(hass, entry, texts={"lost": "{{ source"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"host": " "}, "bad_host"),
        ({"host": "two words"}, "bad_host"),
        ({"topic": ""}, "bad_topic"),
        ({"topic": "houses/+"}, "bad_topic"),
        ({"topic": "a+b"}, "bad_topic"),
    ],
)
async def test_a_sign_of_life_that_cannot_be(
    hass: HomeAssistant, watching: Watching, changes: dict[str, Any], error: str
) -> None:
    entry = await watching()
    result = await _submit(hass, entry, life={**LIFE, **changes})
    assert result["errors"] == {"base": error}
    assert (await _submit(hass, entry, life={**LIFE, **changes, "enabled": False}))[
        "type"
    ] is FlowResultType.CREATE_ENTRY


async def test_the_password_is_not_shown_but_kept(
    hass: HomeAssistant, watching: Watching, socket_enabled: None
) -> None:
    entry = await watching()
    await _submit(hass, entry, life=LIFE)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    shown = _suggested(result)["life"]
    assert "secret" not in str(shown) and shown["username"] == "house"
    without = {key: value for key, value in LIFE.items() if key != "password"}
    await _submit(hass, entry, life=without)
    expected = LifeOptions("127.0.0.1", 1, _TOPIC, "house", "secret")
    assert entry.runtime_data.alerts.options.life == expected
    assert "secret" not in repr(expected)
    nameless = {key: value for key, value in without.items() if key != "username"}
    await _submit(hass, entry, life=nameless)
    assert entry.runtime_data.alerts.options.life == LifeOptions("127.0.0.1", 1, _TOPIC)


def test_every_field_has_a_name_and_a_description() -> None:
    texts = TEXTS["step"]["init"]
    plain = {str(key) for key, field in SCHEMA.schema.items() if not isinstance(field, section)}
    assert set(texts["data"]) == set(texts["data_description"]) == plain
    sections = {str(key): field for key, field in SCHEMA.schema.items() if isinstance(field, section)}
    assert set(texts["sections"]) == set(sections)
    for name, part in sections.items():
        fields = {str(key) for key in part.schema.schema}
        assert part.options == {"collapsed": True}
        assert texts["sections"][name]["name"] and texts["sections"][name]["description"]
        assert set(texts["sections"][name]["data"]) == set(texts["sections"][name]["data_description"]) == fields
    assert set(texts["sections"]["texts"]["data"]) == {kind.value for kind in AlertKind}
    assert set(TEXTS["error"]) == {"bad_host", "bad_topic", "text_failed"}


def test_an_adapter_has_no_options(entry: MockConfigEntry) -> None:
    assert not config_flow.AlfaSparkConfigFlow.async_supports_options_flow(entry)
