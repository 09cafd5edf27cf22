"""The battery: what it gave in an outage, and how long it will last, from what packs really say."""

from dataclasses import dataclass, replace

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus.frames import EnergyCounter, GridState
from custom_components.alfaspark.power_watch.battery import discharged_wh, given_since_wh, runtime_s
from custom_components.alfaspark.power_watch.setup import CONF_RULE, utility
from tests.conftest import SERIAL, state, wait_until
from tests.peers import BATTERY, POWER, STATUS, UNKNOWN_BATTERY, UNKNOWN_POWER, PeerBus, PeerPack

from .entities import subentry_id

pytestmark = pytest.mark.usefixtures("integration")

OTHER_SERIAL = "b0b1c2d3e4f6"


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """A utility whose restoration counts at once."""
    source = utility()
    return [{**source, "data": {**source["data"], CONF_RULE: {"restore_hold_s": 0}}}]


def _capacity(house: MockConfigEntry, kwh: float, serial: str = SERIAL) -> None:
    house.runtime_data.packs[serial].async_set_capacity(kwh)


async def _say(house: MockConfigEntry, pack: PeerPack, *, soc_pct: float, home_w: int, solar_w: int | None) -> None:
    pack.battery = replace(BATTERY, soc_pct=soc_pct)
    pack.power = replace(POWER, home_w=home_w, solar_w=solar_w)
    pack.report()
    data = house.runtime_data.packs[pack.serial].data
    await wait_until(lambda: (data.battery, data.power) == (pack.battery, pack.power))


@dataclass(frozen=True)
class Case:
    """A battery, and what is drawn from it."""

    kwh: float
    soc_pct: float
    home_w: int
    solar_w: int | None
    expected_h: float | None


@pytest.mark.parametrize(
    "case",
    [
        Case(10.0, 50.0, 1000, 0, 5.0),
        Case(10.0, 50.0, 1000, 500, 10.0),
        # Nobody knows what the sun gives.
        Case(10.0, 50.0, 1000, None, None),
        Case(0.5, 100.0, 2000, 0, 0.25),
        Case(10.0, 0.0, 1000, 0, 0.0),
        # The sun supplies all: it lasts for nobody knows how long.
        Case(10.0, 50.0, 1000, 1000, None),
        Case(10.0, 50.0, 0, 0, None),
    ],
)
async def test_how_long_the_battery_lasts(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, case: Case
) -> None:
    await _say(house, pack, soc_pct=case.soc_pct, home_w=case.home_w, solar_w=case.solar_w)
    assert runtime_s(hass) is None, "the capacity is not known"
    _capacity(house, case.kwh)
    assert runtime_s(hass) == (None if case.expected_h is None else pytest.approx(case.expected_h * 3600))


async def test_nothing_is_known_of_a_battery_that_says_nothing(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    _capacity(house, 10)
    assert runtime_s(hass) is not None
    data = house.runtime_data.packs[SERIAL].data
    pack.battery = UNKNOWN_BATTERY
    pack.report()
    await wait_until(lambda: data.battery == UNKNOWN_BATTERY)
    assert runtime_s(hass) is None
    pack.battery, pack.power = BATTERY, UNKNOWN_POWER
    pack.report()
    await wait_until(lambda: (data.battery, data.power) == (BATTERY, UNKNOWN_POWER))
    assert runtime_s(hass) is None
    assert await hass.config_entries.async_unload(house.entry_id)
    assert runtime_s(hass) is None


async def test_all_packs_last_together(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    other = peers.add(OTHER_SERIAL, 34)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in house.runtime_data.packs)
    await _say(house, pack, soc_pct=50, home_w=1000, solar_w=0)
    _capacity(house, 10)
    assert runtime_s(hass) is None, "nothing is known of the other one"
    await _say(house, other, soc_pct=100, home_w=500, solar_w=0)
    assert runtime_s(hass) is None, "the capacity of the other one is not known"
    _capacity(house, 4, OTHER_SERIAL)
    assert runtime_s(hass) == pytest.approx((5000 + 4000) / 1500 * 3600)


async def _count(house: MockConfigEntry, pack: PeerPack, discharged_wh: float, total_wh: float) -> None:
    pack.count({EnergyCounter.BATTERY_DISCHARGED: discharged_wh})
    energy = house.runtime_data.packs[pack.serial].energy
    await wait_until(lambda: energy.total_wh(EnergyCounter.BATTERY_DISCHARGED) == pytest.approx(total_wh))


async def test_what_the_batteries_have_given_since(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    assert given_since_wh(hass, discharged_wh(hass)) is None, "no pack has counted yet"
    await _count(house, pack, 1000, 1000)
    before = discharged_wh(hass)
    assert before == {SERIAL: pytest.approx(1000)}
    assert given_since_wh(hass, before) == 0
    # One that comes later counts from then on for others.
    other = peers.add(OTHER_SERIAL, 34)
    other.introduce()
    await wait_until(lambda: OTHER_SERIAL in house.runtime_data.packs)
    await _count(house, other, 500, 500)
    await _count(house, pack, 1250, 1250)
    assert given_since_wh(hass, before) == pytest.approx(250)
    # A total that began anew says nothing.
    assert given_since_wh(hass, {SERIAL: 9999.0}) is None


async def test_an_outage_tells_what_the_battery_gave(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(lambda: state(hass, "binary_sensor.utility") == "on", "for power")
    await _count(house, pack, 1000, 1000)
    source = watch.runtime_data.sources[subentry_id(watch, "Utility")]
    assert source.battery_wh is None, "there was no outage yet"
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, "binary_sensor.utility") == "off", "for the loss")
    await _count(house, pack, 1400, 1400)
    assert source.battery_wh == pytest.approx(400)
    pack.report(STATUS)
    await wait_until(lambda: state(hass, "binary_sensor.utility") == "on", "for the end")
    # What it gives later is not of this outage.
    await _count(house, pack, 2000, 2000)
    assert source.battery_wh == pytest.approx(400)
    shown = hass.states.get("event.utility_outage")
    assert shown is not None
    assert shown.attributes["battery_wh"] == 400
    source.async_update_listeners()
    assert float(state(hass, "sensor.utility_battery_energy_in_outage")) == pytest.approx(0.4)
    _capacity(house, 10)
    await _say(house, pack, soc_pct=60, home_w=2000, solar_w=0)
    source.async_update_listeners()
    assert float(state(hass, "sensor.utility_battery_runtime_left")) == pytest.approx(3.0)
