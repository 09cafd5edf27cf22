"""The offer to add packs to the Energy panel, made and accepted over Home Assistant's own repairs interface."""

import copy
from datetime import timedelta
from http import HTTPStatus
import json
import logging
from pathlib import Path
import re
from typing import Any

from homeassistant.components.energy.data import EnergyManager, async_get_manager
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.alfaspark import const
from custom_components.alfaspark.const import DOMAIN

from .conftest import SERIAL, Clock, wait_until
from .peers import PeerBus, PeerPack

# The database says each of its steps, from a thread of its own, past what pytest captures.
for _name in ("sqlalchemy.engine", "homeassistant.components.recorder"):
    logging.getLogger(_name).setLevel(logging.WARNING)

pytestmark = pytest.mark.usefixtures("recorder_mock", "integration", "socket_enabled")

OTHER_SERIAL = "a0b1c2d30102"
PREFIX = "sensor.energy_pack_e4f5_"
TEXTS = json.loads((Path(const.__file__).parent / "translations/en.json").read_text())["issues"]["energy_panel"]


@pytest.fixture
async def panel(recorder_mock: Recorder, hass: HomeAssistant, integration: None) -> EnergyManager:
    """Set the Energy panel and repairs up."""
    assert await async_setup_component(hass, "energy", {})
    assert await async_setup_component(hass, "repairs", {})
    return await async_get_manager(hass)


@pytest.fixture
async def offered(hass: HomeAssistant, panel: EnergyManager, house: MockConfigEntry) -> MockConfigEntry:
    """Have a house whose pack is in no source of the panel."""
    await _calm_down(hass)
    return house


async def _calm_down(hass: HomeAssistant) -> None:
    """Let the second pass in which entities may still appear."""
    await hass.async_block_till_done()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()


def _offer(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"energy_panel_{entry.entry_id}")


async def _listed(hass: HomeAssistant, ws: WebSocketGenerator) -> list[dict[str, Any]]:
    """Return the repairs of this integration, as the owner sees them."""
    client = await ws(hass)
    await client.send_json_auto_id({"type": "repairs/list_issues"})
    issues = (await client.receive_json())["result"]["issues"]
    return [issue for issue in issues if issue["domain"] == DOMAIN]


async def _ignore(hass: HomeAssistant, ws: WebSocketGenerator, issue_id: str) -> None:
    client = await ws(hass)
    await client.send_json_auto_id(
        {"type": "repairs/ignore_issue", "domain": DOMAIN, "issue_id": issue_id, "ignore": True}
    )
    assert (await client.receive_json())["success"]


async def _second_pack(hass: HomeAssistant, peers: PeerBus, entry: MockConfigEntry) -> PeerPack:
    other = peers.add(OTHER_SERIAL, 13)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in entry.runtime_data.packs, "for the second pack")
    await _calm_down(hass)
    return other


async def test_it_is_offered_in_words(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, offered: MockConfigEntry, panel: EnergyManager
) -> None:
    (issue,) = await _listed(hass, hass_ws_client)
    assert issue["is_fixable"]
    assert not issue["ignored"]
    assert issue["severity"] == "warning"
    assert issue["translation_placeholders"] == {"packs": "Energy pack E4F5"}
    assert set(TEXTS) == {"title", "fix_flow"}
    # Nothing is forced.
    assert panel.data is None


async def test_the_owner_is_asked_and_then_it_is_done(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    offered: MockConfigEntry,
    panel: EnergyManager,
    peers: PeerBus,
) -> None:
    await _second_pack(hass, peers, offered)
    client = await hass_client()
    issue_id = f"energy_panel_{offered.entry_id}"
    response = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    assert response.status == HTTPStatus.OK
    question = await response.json()
    assert question["step_id"] == "confirm"
    assert question["description_placeholders"]["packs"].splitlines() == [
        f"- **Energy pack {name}**: Grid energy, Solar energy, Battery charged energy, Battery discharged energy,"
        " Load 1 energy, Load 2 energy"
        for name in ("0102", "E4F5")
    ]
    texts = TEXTS["fix_flow"]["step"]
    assert set(texts) == {"confirm"}
    assert set(re.findall(r"{(\w+)}", texts["confirm"]["description"])) == set(question["description_placeholders"])
    asked = panel.data
    assert asked is None

    response = await client.post(f"/api/repairs/issues/fix/{question['flow_id']}", json={})
    assert response.status == HTTPStatus.OK
    assert (await response.json())["type"] == "create_entry"
    assert panel.data is not None
    assert [source["name"] for source in panel.data["energy_sources"]] == [
        *["Energy pack 0102"] * 3,
        *["Energy pack E4F5"] * 3,
    ]
    assert len(panel.data["device_consumption"]) == 4
    await _calm_down(hass)
    assert _offer(hass, offered) is None


