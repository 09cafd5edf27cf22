"""Triggers and conditions as the automation editor shows them: what it offers is what is accepted, and all of it has texts."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition, trigger
from homeassistant.helpers.automation import get_absolute_description_key
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.condition import CONDITIONS
from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.events import words as event_words
from custom_components.alfaspark.events.conditions import TargetedCondition
from custom_components.alfaspark.events.targets import PackTarget, names
from custom_components.alfaspark.events.triggers import TargetedTrigger
from custom_components.alfaspark.packbus.events import IMPORT_THRESHOLDS_PCT
from custom_components.alfaspark.packbus.frames import FaultCode, Mode, Reason, Relay
from custom_components.alfaspark.power_watch.automations.targets import SourceTarget
from custom_components.alfaspark.trigger import TRIGGERS

pytestmark = pytest.mark.usefixtures("integration")

INTEGRATION = Path(event_words.__file__).parents[1]
TEXTS = json.loads((INTEGRATION / "translations" / "en.json").read_text())
ICONS = json.loads((INTEGRATION / "icons.json").read_text())

CHOICES = {
    "mode": names(Mode),
    "on_or_off": ["on", "off"],
    "import_share": [str(percent) for percent in IMPORT_THRESHOLDS_PCT],
    "fault": names(FaultCode),
}
TARGETS = {
    PackTarget: [{"integration": DOMAIN}],
    # Nothing else has events.
    SourceTarget: [{"integration": DOMAIN, "domain": ["event"]}],
}


async def _descriptions(hass: HomeAssistant, part: str) -> dict[str, Any]:
    """Return what Home Assistant makes of triggers.yaml or conditions.yaml, by the names after `alfaspark.`."""
    assert await async_setup_component(hass, "automation", {})
    helper = trigger if part == "triggers" else condition
    described = await helper.async_get_all_descriptions(hass)
    keys = TRIGGERS if part == "triggers" else CONDITIONS
    return {key: described[get_absolute_description_key(DOMAIN, key)] for key in keys}


def _options(kind: type[TargetedTrigger | TargetedCondition]) -> dict[str, Any]:
    options = {str(marker): marker for marker in kind.options}
    return options | ({"behavior": None} if issubclass(kind, TargetedCondition) else {})


@pytest.mark.parametrize(("part", "kinds"), [("triggers", TRIGGERS), ("conditions", CONDITIONS)])
async def test_what_is_offered_is_what_is_accepted(
    hass: HomeAssistant,
    house: MockConfigEntry,
    part: str,
    kinds: Mapping[str, type[TargetedTrigger | TargetedCondition]],
) -> None:
    described = await _descriptions(hass, part)
    for key, kind in kinds.items():
        assert described[key] is not None, key
        assert described[key]["target"]["entity"] == TARGETS[kind.target_type]
        fields = described[key].get("fields", {})
        assert set(fields) == set(_options(kind)), key
        for name, field in fields.items():
            selector = field["selector"].get("select")
            if selector is None:
                assert name == "behavior"
                continue
            assert selector["options"] == CHOICES[selector["translation_key"]], (key, name)
        chosen = {name: _choice(field) for name, field in fields.items()}
        config = await kind.async_validate_config(hass, {"options": chosen})
        assert set(config["options"]) == set(fields)


def _choice(field: dict[str, Any]) -> Any:
    """Return what the editor writes where the owner takes the default, or else the first choice."""
    if "default" in field:
        return field["default"]
    first = field["selector"]["select"]["options"][0]
    return [first] if field["selector"]["select"].get("multiple") else first


@pytest.mark.parametrize(("part", "kinds"), [("triggers", TRIGGERS), ("conditions", CONDITIONS)])
def test_all_of_it_has_texts_and_icons(
    part: str, kinds: Mapping[str, type[TargetedTrigger | TargetedCondition]]
) -> None:
    assert set(TEXTS[part]) == set(ICONS[part]) == set(kinds)
    for key, kind in kinds.items():
        texts = TEXTS[part][key]
        assert texts["name"] and texts["description"].endswith(".")
        assert set(texts.get("fields", {})) == set(_options(kind)), key
        assert all(field["name"] and field["description"] for field in texts.get("fields", {}).values())
        assert ICONS[part][key][part.removesuffix("s")].startswith("mdi:")


def test_choices_have_texts() -> None:
    for key, choices in CHOICES.items():
        assert set(TEXTS["selector"][key]["options"]) == set(choices)


def test_words_of_events_are_those_of_the_translations() -> None:
    entities = TEXTS["entity"]
    faults = entities["sensor"]["fault"]["state"]
    assert TEXTS["selector"]["mode"]["options"] == event_words.MODES
    assert {mode.name.lower(): event_words.MODES[mode.name.lower()] for mode in Mode} == event_words.MODES
    assert {code.name.lower(): faults[code.name.lower()] for code in FaultCode} == event_words.FAULTS
    assert TEXTS["selector"]["fault"]["options"] == event_words.FAULTS
    assert {
        relay.name.lower(): entities["switch"][f"{relay.name.lower()}_relay"]["name"] for relay in Relay
    } == event_words.RELAYS
    for relay in Relay:
        assert entities["sensor"][f"{relay.name.lower()}_reason"]["state"] == event_words.REASONS
    assert set(event_words.REASONS) == {reason.name.lower() for reason in Reason}
