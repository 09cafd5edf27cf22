"""The diagnostics of the power watch: everything that helps, nothing that tells where anything is."""

import json
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.alfaspark.outages.model import Kind
from custom_components.alfaspark.power_watch.diagnostics import _detail
from custom_components.alfaspark.power_watch.setup import CheckpointSetup
from tests.conftest import SERIAL, wait_until
from tests.peers import PeerPack

from .conftest import source
from .entities import checkpoint, show, source_device

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")

SECRETS = ("127.0.0.1", "65535", "my-token", "kitchen", "Kitchen", "garage/secret", "Closed port", "Cellar", SERIAL)


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """A source of each kind of checkpoint, whose names and targets say where they are."""
    setups = (
        CheckpointSetup(Kind.HTTP, "http://127.0.0.1:65535/?key=my-token", "Cellar"),
        CheckpointSetup(Kind.TCP, "127.0.0.1:65535", "Closed port", is_paused=True),
        CheckpointSetup(Kind.MQTT, "garage/secret/+", "Cellar"),
        # Whatever was typed in is in what is said of it.
        CheckpointSetup(Kind.PING, "my-token_!", "Cellar"),
        CheckpointSetup(Kind.GRID_SENSE, "all", "All"),
    )
    return [
        source("Utility", [checkpoint("kitchen"), *(setup.as_dict() for setup in setups)]),
        source("UPS", [checkpoint("router")], interval_s=30),
    ]


async def _of_utility(hass: HomeAssistant, hass_client: ClientSessionGenerator, watch: MockConfigEntry) -> Any:
    device = source_device(hass, watch, "Utility")
    (utility,) = (await get_diagnostics_for_device(hass, hass_client, watch, device))["sources"]
    return utility


async def test_of_the_power_watch(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    house: MockConfigEntry,
    watch: MockConfigEntry,
    pack: PeerPack,
) -> None:
    engine = watch.runtime_data
    await show(hass, kitchen="on", router="on")
    await show(hass, router="unavailable")
    await wait_until(
        lambda: sum(view.seen_alive for _, view in engine.checkpoints(next(iter(watch.subentries)))) >= 2,
        "for the grid sense",
    )
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, watch)
    utility, ups = diagnostics["sources"]
    assert utility["set_up"] == [
        "entity **REDACTED**",
        "http **REDACTED**",
        "tcp **REDACTED**",
        "mqtt **REDACTED**",
        "ping **REDACTED**",
        "grid_sense all",
    ]
    verdicts = {name.split()[1]: checkpoint for name, checkpoint in utility["checkpoints"].items()}
    assert set(verdicts) == {"entity", "http", "tcp", "ping", "grid_sense"}, "a wildcard is itself no checkpoint"
    assert (verdicts["entity"]["verdict"], verdicts["entity"]["last"]["detail"]) == ("up", "**REDACTED**")
    assert verdicts["ping"]["last"]["detail"] == "'**REDACTED**' is neither the name nor the address of a host."
    assert (verdicts["tcp"]["verdict"], verdicts["tcp"]["paused"]) == ("paused", True)
    assert (verdicts["grid_sense"]["verdict"], verdicts["grid_sense"]["found"]) == ("up", True)
    assert (utility["decision"]["state"], utility["decision"]["reason"]) == ("powered", "grid_sensed")
    assert [name.split()[1] for name in utility["decision"]["evidence"]] == ["grid_sense"]
    assert (ups["decision"]["state"], ups["decision"]["evidence"]) == ("lost", ["1 entity"])
    assert ups["rule"]["interval_s"] == 30
    assert 0 <= ups["decision"]["since_s"] < 60
    assert 0 <= ups["checkpoints"]["1 entity"]["down_for_s"] < 60
    await engine.sources[ups["id"]].async_read_figures()
    figures = (await get_diagnostics_for_config_entry(hass, hass_client, watch))["sources"][1]
    assert figures["periods"]["day"]["count"] == 1
    assert figures["last_outage"]["end_s"] is None
    text = json.dumps([diagnostics, figures])
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize(
    ("target", "detail", "told"),
    [
        ("http://nas.local:80/x", "own network: Cannot connect to host nas.local:80 ssl:default", "nas.local"),
        ("nas.local:22", "own network: [Errno 0] Connect call failed ('192.168.1.20', 22)", "192.168.1.20"),
        ("[fd00::12]:22", "own network: failed for ('fd00::12', 22, 0, 0)", "fd00::12"),
        ("https://owner:word@nas.local", "'https://owner:word@nas.local' has no port from 1 to 65535.", "word"),
    ],
)
def test_an_error_names_no_host(target: str, detail: str, told: str) -> None:
    assert told not in _detail(Kind.HTTP, target, detail)
    assert "**REDACTED**" in _detail(Kind.HTTP, target, detail)
    assert _detail(Kind.HTTP, target, "HTTP 404") == "HTTP 404"


async def test_of_one_source(hass: HomeAssistant, hass_client: ClientSessionGenerator, watch: MockConfigEntry) -> None:
    utility = await _of_utility(hass, hass_client, watch)
    assert len(utility["set_up"]) == 6
    assert {"state", "reason", "since_s"} <= set(utility["decision"])


async def test_alerts_that_wait_are_told_without_their_words(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, watch: MockConfigEntry
) -> None:
    options = {"notify": ["notify.my_phone"], "texts": {"lost": "{{ source }}\nmy-token"}, "tell_suspicion": True}
    hass.config_entries.async_update_entry(watch, options=options)
    await hass.async_block_till_done()
    await show(hass, router="on")
    await show(hass, router="unavailable")
    alerts = (await get_diagnostics_for_config_entry(hass, hass_client, watch))["alerts"]
    assert alerts["own_texts"] == ["lost"]
    assert alerts["tells_suspicion"] is True
    assert alerts["waiting"] == [["lost"]]
    assert "my" not in json.dumps(alerts)
