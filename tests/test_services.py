"""Actions: through Home Assistant's own calls, answered by scripted packs."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, selector
from homeassistant.helpers.json import json_dumps
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark import services
from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus.frames import Command, DeviceType, Mode, ModeSet, Relay, Result, WeekdaySet
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.packbus.settings import Window
from custom_components.alfaspark.power_watch.actions import checkpoints as power_actions

from .conftest import SERIAL, Clock, wait_until
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

SECOND = "0000000011aa"
NIGHT = {"start": "22:30", "end": "06:00", "weekdays": ["mon", "fri"]}


@pytest.fixture
async def second(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> PeerPack:
    """Put another pack on the bus, and wait for the settings of both."""
    pack = peers.add(SECOND, 99)
    pack.introduce()
    pack.report()
    await wait_until(lambda: SECOND in house.runtime_data.packs, "for the second pack")
    packs = house.runtime_data.packs.values()
    await wait_until(lambda: all(len(coordinator.settings.windows) == 8 for coordinator in packs), "for the settings")
    return pack


def device_of(hass: HomeAssistant, house: MockConfigEntry, identifier: str) -> str:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), house.entry_id)
    assert device is not None
    return device.id


def described() -> dict[str, Any]:
    return load_yaml_dict(str(Path(services.__file__).parent / "services.yaml"))


async def act(hass: HomeAssistant, action: str, device: str | list[str], **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(
        DOMAIN, action, {"device_id": device, **data}, blocking=True, return_response=True
    )
    assert answer is not None
    json_dumps(answer)
    packs: dict[str, Any] = answer["packs"]  # type: ignore[assignment]
    return packs


async def test_a_mode_of_one_pack(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    answer = await act(hass, "set_mode", device_of(hass, house, SERIAL), mode="eco", on=True)
    assert pack.status.modes == ModeSet.ECO
    assert second.status.modes == ModeSet(0)
    assert answer == {
        SERIAL: {"name": "Energy pack E4F5", "modes": {mode.name.lower(): mode is Mode.ECO for mode in Mode}}
    }


async def test_a_mode_of_all_is_one_broadcast(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    answer = await act(hass, "set_mode", device_of(hass, house, house.entry_id), mode="backup", on=True)
    assert set(answer) == {SERIAL, SECOND}
    assert all(pack["modes"]["backup"] for pack in answer.values())
    assert [peer.commands.count(Command.SET_MODE) for peer in (pack, second)] == [1, 1]


async def test_every_pack_that_fails_is_named_and_the_others_do_it(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, peers: PeerBus
) -> None:
    third = peers.add("0000000022bb", 98)
    third.introduce()
    third.report()
    await wait_until(lambda: third.serial in house.runtime_data.packs, "for the third pack")
    pack.mute = True
    second.answers[Command.SET_MODE] = (Result.NOT_SUPPORTED, 0)
    devices = [device_of(hass, house, serial) for serial in (SERIAL, SECOND, third.serial)]
    with pytest.raises(HomeAssistantError) as raised:
        await act(hass, "set_mode", devices, mode="eco", on=True)
    assert "Energy pack E4F5 did not answer" in str(raised.value)
    assert "Energy pack 11AA does not support this" in str(raised.value)
    assert third.status.modes == ModeSet.ECO
    pack.mute = False


async def test_a_pack_that_is_gone_is_named_when_all_are_told(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, clock: Clock
) -> None:
    await clock.advance(121)
    pack.introduce()
    pack.report()
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.present, "for the pack")
    with pytest.raises(HomeAssistantError, match="Energy pack 11AA is not there"):
        await act(hass, "set_mode", device_of(hass, house, house.entry_id), mode="eco", on=True)
    assert pack.status.modes == ModeSet.ECO


async def test_parameters_are_given_in_the_units_of_their_entities(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    one, every = device_of(hass, house, SERIAL), device_of(hass, house, house.entry_id)
    answer = await act(hass, "set_parameter", one, parameter="soc_empty", value=48.5)
    assert pack.parameters[Parameter.SOC_EMPTY] == 48500
    assert answer == {SERIAL: {"name": "Energy pack E4F5", "parameter": "soc_empty", "value": 48.5}}
    await act(hass, "set_parameter", every, parameter="import_limit", value=7.5)
    assert [peer.parameters[Parameter.IMPORT_LIMIT] for peer in (pack, second)] == [750, 750]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"parameter": "eco_limit", "value": 3120}, "steps of 50 W, and 3120 lies between"),
        ({"parameter": "ct_gain_grid", "value": 1.0500005}, "steps of 0.000001, and 1.0500005 lies between"),
        ({"parameter": "import_reset_time", "value": 300.5}, "steps of 1 min, and 300.5 lies between"),
    ],
)
async def test_a_parameter_between_two_steps_is_not_sent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, setting: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceValidationError, match=words):
        await act(hass, "set_parameter", device_of(hass, house, SERIAL), **setting)
    assert Command.SET_PARAMETER not in pack.commands


async def test_a_parameter_out_of_range_is_not_sent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    with pytest.raises(ServiceValidationError, match="import_limit must be between 2 and 30 kWh"):
        await act(hass, "set_parameter", device_of(hass, house, SERIAL), parameter="import_limit", value=31)
    assert Command.SET_PARAMETER not in pack.commands


async def test_windows_replace_all_others(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    pack.windows[5] = Window(60, 120, WeekdaySet(1))
    every = device_of(hass, house, house.entry_id)
    answer = await act(hass, "set_windows", every, windows=[NIGHT, {"start": "12:00", "end": "00:00"}])
    expected = [NIGHT, {"start": "12:00", "end": "00:00", "weekdays": list(services.WEEKDAYS)}]
    assert [answer[serial]["windows"] for serial in (SERIAL, SECOND)] == [expected, expected]
    held = {slot: window for slot, window in pack.windows.items() if not window.is_empty}
    assert held == {0: Window(1350, 360, WeekdaySet(0b10001)), 1: Window(720, 1440, WeekdaySet(127))}
    assert await act(hass, "set_windows", device_of(hass, house, SERIAL), windows=[]) == {
        SERIAL: {"name": "Energy pack E4F5", "windows": []}
    }


async def test_what_the_form_of_windows_gives_is_taken(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    field = described()["set_windows"]["fields"]["windows"]
    form = selector.selector(field["selector"])
    fields = field["selector"]["object"]["fields"]
    assert list(fields) == [str(key) for key in services._WINDOW_SCHEMA.schema]
    untouched = {name: about["default"] for name, about in fields.items()}
    cleared = {name: value for name, value in untouched.items() if name != "weekdays"}
    example = parse_yaml(str(field["example"]))
    for windows in ([untouched, cleared], [], example):
        assert form(windows) == windows  # type: ignore[operator]
        answer = await act(hass, "set_windows", device_of(hass, house, SERIAL), windows=windows)
        assert len(answer[SERIAL]["windows"]) == len(windows)
    assert answer[SERIAL]["windows"] == example


async def test_windows_are_asked_from_the_pack(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    pack.windows[3] = Window(60, 120, WeekdaySet(64))
    answer = await act(hass, "get_windows", device_of(hass, house, SERIAL))
    assert answer[SERIAL]["windows"] == [{"start": "01:00", "end": "02:00", "weekdays": ["sun"]}]


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"start": "10:00", "end": "10:00"}, "starts and ends at 10:00 has no length"),
        ({"start": "10:00:10", "end": "10:00:50", "weekdays": []}, "starts and ends at 10:00 has no length"),
        ({"start": "8:00", "end": "9:00", "weekdays": []}, "from 08:00 to 09:00 has no weekday"),
    ],
)
async def test_a_window_that_would_never_be_open_is_refused(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, window: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceValidationError, match=words):
        await act(hass, "set_windows", device_of(hass, house, SERIAL), windows=[window])
    assert Command.SET_WINDOW not in pack.commands


async def test_a_calibration_answers_with_the_gain(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    pack.gain_after_calibration = 1_050_000
    answer = await act(hass, "calibrate", device_of(hass, house, SERIAL), channel="load1", current=8.25)
    assert answer[SERIAL] == {"name": "Energy pack E4F5", "channel": "load1", "gain": 1.05}
    assert pack.calibrated == (Relay.LOAD1, 8250)
    assert house.runtime_data.packs[SERIAL].settings.parameters[Parameter.CT_GAIN_LOAD1] == 1_050_000


@pytest.mark.parametrize(("result", "words"), [(Result.OUT_OF_RANGE, "too small"), (Result.BUSY, "no reading")])
async def test_a_calibration_that_cannot_be_says_why(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, result: Result, words: str
) -> None:
    pack.answers[Command.CALIBRATE] = (result, 0)
    with pytest.raises(HomeAssistantError, match=words):
        await act(hass, "calibrate", device_of(hass, house, SERIAL), channel="grid", current=5)


async def test_one_pack_is_calibrated_at_a_time(hass: HomeAssistant, house: MockConfigEntry, second: PeerPack) -> None:
    for devices in ([house.entry_id], [SERIAL, SECOND]):
        with pytest.raises(ServiceValidationError, match="one energy pack at a time"):
            await act(hass, "calibrate", [device_of(hass, house, name) for name in devices], channel="grid", current=5)


@pytest.mark.parametrize("command", [Command.RESTART, Command.RESET_IMPORT])
async def test_simple_commands_go_to_each_pack(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack, command: Command
) -> None:
    every = device_of(hass, house, house.entry_id)
    assert set(await act(hass, command.name.lower(), every)) == {SERIAL, SECOND}
    assert [peer.commands.count(command) for peer in (pack, second)] == [1, 1]


async def test_diagnostics_tell_what_is_known(hass: HomeAssistant, house: MockConfigEntry, second: PeerPack) -> None:
    answer = await act(hass, "get_diagnostics", device_of(hass, house, SERIAL))
    assert answer[SERIAL]["status"]["relays"] == ["GRID", "INVERTER", "LOAD1", "LOAD2"]
    assert answer[SERIAL]["parameters"]["import_limit"] == 1000
    assert answer[SERIAL]["serial"] == SERIAL


@pytest.mark.parametrize("device", [[], ""])
async def test_an_empty_target_is_refused(hass: HomeAssistant, house: MockConfigEntry, device: Any) -> None:
    with pytest.raises(ServiceValidationError, match=r"at least one energy pack|not the device"):
        await act(hass, "restart", device)


@pytest.mark.parametrize("windows", [None, "10:00", [NIGHT] * 9, [{"start": "10:00"}], [{**NIGHT, "weekdays": ["x"]}]])
async def test_windows_that_are_none_are_not_sent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, windows: Any
) -> None:
    with pytest.raises(probatio.Invalid):
        await act(hass, "set_windows", device_of(hass, house, SERIAL), windows=windows)
    assert Command.SET_WINDOW not in pack.commands


async def test_all_windows_reach_the_packs_that_are_there(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    for slot in range(3):
        pack.windows[slot] = Window(60 * slot, 60 * slot + 30, WeekdaySet(1))
    second.answers[Command.SET_WINDOW] = (Result.STORAGE_FAILED, 0)
    with pytest.raises(HomeAssistantError) as raised:
        await act(hass, "set_windows", device_of(hass, house, house.entry_id), windows=[NIGHT])
    assert str(raised.value).count("Energy pack 11AA could not store") == 1
    assert {slot for slot, window in pack.windows.items() if not window.is_empty} == {0}


async def test_a_gateway_keeps_no_command_to_all_from_succeeding(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    gateway = peers.add("00000000aa01", 126, DeviceType.ENERGY_GATEWAY)
    gateway.answers = dict.fromkeys(Command, (Result.NOT_SUPPORTED, 0))
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs, "for the gateway")
    every = device_of(hass, house, house.entry_id)
    assert set(await act(hass, "set_mode", every, mode="eco", on=True)) == {SERIAL}
    assert set(await act(hass, "set_windows", every, windows=[NIGHT])) == {SERIAL}


async def test_orders_of_parameters_are_explained_for_all_packs_too(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, second: PeerPack
) -> None:
    with pytest.raises(ServiceValidationError, match="at least 5 % below"):
        await act(hass, "set_parameter", device_of(hass, house, house.entry_id), parameter="soc_grid_connect", value=99)


async def test_a_choice_is_a_whole_number(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    with pytest.raises(ServiceValidationError, match="is a choice"):
        await act(hass, "set_parameter", device_of(hass, house, SERIAL), parameter="soc_source", value=0.6)
    with pytest.raises(ServiceValidationError, match="must be between"):
        await act(hass, "set_parameter", device_of(hass, house, SERIAL), parameter="eco_limit", value=float("nan"))


async def test_what_is_no_pack_is_refused_with_a_reason(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus, clock: Clock
) -> None:
    gateway = peers.add("00000000aa01", 126, DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs, "for the gateway")
    stranger = dr.async_get(hass).async_get_or_create(
        config_entry_id=house.entry_id, identifiers={(DOMAIN, "00000000ffff")}, name="Old pack"
    )
    for device, words in (
        ("no-such-device", "not the device of an energy pack"),
        (device_of(hass, house, gateway.serial), "is a gateway"),
        (stranger.id, "was not heard"),
    ):
        with pytest.raises(ServiceValidationError, match=words):
            await act(hass, "restart", device)
    pack_device = device_of(hass, house, SERIAL)
    await hass.config_entries.async_unload(house.entry_id)
    with pytest.raises(ServiceValidationError, match=r"its adapter \(house\) is not set up"):
        await act(hass, "restart", pack_device)


def test_every_action_is_described_as_it_is() -> None:
    actions = described()
    schemas = services.SCHEMAS | power_actions.SCHEMAS
    assert set(actions) == set(schemas)
    for name, schema in schemas.items():
        assert list(actions[name]["fields"]) == [str(key) for key in schema.schema]
    options = actions["set_parameter"]["fields"]["parameter"]["selector"]["select"]["options"]
    assert options == [parameter.name.lower() for parameter in Parameter]
