"""The golden list: an owner's history, dashboards and automations hang on unique ids, so none may go or change.

New ones are added to the list by `ALFASPARK_ADD_UNIQUE_IDS=1 .tools/test/bin/python -m pytest tests/test_unique_ids.py`.
That never takes one out: whoever really wants to lose an entity edits `unique_ids.txt` by hand.
"""

import os
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN, PLATFORMS, WATCH_PLATFORMS
from custom_components.alfaspark.packbus.frames import DeviceType

from .conftest import SERIAL, wait_until
from .peers import PeerBus

pytestmark = pytest.mark.usefixtures("integration", "entity_registry_enabled_by_default")

LIST = Path(__file__).with_name("unique_ids.txt")
GATEWAY = "00000000aa01"


async def test_no_unique_id_is_lost_or_changed(
    hass: HomeAssistant,
    house: MockConfigEntry,
    watch: MockConfigEntry,
    peers: PeerBus,
    entity_registry: er.EntityRegistry,
) -> None:
    peers.add(GATEWAY, 126, DeviceType.ENERGY_GATEWAY).introduce()
    await wait_until(lambda: GATEWAY in house.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    owners = {house.entry_id: "ENTRY", SERIAL: "PACK", GATEWAY: "GATEWAY", watch.entry_id: "WATCH"}
    owners |= dict.fromkeys(watch.subentries, "SOURCE")
    found = set()
    for entry in (house, watch):
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id):
            assert entity.platform == DOMAIN
            owner, _, key = entity.unique_id.partition("_")
            found.add(f"{entity.domain} {owners[owner]}_{key}")
    assert {line.split()[0] for line in found} == {*PLATFORMS, *WATCH_PLATFORMS}, "every platform must be on the list"

    listed = set(LIST.read_text().splitlines())
    if os.environ.get("ALFASPARK_ADD_UNIQUE_IDS"):
        listed |= found
        LIST.write_text("".join(f"{line}\n" for line in sorted(listed)))
    assert sorted(listed - found) == [], "entities that owners have would be gone"
    assert sorted(found - listed) == [], "new entities are not on the list yet, see the top of this file"
