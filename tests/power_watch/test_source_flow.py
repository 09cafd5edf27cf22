"""Power sources are added, changed and removed through Home Assistant's own dialogs, and followed without a reload."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentryData,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.outages.model import Kind, Verdict
from custom_components.alfaspark.power_watch.setup import SUBENTRY_SOURCE, CheckpointSetup, sources_of
from tests.conftest import SERIAL, state, wait_until
from tests.flow import suggested

from .conftest import source
from .entities import checkpoint, plug, show, subentry_id

pytestmark = pytest.mark.usefixtures("integration")

RULE = {"fraction": 50, "failures": 2, "interval_s": 60, "loss_hold_s": 0, "restore_hold_s": 60}
TEXTS = json.loads((Path(__file__).parents[2] / "custom_components/alfaspark/translations/en.json").read_text())
FLOW = TEXTS["config_subentries"]["source"]


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source, seen by two entities."""
    return [source("Workshop", [checkpoint("lamp"), checkpoint("heater")], failures=2, interval_s=3600)]


async def _start(hass: HomeAssistant, watch: MockConfigEntry, source: str = "") -> SubentryFlowResult:
    context: SubentryFlowContext = {"source": SOURCE_USER}
    if source:
        context = {"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id(watch, source)}
    return await hass.config_entries.subentries.async_init((watch.entry_id, SUBENTRY_SOURCE), context=context)


async def _submit(hass: HomeAssistant, result: SubentryFlowResult, **entered: Any) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_configure(result["flow_id"], entered)


async def _choose(hass: HomeAssistant, result: SubentryFlowResult, step: str) -> SubentryFlowResult:
    assert result["type"] is FlowResultType.MENU
    assert step in result["menu_options"]
    return await _submit(hass, result, next_step_id=step)


async def _add(hass: HomeAssistant, result: SubentryFlowResult, step: str, **entered: Any) -> SubentryFlowResult:
    result = await _choose(hass, result, step)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, step)
    return await _submit(hass, result, **entered)


def _error(result: SubentryFlowResult) -> str:
    """Return the error of a form as its owner reads it; fail if its text has a placeholder that is not filled."""
    assert result["type"] is FlowResultType.FORM
    assert result["errors"]
    (error,) = result["errors"].values()
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    text: str = FLOW["error"][error].format(**placeholders)
    return text


def _checkpoints(watch: MockConfigEntry, source: str) -> list[CheckpointSetup]:
    return list(next(each for each in sources_of(watch) if each.name == source).checkpoints)


async def test_a_source_with_a_checkpoint_of_each_kind(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, socket_enabled: None
) -> None:
    result = await _start(hass, watch)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "user")
    result = await _submit(hass, result, name="  Cellar ", kind="utility", network_source="itself", rule=RULE)
    assert result["menu_options"] == [
        "http", "tcp", "ping", "mqtt", "entity", "grid_sense", "presence", "paste", "source", "save",
    ]  # fmt: skip
    assert result["description_placeholders"] == {"source": "Cellar", "count": "0", "checkpoints": ""}
    result = await _add(hass, result, "http", url="127.0.0.1:9/status", name="Plug")
    result = await _add(hass, result, "tcp", host="127.0.0.1", port=9)
    result = await _add(hass, result, "ping", host="[::1]", name=" ")
    result = await _add(hass, result, "mqtt", topic="tele/+/LWT", silence_s=0, down_payloads=["Offline"])
    result = await _add(hass, result, "entity", entity_id=plug("lamp"), down_states=["off"], name="Lamp")
    result = await _add(hass, result, "grid_sense", pack=SERIAL)
    result = await _add(hass, result, "grid_sense", pack="all")
    result = await _add(hass, result, "presence", pack="all")
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["checkpoints"].splitlines() == [
        "- `Plug (http://127.0.0.1:9/status)`",
        "- `127.0.0.1:9`",
        "- `::1`",
        "- `tele/+/LWT`",
        f"- `Lamp ({plug('lamp')})`",
        "- `Energy pack E4F5`",
        "- `Grid sense of all packs`",
        "- `Presence of all packs`",
    ]
    result = await _choose(hass, result, "save")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert _checkpoints(watch, "Cellar") == [
        CheckpointSetup(Kind.HTTP, "http://127.0.0.1:9/status", "Plug"),
        CheckpointSetup(Kind.TCP, "127.0.0.1:9", "127.0.0.1:9"),
        CheckpointSetup(Kind.PING, "::1", "::1"),
        CheckpointSetup(Kind.MQTT, "tele/+/LWT", "tele/+/LWT", options={"silence_s": 0, "down_payloads": ["Offline"]}),
        CheckpointSetup(Kind.ENTITY, plug("lamp"), "Lamp", options={"down_states": ["off"]}),
        CheckpointSetup(Kind.GRID_SENSE, SERIAL, "Energy pack E4F5"),
        CheckpointSetup(Kind.GRID_SENSE, "all", "Grid sense of all packs"),
        CheckpointSetup(Kind.PRESENCE, "all", "Presence of all packs"),
    ]
    (setup,) = [each for each in sources_of(watch) if each.name == "Cellar"]
    assert setup.network_source_id == setup.id
    assert (setup.rule.fraction, setup.rule.failures) == (0.5, 2)
    await wait_until(lambda: hass.states.get("binary_sensor.cellar"), "for its entities")
    assert watch.runtime_data.sources[setup.id].decision.up == 2, "the pack's sense and presence"


