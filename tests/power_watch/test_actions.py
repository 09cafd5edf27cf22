"""Actions of the power watch: through Home Assistant's own calls, with a real server and a real history."""

import asyncio
from collections.abc import AsyncGenerator
import csv
from datetime import datetime, timedelta
from http import HTTPStatus
import io
import json
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.json import json_dumps
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.model import Kind
from custom_components.alfaspark.power_watch.record import FILE
from custom_components.alfaspark.power_watch.setup import (
    CONF_CHECKPOINTS,
    DEFAULT_DOWN_PAYLOADS,
    CheckpointSetup,
    utility,
)
from tests.conftest import SERIAL
from tests.outages.servers import HOST, Server, black_hole, serve_http
from tests.peers import PeerPack

from .conftest import source
from .entities import plug, seen_by, show, source_device, subentry_id

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")

STEP_S = 360.0
SHED = "Shed"
GARAGE = "Garage"


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """Watch two sources, each through devices, and the utility through packs."""
    return [seen_by(SHED, "kitchen", "freezer"), seen_by(GARAGE, "router"), source("Grid", [], "utility")]


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    """Have a device that answers HTTP."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async with serve_http(answer) as running:
        yield running


async def act(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Call an action, and make sure that its answer is plain JSON."""
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert answer is not None
    plain: dict[str, Any] = json.loads(json_dumps(answer))
    assert plain == answer, "the answer is no plain JSON"
    return plain


def device(hass: HomeAssistant, watch: MockConfigEntry, title: str) -> str:
    return source_device(hass, watch, title).id


def stored(watch: MockConfigEntry, title: str) -> dict[str, CheckpointSetup]:
    """What the subentry of a source holds, by name: that is what survives a restart."""
    found = watch.subentries[subentry_id(watch, title)].data[CONF_CHECKPOINTS]
    return {each["name"]: CheckpointSetup.from_dict(each) for each in found}


def the(answer: dict[str, Any], title: str) -> dict[str, Any]:
    """Return what is answered of a source."""
    (found,) = [each for each in answer["sources"] if each["name"] == title]
    return dict(found)


async def remember(
    hass: HomeAssistant, watch: MockConfigEntry, title: str, *outages_steps: tuple[float, float]
) -> float:
    """Have watched a source for the last 50 steps, with outages so many steps ago; return when now is."""
    source_id, now_s = subentry_id(watch, title), dt_util.utcnow().timestamp()
    evidence = [f"{source_id}/entity:{plug('kitchen')}"]
    bounds_s = [now_s - steps * STEP_S for outage in outages_steps for steps in outage]

    def write(history: PowerHistory) -> None:
        others = [row.id for row in history.sources() if row.id != source_id]
        history.stop_watching(others, now_s)
        history.forget_source(source_id)
        at_s = now_s - 50 * STEP_S
        history.begin_watching([source_id], at_s)
        history.end_unobserved(source_id, at_s)
        for number, bound_s in enumerate([*bounds_s, now_s]):
            while at_s < bound_s:
                history.heartbeat(at_s)
                at_s += 240
            if bound_s < now_s and number % 2 == 0:
                history.begin_outage(source_id, bound_s, "most_down", evidence)
            elif bound_s < now_s:
                history.end_outage(source_id, bound_s)
        history.heartbeat(now_s)
        history.begin_watching(others, now_s)
        for other in others:
            history.end_unobserved(other, now_s)

    await watch.runtime_data.record.async_change(write)
    return now_s


