"""The blueprints, through Home Assistant's own machinery: do they load, and do they do what they promise."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.components.blueprint import models, schemas
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.const import DOMAIN

from .conftest import state

FOLDER = Path(__file__).parents[1] / "blueprints"
SURPLUS = "automation/alfaspark/start_load_on_surplus.yaml"

PUMP = "input_boolean.pump"
SOLAR, HOME, CHARGE = "sensor.solar", "sensor.home", "sensor.charge"


@pytest.fixture(autouse=True)
def configuration(hass: HomeAssistant, tmp_path: Path) -> Generator[None]:
    """Have the repository's blueprints in the configuration, as an owner who imported them."""
    shutil.copytree(FOLDER, tmp_path / "blueprints")
    before, hass.config.config_dir = hass.config.config_dir, str(tmp_path)
    yield
    hass.config.config_dir = before


REFUSAL = "the relay is held by eco"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail where Home Assistant complains, as about a template that cannot be rendered."""
    yield
    complaints = [record.getMessage() for record in caplog.get_records("call") if record.levelname == "ERROR"]
    assert [complaint for complaint in complaints if not complaint.endswith(REFUSAL)] == []


async def _settle() -> None:
    """Let everything happen that needs no time; an automation that waits goes on waiting."""
    for _ in range(25):
        await asyncio.sleep(0)


class Day:
    """A day with sun, at the owner's pace."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        """Begin at night."""
        self._hass = hass
        self._freezer = freezer
        self.weather(solar_w=0, home_w=300, charge=70)

    def weather(self, solar_w: Any = None, home_w: Any = None, charge: Any = None) -> None:
        """Set what the sensors show; what is not given stays."""
        for entity_id, value in {SOLAR: solar_w, HOME: home_w, CHARGE: charge}.items():
            if value is not None:
                self._hass.states.async_set(entity_id, str(value))

    async def wait(self, minutes: float) -> None:
        """Let time pass."""
        await _settle()
        for _ in range(round(minutes * 2)):
            self._freezer.tick(timedelta(seconds=30))
            async_fire_time_changed(self._hass)
            await _settle()


async def _automate(hass: HomeAssistant, **inputs: Any) -> None:
    automation = {
        "alias": "Pump",
        "use_blueprint": {
            "path": "alfaspark/start_load_on_surplus.yaml",
            "input": {
                "load": PUMP,
                "solar_power": SOLAR,
                "home_power": HOME,
                "state_of_charge": CHARGE,
                **inputs,
            },
        },
    }
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: automation})
    await hass.async_block_till_done()
    assert state(hass, "automation.pump") == "on"


