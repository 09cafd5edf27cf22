"""MQTT topics as checkpoints: a real broker, Home Assistant's own MQTT, and devices that speak and die on it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.outages.model import CheckpointView, Kind, Verdict
from custom_components.alfaspark.power_watch.observers import mqtt_topics
from custom_components.alfaspark.power_watch.setup import CheckpointSetup
from tests.conftest import state, wait_until

from .alerts.broker import Broker
from .conftest import Machine, source

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")

POWER = "binary_sensor.cellar"
SILENCE_S = 1.2


@pytest.fixture(autouse=True)
def quick_reconnects(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant tries a broker that is lost again after 10 s; and a test does not wait for its cooldowns."""
    monkeypatch.setattr("homeassistant.components.mqtt.client.RECONNECT_INTERVAL_SECONDS", 0.2)
    for name in ("DISCOVERY_COOLDOWN", "SUBSCRIBE_COOLDOWN", "INITIAL_SUBSCRIBE_COOLDOWN", "UNSUBSCRIBE_COOLDOWN"):
        monkeypatch.setattr(f"homeassistant.components.mqtt.client.{name}", 0.05)


@pytest.fixture
async def broker(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Broker]:
    """A broker that runs."""
    running = Broker(tmp_path)
    await asyncio.to_thread(running.start)
    yield running
    await asyncio.to_thread(running.stop)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wildcard may find three topics."""
    monkeypatch.setattr(mqtt_topics, "_MOST_FOUND", 3)


class Device:
    """Something on the broker, with a will."""

    def __init__(self, broker: Broker, will: str = "") -> None:
        """Connect. With a will its topic is retained, as most devices have it."""
        self._client = Client(CallbackAPIVersion.VERSION2)
        if will:
            self._client.will_set(will, "offline", qos=1, retain=True)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def say(self, topic: str, payload: str | bytes = "online", *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def die(self) -> None:
        """Lose power: the broker notices that the connection is gone."""
        sock = self._client.socket()
        assert sock is not None
        self._client.loop_stop()
        sock.close()

    def leave(self) -> None:
        """Disconnect as it should be; the broker tells no will."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def device(broker: Broker) -> Generator[Device]:
    """A device without a will."""
    connected = Device(broker)
    yield connected
    connected.leave()


@pytest.fixture
async def mqtt(hass: HomeAssistant, broker: Broker, tmp_path: Path) -> AsyncGenerator[MockConfigEntry]:
    """Home Assistant's own MQTT, which a test sets up when it wants."""
    (tmp_path / "configuration.yaml").touch()
    entry = MockConfigEntry(
        domain="mqtt", title="MQTT", version=2, minor_version=1, data={"broker": "127.0.0.1", "port": broker.port}
    )
    entry.add_to_hass(hass)
    yield entry
    if hass.config_entries.async_get_entry(entry.entry_id) is not None:
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """All that speaks below `cellar`, and one topic by itself; once is enough."""
    options = {"silence_s": SILENCE_S, "down_payloads": ["offline"]}
    group = CheckpointSetup(Kind.MQTT, "cellar/+/life", "Cellar", options=options)
    alone = CheckpointSetup(Kind.MQTT, "garage/life", "Garage", options={"silence_s": 0})
    return [source("Cellar", [group.as_dict(), alone.as_dict()], interval_s=1)]


async def _connect(hass: HomeAssistant, mqtt: MockConfigEntry) -> None:
    assert await hass.config_entries.async_setup(mqtt.entry_id)
    await hass.async_block_till_done()
    from homeassistant.components.mqtt import is_connected

    await wait_until(lambda: is_connected(hass), "for the broker")


async def _live(watch: MockConfigEntry, device: Device, *topics: str) -> None:
    """Have a device speak until it is heard: Home Assistant subscribes a moment after it has connected."""

    async def speak() -> None:
        while True:
            for topic in topics:
                device.say(topic)
            await asyncio.sleep(0.1)

    speaking = asyncio.create_task(speak())
    try:
        await wait_until(lambda: all(_verdict(watch, topic) is Verdict.UP for topic in topics), f"for {topics}")
    finally:
        speaking.cancel()


def _views(watch: MockConfigEntry) -> dict[str, CheckpointView]:
    return {
        watched.setup.target: view
        for source_id in watch.runtime_data.sources
        for watched, view in watch.runtime_data.checkpoints(source_id)
    }


def _verdict(watch: MockConfigEntry, topic: str) -> Verdict | None:
    found = _views(watch).get(topic)
    return found.verdict if found else None


