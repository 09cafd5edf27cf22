"""The logbook: what happened to a pack and no entity's state says, read back through the real logbook and recorder."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_capture_events
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.events import pack_events
from custom_components.alfaspark.events.pack_events import EVENT_ALFASPARK, Allowance, shown_by
from custom_components.alfaspark.events.words import fields, sentence
from custom_components.alfaspark.packbus import events
from custom_components.alfaspark.packbus.energy import Gap
from custom_components.alfaspark.packbus.events import EventKind, PackEvent
from custom_components.alfaspark.packbus.frames import (
    Fault,
    FaultCode,
    Function,
    Mode,
    ModeSet,
    PackWarningSet,
    Reason,
    Relay,
    RelaySet,
    Status,
)
from custom_components.alfaspark.packbus.pack import Pack

from .automations import device_id
from .conftest import SERIAL, Clock, wait_until
from .peers import STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

type Reader = Callable[[], Awaitable[list[tuple[str, str]]]]

OPENED = RelaySet.INVERTER | RelaySet.LOAD1 | RelaySet.LOAD2
EXHAUSTED = replace(
    STATUS,
    relays=OPENED,
    reason_grid=Reason.IMPORT_LIMIT_EXHAUSTED,
    modes=ModeSet.IMPORT_LIMIT,
    warnings=PackWarningSet.IMPORT_ABOVE_80 | PackWarningSet.IMPORT_ABOVE_90 | PackWarningSet.IMPORT_LIMIT_EXHAUSTED,
)


@pytest.fixture
async def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Have the recorder's database before Home Assistant starts."""


@pytest.fixture
def old_friends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pack's first faults be events at once, as if it had been heard for a while."""
    monkeypatch.setattr(events, "FIRST_FAULTS_S", 0.0)