@pytest.fixture
async def day(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Day:
    """Have a pump that is off, in the morning."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"pump": None}})
    return Day(hass, freezer)


async def test_the_sun_starts_and_stops_the_load(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass)
    day.weather(solar_w=1400)
    await day.wait(4.5)
    assert state(hass, PUMP) == "off"
    await day.wait(1)
    assert state(hass, PUMP) == "on"

    # A cloud, and the load itself.
    day.weather(solar_w=1100, home_w=1300)
    await day.wait(30)
    assert state(hass, PUMP) == "on"
    day.weather(solar_w=1000)
    await day.wait(4.5)
    day.weather(solar_w=1200)
    await day.wait(10)
    assert state(hass, PUMP) == "on"
    day.weather(solar_w=1000)
    await day.wait(5.5)
    assert state(hass, PUMP) == "off"


async def test_a_surplus_that_comes_and_goes_starts_nothing(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass)
    for _ in range(4):
        day.weather(solar_w=1400)
        await day.wait(4)
        day.weather(solar_w=1200)
        await day.wait(1)
    assert state(hass, PUMP) == "off"


async def test_the_battery_is_charged_first_and_not_emptied(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass)
    day.weather(solar_w=3000, charge=59)
    await day.wait(20)
    assert state(hass, PUMP) == "off"
    day.weather(charge=60)
    await day.wait(5.5)
    assert state(hass, PUMP) == "on"
    day.weather(charge=50)
    await day.wait(20)
    assert state(hass, PUMP) == "on"
    day.weather(charge=49)
    await day.wait(5.5)
    assert state(hass, PUMP) == "off"


async def test_a_full_battery_hides_the_surplus(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass, full_charge=90)
    day.weather(solar_w=300, home_w=300, charge=89)
    await day.wait(10)
    assert state(hass, PUMP) == "off"
    day.weather(charge=90)
    await day.wait(5.5)
    assert state(hass, PUMP) == "on"


@pytest.mark.parametrize("weather", [{"solar_w": 0, "home_w": 0}, {"solar_w": 300, "home_w": 400}])
async def test_a_full_battery_at_night_is_no_surplus(hass: HomeAssistant, day: Day, weather: dict[str, int]) -> None:
    await _automate(hass)
    day.weather(**weather, charge=100)
    await day.wait(20)
    assert state(hass, PUMP) == "off"


async def test_the_load_runs_for_a_minimum_time(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass, minimum_run=30, stop_time=1)
    day.weather(solar_w=1400)
    await day.wait(5.5)
    assert state(hass, PUMP) == "on"
    day.weather(solar_w=0)
    await day.wait(28)
    assert state(hass, PUMP) == "on"
    await day.wait(3)
    assert state(hass, PUMP) == "off"


async def test_the_sun_may_come_back_within_the_minimum_time(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass, minimum_run=30)
    day.weather(solar_w=1400)
    await day.wait(5.5)
    day.weather(solar_w=0)
    await day.wait(10)
    day.weather(solar_w=1400, home_w=1300)
    await day.wait(60)
    assert state(hass, PUMP) == "on"
    day.weather(solar_w=0)
    await day.wait(5.5)
    assert state(hass, PUMP) == "off"


async def test_what_is_unknown_is_no_surplus(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass)
    day.weather(solar_w=1400, home_w="unavailable")
    await day.wait(20)
    assert state(hass, PUMP) == "off"
    day.weather(home_w=300)
    await day.wait(20)
    assert state(hass, PUMP) == "on"
    day.weather(charge="unknown")
    await day.wait(5.5)
    assert state(hass, PUMP) == "off"


async def test_a_load_that_is_switched_by_hand_is_left_alone(hass: HomeAssistant, day: Day) -> None:
    await _automate(hass)
    target = {"entity_id": PUMP}
    await hass.services.async_call("input_boolean", "turn_on", target, blocking=True)
    await day.wait(60)
    assert state(hass, PUMP) == "on"
    day.weather(solar_w=3000)
    await day.wait(10)
    await hass.services.async_call("input_boolean", "turn_off", target, blocking=True)
    await day.wait(60)
    assert state(hass, PUMP) == "off"


async def test_a_load_that_is_refused_is_asked_again(hass: HomeAssistant, day: Day) -> None:
    """A pack refuses to close a relay that eco holds open."""
    asked: list[ServiceCall] = []

    def refuse(call: ServiceCall) -> None:
        asked.append(call)
        if len(asked) < 3:
            raise HomeAssistantError(REFUSAL)
        hass.states.async_set("switch.load_2_relay", "on")

    hass.states.async_set("switch.load_2_relay", "off")
    hass.services.async_register("switch", "turn_on", refuse)
    await _automate(hass, load="switch.load_2_relay")
    day.weather(solar_w=1400)
    await day.wait(8)
    assert len(asked) == 1
    await day.wait(5)
    assert len(asked) == 2
    await day.wait(20)
    assert len(asked) == 3


@pytest.mark.parametrize(("solar_w", "before", "after"), [(1400, "off", "on"), (0, "on", "off")])
async def test_a_restart_of_home_assistant_is_caught_up_with(
    hass: HomeAssistant, day: Day, solar_w: int, before: str, after: str
) -> None:
    await hass.services.async_call("input_boolean", f"turn_{before}", {"entity_id": PUMP}, blocking=True)
    day.weather(solar_w=solar_w)
    hass.set_state(CoreState.not_running)
    await _automate(hass)
    await hass.async_start()
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await day.wait(4)
    assert state(hass, PUMP) == before
    await day.wait(20)
    assert state(hass, PUMP) == after


def test_its_sensors_are_those_of_the_integration(hass: HomeAssistant) -> None:
    """The selectors filter by device class, so the sensors must have it."""
    content = yaml_util.load_yaml_dict(str(FOLDER / SURPLUS))
    blueprint = models.Blueprint(content, expected_domain=AUTOMATION, path=SURPLUS, schema=schemas.BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None
    inputs = blueprint.inputs
    for name, device_class in (("solar_power", "power"), ("home_power", "power"), ("state_of_charge", "battery")):
        assert inputs[name]["selector"]["entity"]["filter"] == [
            {"integration": DOMAIN, "domain": ["sensor"], "device_class": [device_class]}
        ]
    assert all(settings["name"] and settings["description"] for settings in inputs.values())
    assert blueprint.metadata["source_url"] == f"https://github.com/alfaspark/alfaspark/blob/main/blueprints/{SURPLUS}"


@pytest.mark.usefixtures("integration")
def test_the_integration_has_these_sensors(house: MockConfigEntry, entity_registry: er.EntityRegistry) -> None:
    """What the selectors offer, for each pack and for all."""
    offered: dict[str, set[str]] = {"power": set(), "battery": set()}
    for entity in entity_registry.entities.values():
        if entity.platform == DOMAIN and entity.domain == "sensor" and entity.original_device_class in offered:
            offered[entity.original_device_class].add(entity.entity_id)
    for whose in ("alfaspark", "energy_pack_e4f5"):
        assert {f"sensor.{whose}_solar_power", f"sensor.{whose}_home_power"} <= offered["power"]
        assert f"sensor.{whose}_state_of_charge" in offered["battery"]