def _detail(watch: MockConfigEntry, topic: str) -> str:
    last = _views(watch)[topic].last
    return last.detail if last else ""


async def test_devices_are_found_and_their_wills_are_believed_at_once(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, broker: Broker, device: Device
) -> None:
    """MQTT is set up after the power watch."""
    assert _detail(watch, "garage/life") == "the MQTT broker is not connected"
    await _connect(hass, mqtt)
    assert set(_views(watch)) == {"garage/life"}, "a wildcard is no checkpoint"
    pump = Device(broker, will="cellar/pump/life")
    await _live(watch, pump, "cellar/pump/life")
    device.say("cellar/lamp/life", b"\xff\x00 no text")
    await wait_until(lambda: _verdict(watch, "cellar/lamp/life") is Verdict.UP, "for the lamp")
    assert state(hass, POWER) == "on"
    pump.die()
    await wait_until(lambda: _verdict(watch, "cellar/pump/life") is Verdict.DOWN, "for the will")
    assert _detail(watch, "cellar/pump/life") == "offline"


async def test_retained_messages_are_no_sign_of_life(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device
) -> None:
    for topic in ("cellar/old/life", "garage/life"):
        device.say(topic, retain=True)
    await _connect(hass, mqtt)
    await _live(watch, device, "cellar/new/life")
    assert "cellar/old/life" not in _views(watch)
    assert _verdict(watch, "garage/life") is Verdict.UNTRACKED
    # Live, though it asks the broker to keep it.
    device.say("cellar/old/life", retain=True)
    device.say("garage/life", retain=True)
    await wait_until(lambda: _verdict(watch, "garage/life") is Verdict.UP, "for a live one")
    assert _verdict(watch, "cellar/old/life") is Verdict.UP


async def test_silence(hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device) -> None:
    await _connect(hass, mqtt)
    await _live(watch, device, "garage/life", "cellar/lamp/life")
    said = _views(watch)["cellar/lamp/life"].last
    await wait_until(lambda: _verdict(watch, "cellar/lamp/life") is Verdict.DOWN, "for its silence")
    silent = _views(watch)["cellar/lamp/life"].last
    assert said is not None
    assert silent is not None
    assert SILENCE_S <= silent.at_s - said.at_s < SILENCE_S + 1.5
    assert silent.detail == "silent for more than 1.2 s"
    assert _verdict(watch, "garage/life") is Verdict.UP, "of whom silence proves nothing"
    # It is told again while it lasts, for a loss that waits for proof.
    await wait_until(lambda: _views(watch)["cellar/lamp/life"].last is not silent, "for the next")
    assert _verdict(watch, "cellar/lamp/life") is Verdict.DOWN
    device.say("cellar/lamp/life")
    await wait_until(lambda: _verdict(watch, "cellar/lamp/life") is Verdict.UP, "for its return")


async def test_one_that_was_alive_before_a_restart_and_is_silent_after_it(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device
) -> None:
    (source_setup,) = watch.subentries.values()
    alone = CheckpointSetup(Kind.MQTT, "attic/life", "Attic", options={"silence_s": SILENCE_S}).as_dict()
    data = {**source_setup.data, "checkpoints": [alone]}
    hass.config_entries.async_update_subentry(watch, source_setup, data=data)
    await _connect(hass, mqtt)
    await wait_until(lambda: "silent" in _detail(watch, "attic/life"), "for what an owner with a wrong topic reads")
    assert _verdict(watch, "attic/life") is Verdict.UNTRACKED
    await _live(watch, device, "attic/life")
    await hass.config_entries.async_reload(watch.entry_id)
    assert _verdict(watch, "attic/life") is Verdict.UNKNOWN
    assert _detail(watch, "attic/life") == "not heard yet since listening began"
    await wait_until(lambda: _verdict(watch, "attic/life") is Verdict.DOWN, "for its silence")
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss, once the own network was seen")


async def test_without_the_broker_nobody_is_heard(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, broker: Broker
) -> None:
    await _connect(hass, mqtt)
    device = Device(broker)
    await _live(watch, device, "cellar/lamp/life")
    await asyncio.to_thread(broker.stop)
    await wait_until(lambda: _verdict(watch, "cellar/lamp/life") is Verdict.UNKNOWN, "for the loss of the broker")
    await asyncio.sleep(SILENCE_S + 1)
    assert _verdict(watch, "cellar/lamp/life") is Verdict.UNKNOWN
    assert state(hass, POWER) == "unknown"
    await asyncio.to_thread(broker.start)
    await wait_until(lambda: _verdict(watch, "cellar/lamp/life") is Verdict.DOWN, "for one that did not come back")
    device.leave()
    device = Device(broker)
    await _live(watch, device, "cellar/lamp/life")
    device.leave()


