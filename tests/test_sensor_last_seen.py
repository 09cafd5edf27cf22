"""Last seen: when a pack was heard last, and what it said then, also before this start; and not too often."""

from dataclasses import replace
from datetime import UTC, datetime
import time

from homeassistant.components.recorder.const import SupportedDialect
from homeassistant.components.recorder.db_schema import StateAttributes
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant, State
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from .conftest import SERIAL, Clock, state, wait_until
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration")

LAST_SEEN = "sensor.energy_pack_e4f5_last_seen"

READINGS = {
    "soc": 61.5,
    "battery_voltage": 53.2,
    "battery_power": -665,
    "grid_power": 120,
    "home_power": 1500,
    "solar_power": 715,
    "load1_power": 400,
    "load2_power": 300,
    "import_today": 1.25,
}


def _shown(hass: HomeAssistant) -> State:
    shown = hass.states.get(LAST_SEEN)
    assert shown is not None
    return shown


def _seen(hass: HomeAssistant) -> datetime:
    return datetime.fromisoformat(_shown(hass).state)


def _readings(hass: HomeAssistant) -> dict[str, object]:
    return {key: value for key, value in _shown(hass).attributes.items() if key in READINGS}


async def test_a_pack_that_is_heard_was_seen_just_now(hass: HomeAssistant, house: MockConfigEntry) -> None:
    assert abs(datetime.now(UTC) - _seen(hass)).total_seconds() < 10
    assert _readings(hass) == {}


async def test_a_pack_that_falls_silent_leaves_its_last_readings(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    heard_s = time.time() - (time.monotonic() - house.runtime_data.packs[SERIAL].data.last_seen_s)
    pack.mute = True
    await clock.advance(7)
    assert state(hass, "sensor.energy_pack_e4f5_grid_power") == "unavailable"
    assert _readings(hass) == READINGS
    assert _seen(hass).timestamp() == pytest.approx(heard_s, abs=1)
    written = _shown(hass)
    await clock.advance(700)
    assert _shown(hass) is written, "a silent pack is no news"
    pack.mute = False
    pack.introduce()
    pack.report()
    await wait_until(lambda: _readings(hass) == {}, "for its return")


async def test_the_adapter_is_lost(hass: HomeAssistant, house: MockConfigEntry) -> None:
    hub = house.runtime_data
    hub._adapter._bus.shutdown()
    await wait_until(lambda: _readings(hass) == READINGS)
    assert abs(datetime.now(UTC) - _seen(hass)).total_seconds() < 10
    await wait_until(lambda: hub.connected)


async def test_a_pack_that_was_not_heard_since_the_start(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    before = _seen(hass)
    pack.mute = True
    assert await hass.config_entries.async_reload(house.entry_id)
    await hass.async_block_till_done()
    assert not house.runtime_data.packs[SERIAL].data.last_seen_s
    assert _readings(hass) == READINGS
    assert abs(_seen(hass) - before).total_seconds() < 10


async def test_a_pack_of_which_nothing_is_remembered(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.mute = True
    record = house.runtime_data.packs[SERIAL].record
    assert await hass.config_entries.async_unload(house.entry_id)
    record.last_known = None
    assert await hass.config_entries.async_setup(house.entry_id)
    await hass.async_block_till_done()
    assert _shown(hass).state == "unknown"
    assert _readings(hass) == {}


async def test_a_pack_that_is_heard_all_the_time_is_written_every_ten_minutes(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = house.runtime_data.packs[SERIAL]
    first, changes = _seen(hass), async_capture_events(hass, EVENT_STATE_CHANGED)

    async def hear_at(later_s: float) -> None:
        monkeypatch.setattr("custom_components.alfaspark.sensors.last_seen.time", lambda: first.timestamp() + later_s)
        heard_s = coordinator.data.last_seen_s
        pack.report()
        await wait_until(lambda: coordinator.data.last_seen_s > heard_s)
        await hass.async_block_till_done()

    await hear_at(590)
    assert changes == []
    await hear_at(610)
    assert [event.data["entity_id"] for event in changes] == [LAST_SEEN]
    assert (_seen(hass) - first).total_seconds() == pytest.approx(610, abs=5)
    await hear_at(1190)
    assert len(changes) == 1


class _HouseClock:
    """The clock of the machine, ahead of the true time by as much as is set."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def house_clock(monkeypatch: pytest.MonkeyPatch) -> _HouseClock:
    """Take the clock of the machine into the test's hands."""
    house_clock = _HouseClock()
    for module in ("sensors.last_seen", "coordinator"):
        monkeypatch.setattr(f"custom_components.alfaspark.{module}.time", house_clock)
    return house_clock


@pytest.mark.parametrize("ahead_s", [60, 86_400])
async def test_a_clock_that_is_put_back_leaves_no_time_in_the_future(
    hass: HomeAssistant, house: MockConfigEntry, house_clock: _HouseClock, ahead_s: float
) -> None:
    coordinator = house.runtime_data.packs[SERIAL]
    before = _seen(hass)
    house_clock.ahead_s = ahead_s + 600
    coordinator.async_update_listeners()
    assert (_seen(hass) - before).total_seconds() == pytest.approx(ahead_s + 600, abs=5)
    house_clock.ahead_s = 600
    coordinator.async_update_listeners()
    assert (_seen(hass) - before).total_seconds() == pytest.approx(600, abs=5)


async def test_a_clock_that_was_ahead_when_the_pack_fell_silent(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, house_clock: _HouseClock
) -> None:
    coordinator = house.runtime_data.packs[SERIAL]
    heard_s = time.time() - (time.monotonic() - coordinator.data.last_seen_s)
    pack.mute = True
    house_clock.ahead_s = 86_400
    await clock.advance(7)
    assert _readings(hass) == READINGS
    assert _seen(hass).timestamp() == pytest.approx(heard_s + 86_400, abs=2)
    house_clock.ahead_s = 0
    coordinator.async_update_listeners()
    assert _seen(hass).timestamp() == pytest.approx(heard_s, abs=2)
    assert _readings(hass) == READINGS


async def test_what_was_written_down_by_a_clock_that_was_ahead(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    """When it was is not known any more, only what the pack said."""
    pack.mute = True
    record = house.runtime_data.packs[SERIAL].record
    assert await hass.config_entries.async_unload(house.entry_id)
    assert record.last_known is not None
    record.last_known = replace(record.last_known, seen_s=time.time() + 86_400)
    assert await hass.config_entries.async_setup(house.entry_id)
    await hass.async_block_till_done()
    assert _shown(hass).state == "unknown"
    assert _readings(hass) == READINGS


async def test_last_readings_are_not_recorded(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    """They are in the history of their own sensors already."""
    pack.mute = True
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await clock.advance(7)
    (written,) = (event for event in changes if event.data["entity_id"] == LAST_SEEN)
    recorded = StateAttributes.shared_attrs_bytes_from_event(written, SupportedDialect.SQLITE).decode()
    assert "friendly_name" in recorded
    assert not [key for key in READINGS if key in recorded]
