"""Energy totals: they go on over boots, stay while nobody is heard, and are written when they moved enough."""

from homeassistant.components.sensor import SensorStateClass
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.alfaspark.packbus.frames import EnergyCounter

from .conftest import SERIAL, Clock, state, wait_until
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

PACK = "sensor.energy_pack_e4f5"
HOUSE = "sensor.alfaspark"

NAMES = {
    EnergyCounter.GRID: "grid_energy",
    EnergyCounter.HOME: "home_energy",
    EnergyCounter.SOLAR: "solar_energy",
    EnergyCounter.BATTERY_CHARGED: "battery_charged_energy",
    EnergyCounter.BATTERY_DISCHARGED: "battery_discharged_energy",
    EnergyCounter.LOAD1: "load_1_energy",
    EnergyCounter.LOAD2: "load_2_energy",
}


def _kwh(hass: HomeAssistant, device: str, counter: EnergyCounter = EnergyCounter.GRID) -> float | None:
    shown = state(hass, f"{device}_{NAMES[counter]}")
    return None if shown in ("unavailable", "unknown") else float(shown)


async def _count(hass: HomeAssistant, pack: PeerPack, grid_wh: float, shown_kwh: float) -> None:
    pack.count({EnergyCounter.GRID: grid_wh})
    await wait_until(lambda: _kwh(hass, PACK) == pytest.approx(shown_kwh), f"for {shown_kwh} kWh")


async def test_a_total_is_there_as_soon_as_it_is_known(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    assert {_kwh(hass, PACK, counter) for counter in EnergyCounter} == {None}
    await _count(hass, pack, 1234.5, 1.2345)
    assert _kwh(hass, PACK, EnergyCounter.HOME) is None


async def test_totals_go_on_after_a_cut_of_the_supply(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await _count(hass, pack, 1234.5, 1.2345)
    pack.restart(0x4321)
    await _count(hass, pack, 100.0, 1.3345)


async def test_totals_stay_while_pack_and_bus_are_silent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    hub = house.runtime_data
    await _count(hass, pack, 1000.0, 1.0)
    await _count(hass, pack, 1500.0, 1.5)
    hub.bus.async_follow_hub()
    house_kwh = _kwh(hass, HOUSE)
    assert house_kwh is not None
    await clock.advance(7)
    assert state(hass, f"{PACK}_grid_power") == "unavailable"
    assert _kwh(hass, PACK) == 1.5
    await clock.advance(121)
    assert not hub.packs[SERIAL].data.present
    assert _kwh(hass, PACK) == 1.5
    hub._adapter._bus.shutdown()
    await wait_until(lambda: not hub.connected)
    await wait_until(lambda: state(hass, f"{HOUSE}_home_power") == "unavailable")
    assert (_kwh(hass, PACK), _kwh(hass, HOUSE)) == (1.5, house_kwh)
    await wait_until(lambda: hub.connected)


async def test_totals_are_there_before_the_pack_is_heard(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await _count(hass, pack, 1000.0, 1.0)
    pack.mute = True
    assert await hass.config_entries.async_reload(house.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{PACK}_grid_power") == "unavailable"
    assert _kwh(hass, PACK) == 1.0


async def test_a_total_is_written_when_it_moved_by_10_wh(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _count(hass, pack, 1000.0, 1.0)
    coordinator = house.runtime_data.packs[SERIAL]
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    pack.count({EnergyCounter.GRID: 1009.9})
    await wait_until(lambda: coordinator.energy.total_wh(EnergyCounter.GRID) == 1009.9)
    assert changes == []
    await _count(hass, pack, 1010.0, 1.01)

    pack.count({EnergyCounter.GRID: 1010.1})
    await wait_until(lambda: coordinator.energy.total_wh(EnergyCounter.GRID) == 1010.1)
    assert _kwh(hass, PACK) == 1.01
    monkeypatch.setattr("custom_components.alfaspark.sensors.steps.HEARTBEAT_S", 0.0)
    coordinator.async_update_listeners()
    assert _kwh(hass, PACK) == 1.0101


async def test_totals_of_all_packs(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus) -> None:
    hub = house.runtime_data
    second = peers.add("0000000011aa", 99)
    second.introduce()
    await wait_until(lambda: second.serial in hub.packs, "for the second pack")

    async def count(*readings: tuple[PeerPack, float]) -> dict[EnergyCounter, float]:
        for peer, value_wh in readings:
            peer.count(dict.fromkeys(EnergyCounter, value_wh))
        await wait_until(
            lambda: all(
                hub.packs[peer.serial].energy.total_wh(counter) == value_wh
                for peer, value_wh in readings
                for counter in EnergyCounter
            ),
            "for the counters",
        )
        hub.bus.async_follow_hub()
        return {counter: _kwh(hass, HOUSE, counter) or 0.0 for counter in EnergyCounter}

    before = await count((pack, 1000.0), (second, 4000.0))
    after = await count((pack, 1100.0), (second, 4020.0))
    assert {counter: round(after[counter] - before[counter], 4) for counter in EnergyCounter} == dict.fromkeys(
        EnergyCounter, 0.12
    )


async def test_the_house_is_written_no_more_often_than_a_pack(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    """Of two packs, a total of the house is written when it moved by 20 Wh."""
    hub = house.runtime_data
    second = peers.add("0000000011aa", 99)
    second.introduce()
    await wait_until(lambda: hub.bus_readings.totals.packs == 2, "for the second pack")
    await _count(hass, pack, 1000.0, 1.0)
    await _count(hass, pack, 1100.0, 1.1)
    hub.bus.async_follow_hub()
    before = _kwh(hass, HOUSE)
    assert before is not None

    await _count(hass, pack, 1115.0, 1.115)
    hub.bus.async_follow_hub()
    assert _kwh(hass, HOUSE) == before
    await _count(hass, pack, 1125.0, 1.125)
    hub.bus.async_follow_hub()
    assert _kwh(hass, HOUSE) == pytest.approx(before + 0.025)


async def test_a_fall_is_not_taken_for_a_new_meter(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    """The recorder counts a fall of what only increases as a reset; a total without a reset just falls."""
    await _count(hass, pack, 1000.0, 1.0)
    for counter in EnergyCounter:
        shown = hass.states.get(f"{PACK}_{NAMES[counter]}")
        assert shown is not None
        assert shown.attributes["state_class"] == SensorStateClass.TOTAL
    grid = hass.states.get(f"{PACK}_{NAMES[EnergyCounter.GRID]}")
    assert grid is not None
    since = dt_util.utc_from_timestamp(house.runtime_data.packs[SERIAL].record.since_s)
    assert grid.attributes["last_reset"] == since.isoformat(), "the only moment at which it may fall"