@pytest.fixture
def logbook(
    hass: HomeAssistant,
    old_friends: None,
    recorder_mock: object,
    house: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> Reader:
    """Read the pack's entries that are events: names and messages."""

    async def read() -> list[tuple[str, str]]:
        assert await async_setup_component(hass, "logbook", {})
        await async_wait_recording_done(hass)
        client = await hass_ws_client(hass)
        begin = dt_util.utcnow() - timedelta(hours=1)
        await client.send_json_auto_id(
            {
                "type": "logbook/get_events",
                "start_time": begin.isoformat(),
                "device_ids": [device_id(hass, house, SERIAL)],
            }
        )
        entries = (await client.receive_json())["result"]
        return [(entry["name"], entry["message"]) for entry in entries if entry.get("domain") == "alfaspark"]

    return read


def _told(hass: HomeAssistant) -> list[str]:
    """Return the sentences of the events that are fired from now on."""
    sentences: list[str] = []

    # A listener that is no callback is run by any thread, in any order.
    @callback
    def note(event: Event) -> None:
        sentences.append(sentence(event.data))

    hass.bus.async_listen(EVENT_ALFASPARK, note)
    return sentences


async def test_the_logbook_says_what_happened(
    hass: HomeAssistant, logbook: Reader, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    told: list[Any] = async_capture_events(hass, EVENT_ALFASPARK)
    pack.say(Function.FAULT, Fault(code=FaultCode.OPEN_RELAY_CURRENT, active=True, argument=3).encode())
    await wait_until(lambda: len(told) == 1)
    pack.mute = True
    await clock.advance(130)
    clock._ahead_s = 0.0  # frames bear the real time
    pack.introduce()
    await wait_until(lambda: len(told) == 3)
    pack.restart(0x4321)
    await wait_until(lambda: len(told) == 4)
    house.runtime_data.packs[SERIAL].note_gap(Gap(from_s=1_780_000_000, to_s=1_780_000_600))
    # The name that the pack has now stands before all of them.
    dr.async_get(hass).async_update_device(device_id(hass, house, SERIAL), name_by_user="Garage")
    times = "2026-05-28 13:26 and 2026-05-28 13:36"
    assert await logbook() == [
        ("Garage", "has a fault: current through an open relay (load 2)"),
        ("Garage", "is gone: it was not heard for two minutes"),
        ("Garage", "is back"),
        ("Garage", "restarted"),
        ("Garage", f"lost its supply: what it counted between {times} is partly unknown, its totals go on"),
    ]


async def test_a_restart_that_was_asked_for_says_by_whom(
    hass: HomeAssistant,
    logbook: Reader,
    house: MockConfigEntry,
    pack: PeerPack,
    *,
    hass_admin_user: MockUser,
    hass_ws_client: WebSocketGenerator,
) -> None:
    told = async_capture_events(hass, EVENT_ALFASPARK)
    await hass.services.async_call(
        "alfaspark", "restart", {"device_id": device_id(hass, house, SERIAL)},
        blocking=True, context=Context(user_id=hass_admin_user.id),
    )  # fmt: skip
    pack.restart(0x4321)
    await wait_until(lambda: told)
    assert await logbook() == [("Energy pack E4F5", "restarted")]
    client = await hass_ws_client(hass)
    begin = dt_util.utcnow() - timedelta(hours=1)
    await client.send_json_auto_id(
        {"type": "logbook/get_events", "start_time": begin.isoformat(), "context_id": told[0].context.id}
    )
    entries = (await client.receive_json())["result"]
    by = [entry["context_user_id"] for entry in entries if entry.get("message") == "restarted"]
    assert by == [hass_admin_user.id]


async def test_what_an_entity_says_is_not_said_twice(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, entity_registry: er.EntityRegistry
) -> None:
    sentences = _told(hass)
    pack.report(EXHAUSTED)
    pack.report(STATUS)
    pack.report(replace(STATUS, warnings=PackWarningSet.BMS_LOST | PackWarningSet.LOADS_LIMIT))
    pack.restart(0x4321)
    await wait_until(lambda: sentences)
    assert sentences == ["restarted"]


@pytest.mark.parametrize(
    ("disabled", "expected"),
    [
        ("switch.energy_pack_e4f5_grid_import_limit", ["turned Grid import limit on", "turned Grid import limit off"]),
        # By hand is what the relay's switch says.
        ("sensor.energy_pack_e4f5_grid_relay_held_by", ["opened the grid relay: import limit exhausted"]),
        (
            "binary_sensor.energy_pack_e4f5_import_limit_exhausted",
            ["has drawn 100 % of the day's grid import limit", "is no longer held by the day's grid import limit"],
        ),
    ],
)
async def test_what_an_owner_has_disabled_the_logbook_says(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, disabled: str, expected: list[str]
) -> None:
    er.async_get(hass).async_update_entity(disabled, disabled_by=er.RegistryEntryDisabler.USER)
    sentences = _told(hass)
    pack.report(EXHAUSTED)
    pack.report(STATUS)
    await wait_until(lambda: len(sentences) == len(expected))
    assert sentences == expected


ALL = [
    *(PackEvent(EventKind.MODE_CHANGED, mode=mode, on=True) for mode in Mode),
    PackEvent(EventKind.LOADS_LIMIT_REACHED),
    PackEvent(EventKind.LOADS_LIMIT_ENDED),
    *(PackEvent(EventKind.IMPORT_LIMIT_REACHED, percent=percent, percent_before=0) for percent in (80, 90, 100)),
    PackEvent(EventKind.IMPORT_LIMIT_LOWERED, percent=0, percent_before=90),
    PackEvent(EventKind.IMPORT_LIMIT_RELEASED, percent=0, percent_before=100),
    PackEvent(EventKind.PACK_GONE),
    PackEvent(EventKind.PACK_RETURNED),
    PackEvent(EventKind.PACK_RESTARTED),
    PackEvent(EventKind.BMS_LOST),
    PackEvent(EventKind.BMS_RETURNED),
    *(PackEvent(EventKind.FAULT_APPEARED, fault=code, argument=9) for code in FaultCode),
    *(PackEvent(EventKind.FAULT_CLEARED, fault=code, argument=0) for code in FaultCode),
    *(
        PackEvent(EventKind.RELAY_CHANGED, relay=relay, closed=True, moved=True, reason=reason)
        for relay in Relay
        for reason in Reason
    ),
]


async def test_the_entities_that_say_the_same_are_there(
    hass: HomeAssistant, house: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert {event.kind for event in ALL} == set(EventKind)
    shown = {entity for event in ALL if (entity := shown_by(event)) is not None}
    assert len(shown) == len(Mode) + len(Relay) + 5
    for platform, key in shown:
        assert entity_registry.async_get_entity_id(platform, "alfaspark", f"{SERIAL}_{key}"), key


def test_every_event_has_words() -> None:
    told = [sentence(fields(event)) for event in ALL]
    assert len(set(told)) == len(told)
    assert not any("_" in words or "{" in words or "None" in words for words in told)


def test_an_event_of_another_version_has_words_too() -> None:
    assert sentence({"kind": "pack_painted"}) == "pack painted"
    assert sentence({"kind": "fault_appeared", "device_id": "x"}) == "fault appeared"


def _is_shown(pack: Pack, status: Status) -> bool:
    return pack.status == status


async def test_a_relay_that_flaps_does_not_flood(
    hass: HomeAssistant,
    house: MockConfigEntry,
    pack: PeerPack,
    entity_registry: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entity_registry.async_update_entity(
        "sensor.energy_pack_e4f5_grid_relay_held_by", disabled_by=er.RegistryEntryDisabler.USER
    )
    sentences = _told(hass)
    data = house.runtime_data.packs[SERIAL].data
    for _ in range(20):
        for status in (EXHAUSTED, replace(STATUS, reason_grid=Reason.BACKUP)):
            pack.report(status)
            await wait_until(partial(_is_shown, data, status))
    assert len(sentences) == 10
    # Other kinds have an allowance of their own.
    pack.restart(0x4321)
    await wait_until(lambda: len(sentences) == 11)
    # Later the first one says how many there were.
    monkeypatch.setattr(pack_events, "_NEXT_AFTER_S", 0.0001)
    pack.report(EXHAUSTED)
    await wait_until(lambda: len(sentences) == 12)
    assert sentences[-1] == ("opened the grid relay: import limit exhausted; 30 more of this kind were left out before")


def test_an_allowance_grows_back_but_not_beyond() -> None:
    used_up = Allowance(left=0, time_s=1000)
    assert used_up.at(1060).left == 0.5
    assert used_up.at(1120).left == 1
    assert used_up.at(1_000_000).left == 10
