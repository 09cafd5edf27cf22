"""Selects: the parameters that are a choice."""

from homeassistant.components.select.const import DOMAIN as SELECT
from homeassistant.const import ATTR_ENTITY_ID, ATTR_OPTION, SERVICE_SELECT_OPTION
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter, ParameterSpec
from custom_components.alfaspark.select import PARAMETER_SELECTS

from .conftest import SERIAL, state, wait_until
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration", "entity_registry_enabled_by_default")

PROFILE = "select.energy_pack_e4f5_bms_profile"


async def test_a_choice_is_shown_and_set(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await wait_until(lambda: state(hass, PROFILE) == "generic", "for the settings")
    await hass.services.async_call(
        SELECT, SERVICE_SELECT_OPTION, {ATTR_ENTITY_ID: PROFILE, ATTR_OPTION: "daly_p81"}, blocking=True
    )
    assert pack.parameters[Parameter.BMS_PROFILE] == 4
    assert state(hass, PROFILE) == "daly_p81"


async def test_a_choice_that_this_version_does_not_know_is_unknown(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(lambda: state(hass, PROFILE) == "generic", "for the settings")
    house.runtime_data.packs[SERIAL].take_setting(Parameter.BMS_PROFILE, 99)
    assert state(hass, PROFILE) == "unknown"


def test_every_choice_of_the_table_has_all_its_options() -> None:
    choices: dict[Parameter, ParameterSpec] = {
        spec.parameter: spec for spec in PARAMETERS if spec.unit == "" and spec.parameter is not Parameter.BMS_ADDRESS
    }
    assert {select.parameter for select in PARAMETER_SELECTS} == set(choices)
    for select in PARAMETER_SELECTS:
        spec = choices[select.parameter]
        assert (spec.minimum, spec.maximum) == (0, len(select.options) - 1)
