"""Packs as checkpoints: their grid sense and presence, on a bus that comes, goes and is set up anew."""

from dataclasses import replace

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.outages.model import CheckpointView, Kind, PowerState, Result, Verdict
from custom_components.alfaspark.packbus.frames import DeviceType, GridState
from custom_components.alfaspark.power_watch.setup import ALL_PACKS, CheckpointSetup
from custom_components.alfaspark.power_watch.source import PowerSource
from tests.conftest import SERIAL, Clock, state, wait_until
from tests.packbus.slcan_peer import TcpPeer
from tests.peers import STATUS, PeerBus, PeerPack

from .conftest import source

pytestmark = pytest.mark.usefixtures("integration")

SECOND = "a0b1c2d3aaaa"


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source that all grid senses show, one that the presence of all packs shows, one with one pack's sense."""
    return [
        source("Senses", [CheckpointSetup(Kind.GRID_SENSE, ALL_PACKS, "Senses").as_dict()]),
        source("Packs", [CheckpointSetup(Kind.PRESENCE, ALL_PACKS, "Packs").as_dict()]),
        source("One", [CheckpointSetup(Kind.GRID_SENSE, SERIAL, "The one").as_dict()]),
    ]


def _source(watch: MockConfigEntry, title: str) -> PowerSource:
    found: PowerSource = next(each for each in watch.runtime_data.sources.values() if each.name == title)
    return found


def _views(watch: MockConfigEntry, title: str) -> dict[str, CheckpointView]:
    return {watched.setup.target: view for watched, view in watch.runtime_data.checkpoints(_source(watch, title).id)}


def _verdicts(watch: MockConfigEntry, title: str) -> dict[str, Verdict]:
    return {serial: view.verdict for serial, view in _views(watch, title).items()}


async def test_a_grid_that_is_lost_is_told_in_the_call_that_takes_the_frame(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    """Whoever hears of the frame after the power watch sees the loss already."""
    seen = []
    coordinator = house.runtime_data.packs[SERIAL]

    @callback
    def heard() -> None:
        seen.append((coordinator.data.status.grid, _source(watch, "Senses").decision.state))

    coordinator.async_add_listener(heard)
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, "binary_sensor.senses") == "off", "for the loss")
    assert next(power for grid, power in seen if grid is GridState.ABSENT) is PowerState.LOST
    assert state(hass, "binary_sensor.one") == "off"
    assert state(hass, "binary_sensor.packs") == "on"


async def test_what_is_down_is_told_again_while_it_lasts_but_written_down_once(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, "binary_sensor.one") == "off", "for the loss")
    first = _views(watch, "One")[SERIAL].last
    await wait_until(lambda: _views(watch, "One")[SERIAL].last is not first, "for it to be told again")
    record, id_ = watch.runtime_data.record, f"{_source(watch, 'One').id}/grid_sense:{SERIAL}"
    record.flush_checks()
    checks = await record.async_read(lambda history: history.checks(id_, 0, 1e12, 100))
    assert sorted(check.result for check in checks) == [Result.ALIVE, Result.DOWN_AT_ONCE]


@pytest.mark.parametrize("grid", [GridState.UNKNOWN, GridState.NOT_FITTED])
async def test_a_sense_that_says_nothing(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack, grid: GridState
) -> None:
    assert _verdicts(watch, "Senses") == {SERIAL: Verdict.UP}
    pack.report(replace(STATUS, grid=grid))
    await wait_until(lambda: _verdicts(watch, "Senses") == {SERIAL: Verdict.UNKNOWN}, "for its sense")
    assert state(hass, "binary_sensor.senses") == "unknown"


async def test_a_pack_that_falls_silent(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, clock: Clock
) -> None:
    silent_s = hass.loop.time()
    await clock.advance(10)
    assert _verdicts(watch, "Senses") == {SERIAL: Verdict.UNKNOWN}
    assert _verdicts(watch, "Packs") == {SERIAL: Verdict.UP}, "it may be back within two minutes"
    await clock.advance(120)
    await wait_until(lambda: _verdicts(watch, "Packs") == {SERIAL: Verdict.DOWN}, "for its presence")
    assert _source(watch, "Packs").decision.since_s <= silent_s, "since it was heard last"
    assert state(hass, "binary_sensor.packs") == "off"


async def test_a_pack_that_its_owner_removes_is_not_down(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, clock: Clock
) -> None:
    await clock.advance(130)
    await wait_until(lambda: _verdicts(watch, "Packs") == {SERIAL: Verdict.DOWN}, "for its presence")
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    assert device is not None
    assert house.runtime_data.async_remove_pack(SERIAL)
    dr.async_get(hass).async_remove_device(device.id)
    await clock.advance(3)
    assert _verdicts(watch, "Packs") == {SERIAL: Verdict.UNKNOWN}