async def test_mqtt_is_reloaded_and_removed(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device
) -> None:
    await _connect(hass, mqtt)
    await _live(watch, device, "cellar/lamp/life")
    assert await hass.config_entries.async_reload(mqtt.entry_id)
    assert _verdict(watch, "cellar/lamp/life") is Verdict.UNKNOWN
    await _live(watch, device, "cellar/lamp/life", "cellar/pump/life")
    await hass.config_entries.async_remove(mqtt.entry_id)
    await hass.async_block_till_done()
    assert _verdict(watch, "cellar/lamp/life") is Verdict.UNKNOWN
    assert _detail(watch, "cellar/lamp/life") == "the MQTT broker is not connected"


async def test_what_was_found_stays_when_the_rule_changes_and_rests_with_its_wildcard(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device
) -> None:
    await _connect(hass, mqtt)
    await _live(watch, device, "cellar/lamp/life", "cellar/pump/life")
    (subentry,) = watch.subentries.values()
    group, alone = subentry.data["checkpoints"]

    async def change(**data: object) -> None:
        hass.config_entries.async_update_subentry(watch, subentry, data={**subentry.data, **data})
        await hass.async_block_till_done()

    await change(rule={**subentry.data["rule"], "interval_s": 30})
    assert _verdict(watch, "cellar/lamp/life") is Verdict.UP
    pump = CheckpointSetup(Kind.MQTT, "cellar/pump/life", "Pump", options={"silence_s": 60}).as_dict()
    await change(checkpoints=[group | {"paused": True}, alone, pump])
    assert _verdict(watch, "cellar/lamp/life") is Verdict.PAUSED
    assert _verdict(watch, "cellar/pump/life") is not Verdict.PAUSED, "it is set up by itself now"
    await _live(watch, device, "cellar/pump/life")
    await change(checkpoints=[group, alone])
    assert "cellar/pump/life" not in _views(watch)
    await _live(watch, device, "cellar/pump/life")
    await change(checkpoints=[alone])
    assert set(_views(watch)) == {"garage/life"}


@pytest.mark.usefixtures("few")
async def test_a_wildcard_that_finds_too_much(
    hass: HomeAssistant,
    mqtt: MockConfigEntry,
    watch: MockConfigEntry,
    device: Device,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await _connect(hass, mqtt)
    await _live(watch, device, "garage/life")
    for number in range(6):
        device.say(f"cellar/{number}/life")
    await wait_until(lambda: len(_views(watch)) == 4, "for three of them")
    await asyncio.sleep(0.2)
    assert {f"cellar/{number}/life" for number in range(3)} | {"garage/life"} == set(_views(watch))
    assert caplog.text.count("cellar/+/life finds more than 3 topics") == 1


_THREE = tuple(f"cellar/{name}/LWT" for name in ("freezer", "lamp", "pump"))


@pytest.mark.parametrize(
    "sources",
    [
        [
            source(
                "Cellar",
                [CheckpointSetup(Kind.MQTT, topic, topic, options={"silence_s": 0}).as_dict() for topic in _THREE],
                interval_s=1,
            )
        ]
    ],
)
async def test_an_old_will_is_no_outage_while_nothing_was_heard_of_the_others(
    hass: HomeAssistant, mqtt: MockConfigEntry, watch: MockConfigEntry, device: Device
) -> None:
    """A device that was taken away for good has its will on the broker for ever."""
    freezer, lamp, pump = _THREE
    await _connect(hass, mqtt)
    await _live(watch, device, *_THREE)
    device.say(freezer, "offline", retain=True)
    await wait_until(lambda: _verdict(watch, freezer) is Verdict.DOWN, "for the will")
    assert await hass.config_entries.async_reload(mqtt.entry_id)
    # Whoever hears what is said now has got what the broker kept before.
    await _live(watch, device, lamp)
    assert _verdict(watch, freezer) is Verdict.UNKNOWN
    assert state(hass, POWER) == "on"
    for topic in (lamp, pump):
        device.say(topic, "offline", retain=True)
    await wait_until(lambda: state(hass, POWER) == "off", "for the outage")
    assert await hass.config_entries.async_reload(mqtt.entry_id)
    await wait_until(lambda: {_verdict(watch, topic) for topic in _THREE} == {Verdict.DOWN}, "for the wills of all")
