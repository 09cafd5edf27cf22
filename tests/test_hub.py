"""The hub: who is asked what, who belongs here, and what is said when something is lost."""

from datetime import UTC, datetime, timedelta
import logging

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, Command, DeviceType, Function

from .conftest import CHANNEL, NODE, SERIAL, Clock, state, wait_until
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

LOGGER = "custom_components.alfaspark.hub"


def _said(caplog: pytest.LogCaptureFixture, text: str) -> list[int]:
    """Return the levels of the hub's log lines that contain a text."""
    return [record.levelno for record in caplog.records if record.name == LOGGER and text in record.getMessage()]


async def test_the_hub_asks_who_is_there_and_says_what_time_it_is(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(
        lambda: pack.commands.count(Command.SET_TIME) >= 2, "for SET_TIME at the start and to the new pack"
    )
    assert pack.commands[0] is Command.WHO
    _, payload = next(heard for heard in pack.heard if heard[0] is Command.SET_TIME)
    _, told = frames.SetTime.decode(payload)
    assert abs(told.unix_s - datetime.now(UTC).timestamp()) < 10
    assert timedelta(minutes=told.utc_offset_min) == dt_util.now().utcoffset()


async def test_the_time_is_told_in_the_zone_of_the_house(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    await hass.config.async_set_time_zone("Asia/Kolkata")
    try:
        pack.heard.clear()
        await clock.advance(60)
        await wait_until(lambda: pack.heard, "for the SET_TIME of the next minute")
        _, told = frames.SetTime.decode(pack.heard[0][1])
        assert told.utc_offset_min == 330
    finally:
        await hass.config.async_set_time_zone("UTC")


async def test_a_restarted_pack_is_told_the_time_and_may_have_other_firmware(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, device_registry: dr.DeviceRegistry
) -> None:
    await wait_until(lambda: pack.commands.count(Command.SET_TIME) >= 2)
    pack.heard.clear()
    pack.restart(0x4321, firmware=(1, 3, 0))
    await wait_until(lambda: Command.SET_TIME in pack.commands, "for SET_TIME")
    device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    assert device is not None
    assert device.sw_version == "1.3.0"


async def test_a_pack_that_comes_later_appears_without_a_reload(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus
) -> None:
    late = peers.add("0000000011aa", 99)
    late.introduce()
    late.report()
    await wait_until(lambda: late.serial in house.runtime_data.packs, "for the pack")
    await hass.async_block_till_done()
    await wait_until(lambda: state(hass, "sensor.energy_pack_11aa_state_of_charge") == "61.5")
    house.runtime_data.bus.async_follow_hub()
    assert state(hass, "sensor.alfaspark_packs_present") == "2"
    assert state(hass, "sensor.alfaspark_home_power") == "3000"


async def test_a_gateway_has_presence_only(hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus) -> None:
    gateway = peers.add("00000000aa01", 126, DeviceType.ENERGY_GATEWAY)
    gateway.flags = AnnounceFlagSet.IS_MASTER
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    assert state(hass, "binary_sensor.energy_gateway_aa01_master") == "on"
    assert {entity_id for entity_id in hass.states.async_entity_ids() if "aa01" in entity_id} == {
        "binary_sensor.energy_gateway_aa01_master",
        "button.energy_gateway_aa01_identify",
    }


async def test_a_silent_gateway_stays_available_until_it_is_gone(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus, clock: Clock
) -> None:
    gateway = peers.add("00000000aa01", 126, DeviceType.ENERGY_GATEWAY)
    gateway.introduce()
    await wait_until(lambda: gateway.serial in house.runtime_data.packs, "for the gateway")
    await hass.async_block_till_done()
    await clock.advance(30)
    assert state(hass, "binary_sensor.energy_gateway_aa01_master") == "off"
    await clock.advance(100)
    assert state(hass, "binary_sensor.energy_gateway_aa01_master") == "unavailable"


async def test_an_unknown_node_is_asked_who_it_is(
    hass: HomeAssistant, house: MockConfigEntry, peers: PeerBus, clock: Clock
) -> None:
    stranger = peers.add("0000000022bb", 77)
    stranger.report()
    await wait_until(lambda: house.runtime_data.fleet.statistics.foreign >= 10, "for its frames")
    await clock.advance(10)
    await wait_until(lambda: stranger.serial in house.runtime_data.packs, "for its answer to WHO")
    assert Command.WHO in stranger.commands


async def test_a_silent_pack_is_unavailable_and_said_once(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await clock.advance(7)
    for entity_id in (
        "sensor.energy_pack_e4f5_battery_voltage",
        "sensor.energy_pack_e4f5_grid_power",
        "binary_sensor.energy_pack_e4f5_grid",
        "binary_sensor.energy_pack_e4f5_master",
        "switch.energy_pack_e4f5_grid_relay",
        "button.energy_pack_e4f5_identify",
    ):
        assert state(hass, entity_id) == "unavailable"
    await clock.advance(2)
    await clock.advance(2)
    assert _said(caplog, "Energy pack E4F5 is not heard any more") == [logging.WARNING]


async def test_a_pack_that_is_heard_again_is_said_once(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, caplog: pytest.LogCaptureFixture
) -> None:
    house.runtime_data._silent.add(SERIAL)
    caplog.set_level(logging.INFO, LOGGER)
    pack.report()
    await wait_until(lambda: _said(caplog, "is heard again"), "for the log line")
    await wait_until(lambda: not house.runtime_data._silent)
    assert _said(caplog, "Energy pack E4F5 is heard again") == [logging.INFO]


async def test_a_lost_adapter_is_said_once_and_comes_back_by_itself(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    hub = house.runtime_data
    hub._adapter._bus.shutdown()  # what it is like to be unplugged
    await wait_until(lambda: not hub.connected, "for the loss")
    await wait_until(lambda: state(hass, "binary_sensor.alfaspark_can_adapter") == "off")
    assert state(hass, "switch.energy_pack_e4f5_grid_relay") == "unavailable"
    assert state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "unavailable"
    assert state(hass, "sensor.alfaspark_solar_power") == "unavailable"
    with pytest.raises(HomeAssistantError) as raised:
        await hub.packs[SERIAL].async_command(frames.Identify(seconds=1))
    assert raised.value.translation_key == "adapter_down"

    await wait_until(lambda: state(hass, "binary_sensor.alfaspark_can_adapter") == "on", "for the adapter")
    await wait_until(lambda: pack.commands.count(Command.WHO) >= 2, "for WHO")
    pack.report()
    await wait_until(lambda: state(hass, "switch.energy_pack_e4f5_grid_relay") == "on")
    assert _said(caplog, "was lost") == [logging.WARNING]
    assert _said(caplog, "CAN adapter house is back") == [logging.INFO]
    assert _said(caplog, "heard") == []
    assert hub.bus_readings.adapter.reconnects == 1


async def test_one_batch_of_frames_writes_an_entity_once(hass: HomeAssistant, house: MockConfigEntry) -> None:
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    now_s = house.runtime_data.packs[SERIAL].data.last_seen_s
    house.runtime_data._frames_received(
        [
            ReceivedFrame(
                Function.POWER | NODE,
                False,
                frames.Power(grid_w, 1000 + grid_w, 500, -100).encode(),
                now_s + grid_w / 100,
            )
            for grid_w in range(0, 1000, 10)
        ]
    )
    await hass.async_block_till_done()
    written = [event.data["entity_id"] for event in changes]
    assert "sensor.energy_pack_e4f5_grid_power" in written
    assert len(written) == len(set(written))
    assert state(hass, "sensor.energy_pack_e4f5_grid_power") == "990"


async def test_nothing_is_written_when_nothing_moves(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    seen_s = house.runtime_data.packs[SERIAL].data.last_seen_s
    before = {
        entity.entity_id: entity.last_reported for entity in hass.states.async_all() if "e4f5" in entity.entity_id
    }
    pack.report()
    pack.introduce()
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.last_seen_s > seen_s)
    await hass.async_block_till_done()
    assert changes == []
    after = {entity.entity_id: entity.last_reported for entity in hass.states.async_all() if "e4f5" in entity.entity_id}
    assert after == before


async def test_a_pack_on_two_buses_belongs_to_the_first(
    hass: HomeAssistant,
    house: MockConfigEntry,
    pack: PeerPack,
    device_registry: dr.DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    second = MockConfigEntry(
        domain=DOMAIN, title="spare", data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL}, unique_id="virtual:spare"
    )
    second.add_to_hass(hass)
    assert await hass.config_entries.async_setup(second.entry_id)
    await wait_until(lambda: SERIAL in second.runtime_data.fleet.packs, "for the pack on the second bus")
    assert second.runtime_data.packs == {}
    assert device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), second.entry_id) is None
    assert _said(caplog, "belongs to house") == [logging.WARNING]

    # The owner gives up the first adapter.
    await hass.config_entries.async_set_disabled_by(house.entry_id, ConfigEntryDisabler.USER)
    await wait_until(lambda: SERIAL in second.runtime_data.packs, "for the pack to move over")
    await hass.async_block_till_done()
    pack.report()
    await wait_until(lambda: state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "53.2")
    assert _said(caplog, "belongs to house") == [logging.WARNING]
    assert await hass.config_entries.async_unload(second.entry_id)


async def test_a_pack_stays_with_the_adapter_that_took_it_over(
    hass: HomeAssistant,
    house: MockConfigEntry,
    pack: PeerPack,
    device_registry: dr.DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await hass.config_entries.async_set_disabled_by(house.entry_id, ConfigEntryDisabler.USER)
    second = MockConfigEntry(
        domain=DOMAIN, title="spare", data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL}, unique_id="virtual:spare"
    )
    second.add_to_hass(hass)
    assert await hass.config_entries.async_setup(second.entry_id)
    await wait_until(lambda: SERIAL in second.runtime_data.packs, "for the pack to move over")
    await hass.async_block_till_done()

    await hass.config_entries.async_set_disabled_by(house.entry_id, None)
    await wait_until(lambda: SERIAL in house.runtime_data.fleet.packs, "for the pack on the first bus")
    await hass.async_block_till_done()
    assert house.runtime_data.packs == {}
    assert device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id) is None
    assert _said(caplog, "belongs to spare") == [logging.WARNING]
    pack.report()
    await wait_until(lambda: state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "53.2")
    assert await hass.config_entries.async_unload(second.entry_id)


async def test_a_pack_of_another_protocol_version_is_named_and_left_alone(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, issue_registry: ir.IssueRegistry
) -> None:
    pack.protocol_version = 2
    pack.restart(0x4321)
    await wait_until(lambda: issue_registry.async_get_issue(DOMAIN, f"protocol_version_{SERIAL}"), "for the issue")
    pack.report()
    await wait_until(lambda: house.runtime_data.fleet.statistics.unsupported, "for its frames")
    await clock.advance(7)
    assert state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "unavailable"
    pack.heard.clear()
    with pytest.raises(HomeAssistantError) as raised:
        await house.runtime_data.packs[SERIAL].async_command(frames.Identify(seconds=1))
    assert raised.value.translation_key == "protocol_version"
    assert pack.heard == []

    pack.protocol_version = 1
    pack.restart(0x5678)
    await wait_until(lambda: not issue_registry.async_get_issue(DOMAIN, f"protocol_version_{SERIAL}"), "for its end")


async def test_a_clock_that_was_never_set_is_not_told(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wait_until(lambda: pack.commands.count(Command.SET_TIME) >= 2)
    pack.heard.clear()
    monkeypatch.setattr(
        "custom_components.alfaspark.upkeep.timekeeping.dt_util.now", lambda: datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    )
    house.runtime_data._greet()
    await wait_until(lambda: Command.WHO in pack.commands)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert Command.SET_TIME not in pack.commands


async def test_random_frames_change_nothing(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus
) -> None:
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    ignored = house.runtime_data.fleet.statistics
    peers.send(Function.BATTERY | NODE, b"\x01")
    peers.send(Function.BATTERY | NODE, bytes(8))  # SOC 0 %, 0 V
    peers.send(Function.POWER | NODE, b"\xff\x7f" * 4)
    peers.send(0x1ABCDEF0, b"foreign!", extended=True)
    await wait_until(
        lambda: ignored.invalid >= 1 and ignored.implausible >= 2 and ignored.foreign >= 1, "for the counts"
    )
    await hass.async_block_till_done()
    assert changes == []


async def test_a_pack_that_was_gone_comes_back_with_the_same_entities(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    coordinator = house.runtime_data.packs[SERIAL]
    await clock.advance(121)
    assert not coordinator.data.present
    pack.introduce()
    pack.report()
    await wait_until(lambda: coordinator.data.present, "for the pack")
    await wait_until(lambda: state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "53.2")
    assert house.runtime_data.packs == {SERIAL: coordinator}


async def test_a_restart_of_a_pack_that_belongs_elsewhere_is_only_told_the_time(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    second = MockConfigEntry(
        domain=DOMAIN, title="spare", data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL}, unique_id="virtual:spare"
    )
    second.add_to_hass(hass)
    assert await hass.config_entries.async_setup(second.entry_id)
    hub = second.runtime_data
    await wait_until(lambda: SERIAL in hub.fleet.packs, "for the pack on the second bus")
    await clock.advance(1)
    pack.restart(0x4321)
    await wait_until(lambda: hub.fleet.packs[SERIAL].boot_id == 0x4321)
    assert hub.packs == {}
    assert await hass.config_entries.async_unload(second.entry_id)


async def test_nothing_is_sent_while_the_adapter_is_lost(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock
) -> None:
    await wait_until(lambda: pack.commands.count(Command.SET_TIME) >= 2)
    pack.heard.clear()
    hub = house.runtime_data
    hub._adapter._bus.shutdown()
    await wait_until(lambda: not hub.connected)
    hub.fleet._who_wanted = True
    await clock.advance(60)
    assert pack.heard == []
    assert hub.bus_readings.adapter.errors == 0
    await wait_until(lambda: Command.SET_TIME in pack.commands, "for the time after its return")
