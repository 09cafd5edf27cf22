"""What the Energy panel is told of packs, judged by the energy integration itself."""

import copy
import logging
from typing import Any

from homeassistant.components.energy.data import EnergyManager, async_get_manager
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.energy_panel.preferences import async_add_packs, missing_packs
from custom_components.alfaspark.packbus.frames import DeviceType, EnergyCounter

from .conftest import SERIAL, state, wait_until
from .peers import PeerBus, PeerPack

# The database says each of its steps, from a thread of its own, past what pytest captures.
for _name in ("sqlalchemy.engine", "homeassistant.components.recorder"):
    logging.getLogger(_name).setLevel(logging.WARNING)

pytestmark = pytest.mark.usefixtures("recorder_mock", "integration")

OTHER_SERIAL = "a0b1c2d30102"
PREFIX = "sensor.energy_pack_e4f5_"

OWNERS: dict[str, Any] = {
    "energy_sources": [
        {
            "type": "grid",
            "name": "Meter",
            "stat_energy_from": "sensor.meter",
            "stat_energy_to": None,
            "stat_cost": None,
            "entity_energy_price": None,
            "number_energy_price": 0.23,
            "stat_compensation": None,
            "entity_energy_price_export": None,
            "number_energy_price_export": None,
            "cost_adjustment_day": 3.0,
            "power_config": {"stat_rate_inverted": "sensor.meter_power"},
            "stat_rate": "sensor.meter_power_inverted",
        },
        {"type": "gas", "stat_energy_from": "sensor.gas", "stat_cost": None},
    ],
    "device_consumption": [{"stat_consumption": "sensor.fridge", "name": "Fridge"}],
    "device_consumption_water": [{"stat_consumption": "sensor.garden"}],
}


@pytest.fixture
async def panel(recorder_mock: Recorder, hass: HomeAssistant, integration: None) -> EnergyManager:
    """Set the Energy panel up, with nothing in it."""
    assert await async_setup_component(hass, "energy", {})
    return await async_get_manager(hass)


@pytest.fixture
async def measured(
    hass: HomeAssistant, panel: EnergyManager, house: MockConfigEntry, pack: PeerPack
) -> MockConfigEntry:
    """Have a house whose pack has counted everything."""
    pack.count(dict.fromkeys(EnergyCounter, 1234.5))
    await wait_until(
        lambda: state(hass, f"{PREFIX}load_2_energy") not in ("unknown", "unavailable"), "for the counters"
    )
    await hass.async_block_till_done()
    return house


async def _second_pack(hass: HomeAssistant, peers: PeerBus, entry: MockConfigEntry) -> None:
    other = peers.add(OTHER_SERIAL, 13)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in entry.runtime_data.packs, "for the second pack")
    await hass.async_block_till_done()


async def test_a_pack_is_added_with_all_it_measures(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry
) -> None:
    await async_add_packs(hass, measured.entry_id)
    assert panel.data is not None
    grid, solar, battery = (dict(source) for source in panel.data["energy_sources"])
    assert {key: value for key, value in grid.items() if value is not None} == {
        "type": "grid",
        "name": "Energy pack E4F5",
        "stat_energy_from": f"{PREFIX}grid_energy",
        "stat_rate": f"{PREFIX}grid_power",
        "cost_adjustment_day": 0,
    }
    assert solar == {
        "type": "solar",
        "name": "Energy pack E4F5",
        "stat_energy_from": f"{PREFIX}solar_energy",
        "stat_rate": f"{PREFIX}solar_power",
    }
    assert battery == {
        "type": "battery",
        "name": "Energy pack E4F5",
        "stat_energy_from": f"{PREFIX}battery_discharged_energy",
        "stat_energy_to": f"{PREFIX}battery_charged_energy",
        "stat_rate": f"{PREFIX}battery_discharging_power",
        "stat_soc": f"{PREFIX}state_of_charge",
    }
    assert panel.data["device_consumption"] == [
        {"stat_consumption": f"{PREFIX}load_{load}_energy", "stat_rate": f"{PREFIX}load_{load}_power"}
        for load in (1, 2)
    ]


async def test_a_battery_whose_capacity_is_known_is_weighted_by_it(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry, peers: PeerBus
) -> None:
    await _second_pack(hass, peers, measured)
    measured.runtime_data.packs[SERIAL].async_set_capacity(14.3)
    await async_add_packs(hass, measured.entry_id)
    assert panel.data is not None
    found = {(source.get("name"), source["type"]): source.get("capacity") for source in panel.data["energy_sources"]}
    assert found == {
        (name, kind): 14.3 if (name, kind) == ("Energy pack E4F5", "battery") else None
        for name in ("Energy pack E4F5", "Energy pack 0102")
        for kind in ("grid", "solar", "battery")
    }


async def test_the_energy_integration_finds_nothing_wrong(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    panel: EnergyManager,
    measured: MockConfigEntry,
) -> None:
    await async_add_packs(hass, measured.entry_id)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "energy/validate"})
    validation = (await client.receive_json())["result"]
    assert [len(group) for group in validation.values()] == [3, 2, 0]
    issues = [issue["type"] for group in validation.values() for issues in group for issue in issues]
    # Statistics come with the first five minutes; the demo's tests wait for them.
    assert set(issues) == {"statistics_not_defined"}

    # The panel's own editor would save it as it is.
    await client.send_json_auto_id({"type": "energy/get_prefs"})
    preferences = (await client.receive_json())["result"]
    await client.send_json_auto_id({"type": "energy/save_prefs", **preferences})
    assert (await client.receive_json())["result"] == preferences


