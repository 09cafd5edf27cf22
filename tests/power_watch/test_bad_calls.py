"""What is entered wrong in actions of the power watch is said in words, and nothing of it is kept."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.power_watch.setup import CheckpointSetup, sources_of

from .conftest import source
from .entities import checkpoint, seen_by, show, source_device, subentry_id

SHED, GARAGE = "Shed", "Garage"
SECRET = "swordfish"


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    return [source(SHED, [checkpoint("kitchen")], interval_s=5), seen_by(GARAGE, "router")]


async def act(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    answer: Any = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert isinstance(answer, dict)
    return answer


def held(watch: MockConfigEntry, title: str) -> tuple[CheckpointSetup, ...]:
    return next(each.checkpoints for each in sources_of(watch) if each.name == title)


async def add(hass: HomeAssistant, watch: MockConfigEntry, **data: Any) -> dict[str, Any]:
    return await act(hass, "add_checkpoint", device_id=source_device(hass, watch, SHED).id, **data)


@pytest.mark.parametrize(
    ("zone", "entered"),
    [("America/New_York", "9999-12-31T23:59:59"), ("Pacific/Auckland", "0001-01-01T00:00:00")],
)
@pytest.mark.parametrize("action", ["get_outages", "get_checks", "get_outage_statistics", "export_outages"])
async def test_the_ends_of_the_calendar(
    hass: HomeAssistant, watch: MockConfigEntry, action: str, zone: str, entered: str
) -> None:
    await hass.config.async_set_time_zone(zone)
    with pytest.raises(ServiceValidationError, match=f"{entered} is at the end of all calendars"):
        await act(hass, action, start=entered)
    with pytest.raises(ServiceValidationError, match=f"{entered} is at the end of all calendars"):
        await act(hass, action, start="2026-01-01 00:00", end=entered)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
async def test_since_ever(hass: HomeAssistant, watch: MockConfigEntry, zone: str) -> None:
    await hass.config.async_set_time_zone(zone)
    answer = await act(hass, "get_outage_statistics", start="0001-01-01T00:00:00Z")
    assert datetime.fromisoformat(answer["start"]) == datetime(1970, 1, 1, tzinfo=UTC)


async def test_a_purge_at_the_end_of_the_calendar(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await hass.config.async_set_time_zone("America/New_York")
    with pytest.raises(ServiceValidationError, match="9999-12-31T23:59:59 is at the end of all calendars"):
        await act(hass, "purge_outages", device_id=source_device(hass, watch, SHED).id, before="9999-12-31 23:59:59")


@pytest.mark.parametrize("silence_s", [-1, 1, 4, 86_401])
async def test_a_silence_that_is_none(hass: HomeAssistant, watch: MockConfigEntry, silence_s: int) -> None:
    before = held(watch, SHED)
    with pytest.raises(ServiceValidationError, match=f"or 5 to 86400 s, not {silence_s} s"):
        await add(hass, watch, kind="mqtt", target="a/b", silence_s=silence_s)
    assert held(watch, SHED) == before


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("silence_s", [0, 5, 86_400])
async def test_a_silence_that_is_one(hass: HomeAssistant, watch: MockConfigEntry, silence_s: int) -> None:
    await add(hass, watch, kind="mqtt", target="a/b", silence_s=silence_s)
    assert held(watch, SHED)[-1].options["silence_s"] == silence_s


async def test_a_source_is_not_watched_by_itself(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, kitchen="on", router="on")
    registry = er.async_get(hass)
    own, others = (
        [each.entity_id for each in registry.entities.values() if each.config_subentry_id == subentry_id(watch, title)]
        for title in (SHED, GARAGE)
    )
    assert "binary_sensor.shed" in own and "binary_sensor.garage" in others
    before = held(watch, SHED)
    for entity_id in own:
        with pytest.raises(ServiceValidationError, match=f"{entity_id} shows how this source is"):
            await add(hass, watch, kind="entity", target=entity_id)
    assert held(watch, SHED) == before
    await add(hass, watch, kind="entity", target="binary_sensor.garage")
    assert held(watch, SHED)[-1].target == "binary_sensor.garage"


@pytest.mark.parametrize(
    "target",
    [
        f"http://admin:{SECRET}@nas.local/status",
        f"HTTPS://admin:{SECRET}@nas.local:99999/",
        f" admin:{SECRET}@nas.local",
        f"http://{SECRET}@nas.local",
        f"http://a b:{SECRET}@nas.local",
    ],
)
async def test_a_login_is_refused_and_not_repeated(hass: HomeAssistant, watch: MockConfigEntry, target: str) -> None:
    before = held(watch, SHED)
    with pytest.raises(ServiceValidationError, match=r"Leave out .* answer of nas\.local") as error:
        await add(hass, watch, kind="http", target=target)
    assert SECRET not in f"{error.value} {error.value.translation_placeholders}"
    assert held(watch, SHED) == before


@pytest.mark.usefixtures("socket_enabled")
async def test_an_at_sign_in_a_path_is_no_login(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await add(hass, watch, kind="http", target="http://127.0.0.1:9/@me?mail=a@b")
    assert held(watch, SHED)[-1].target == "http://127.0.0.1:9/@me?mail=a@b"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("add_checkpoint", {"kind": "ping", "target": "127.0.0.1", "name": "Half \ud800"}),
        ("add_checkpoint", {"kind": "mqtt", "target": "a/\udfff"}),
        ("add_checkpoint", {"kind": "mqtt", "target": "a/b", "down_payloads": ["off", "\ud800"]}),
        ("check_now", {"checkpoint": "\ud800"}),
        ("export_outages", {"file_name": "a\ud800"}),
    ],
)
async def test_half_a_character_is_refused(
    hass: HomeAssistant, watch: MockConfigEntry, action: str, data: dict[str, Any]
) -> None:
    before = held(watch, SHED)
    with pytest.raises(probatio.Invalid, match="characters in it that are none"):
        await act(hass, action, device_id=source_device(hass, watch, SHED).id, **data)
    assert held(watch, SHED) == before


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("gone", ["source", "reload", "watch"])
async def test_what_goes_away_while_it_is_checked(hass: HomeAssistant, watch: MockConfigEntry, gone: str) -> None:
    accepted, over = asyncio.Event(), asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await add(hass, watch, kind="http", target=f"http://127.0.0.1:{port}/")
    call = hass.async_create_task(act(hass, "check_now"))
    await asyncio.wait_for(accepted.wait(), 5)
    match gone:
        case "source":
            hass.config_entries.async_remove_subentry(watch, subentry_id(watch, SHED))
        case "reload":
            await hass.config_entries.async_reload(watch.entry_id)
        case _:
            await hass.config_entries.async_unload(watch.entry_id)
    with pytest.raises(HomeAssistantError, match="went away meanwhile"):
        await call
    over.set()
    server.close()
    await server.wait_closed()
