"""Relay switches: asked by command, confirmed by RESPONSE, shown from STATUS, and what is said when it fails."""

from dataclasses import replace

from homeassistant.components.switch.const import DOMAIN as SWITCH
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import Command, Reason, Relay, RelaySet, Result

from .conftest import SERIAL, state, wait_until
from .peers import STATUS, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

GRID = "switch.energy_pack_e4f5_grid_relay"

ENTITIES = {
    GRID: Relay.GRID,
    "switch.energy_pack_e4f5_inverter_output_relay": Relay.INVERTER,
    "switch.energy_pack_e4f5_load_1_relay": Relay.LOAD1,
    "switch.energy_pack_e4f5_load_2_relay": Relay.LOAD2,
}


async def _switch(hass: HomeAssistant, entity_id: str, on: bool) -> None:
    service = SERVICE_TURN_ON if on else SERVICE_TURN_OFF
    await hass.services.async_call(SWITCH, service, {ATTR_ENTITY_ID: entity_id}, blocking=True)


@pytest.mark.parametrize(("entity_id", "relay"), ENTITIES.items())
async def test_opening_and_closing(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, entity_id: str, relay: Relay
) -> None:
    for closed in (False, True):
        pack.heard.clear()
        await _switch(hass, entity_id, closed)
        orders = [frames.SetRelay.decode(data)[1] for command, data in pack.heard if command is Command.SET_RELAY]
        assert orders == [frames.SetRelay(relay=relay, closed=closed)]
        shown = "on" if closed else "off"
        await wait_until(lambda shown=shown: state(hass, entity_id) == shown)  # type: ignore[misc]
        assert {other for other in ENTITIES if state(hass, other) == "off"} == (set() if closed else {entity_id})


async def test_what_was_asked_for_is_not_shown(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    """The relay is welded: the pack accepts, and goes on reporting it closed."""
    pack.obeys = False
    await _switch(hass, GRID, False)
    pack.report()
    await hass.async_block_till_done()
    assert state(hass, GRID) == "on"


async def test_a_relay_that_the_pack_moves_by_itself_is_shown(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.report(replace(STATUS, relays=RelaySet.INVERTER | RelaySet.LOAD2))
    await wait_until(lambda: state(hass, GRID) == "off")
    assert [state(hass, entity_id) for entity_id in ENTITIES] == ["off", "on", "off", "on"]


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("result", [Result.REFUSED, Result.BUSY])
async def test_a_refusal_is_given_with_its_reason_in_words(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, result: Result, reason: Reason
) -> None:
    pack.answers[Command.SET_RELAY] = (result, reason)
    with pytest.raises(HomeAssistantError) as raised:
        await _switch(hass, GRID, False)
    assert raised.value.translation_key == f"held_{reason.name.lower()}"
    assert str(raised.value).startswith("Energy pack E4F5 refused: ")
    assert state(hass, GRID) == "on"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Result.UNKNOWN_COMMAND, "does not know this command"),
        (Result.BAD_LENGTH, "does not know this form"),
        (Result.OUT_OF_RANGE, "outside its range"),
        (Result.REFUSED, "gave no reason that is known"),
        (Result.BUSY, "is busy"),
        (Result.NOT_SUPPORTED, "does not support"),
        (Result.STORAGE_FAILED, "could not store"),
        (Result.NOT_ALLOWED_TO_ALL, "sent to all"),
    ],
)
async def test_other_results_are_told_in_words(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, result: Result, words: str
) -> None:
    pack.answers[Command.SET_RELAY] = (result, 200)
    with pytest.raises(HomeAssistantError) as raised:
        await _switch(hass, GRID, False)
    assert raised.value.translation_key == f"command_{result.name.lower()}"
    assert words in str(raised.value)


async def test_a_pack_that_does_not_answer(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    await wait_until(lambda: pack.commands.count(Command.SET_TIME) >= 2)
    pack.heard.clear()
    pack.mute = True
    with pytest.raises(HomeAssistantError) as raised:
        await _switch(hass, GRID, False)
    assert raised.value.translation_key == "no_answer"
    assert len(pack.heard) == 3
    assert len({payload for _, payload in pack.heard}) == 1


async def test_a_pack_whose_number_is_disputed(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus, pack: PeerPack
) -> None:
    peers.add("0000000022bb", pack.node).claim()
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.node is None, "for the dispute")
    with pytest.raises(HomeAssistantError) as raised:
        await _switch(hass, GRID, False)
    assert raised.value.translation_key == "no_node_number"


async def test_an_adapter_that_does_not_take_the_frame(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    hub = house.runtime_data
    hub._adapter._bus.shutdown()
    with pytest.raises(HomeAssistantError) as raised:
        await _switch(hass, GRID, False)
    assert raised.value.translation_key == "adapter_down"
    await wait_until(lambda: hub.bus_readings.adapter.reconnects == 1)
