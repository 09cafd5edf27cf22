"""The identify button."""

from homeassistant.components.button.const import DOMAIN as BUTTON, SERVICE_PRESS
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import Command, Result

from .conftest import state
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration")

IDENTIFY = "button.energy_pack_e4f5_identify"


async def _press(hass: HomeAssistant) -> None:
    await hass.services.async_call(BUTTON, SERVICE_PRESS, {ATTR_ENTITY_ID: IDENTIFY}, blocking=True)


async def test_identify(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    assert state(hass, IDENTIFY) == "unknown"
    await _press(hass)
    command, payload = pack.heard[-1]
    assert command is Command.IDENTIFY
    assert frames.Identify.decode(payload)[1] == frames.Identify(seconds=10)
    assert state(hass, IDENTIFY) != "unknown"


async def test_a_pack_that_cannot(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.answers[Command.IDENTIFY] = (Result.NOT_SUPPORTED, 0)
    with pytest.raises(HomeAssistantError, match="Energy pack E4F5 does not support this"):
        await _press(hass)