async def test_sources_and_checkpoints_are_listed_as_they_are(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, kitchen="on", freezer="on", router="on")
    await show(hass, freezer="unavailable")
    answer = await act(hass, "list_power_sources")
    assert [each["name"] for each in answer["sources"]] == [SHED, GARAGE, "Grid"]
    shed = the(answer, SHED)
    assert (shed["state"], shed["reason"], shed["up"], shed["down"]) == ("suspect", "even_split", 1, 1)
    assert shed["device_id"] == device(hass, watch, SHED)
    kitchen, freezer = shed["checkpoints"]
    assert (kitchen["verdict"], freezer["verdict"]) == ("up", "down")
    assert kitchen["id"] == f"{shed['id']}/entity:{plug('kitchen')}"
    assert freezer["last_check"]["result"] == "down"
    assert freezer["last_check"]["detail"] == "unavailable"
    assert freezer["seen_alive"] and not freezer["paused"]
    since = datetime.fromisoformat(shed["since"])
    assert since.utcoffset() == dt_util.now().utcoffset()
    assert abs(dt_util.utcnow() - since) < timedelta(seconds=30)
    assert datetime.fromisoformat(freezer["down_since"]) == since
    only = await act(hass, "list_power_sources", device_id=device(hass, watch, GARAGE))
    assert [each["name"] for each in only["sources"]] == [GARAGE]


async def test_a_checkpoint_that_is_added_is_checked_and_survives(
    hass: HomeAssistant, watch: MockConfigEntry, server: Server
) -> None:
    target = f"http://{HOST}:{server.port}/status"
    shed = device(hass, watch, SHED)
    (added,) = (await act(hass, "add_checkpoint", device_id=shed, kind="http", target=target, name="Oven"))[
        "checkpoints"
    ]
    assert (added["name"], added["target"], added["kind"], added["source"]) == ("Oven", target, "http", SHED)
    (checked,) = (await act(hass, "check_now", checkpoint="oven"))["checkpoints"]
    assert (checked["verdict"], checked["last_check"]["result"]) == ("up", "alive")
    assert 0 < checked["last_check"]["latency_ms"] < 5000
    assert server.requests[0].startswith(b"HEAD /status")
    assert stored(watch, SHED)["Oven"] == CheckpointSetup(Kind.HTTP, target, "Oven")
    await hass.config_entries.async_reload(watch.entry_id)
    listed = the(await act(hass, "list_power_sources"), SHED)["checkpoints"]
    assert [each["name"] for each in listed] == ["Kitchen", "Freezer", "Oven"]


async def test_what_is_added_again_is_changed_and_stays_paused(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, kitchen="on")
    shed = device(hass, watch, SHED)
    await act(hass, "pause_checkpoint", device_id=shed, checkpoint="Kitchen")
    data = {"device_id": shed, "kind": "entity", "target": plug("kitchen"), "name": "Cooker", "down_states": "off"}
    (changed,) = (await act(hass, "add_checkpoint", **data))["checkpoints"]
    assert changed["name"] == "Cooker" and changed["paused"]
    assert list(stored(watch, SHED)) == ["Cooker", "Freezer"]
    assert stored(watch, SHED)["Cooker"].options == {"down_states": ["off"]}