@pytest.mark.parametrize(
    ("step", "entered"),
    [
        ("http", {"url": " ", "name": "Plug"}),
        ("tcp", {"port": 9}),
        ("ping", {}),
        ("mqtt", {}),
        ("entity", {"name": "Lamp"}),
        ("grid_sense", {}),
        ("presence", {}),
        ("paste", {"pasted": "\n"}),
        ("paste", {}),
        ("remove", {}),
    ],
)
async def test_an_empty_form_leads_back_and_changes_nothing(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, step: str, entered: dict[str, Any]
) -> None:
    result = await _add(hass, await _start(hass, watch, "Workshop"), "entity", entity_id=plug("clock"))
    result = await _add(hass, result, step, **entered)
    await _choose(hass, result, "save")
    assert [each.target for each in _checkpoints(watch, "Workshop")] == [
        plug("lamp"), plug("heater"), plug("clock"),
    ]  # fmt: skip


def test_each_form_says_how_to_go_back() -> None:
    steps = ("http", "tcp", "ping", "mqtt", "entity", "grid_sense", "presence", "paste", "remove")
    assert all("to go back" in FLOW["step"][step]["description"] for step in steps)


async def test_packs_are_offered_where_there_are_some(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    result = await _start(hass, watch, "Workshop")
    assert "grid_sense" not in result["menu_options"]
    assert "presence" not in result["menu_options"]


async def test_changing_name_kind_and_rule(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    result = await _start(hass, watch)
    result = await _submit(hass, result, name=" ", kind="ups", rule=RULE | {"fraction": 55})
    await _choose(hass, result, "save")
    ups = subentry_id(watch, "ups")
    result = await _start(hass, watch, "Workshop")
    result = await _choose(hass, result, "source")
    assert suggested(result) | {"rule": None} == {"name": "Workshop", "kind": "other", "rule": None}
    result = await _submit(hass, result, name="Shed", kind="generator", network_source=ups, rule=RULE | {"failures": 3})
    await _choose(hass, result, "save")
    (shed,) = [each for each in sources_of(watch) if each.name == "Shed"]
    assert (shed.kind, shed.rule.failures, shed.network_source_id) == ("generator", 3, ups)
    assert [each.name for each in shed.checkpoints] == ["Lamp", "Heater"]

    result = await _start(hass, watch, "ups")
    result = await _choose(hass, result, "source")
    assert result["data_schema"] is not None
    rule = next(each for key, each in result["data_schema"].schema.items() if key == "rule")
    values = {str(key): key.description["suggested_value"] for key in rule.schema.schema if key.description}
    assert values["fraction"] == 55

    result = await _choose(hass, await _start(hass, watch, "Shed"), "source")
    assert suggested(result)["network_source"] == ups
    hass.config_entries.async_remove_subentry(watch, ups)
    await hass.async_block_till_done()
    result = await _choose(hass, await _start(hass, watch, "Shed"), "source")
    assert "network_source" not in suggested(result)


@pytest.mark.parametrize(
    ("step", "entered", "told"),
    [
        ("http", {"url": "ftp://nas"}, "This is no address of a device: ftp://nas"),
        ("http", {"url": "http://no host/"}, "This is no address of a device: http://no host/"),
        ("http", {"url": "http://me:pw@nas.local/x"}, "Leave out user and password: any answer of nas.local/x shows"),
        ("http", {"url": "me@nas.local"}, "Leave out user and password: any answer of nas.local shows"),
        ("tcp", {"host": "nas"}, "A port is a number from 1 to 65535: nas:0"),
        ("tcp", {"host": "nas local", "port": 80}, "This is no name or address of a host: nas local"),
        ("ping", {"host": "192.168.1.300"}, "This is no name or address of a host: 192.168.1.300"),
        ("ping", {"host": "http://nas"}, "This is no name or address of a host: http://nas"),
        ("mqtt", {"topic": "a/#/b", "silence_s": 9, "down_payloads": []}, "This is no MQTT topic: a/#/b. + and"),
        ("mqtt", {"topic": "a/b+", "silence_s": 9, "down_payloads": []}, "This is no MQTT topic: a/b+. + and"),
        ("mqtt", {"topic": "a\0b", "silence_s": 9, "down_payloads": []}, "This is no MQTT topic: a\0b. + and"),
        (
            "mqtt",
            {"topic": "a/b", "silence_s": 4, "down_payloads": []},
            "A silence is 0, for never, or 5 to 86400 s, not 4",
        ),
        ("paste", {"kind": "http", "pasted": "nas"}, "Line 1 has no name and host with a colon between them: nas"),
    ],
)
async def test_what_was_entered_wrong_is_said_and_kept(
    hass: HomeAssistant, watch: MockConfigEntry, step: str, entered: dict[str, Any], told: str
) -> None:
    result = await _add(hass, await _start(hass, watch, "Workshop"), step, **entered)
    assert _error(result).startswith(told)
    kept = {key: value for key, value in entered.items() if value}
    assert kept.items() <= (suggested(result) | {"down_payloads": []}).items()


@pytest.mark.parametrize(("step", "entered"), [("tcp", {"host": "nas", "port": 65536}), ("mqtt", {"topic": "a"})])
async def test_what_a_form_does_not_take(
    hass: HomeAssistant, watch: MockConfigEntry, step: str, entered: dict[str, Any]
) -> None:
    result = await _choose(hass, await _start(hass, watch, "Workshop"), step)
    with pytest.raises(InvalidData):
        await _submit(hass, result, **entered, silence_s=-1)


PASTED = """
# name: host
Kitchen plug: 192.0.2.20
Storage: nas.local:22
Router:[2001:db8::1]:80
Access point: 2001:db8::2
Inverter: https://192.0.2.9/status?x=1
Gate: 192.0.2.7/info
"""


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        ("http", [(Kind.HTTP, "http://192.0.2.20"), (Kind.HTTP, "http://[2001:db8::2]")]),
        ("ping", [(Kind.PING, "192.0.2.20"), (Kind.PING, "2001:db8::2")]),
    ],
)
async def test_a_pasted_list(
    hass: HomeAssistant, watch_entry: MockConfigEntry, kind: str, plain: list[tuple[Kind, str]]
) -> None:
    """Also while the power watch is not set up, so that nothing is looked at here."""
    result = await _add(hass, await _start(hass, watch_entry, "Workshop"), "paste", kind=kind, pasted=PASTED)
    await _choose(hass, result, "save")
    assert [(each.name, each.kind, each.target) for each in _checkpoints(watch_entry, "Workshop")[2:]] == [
        ("Kitchen plug", *plain[0]),
        ("Storage", Kind.TCP, "nas.local:22"),
        ("Router", Kind.TCP, "[2001:db8::1]:80"),
        ("Access point", *plain[1]),
        ("Inverter", Kind.HTTP, "https://192.0.2.9/status?x=1"),
        ("Gate", Kind.HTTP, "http://192.0.2.7/info"),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Plug 192.0.2.9", "Line 137 has no name and host with a colon between them: Plug 192.0.2.9"),
        ("http://192.0.2.9", "Line 137 has no name and host with a colon between them: http://192.0.2.9"),
        (":192.0.2.9", "Line 137 has no name and host with a colon between them: :192.0.2.9"),
        ("Plug: 192.0.2.999", "Line 137 has no name or address of a host: Plug: 192.0.2.999"),
        (
            "Plug: http://me:pw@nas",
            "Leave out user and password in line 137: any answer shows that a device has power, also that it asks for them.",
        ),
        ("Plug: ftp://nas", "Line 137 has no address of a device: Plug: ftp://nas"),
        ("Plug: nas:http", "The port in line 137 is no number from 1 to 65535: Plug: nas:http"),
        ("Plug: nas:65536", "The port in line 137 is no number from 1 to 65535: Plug: nas:65536"),
    ],
)
async def test_two_hundred_lines_of_which_one_is_wrong(
    hass: HomeAssistant, watch: MockConfigEntry, line: str, told: str
) -> None:
    lines = [f"Plug {number}: 192.0.2.{number}" for number in range(1, 201)]
    wrong = "\n".join([*lines[:136], line, *lines[137:]])
    result = await _add(hass, await _start(hass, watch, "Workshop"), "paste", kind="ping", pasted=wrong)
    assert _error(result) == told
    assert suggested(result)["pasted"] == wrong, "nobody types it twice"
    result = await _submit(hass, result, kind="ping", pasted="\n".join(lines))
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert placeholders["count"] == "202"
    assert len(placeholders["checkpoints"].splitlines()) == 21
    assert placeholders["checkpoints"].endswith("\n- ... (+182)")


