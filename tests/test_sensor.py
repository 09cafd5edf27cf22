"""Sensors: every reading in its unit, unknown as unknown, stale as unavailable, flicker not written."""

from dataclasses import replace

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from syrupy.assertion import SnapshotAssertion

from custom_components.alfaspark.packbus.frames import BatteryState, EnergyCounter
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.sensor import BUS_SENSORS, PACK_SENSORS
from custom_components.alfaspark.sensors.bus import BusSensorDescription
from custom_components.alfaspark.sensors.steps import SteppedSensorDescription

from .conftest import SERIAL, Clock, state, wait_until
from .peers import BATTERY, LOADS, POWER, UNKNOWN_BATTERY, UNKNOWN_POWER, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

PACK = "sensor.energy_pack_e4f5"

ENERGIES_WH = {
    EnergyCounter.GRID: 1234.5,
    EnergyCounter.HOME: 15000.0,
    EnergyCounter.SOLAR: 9000.0,
    EnergyCounter.BATTERY_CHARGED: 4000.0,
    EnergyCounter.BATTERY_DISCHARGED: 3000.0,
    EnergyCounter.LOAD1: 2000.0,
    EnergyCounter.LOAD2: 1000.0,
}


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_all_entities(
    hass: HomeAssistant,
    house: MockConfigEntry,
    pack: PeerPack,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """The golden list: names, unique ids and units are what an owner's history hangs on."""
    pack.count(ENERGIES_WH)
    await wait_until(lambda: state(hass, f"{PACK}_grid_energy") != "unavailable", "for the counters")
    listed = {}
    for entity in er.async_entries_for_config_entry(entity_registry, house.entry_id):
        shown = hass.states.get(entity.entity_id)
        assert shown is not None
        listed[entity.entity_id] = ", ".join(
            str(value)
            for value in (
                entity.unique_id.replace(house.entry_id, "ENTRY"),
                entity.entity_category,
                entity.original_device_class,
                (entity.capabilities or {}).get("state_class"),
                shown.attributes.get("unit_of_measurement"),
            )
        )
    assert dict(sorted(listed.items())) == snapshot


async def test_what_is_disabled_until_the_owner_wants_it(
    house: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    disabled = {
        entity.entity_id
        for entity in er.async_entries_for_config_entry(entity_registry, house.entry_id)
        if entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION and entity.domain == "sensor"
    }
    assert disabled == {
        *(f"{PACK}_{channel}_current" for channel in ("grid", "inverter_output", "load_1", "load_2")),
        *(
            f"sensor.alfaspark_{count}"
            for count in (
                "can_adapter_reconnections",
                "can_bus_load",
                "can_errors",
                "foreign_frames",
                "frames_dropped",
                "frames_received",
                "frames_sent",
                "implausible_frames",
                "invalid_frames",
            )
        ),
    }


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_readings(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.count(ENERGIES_WH)
    await wait_until(lambda: state(hass, f"{PACK}_load_2_energy") != "unavailable", "for the counters")
    expected = {
        "state_of_charge": "61.5",
        "battery_voltage": "53.2",
        "battery_charging_current": "-12.5",
        "battery_state": "discharging",
        "battery_charging_power": "-665",
        "battery_discharging_power": "665",
        "grid_power": "120",
        "home_power": "1500",
        "solar_power": "715",
        "inverter_output_power": "800",
        "load_1_power": "400",
        "load_2_power": "300",
        "grid_frequency": "50.02",
        "grid_current": "0.55",
        "inverter_output_current": "3.64",
        "load_1_current": "1.82",
        "load_2_current": "1.36",
        "grid_energy": "1.2345",
        "home_energy": "15.0",
        "solar_energy": "9.0",
        "battery_charged_energy": "4.0",
        "battery_discharged_energy": "3.0",
        "load_1_energy": "2.0",
        "load_2_energy": "1.0",
    }
    assert {key: state(hass, f"{PACK}_{key}") for key in expected} == expected


async def test_what_the_pack_does_not_know_is_unknown(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.report(UNKNOWN_BATTERY, UNKNOWN_POWER, replace(LOADS, grid_frequency_hz=None))
    await wait_until(lambda: state(hass, f"{PACK}_grid_frequency") == "unknown")
    for key in (
        "state_of_charge",
        "battery_voltage",
        "battery_charging_current",
        "battery_state",
        "battery_charging_power",
        "battery_discharging_power",
        "grid_power",
        "home_power",
        "solar_power",
    ):
        assert state(hass, f"{PACK}_{key}") == "unknown", key
    house.runtime_data.bus.async_follow_hub()
    assert state(hass, "sensor.alfaspark_solar_power") == "unknown"
    assert state(hass, "sensor.alfaspark_state_of_charge") == "unknown"


async def test_an_absent_grid_has_no_frequency(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.report(replace(LOADS, grid_frequency_hz=0))
    await wait_until(lambda: state(hass, f"{PACK}_grid_frequency") == "unknown")


async def test_only_what_is_stale_is_unavailable(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    await clock.advance(7)
    assert state(hass, f"{PACK}_battery_voltage") == "unavailable"
    seen_s = house.runtime_data.packs[SERIAL].data.last_seen_s
    pack.report()
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.last_seen_s > seen_s)
    await wait_until(lambda: state(hass, f"{PACK}_battery_voltage") == "53.2")


async def test_a_flickering_reading_is_written_at_the_heartbeat_only(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    coordinator = house.runtime_data.packs[SERIAL]
    pack.report(replace(POWER, grid_w=124), replace(BATTERY, voltage_v=53.21))
    await wait_until(lambda: coordinator.data.power.grid_w == 124)
    await wait_until(lambda: coordinator.data.battery.voltage_v == 53.21)
    assert changes == []

    monkeypatch.setattr("custom_components.alfaspark.sensors.steps.HEARTBEAT_S", 0.0)
    coordinator.async_update_listeners()
    assert state(hass, f"{PACK}_grid_power") == "124"
    assert state(hass, f"{PACK}_battery_voltage") == "53.21"
    assert len(changes) == 2


async def test_a_reading_that_moves_is_written_at_once(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.report(replace(POWER, grid_w=131), replace(BATTERY, state=BatteryState.IDLE, current_a=0.0))
    await wait_until(lambda: state(hass, f"{PACK}_grid_power") == "131")
    await wait_until(lambda: state(hass, f"{PACK}_battery_state") == "idle")


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_nothing_is_written_while_nothing_moves_whatever_was_enabled(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a heartbeat to wait for, each sensor may hold back only because its reading is the same."""
    monkeypatch.setattr("custom_components.alfaspark.sensors.steps.HEARTBEAT_S", 0.0)
    hub = house.runtime_data

    async def say_it_again() -> None:
        heard = hub.bus_readings.adapter.frames_received
        pack.introduce()
        pack.report()
        pack.count(ENERGIES_WH)
        said = 2 + 2 * 5 + 2 * len(ENERGIES_WH)
        await wait_until(lambda: hub.bus_readings.adapter.frames_received >= heard + said)
        await hass.async_block_till_done()
        hub.bus.async_follow_hub()

    def reported() -> dict[str, float]:
        """When each state was last written. Frames move the bus, of course."""
        return {
            shown.entity_id: shown.last_reported_timestamp
            for shown in hass.states.async_all(("sensor", "binary_sensor"))
            if shown.entity_id != "sensor.alfaspark_can_bus_load"
            and shown.attributes.get("unit_of_measurement") != "frames"
        }

    await clock.advance(1)
    await wait_until(lambda: Parameter.IMPORT_LIMIT in hub.packs[SERIAL].settings.parameters, "for the limits")
    await say_it_again()
    # The sums over all packs begin with what is counted after the first time.
    await say_it_again()
    await wait_until(lambda: state(hass, "sensor.alfaspark_load_2_energy") == "0.0")
    before = reported()
    for _ in range(3):
        await say_it_again()
    assert reported() == before

    pack.report(replace(POWER, solar_w=716))
    await wait_until(lambda: state(hass, f"{PACK}_solar_power") == "716")
    assert {entity_id for entity_id, at in reported().items() if at != before[entity_id]} == {f"{PACK}_solar_power"}


def test_the_step_of_each_sum_grows_with_the_packs() -> None:
    """What counts grows with their number, what flickers with its square root; a mean and the bus do not."""
    growths = {
        description.key: description.step_growth
        for description in BUS_SENSORS
        if isinstance(description, BusSensorDescription)
    }
    assert {key: growth for key, growth in growths.items() if growth} == {
        **dict.fromkeys(("battery_power", "grid_power", "home_power", "solar_power"), 0.5),
        **dict.fromkeys(("import_today", "import_remaining", "import_limit_sum", "eco_limit_sum"), 1.0),
    }


def test_every_quantity_has_a_deadband() -> None:
    """Only what somebody sets, and the number of packs, is written with each move."""
    written_with_each_move = {
        description.key
        for description in (*PACK_SENSORS, *BUS_SENSORS)
        if isinstance(description, SteppedSensorDescription) and description.options is None and not description.step
    }
    assert written_with_each_move == {"packs", "import_limit_sum", "eco_limit_sum"}


async def test_the_sums_of_the_fleet(hass: HomeAssistant, house: MockConfigEntry) -> None:
    house.runtime_data.bus.async_follow_hub()
    assert {key: state(hass, f"sensor.alfaspark_{key}") for key in ("packs_present", "state_of_charge")} == {
        "packs_present": "1",
        "state_of_charge": "61.5",
    }
    assert state(hass, "sensor.alfaspark_battery_charging_power") == "-665"
    assert state(hass, "sensor.alfaspark_grid_power") == "120"
    assert state(hass, "sensor.alfaspark_home_power") == "1500"
    assert state(hass, "sensor.alfaspark_solar_power") == "715"


async def test_the_sums_of_many_packs_are_not_written_more_often(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    """Four packs flicker by twice as much as one: the step of their sum is 20 W."""
    hub = house.runtime_data
    others = [peers.add(f"0000000011a{number}", 90 + number) for number in range(3)]
    for other in others:
        other.introduce()
        other.report()
    await wait_until(lambda: hub.bus_readings.totals.grid_w == 4 * 120, "for all packs")
    hub.bus.async_follow_hub()
    assert state(hass, "sensor.alfaspark_grid_power") == "480"

    for moved_w, shown_w in ((19, "480"), (20, "500")):
        sum_w = 480 + moved_w
        pack.report(replace(POWER, grid_w=120 + moved_w))
        await wait_until(lambda: hub.bus_readings.totals.grid_w == sum_w, "for the reading")  # noqa: B023 - called at once
        hub.bus.async_follow_hub()
        assert state(hass, "sensor.alfaspark_grid_power") == shown_w


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_bus_statistics_survive_the_loss_of_the_adapter(hass: HomeAssistant, house: MockConfigEntry) -> None:
    hub = house.runtime_data
    before = int(state(hass, "sensor.alfaspark_frames_received"))
    hub._adapter._bus.shutdown()
    await wait_until(lambda: not hub.connected)
    await wait_until(lambda: state(hass, "sensor.alfaspark_can_bus_load") == "unavailable")
    assert int(state(hass, "sensor.alfaspark_frames_received")) >= before
    await wait_until(lambda: hub.connected)
    await wait_until(lambda: hub.bus_readings.adapter.reconnects == 1)


async def test_updating_an_entity_on_request_keeps_its_reading(hass: HomeAssistant, house: MockConfigEntry) -> None:
    hub = house.runtime_data
    await hub.packs[SERIAL].async_refresh()
    await hub.bus.async_refresh()
    assert state(hass, f"{PACK}_battery_voltage") == "53.2"
    assert state(hass, "sensor.alfaspark_solar_power") == "715"