async def test_an_owner_who_was_faster_gets_nothing_twice(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, offered: MockConfigEntry, panel: EnergyManager
) -> None:
    client = await hass_client()
    issue_id = f"energy_panel_{offered.entry_id}"
    question = await (
        await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    ).json()
    source = {"type": "solar", "stat_energy_from": f"{PREFIX}solar_energy"}
    await panel.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]
    before = copy.deepcopy(panel.data)
    response = await client.post(f"/api/repairs/issues/fix/{question['flow_id']}", json={})
    assert (await response.json())["reason"] == "nothing_to_add"
    assert panel.data == before


async def test_adding_a_pack_by_hand_ends_the_offer_and_removing_it_makes_it_again(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, offered: MockConfigEntry
) -> None:
    client = await hass_ws_client(hass)
    source = {"type": "solar", "stat_energy_from": f"{PREFIX}solar_energy"}
    await client.send_json_auto_id({"type": "energy/save_prefs", "energy_sources": [source]})
    assert (await client.receive_json())["success"]
    assert _offer(hass, offered) is None

    await client.send_json_auto_id({"type": "energy/save_prefs", "energy_sources": []})
    assert (await client.receive_json())["success"]
    assert _offer(hass, offered) is not None


async def test_only_packs_that_are_missing_are_offered(
    hass: HomeAssistant, panel: EnergyManager, offered: MockConfigEntry, peers: PeerBus
) -> None:
    source = {"type": "solar", "stat_energy_from": f"{PREFIX}solar_energy"}
    await panel.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]
    assert _offer(hass, offered) is None
    await _second_pack(hass, peers, offered)
    issue = _offer(hass, offered)
    assert issue is not None
    assert issue.translation_placeholders == {"packs": "Energy pack 0102"}


async def test_ignoring_it_holds(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, offered: MockConfigEntry, peers: PeerBus
) -> None:
    await _ignore(hass, hass_ws_client, f"energy_panel_{offered.entry_id}")
    assert await hass.config_entries.async_reload(offered.entry_id)
    await _calm_down(hass)
    (issue,) = await _listed(hass, hass_ws_client)
    assert issue["ignored"]
    await _second_pack(hass, peers, offered)
    (issue,) = await _listed(hass, hass_ws_client)
    assert issue["ignored"]


async def test_removing_the_last_missing_pack_ends_the_offer(
    hass: HomeAssistant, clock: Clock, offered: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    await clock.advance(121)
    device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), offered.entry_id)
    assert device is not None
    device_registry.async_remove_device(device.id)
    await _calm_down(hass)
    assert _offer(hass, offered) is None


async def test_a_pack_whose_energies_the_owner_disabled_is_not_offered(
    hass: HomeAssistant, offered: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    for key in ("grid", "solar", "battery_charged"):
        entity_registry.async_update_entity(f"{PREFIX}{key}_energy", disabled_by=er.RegistryEntryDisabler.USER)
    await _calm_down(hass)
    assert _offer(hass, offered) is None


async def test_an_entry_that_is_unloaded_offers_nothing(
    hass: HomeAssistant, panel: EnergyManager, offered: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(offered.entry_id)
    assert _offer(hass, offered) is None
    await panel.async_update({"energy_sources": [], "device_consumption": []})
    assert _offer(hass, offered) is None
    assert await hass.config_entries.async_setup(offered.entry_id)
    assert _offer(hass, offered) is not None


async def test_an_ignored_offer_is_forgotten_with_its_entry(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, offered: MockConfigEntry
) -> None:
    await _ignore(hass, hass_ws_client, f"energy_panel_{offered.entry_id}")
    await hass.config_entries.async_remove(offered.entry_id)
    assert _offer(hass, offered) is None
    # For the fixture, that unloads it.
    offered.add_to_hass(hass)


async def test_without_an_energy_panel_nothing_is_offered(hass: HomeAssistant, house: MockConfigEntry) -> None:
    await _calm_down(hass)
    assert _offer(hass, house) is None