async def test_a_source_is_not_watched_by_itself(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    own = "sensor.workshop_state"
    result = await _add(hass, await _start(hass, watch, "Workshop"), "entity", entity_id=own, down_states=["lost"])
    assert _error(result) == f"{own} shows how this source is. A source cannot be watched by itself."
    # Another source may be what feeds the one that is watched through it.
    result = await _submit(hass, await _start(hass, watch), name="Desk", kind="other", rule={})
    result = await _add(hass, result, "entity", entity_id=own, down_states=["lost"])
    await _choose(hass, result, "save")
    assert [each.target for each in _checkpoints(watch, "Desk")] == [own]


async def test_half_a_character_in_a_name_becomes_a_question_mark(
    hass: HomeAssistant, watch_entry: MockConfigEntry
) -> None:
    result = await _start(hass, watch_entry, "Workshop")
    result = await _add(hass, result, "ping", host="127.0.0.1", name="Plug \ud800")
    result = await _add(hass, result, "paste", kind="ping", pasted="Meter \udfff: 127.0.0.2")
    await _choose(hass, result, "save")
    assert [each.name for each in _checkpoints(watch_entry, "Workshop")[-2:]] == ["Plug ?", "Meter ?"]


async def test_the_same_checkpoint_again_takes_the_place_of_the_first(
    hass: HomeAssistant, watch: MockConfigEntry
) -> None:
    result = await _add(
        hass, await _start(hass, watch, "Workshop"), "entity", entity_id=plug("lamp"), down_states=["x"]
    )
    await _choose(hass, result, "save")
    assert [(each.name, each.options) for each in _checkpoints(watch, "Workshop")] == [
        (plug("lamp"), {"down_states": ["x"]}),
        ("Heater", {}),
    ]


async def test_checkpoints_are_removed(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, lamp="on", heater="on")
    (source,) = watch.runtime_data.sources.values()
    assert source.decision.up == 2
    result = await _add(hass, await _start(hass, watch, "Workshop"), "remove", checkpoints=[f"entity:{plug('lamp')}"])
    assert source.decision.up == 2, "nothing changes before it is saved"
    await _choose(hass, result, "save")
    await hass.async_block_till_done()
    assert source.decision.up == 1
    result = await _add(hass, await _start(hass, watch, "Workshop"), "remove", checkpoints=[f"entity:{plug('heater')}"])
    assert "remove" not in result["menu_options"]
    await _choose(hass, result, "save")
    await hass.async_block_till_done()
    assert source.decision.reason == "nothing_tracked"


async def test_a_source_is_removed(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    assert hass.states.get("binary_sensor.workshop") is not None
    hass.config_entries.async_remove_subentry(watch, subentry_id(watch, "Workshop"))
    await hass.async_block_till_done()
    assert hass.states.get("binary_sensor.workshop") is None
    assert watch.runtime_data.sources == {}


async def test_a_changed_rule_forgets_nothing(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    """One of two that has failed once, of two times that it must, is down as soon as once is enough."""
    await show(hass, lamp="on", heater="on")
    failed_s = hass.loop.time()
    await show(hass, lamp="unavailable")
    changed_s = hass.loop.time()
    (source,) = watch.runtime_data.sources.values()
    assert (source.decision.state, source.decision.failing) == ("suspect", 1)
    result = await _choose(hass, await _start(hass, watch, "Workshop"), "source")
    rule = RULE | {"fraction": 40, "failures": 1, "interval_s": 3600}
    result = await _submit(hass, result, name="Workshop", kind="other", rule=rule)
    await _choose(hass, result, "save")
    await hass.async_block_till_done()
    assert (source.decision.down, source.decision.up) == (1, 1)
    await watch.runtime_data.async_check_source(source.id)
    assert source.decision.state == "lost"
    assert state(hass, "binary_sensor.workshop") == "off"
    assert failed_s <= source.decision.since_s <= changed_s, "since it failed first"
    since_s = source.decision.since_s
    result = await _choose(hass, await _start(hass, watch, "Workshop"), "source")
    result = await _submit(hass, result, name="Shed", kind="other", rule=rule | {"interval_s": 60})
    await _choose(hass, result, "save")
    await hass.async_block_till_done()
    assert (source.decision.state, source.decision.since_s) == ("lost", since_s), "the same outage goes on"


async def test_a_pause_is_followed_and_survives_an_open_dialog(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await show(hass, lamp="on", heater="on")
    await show(hass, lamp="unavailable")
    (source,) = watch.runtime_data.sources.values()
    result = await _start(hass, watch, "Workshop")
    subentry = watch.subentries[subentry_id(watch, "Workshop")]
    paused = {**subentry.data, "checkpoints": [checkpoint("lamp") | {"paused": True}, checkpoint("heater")]}
    hass.config_entries.async_update_subentry(watch, subentry, data=paused)
    await hass.async_block_till_done()
    assert (source.decision.state, source.decision.up, source.decision.failing) == ("powered", 1, 0)

    result = await _add(hass, result, "entity", entity_id=plug("lamp"), down_states=[], name="Ceiling")
    await _choose(hass, result, "save")
    await hass.async_block_till_done()
    assert [(each.name, each.is_paused) for each in _checkpoints(watch, "Workshop")] == [
        ("Ceiling", True),
        ("Heater", False),
    ]
    subentry = watch.subentries[subentry_id(watch, "Workshop")]
    going_on = {**subentry.data, "checkpoints": [checkpoint("lamp"), checkpoint("heater")]}
    hass.config_entries.async_update_subentry(watch, subentry, data=going_on)
    await hass.async_block_till_done()
    views = {watched.setup.name: view for watched, view in watch.runtime_data.checkpoints(source.id)}
    assert views["Lamp"].verdict is Verdict.FAILING, "it was looked at meanwhile, and failed once all in all"