@pytest.mark.parametrize(
    ("given", "target", "options"),
    [
        ({"kind": "tcp", "target": "127.0.0.1:22"}, "127.0.0.1:22", {}),
        ({"kind": "tcp", "target": "[::1]:22"}, "[::1]:22", {}),
        ({"kind": "ping", "target": " 127.0.0.1 "}, "127.0.0.1", {}),
        ({"kind": "http", "target": "127.0.0.1:9"}, "http://127.0.0.1:9", {}),
        ({"kind": "mqtt", "target": "tele/+/LWT", "silence_s": 60, "down_payloads": ["Offline"]},
         "tele/+/LWT", {"silence_s": 60, "down_payloads": ["Offline"]}),
        ({"kind": "mqtt", "target": "a/b"},
         "a/b", {"silence_s": 900, "down_payloads": list(DEFAULT_DOWN_PAYLOADS)}),
        ({"kind": "presence"}, "all", {}),
    ],
)  # fmt: skip
async def test_every_kind_can_be_added(
    hass: HomeAssistant, watch: MockConfigEntry, given: dict[str, Any], target: str, options: dict[str, Any]
) -> None:
    (added,) = (await act(hass, "add_checkpoint", device_id=device(hass, watch, GARAGE), **given))["checkpoints"]
    assert (added["kind"], added["target"]) == (given["kind"], target)
    (setup,) = [each for each in stored(watch, GARAGE).values() if each.target == target]
    assert setup.options == options
    assert setup.name == added["name"] != ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "ping", "target": "not a host"}, "not a host is no name or address of a host"),
        ({"kind": "ping"}, "is no name or address"),
        ({"kind": "tcp", "target": "nas.local"}, "nas.local does not end in a port"),
        ({"kind": "tcp", "target": "a b:22"}, "is no name or address of a host"),
        ({"kind": "http", "target": "ftp://nas.local"}, "is no address of a device"),
        ({"kind": "mqtt", "target": "a/b#"}, "is no MQTT topic"),
        ({"kind": "entity", "target": "light.nowhere"}, "There is no entity light.nowhere"),
        ({"kind": "grid_sense", "target": "00000000ffff"}, "no energy pack with the serial number 00000000ffff"),
        (
            {"kind": "ping", "target": "nas.local", "silence_s": 9},
            "silence_s is only for a checkpoint of the kind mqtt",
        ),
    ],
)
async def test_what_cannot_be_a_checkpoint_is_refused_in_words(
    hass: HomeAssistant, watch: MockConfigEntry, given: dict[str, Any], words: str
) -> None:
    before = stored(watch, SHED)
    with pytest.raises(ServiceValidationError, match=words):
        await act(hass, "add_checkpoint", device_id=device(hass, watch, SHED), **given)
    assert stored(watch, SHED) == before


async def test_a_paused_checkpoint_does_not_count_until_it_goes_on(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, kitchen="on", freezer="on")
    await show(hass, freezer="unavailable")
    (paused,) = (await act(hass, "pause_checkpoint", checkpoint=plug("freezer")))["checkpoints"]
    assert paused["paused"] and paused["verdict"] == "paused"
    assert the(await act(hass, "list_power_sources"), SHED)["state"] == "powered"
    assert stored(watch, SHED)["Freezer"].is_paused
    (goes_on,) = (await act(hass, "pause_checkpoint", checkpoint=paused["id"], paused=False))["checkpoints"]
    assert not goes_on["paused"]
    assert not stored(watch, SHED)["Freezer"].is_paused
    assert the(await act(hass, "list_power_sources"), SHED)["state"] == "suspect"