async def test_a_pack_that_comes_later_is_watched_by_its_name_and_a_gateway_is_not(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, peers: PeerBus
) -> None:
    gateway = peers.add("a0b1c2d3bbbb", 14)
    gateway.device_type = DeviceType.ENERGY_GATEWAY
    gateway.introduce()
    later = peers.add(SECOND, 13)
    later.introduce()
    later.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: SECOND in _views(watch, "Senses"), "for the second pack")
    await wait_until(lambda: _verdicts(watch, "Packs").get(SECOND) is Verdict.UP, "for its presence")
    assert set(_views(watch, "Packs")) == {SERIAL, SECOND}
    # Its sense was never seen to work, so that it does not count.
    assert _verdicts(watch, "Senses")[SECOND] is Verdict.UNTRACKED
    assert state(hass, "binary_sensor.senses") == "on"
    later.report(STATUS)
    await wait_until(lambda: _verdicts(watch, "Senses")[SECOND] is Verdict.UP, "for the grid")
    names = watch.runtime_data.checkpoint_names(_source(watch, "Senses").id, _source(watch, "Senses").decision.evidence)
    assert sorted(names) == ["Energy pack AAAA", "Energy pack E4F5"]
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, SECOND), house.entry_id)
    assert device is not None
    dr.async_get(hass).async_update_device(device.id, name_by_user="Garage")
    await hass.async_block_till_done()
    assert watch.runtime_data.checkpoint_names(
        _source(watch, "Packs").id, [f"{_source(watch, 'Packs').id}/presence:{SECOND}"]
    ) == ["Garage"]
    assert _verdicts(watch, "Packs")[SECOND] is Verdict.UP


async def test_an_adapter_that_is_set_up_anew(
    hass: HomeAssistant, house: MockConfigEntry, watch: MockConfigEntry, pack: PeerPack
) -> None:
    assert await hass.config_entries.async_unload(house.entry_id)
    assert _verdicts(watch, "Senses") == _verdicts(watch, "Packs") == {SERIAL: Verdict.UNKNOWN}
    last = _views(watch, "One")[SERIAL].last
    assert last is not None
    assert last.detail == "no adapter that is set up has heard it"
    assert state(hass, "binary_sensor.one") == "unknown"
    assert await hass.config_entries.async_setup(house.entry_id)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.present, "for the pack")
    pack.report()
    await wait_until(lambda: _verdicts(watch, "Senses") == {SERIAL: Verdict.UP}, "for its sense")
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, "binary_sensor.one") == "off", "for the loss")


async def test_an_adapter_that_is_lost(
    hass: HomeAssistant, network_adapter: TcpPeer, watch: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that is set up after the power watch."""
    adapter = MockConfigEntry(
        domain=DOMAIN,
        unique_id=f"slcan:{network_adapter.channel}",
        data={CONF_INTERFACE: "slcan", CONF_DEVICE: network_adapter.channel},
    )
    adapter.add_to_hass(hass)
    assert await hass.config_entries.async_setup(adapter.entry_id)
    await wait_until(lambda: _verdicts(watch, "Packs") == {SERIAL: Verdict.UP}, "for the pack")
    network_adapter.unplug()
    await wait_until(lambda: _verdicts(watch, "Packs") == {SERIAL: Verdict.UNKNOWN}, "for the loss of the adapter")
    assert state(hass, "binary_sensor.packs") == "unknown"
    network_adapter.plug_in()
    await wait_until(lambda: _verdicts(watch, "Packs") == {SERIAL: Verdict.UP}, "for the pack")
    await hass.config_entries.async_unload(adapter.entry_id)


async def test_the_only_pack_that_was_heard_yet_is_not_all_of_them(  # noqa: PLR0917 - a whole house
    hass: HomeAssistant,
    house: MockConfigEntry,
    watch: MockConfigEntry,
    pack: PeerPack,
    peers: PeerBus,
    clock: Clock,
) -> None:
    """After a start, or when the adapter is back, packs are heard one after the other."""
    other = peers.add(SECOND, 13)
    other.introduce()
    other.report(STATUS)
    await wait_until(lambda: _verdicts(watch, "Senses").get(SECOND) is Verdict.UP, "for both packs")
    pack.mute = other.mute = True
    await clock.advance(7)
    assert set(_verdicts(watch, "Senses").values()) == {Verdict.UNKNOWN}
    told: list[PowerState] = []
    senses = _source(watch, "Senses")
    senses.async_add_listener(lambda: told.append(senses.decision.state))
    pack.mute = other.mute = False
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: house.runtime_data.packs[SERIAL].available, "for the first")
    assert _verdicts(watch, "Senses")[SERIAL] is Verdict.UNKNOWN, "one of two is not more than half"
    other.report(STATUS)
    await wait_until(lambda: _verdicts(watch, "Senses")[SECOND] is Verdict.UP, "for the second")
    await senses.watch.async_check_source(senses.id)
    assert _verdicts(watch, "Senses")[SERIAL] is Verdict.DOWN
    assert senses.decision.state is PowerState.SUSPECT
    assert PowerState.LOST not in told
