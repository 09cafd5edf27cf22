"""The blueprint of critical alerts, through Home Assistant's own machinery."""

from pathlib import Path
import shutil
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.components.blueprint import models, schemas
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.power_watch.news import PowerEvent
from tests.automations import device_id
from tests.conftest import state

from .conftest import Watching
from .telling import happen, source_id

FOLDER = Path(__file__).parents[3] / "blueprints"
ALERT = "automation/alfaspark/power_alert.yaml"
PHONES = ("Ann's Phone", "Tablet")


class Phones:
    """Phones with the app, as its actions are called; what they were told."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Be in the registry under the names that the app gave."""
        entry = MockConfigEntry(domain="mobile_app")
        entry.add_to_hass(hass)
        self.told: list[ServiceCall] = []
        self.ids = []
        for name in PHONES:
            device = dr.async_get(hass).async_get_or_create(
                config_entry_id=entry.entry_id, identifiers={("mobile_app", name)}, name=name
            )
            # The owner's own name does not change that of the action.
            dr.async_get(hass).async_update_device(device.id, name_by_user=f"My {name}")
            self.ids.append(device.id)
        hass.services.async_register("notify", "mobile_app_ann_s_phone", self.told.append)
        hass.services.async_register("notify", "mobile_app_tablet", self.told.append)

    @property
    def data(self) -> list[dict[str, Any]]:
        """What they were told."""
        return [dict(call.data) for call in self.told]


@pytest.fixture
def phones(hass: HomeAssistant) -> Phones:
    """Have two phones."""
    return Phones(hass)


@pytest.fixture
async def entry(hass: HomeAssistant, watching: Watching, tmp_path: Path) -> MockConfigEntry:
    """Have a power watch, and the repository's blueprints in the configuration, as an owner who imported them."""
    shutil.copytree(FOLDER, tmp_path / "blueprints")
    return await watching()


async def _automate(hass: HomeAssistant, phones: Phones, **inputs: Any) -> None:
    use = {"path": "alfaspark/power_alert.yaml", "input": {"phones": phones.ids, **inputs}}
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [{"alias": "Power", "use_blueprint": use}]})
    await hass.async_block_till_done()
    assert state(hass, "automation.power") == "on"


async def _outage(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    for event, end_s in ((PowerEvent.SUSPECTED, None), (PowerEvent.LOST, None), (PowerEvent.RESTORED, 1_800_000_060.0)):
        happen(hass, entry, event, 1_800_000_000.0, end_s=end_s)
        await hass.async_block_till_done()


async def test_a_loss_is_critical_and_its_restoration_replaces_it(
    hass: HomeAssistant, entry: MockConfigEntry, phones: Phones
) -> None:
    await _automate(hass, phones, volume=70)
    await _outage(hass, entry)
    assert [call.service for call in phones.told] == ["mobile_app_ann_s_phone", "mobile_app_tablet"] * 2
    lost, _, restored, _ = phones.data
    assert lost["title"] == "Power lost: Utility"
    assert lost["message"].startswith("Utility lost power at ")
    assert lost["data"] == {
        "tag": f"alfaspark_power_{device_id(hass, entry, source_id(entry))}",
        "ttl": 0,
        "priority": "high",
        "channel": "alarm_stream",
        "push": {"interruption-level": "critical", "sound": {"name": "default", "critical": 1, "volume": 0.7}},
    }
    assert restored["title"] == "Power is back: Utility"
    assert restored["data"]["tag"] == lost["data"]["tag"]
    assert restored["data"]["channel"] == "Power"
    assert restored["data"]["push"] == {"interruption-level": "time-sensitive"}


@pytest.mark.parametrize(
    ("inputs", "titles"),
    [
        ({"tell_restoration": False}, ["Power lost: Utility"]),
        ({"tell_suspicion": True, "critical": False},
            ["Is the power lost?: Utility", "Power lost: Utility", "Power is back: Utility"]),
        ({"sources": ["another"]}, []),
    ],
)  # fmt: skip
async def test_what_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, phones: Phones, inputs: dict[str, Any], titles: list[str]
) -> None:
    await _automate(hass, phones, **inputs)
    await _outage(hass, entry)
    assert [told["title"] for told in phones.data[::2]] == titles
    is_critical = [told["data"]["push"]["interruption-level"] == "critical" for told in phones.data]
    assert any(is_critical) is (inputs.get("critical", True) and bool(titles))


async def test_the_chosen_source_is_told(hass: HomeAssistant, entry: MockConfigEntry, phones: Phones) -> None:
    await _automate(hass, phones, sources=[device_id(hass, entry, source_id(entry))])
    await _outage(hass, entry)
    assert len(phones.told) == 4


async def test_a_phone_that_is_not_reached_keeps_no_other_waiting(
    hass: HomeAssistant, entry: MockConfigEntry, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: ServiceCall) -> None:
        raise HomeAssistantError("no network")

    hass.services.async_register("notify", "mobile_app_ann_s_phone", fail)
    await _automate(hass, phones)
    await _outage(hass, entry)
    assert [call.service for call in phones.told] == ["mobile_app_tablet"] * 2
    assert "no network" in caplog.text
    caplog.clear()  # it is said, and meant


def test_it_is_valid_and_described() -> None:
    content = yaml_util.load_yaml_dict(str(FOLDER / ALERT))
    blueprint = models.Blueprint(content, expected_domain=AUTOMATION, path=ALERT, schema=schemas.BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None
    assert all(settings["name"] and settings["description"] for settings in blueprint.inputs.values())
    assert blueprint.metadata["source_url"] == f"https://github.com/alfaspark/alfaspark/blob/main/blueprints/{ALERT}"
    (chosen,) = blueprint.inputs["sources"]["selector"]["device"]["filter"]
    assert chosen["integration"] == DOMAIN