async def test_checkpoints_are_removed(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    answer = await act(hass, "remove_checkpoint", checkpoint=["Kitchen", "Router"])
    assert [(each["source"], each["name"]) for each in answer["removed"]] == [(SHED, "Kitchen"), (GARAGE, "Router")]
    assert list(stored(watch, SHED)) == ["Freezer"]
    assert stored(watch, GARAGE) == {}
    with pytest.raises(ServiceValidationError, match=r"There is no checkpoint Kitchen\. There are: Freezer"):
        await act(hass, "remove_checkpoint", checkpoint="Kitchen")


async def test_a_name_that_two_have_is_not_guessed(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    garage = device(hass, watch, GARAGE)
    hass.states.async_set(plug("other"), "on")
    await act(hass, "add_checkpoint", device_id=garage, kind="entity", target=plug("other"), name="Kitchen")
    with pytest.raises(ServiceValidationError, match=f"more than one checkpoint Kitchen.*{plug('other')}"):
        await act(hass, "remove_checkpoint", checkpoint="Kitchen")
    assert "Kitchen" in stored(watch, SHED)
    await act(hass, "remove_checkpoint", device_id=garage, checkpoint="Kitchen")
    assert "Kitchen" not in stored(watch, GARAGE)


async def test_one_pack_of_all_can_be_paused_and_is_found_again(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    pack.report()
    grid = device(hass, watch, "Grid")
    await act(hass, "add_checkpoint", device_id=grid, kind="grid_sense")
    every, sense = the(await act(hass, "list_power_sources", device_id=grid), "Grid")["checkpoints"]
    assert every["stands_for_many"] and every["verdict"] is None
    assert (sense["target"], sense["found_through"], sense["verdict"]) == (SERIAL, every["name"], "up")
    with pytest.raises(ServiceValidationError, match=f"was found through {every['name']}"):
        await act(hass, "remove_checkpoint", checkpoint=sense["id"])
    (paused,) = (await act(hass, "pause_checkpoint", checkpoint=sense["id"]))["checkpoints"]
    assert (paused["verdict"], paused["found_through"]) == ("paused", None)
    assert the(await act(hass, "list_power_sources"), "Grid")["state"] == "unknown"
    await act(hass, "remove_checkpoint", checkpoint=sense["id"])
    (again,) = (await act(hass, "check_now", checkpoint=every["id"]))["checkpoints"]
    assert (again["target"], again["found_through"], again["verdict"]) == (SERIAL, every["name"], "up")
    assert the(await act(hass, "list_power_sources"), "Grid")["state"] == "powered"


async def test_all_are_checked_together(hass: HomeAssistant, watch: MockConfigEntry, server: Server) -> None:
    await show(hass, kitchen="on", freezer="on", router="on")
    shed = device(hass, watch, SHED)
    with black_hole() as silent:
        for path in ("a", "b"):
            for port in (silent, server.port):
                await act(hass, "add_checkpoint", device_id=shed, kind="http", target=f"http://{HOST}:{port}/{path}")
        began_s = hass.loop.time()
        answer = (await act(hass, "check_now"))["checkpoints"]
        # Each silent one takes half its interval of a second.
        assert hass.loop.time() - began_s < 2
    results = {each["name"]: each["last_check"]["result"] for each in answer}
    assert len(answer) == 7
    assert results.pop("Kitchen") == results.pop("Freezer") == results.pop("Router") == "alive"
    assert sorted(results.values()) == ["alive", "alive", "down", "down"]
    assert [each["name"] for each in (await act(hass, "check_now", device_id=device(hass, watch, GARAGE)))[
        "checkpoints"
    ]] == ["Router"]  # fmt: skip


async def test_checks_are_answered_at_once_and_bounded(
    hass: HomeAssistant, watch: MockConfigEntry, server: Server
) -> None:
    target = f"http://{HOST}:{server.port}"
    await act(hass, "add_checkpoint", device_id=device(hass, watch, SHED), kind="http", target=target, name="Oven")
    before = dt_util.now()
    for _ in range(3):
        await act(hass, "check_now", checkpoint="Oven")
    answer = await act(hass, "get_checks", checkpoint="Oven", start=before.isoformat(), limit=2)
    assert answer["more"]
    first, second = answer["checks"]
    assert (first["source"], first["name"], first["result"]) == (SHED, "Oven", "alive")
    assert before <= datetime.fromisoformat(first["time"]) <= datetime.fromisoformat(second["time"]) <= dt_util.now()
    assert first["latency_ms"] > 0
    everything = await act(hass, "get_checks")
    assert len(everything["checks"]) >= 5
    assert not everything["more"]
    past = await act(hass, "get_checks", checkpoint="Oven", end=(before - timedelta(hours=1)).isoformat())
    assert past == {"checks": [], "more": False}


async def test_outages_in_a_range(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    now_s = await remember(hass, watch, SHED, (30, 29), (5, 3))
    shed = the(await act(hass, "get_outages"), SHED)
    assert not shed["more"]
    first, second = shed["outages"]
    assert datetime.fromisoformat(first["start"]).timestamp() == pytest.approx(now_s - 30 * STEP_S, abs=0.01)
    assert datetime.fromisoformat(first["end"]).utcoffset() == dt_util.now().utcoffset()
    assert (first["duration_s"], second["duration_s"]) == (STEP_S, 2 * STEP_S)
    assert (first["evidence"], first["reason"]) == (["Kitchen"], "most_down")
    # A time without an offset is local.
    start = dt_util.as_local(dt_util.utc_from_timestamp(now_s - 10 * STEP_S)).replace(tzinfo=None)
    only = the(await act(hass, "get_outages", start=start.isoformat(sep=" ")), SHED)
    assert only["outages"] == [second]
    latest = the(await act(hass, "get_outages", limit=1), SHED)
    assert latest["outages"] == [second]
    assert latest["more"]
    assert the(await act(hass, "get_outages"), GARAGE)["outages"] == []


async def test_statistics_of_a_range_and_of_a_period(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    now_s = await remember(hass, watch, SHED, (30, 29), (5, 3))
    begin, end = (dt_util.utc_from_timestamp(now_s - hours * STEP_S).isoformat() for hours in (10, 2))
    answer = await act(hass, "get_outage_statistics", device_id=device(hass, watch, SHED), start=begin, end=end)
    (shed,) = answer["sources"]
    assert shed["uptime_pct"] == pytest.approx(75, abs=0.01)
    assert (shed["outages"], shed["longest_s"], shed["mean_s"]) == (1, 2 * STEP_S, 2 * STEP_S)
    assert shed["total_down_s"] == pytest.approx(2 * STEP_S, abs=0.01)
    assert shed["last"]["evidence"] == ["Kitchen"]
    assert datetime.fromisoformat(answer["start"]).timestamp() == pytest.approx(now_s - 10 * STEP_S, abs=0.01)
    today = await act(hass, "get_outage_statistics", period="day")
    assert datetime.fromisoformat(today["start"]) == dt_util.start_of_local_day()
    month = await act(hass, "get_outage_statistics")
    assert datetime.fromisoformat(month["start"]) == dt_util.start_of_local_day().replace(day=1)
    before = dt_util.utc_from_timestamp(now_s - 100 * STEP_S).isoformat()
    unseen = the(await act(hass, "get_outage_statistics", start="2020-01-01 00:00:00", end=before), SHED)
    assert unseen["uptime_pct"] is None and unseen["outages"] is None and unseen["last"] is None


async def test_the_export_is_one_text_of_all_sources(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await remember(hass, watch, SHED, (30, 29))
    await remember(hass, watch, GARAGE, (20, 19), (10, 9))
    answer = await act(hass, "export_outages")
    rows = list(csv.DictReader(io.StringIO(answer["text"], newline="")))
    assert [row["source"] for row in rows] == [SHED, GARAGE, GARAGE]
    assert rows[0]["evidence"] == f"entity:{plug('kitchen')}"
    assert answer["rows"] == 3
    told = await act(hass, "export_outages", format="json", device_id=device(hass, watch, GARAGE))
    assert [row["duration_s"] for row in json.loads(told["text"])] == [STEP_S, STEP_S]
    timeline = json.loads((await act(hass, "export_outages", content="timeline", format="json"))["text"])
    states = [row["state"] for row in timeline if row["source"] == SHED]
    assert states[:3] == ["powered", "lost", "powered"]
    await act(hass, "check_now")
    checks = json.loads((await act(hass, "export_outages", content="checks", format="json"))["text"])
    assert {row["checkpoint"] for row in checks} == {"Shed/Kitchen", "Shed/Freezer", "Garage/Router"}


async def test_a_file_is_written_where_nobody_else_reads_it(
    hass: HomeAssistant, watch: MockConfigEntry, tmp_path: Path
) -> None:
    await remember(hass, watch, SHED, (30, 29))
    for name in ("year 2026", "year 2026.csv"):
        answer = await act(hass, "export_outages", file_name=name)
        assert answer == {"format": "csv", "rows": 1, "file": str(tmp_path / "alfaspark" / "year 2026.csv")}
    text = (await act(hass, "export_outages"))["text"]
    assert (tmp_path / "alfaspark" / "year 2026.csv").read_bytes().decode() == text
    # An automation need not take an answer.
    await hass.services.async_call(DOMAIN, "export_outages", {"file_name": "again", "format": "json"}, blocking=True)
    assert len(json.loads((tmp_path / "alfaspark" / "again.json").read_text())) == 1
    assert sorted(each.name for each in (tmp_path / "alfaspark").iterdir()) == ["again.json", "year 2026.csv"]
    (tmp_path / "alfaspark" / "taken.csv").mkdir()
    with pytest.raises(HomeAssistantError, match=r"taken.csv could not be written: Is a directory"):
        await act(hass, "export_outages", file_name="taken")


@pytest.mark.parametrize("name", ["../www/all", "/etc/passwd", ".storage", "a/b", "", "~", "a\nb"])
async def test_a_file_never_goes_elsewhere(
    hass: HomeAssistant, watch: MockConfigEntry, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ServiceValidationError, match="is no file name that can be taken"):
        await act(hass, "export_outages", file_name=name)
    assert not (tmp_path / "alfaspark").exists()


async def test_an_export_is_bounded_and_must_go_somewhere(
    hass: HomeAssistant, watch: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remember(hass, watch, SHED, (30, 29))
    with pytest.raises(ServiceValidationError, match="Give a file name, or take the text"):
        await hass.services.async_call(DOMAIN, "export_outages", {}, blocking=True)
    monkeypatch.setattr("custom_components.alfaspark.power_watch.actions.history._MOST_CHARACTERS", 200)
    with pytest.raises(ServiceValidationError, match="more than fits into an answer"):
        await act(hass, "export_outages")
    assert (await act(hass, "export_outages", file_name="all"))["rows"] == 1


async def test_a_purge_deletes_what_is_old_of_one_source_only(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await act(hass, "check_now")
    for title in (SHED, GARAGE):
        now_s = await remember(hass, watch, title, (30, 29), (5, 3))
    before = dt_util.utc_from_timestamp(now_s - 10 * STEP_S).isoformat()
    (answer,) = (await act(hass, "purge_outages", device_id=device(hass, watch, SHED), before=before))["sources"]
    assert (answer["name"], answer["outages_deleted"]) == (SHED, 1)
    left = await act(hass, "get_outages")
    assert [each["duration_s"] for each in the(left, SHED)["outages"]] == [2 * STEP_S]
    assert len(the(left, GARAGE)["outages"]) == 2
    assert (await act(hass, "get_checks", checkpoint="Kitchen"))["checks"] != []
    shed = [device(hass, watch, SHED)]
    await act(hass, "purge_outages", device_id=shed, before=(dt_util.utcnow() + timedelta(days=1)).isoformat())
    left = await act(hass, "get_outages")
    assert (the(left, SHED)["outages"], len(the(left, GARAGE)["outages"])) == ([], 2)
    assert (await act(hass, "get_checks", checkpoint="Kitchen"))["checks"] == []
    assert (await act(hass, "get_checks", checkpoint="Router"))["checks"] != []


@pytest.mark.parametrize(
    ("action", "data", "words"),
    [
        ("get_outages", {"start": "2026-02-01 00:00", "end": "2026-01-01 00:00"}, "has no time in it"),
        ("get_outages", {"start": "2099-01-01 00:00"}, "has no time in it that is past"),
        ("get_outages", {"device_id": []}, "Choose at least one power source"),
        ("get_outages", {"device_id": "nothing"}, "nothing is not the device of a power source"),
        ("get_outage_statistics", {"period": "day", "start": "2026-01-01 00:00"}, "a period or a range, not both"),
        ("get_outage_statistics", {"end": "2026-01-01 00:00"}, "Give the start"),
    ],
)
async def test_what_makes_no_sense_is_said(
    hass: HomeAssistant, watch: MockConfigEntry, action: str, data: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceValidationError, match=words):
        await act(hass, action, **data)


async def test_a_pack_is_no_power_source(hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry) -> None:
    found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    assert found is not None
    with pytest.raises(ServiceValidationError, match=f"{found.name} is not the device of a power source"):
        await act(hass, "list_power_sources", device_id=found.id)


async def test_only_administrators_change_what_is_watched(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": {"all": {POLICY_CONTROL: True}}})
    context = Context(user_id=user.id)
    for action, data in (
        ("add_checkpoint", {"device_id": device(hass, watch, SHED), "kind": "ping", "target": "nas.local"}),
        ("pause_checkpoint", {"checkpoint": "Kitchen"}),
        ("remove_checkpoint", {"checkpoint": "Kitchen"}),
        ("export_outages", {"file_name": "all"}),
        ("purge_outages", {"device_id": device(hass, watch, SHED), "before": "2026-01-01 00:00"}),
    ):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context)
    assert not stored(watch, SHED)["Kitchen"].is_paused
    answer = await hass.services.async_call(
        DOMAIN, "get_outages", {}, blocking=True, context=context, return_response=True
    )
    assert answer is not None


async def test_a_history_that_is_damaged_is_said_and_begun_anew(
    hass: HomeAssistant, watch: MockConfigEntry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await remember(hass, watch, SHED, (30, 29))
    file = tmp_path / ".storage" / FILE
    connection = sqlite3.connect(file)
    connection.execute("UPDATE spans SET start_s = start_s + 1")
    connection.commit()
    connection.close()
    with pytest.raises(HomeAssistantError, match="history of the power sources cannot be read at the moment"):
        await act(hass, "get_outages")
    assert ir.async_get(hass).async_get_issue(DOMAIN, "history_damaged") is not None
    assert [each.name for each in file.parent.glob(f"{FILE}.damaged-*")] != []
    caplog.clear()
    # What comes next begins a new file.
    await watch.runtime_data.record.async_change(lambda history: None)
    assert the(await act(hass, "get_outages"), SHED)["outages"] == []


async def test_a_purge_that_must_wait_is_said_and_made_up_for(
    hass: HomeAssistant, watch: MockConfigEntry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await remember(hass, watch, SHED, (30, 29))
    data = {"device_id": device(hass, watch, SHED), "before": dt_util.utcnow().isoformat()}

    def have_no_patience(history: PowerHistory) -> None:
        assert history._store._connection is not None
        history._store._connection.execute("PRAGMA busy_timeout = 0")

    await watch.runtime_data.record.async_change(have_no_patience)
    other = sqlite3.connect(tmp_path / ".storage" / FILE)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HomeAssistantError, match="cannot be written at the moment"):
        await act(hass, "purge_outages", **data)
    other.close()
    caplog.clear()
    assert the(await act(hass, "get_outages"), SHED)["outages"] == []
    assert ir.async_get(hass).async_get_issue(DOMAIN, "history_unwritable") is None


async def test_a_power_watch_that_is_not_set_up_is_named(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await hass.config_entries.async_unload(watch.entry_id)
    with pytest.raises(ServiceValidationError, match="Power watch is not set up"):
        await act(hass, "list_power_sources")


async def test_without_any_power_watch_that_is_said(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    with pytest.raises(ServiceValidationError, match="The power is not watched"):
        await act(hass, "list_power_sources")


async def test_other_programs_call_them_over_http(
    hass: HomeAssistant, watch: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "api", {})
    client = await hass_client()
    path = f"/api/services/{DOMAIN}/"
    answer = await client.post(f"{path}list_power_sources?return_response", json={})
    assert answer.status == HTTPStatus.OK
    listed = (await answer.json())["service_response"]["sources"]
    assert [each["name"] for each in listed] == [SHED, GARAGE, "Grid"]
    data = {"device_id": listed[0]["device_id"], "kind": "tcp", "target": f"{HOST}:22", "name": "Storage"}
    assert (await client.post(f"{path}add_checkpoint?return_response", json=data)).status == HTTPStatus.OK
    assert stored(watch, SHED)["Storage"].target == f"{HOST}:22"
    refused = await client.post(f"{path}pause_checkpoint?return_response", json={"checkpoint": "Attic"})
    assert refused.status == HTTPStatus.BAD_REQUEST
    assert (await refused.json())["message"].startswith("There is no checkpoint Attic. There are: ")


def test_what_exists_from_the_start_can_be_read_back() -> None:
    """The setup that is held survives being read and written by an action."""
    (held,) = utility()["data"][CONF_CHECKPOINTS]
    assert CheckpointSetup.from_dict(held).as_dict() == held
