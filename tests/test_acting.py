"""Who did it: the context of every change that an action, an entity of the house or a button has brought about."""

from collections.abc import Callable
from dataclasses import replace
import time
from typing import Any

from homeassistant.components.number.const import DOMAIN as NUMBER, SERVICE_SET_VALUE
from homeassistant.components.switch.const import DOMAIN as SWITCH
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_ON
from homeassistant.core import Context, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_capture_events

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.events.pack_events import EVENT_ALFASPARK
from custom_components.alfaspark.packbus.frames import ModeSet, Reason, Status

from .automations import device_id
from .conftest import SERIAL, state, wait_until
from .peers import POWER, STATUS, PeerBus, PeerPack

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
    await wait_until(lambda: all(len(each.settings.windows) == 8 and each.data.status for each in packs), "for both")
    await hass.async_block_till_done()
    house.runtime_data.bus.async_follow_hub()
    return pack


@pytest.fixture
def owner(hass_admin_user: MockUser) -> Context:
    """Return the context in which the owner calls."""
    return Context(user_id=hass_admin_user.id)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the clocks by which a context grows old go on."""

    def go_on(seconds: float) -> None:
        monkeypatch.setattr("homeassistant.helpers.entity.timer", lambda: time.time() + seconds)
        monkeypatch.setattr("custom_components.alfaspark.acting.monotonic", lambda: time.monotonic() + seconds)

    return go_on


def by(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return the id of the user whose doing a state is."""
    found = hass.states.get(entity_id)
    assert found is not None, f"there is no {entity_id}"
    return found.context.user_id


async def act(hass: HomeAssistant, owner: Context, action: str, device: str, **data: Any) -> None:
    await hass.services.async_call(DOMAIN, action, {"device_id": device, **data}, blocking=True, context=owner)


@pytest.mark.parametrize(
    "setting",
    [
        ("set_mode", {"mode": "backup", "on": True}, "switch.{}_backup"),
        ("set_parameter", {"parameter": "import_limit", "value": 7.5}, "number.{}_import_limit"),
        ("set_windows", {"windows": [NIGHT]}, "time.{}_start_of_first_window"),
    ],
)
@pytest.mark.parametrize("of_all", [False, True])
async def test_what_an_action_changes_is_its_callers_doing(
    hass: HomeAssistant,
    house: MockConfigEntry,
    second: PeerPack,
    owner: Context,
    setting: tuple[str, dict[str, Any], str],
    *,
    of_all: bool,
) -> None:
    action, data, entity = setting
    entities = [entity.format(f"energy_pack_{name}") for name in ("e4f5", "11aa")]
    before = [state(hass, entity_id) for entity_id in entities]
    assert [by(hass, entity_id) for entity_id in entities] == [None, None]
    await act(hass, owner, action, device_id(hass, house, house.entry_id if of_all else SERIAL), **data)
    moved = [state(hass, entity_id) != was for entity_id, was in zip(entities, before, strict=True)]
    assert moved == [True, of_all]
    assert [by(hass, entity_id) for entity_id in entities] == [owner.user_id, owner.user_id if of_all else None]


@pytest.mark.parametrize(
    "setting",
    [
        (SWITCH, SERVICE_TURN_ON, {}, "backup"),
        (NUMBER, SERVICE_SET_VALUE, {"value": 7.5}, "import_limit"),
    ],
)
async def test_packs_that_an_entity_of_the_house_changes(
    hass: HomeAssistant,
    house: MockConfigEntry,
    second: PeerPack,
    owner: Context,
    setting: tuple[str, str, dict[str, Any], str],
) -> None:
    domain, service, data, name = setting
    every = "all_packs" if domain == SWITCH else "each_pack"
    target = {ATTR_ENTITY_ID: f"{domain}.alfaspark_{name}_{every}"}
    await hass.services.async_call(domain, service, {**target, **data}, blocking=True, context=owner)
    assert [by(hass, f"{domain}.energy_pack_{pack}_{name}") for pack in ("e4f5", "11aa")] == [owner.user_id] * 2


def backup(on: bool) -> Status:
    reason = Reason.BACKUP if on else Reason.MANUAL
    return replace(STATUS, modes=ModeSet.BACKUP if on else ModeSet(0), reason_grid=reason)


async def test_what_a_pack_does_by_itself_is_nobodys(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, owner: Context, later: Callable[[float], None]
) -> None:
    switch, held_by = "switch.energy_pack_e4f5_backup", "sensor.energy_pack_e4f5_grid_relay_held_by"
    await act(hass, owner, "set_mode", device_id(hass, house, SERIAL), mode="backup", on=True)
    # Why a relay moved belongs to it; the power that the same frames bring does not.
    pack.report(backup(True), replace(POWER, grid_w=POWER.grid_w + 300 if POWER.grid_w else 300))
    power = "sensor.energy_pack_e4f5_grid_power"
    await wait_until(lambda: state(hass, held_by) == "backup")
    await wait_until(lambda: float(state(hass, power)) == pack.power.grid_w, "for the power")
    assert [by(hass, entity_id) for entity_id in (switch, held_by, power)] == [owner.user_id, owner.user_id, None]
    later(10)
    pack.report(backup(False))
    await wait_until(lambda: state(hass, held_by) == "manual")
    assert state(hass, switch) == "off"
    assert [by(hass, entity_id) for entity_id in (switch, held_by)] == [None, None]


async def test_who_only_reads_does_nothing(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, owner: Context
) -> None:
    await hass.services.async_call(
        DOMAIN, "get_windows", {"device_id": device_id(hass, house, SERIAL)},
        blocking=True, return_response=True, context=owner,
    )  # fmt: skip
    pack.report(backup(True))
    await wait_until(lambda: state(hass, "switch.energy_pack_e4f5_backup") == "on")
    assert by(hass, "switch.energy_pack_e4f5_backup") is None


async def test_a_restart_that_was_asked_for_and_one_that_was_not(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, owner: Context, later: Callable[[float], None]
) -> None:
    told = async_capture_events(hass, EVENT_ALFASPARK)
    await act(hass, owner, "restart", device_id(hass, house, SERIAL))
    pack.restart(0x4321)
    await wait_until(lambda: len(told) == 1)
    later(10)
    pack.restart(0x4322)
    await wait_until(lambda: len(told) == 2)
    assert [event.data["kind"] for event in told] == ["pack_restarted"] * 2
    assert [event.context.user_id for event in told] == [owner.user_id, None]