async def test_what_the_owner_has_set_up_stays(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry
) -> None:
    await panel.async_update(copy.deepcopy(OWNERS))  # type: ignore[arg-type]
    await async_add_packs(hass, measured.entry_id)
    assert panel.data is not None
    assert panel.data["energy_sources"][:2] == OWNERS["energy_sources"]
    assert panel.data["device_consumption"][:1] == OWNERS["device_consumption"]
    assert panel.data["device_consumption_water"] == OWNERS["device_consumption_water"]
    assert [source["type"] for source in panel.data["energy_sources"]] == ["grid", "gas", "grid", "solar", "battery"]
    assert len(panel.data["device_consumption"]) == 3


async def test_adding_twice_adds_once(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry, peers: PeerBus
) -> None:
    await async_add_packs(hass, measured.entry_id)
    first = copy.deepcopy(panel.data)
    await async_add_packs(hass, measured.entry_id)
    assert panel.data == first

    await _second_pack(hass, peers, measured)
    await async_add_packs(hass, measured.entry_id)
    assert first is not None
    assert panel.data is not None
    assert panel.data["energy_sources"][:3] == first["energy_sources"]
    assert [source.get("name") for source in panel.data["energy_sources"][3:]] == ["Energy pack 0102"] * 3


@pytest.mark.parametrize("key", ["stat_energy_from", "stat_rate"])
async def test_a_pack_that_some_source_shows_is_not_missing(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry, key: str
) -> None:
    entity = f"{PREFIX}grid_energy" if key == "stat_energy_from" else f"{PREFIX}grid_power"
    await panel.async_update(
        {"energy_sources": [{"type": "grid", "cost_adjustment_day": 0, key: entity}]}  # type: ignore[typeddict-item]
    )
    assert missing_packs(hass, measured.entry_id, panel.data) == []


async def test_a_battery_whose_power_the_owner_inverted_is_not_missing(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry
) -> None:
    source = {
        "type": "battery",
        "stat_energy_from": "sensor.helper_out",
        "stat_energy_to": "sensor.helper_in",
        "power_config": {"stat_rate_inverted": f"{PREFIX}battery_charging_power"},
    }
    await panel.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]
    assert missing_packs(hass, measured.entry_id, panel.data) == []


async def test_a_load_that_is_a_device_already_is_not_added_again(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry
) -> None:
    device = {"stat_consumption": f"{PREFIX}load_1_energy", "name": "Pool pump"}
    await panel.async_update({"device_consumption": [device]})  # type: ignore[typeddict-item]
    await async_add_packs(hass, measured.entry_id)
    assert panel.data is not None
    assert panel.data["device_consumption"][0] == device
    assert [found["stat_consumption"] for found in panel.data["device_consumption"]] == [
        f"{PREFIX}load_1_energy",
        f"{PREFIX}load_2_energy",
    ]


async def test_the_totals_of_all_packs_show_each_pack(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    total = entity_registry.async_get_or_create(
        "sensor", DOMAIN, f"{measured.entry_id}_solar_energy", config_entry=measured
    )
    source = {"type": "solar", "stat_energy_from": total.entity_id}
    await panel.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]
    assert missing_packs(hass, measured.entry_id, panel.data) == []


async def test_what_the_owner_disabled_or_renamed(
    hass: HomeAssistant,
    panel: EnergyManager,
    measured: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    for key in ("grid_power", "solar_energy", "battery_charged_energy", "load_1_energy"):
        entity_registry.async_update_entity(f"{PREFIX}{key}", disabled_by=er.RegistryEntryDisabler.USER)
    entity_registry.async_update_entity(f"{PREFIX}load_2_energy", name="Boiler", new_entity_id="sensor.boiler")
    device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), measured.entry_id)
    assert device is not None
    device_registry.async_update_device(device.id, name_by_user="Cellar")
    (found,) = missing_packs(hass, measured.entry_id, panel.data)
    assert found.name == "Cellar"
    assert found.energy_names == ["Grid energy", "Boiler"]

    await async_add_packs(hass, measured.entry_id)
    assert panel.data is not None
    (grid,) = panel.data["energy_sources"]
    assert grid["name"] == "Cellar"
    assert grid["stat_energy_from"] == f"{PREFIX}grid_energy"
    assert "stat_rate" not in grid
    assert panel.data["device_consumption"] == [
        {"stat_consumption": "sensor.boiler", "stat_rate": f"{PREFIX}load_2_power"}
    ]


async def test_a_gateway_has_nothing_to_show(
    hass: HomeAssistant, panel: EnergyManager, measured: MockConfigEntry, peers: PeerBus
) -> None:
    gateway = peers.add(OTHER_SERIAL, 99, DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    await wait_until(lambda: OTHER_SERIAL in measured.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    assert [pack.name for pack in missing_packs(hass, measured.entry_id, panel.data)] == ["Energy pack E4F5"]
