"""What all tests of the integration stand on: a bus with scripted packs, and Home Assistant joined to it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import timedelta
from functools import partial
import logging
from pathlib import Path
import time
from unittest.mock import PropertyMock, patch

from homeassistant import block_async_io
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN, POWER_WATCH
from custom_components.alfaspark.power_watch.setup import CONF_RULE, utility

from .packbus.slcan_peer import PtyPeer, TcpPeer
from .peers import PeerBus, PeerPack, answer_with_pack

CHANNEL = "house"
SERIAL = "a0b1c2d3e4f5"
NODE = 12

_WAIT_S = 5.0

_ANSWERS = "homeassistant.components.websocket_api"
"""Logs every refusal to a client as an error."""


def state(hass: HomeAssistant, entity_id: str) -> str:
    """Return the state of an entity that exists."""
    found = hass.states.get(entity_id)
    assert found is not None, f"there is no {entity_id}"
    return found.state


async def wait_until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for something that comes over the bus; fail after 5 s."""
    try:
        async with asyncio.timeout(_WAIT_S):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"waited {_WAIT_S} s in vain {what}")


@pytest.fixture
def integration(
    enable_custom_integrations: None,
    disable_block_async_io: None,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[None]:
    """Let Home Assistant find the integration, and fail the test if it complains about it.

    Not for all tests: those of packbus know nothing of Home Assistant and may block. The power watch that comes with the
    first pack comes only in tests that ask for it.
    """
    block_async_io.enable()
    if request.node.get_closest_marker("power_watch") is None:
        monkeypatch.setattr("custom_components.alfaspark.async_make_power_watch", lambda hass, pack: None)
    yield
    complaints = [
        record.getMessage()
        for phase in ("setup", "call", "teardown")
        for record in caplog.get_records(phase)
        if (record.levelno >= logging.ERROR and not record.name.startswith(_ANSWERS))
        or "Detected" in record.getMessage()
    ]
    assert complaints == []


@pytest.fixture
def entity_registry_enabled_by_default() -> Generator[None]:
    """Enable all entities, also those that the owner has to ask for."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
async def peers() -> AsyncGenerator[PeerBus]:
    """Join the bus as everything but Home Assistant."""
    bus = PeerBus(CHANNEL)
    running = asyncio.create_task(bus.run())
    yield bus
    running.cancel()
    await running


@pytest.fixture
def pack(peers: PeerBus) -> PeerPack:
    """Put one pack on the bus, that answers but says nothing by itself."""
    return peers.add(SERIAL, NODE)


@pytest.fixture
def usb_adapter(tmp_path: Path) -> Generator[PtyPeer]:
    """Plug an adapter in, that has a pack on its bus."""
    peer = PtyPeer(tmp_path / "usb-CANtact_CANtact_dev_0001-if00", partial(answer_with_pack, SERIAL, NODE))
    peer.plug_in()
    yield peer
    peer.unplug()


@pytest.fixture
def network_adapter(socket_enabled: None) -> Generator[TcpPeer]:
    """Put an adapter into the network, that has a pack on its bus."""
    peer = TcpPeer(partial(answer_with_pack, SERIAL, NODE))
    peer.plug_in()
    yield peer
    peer.unplug()


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Configure the adapter that is on the bus; not set up yet."""
    config_entry = MockConfigEntry(
        domain=DOMAIN,
        title="house",
        unique_id=f"virtual:{CHANNEL}",
        data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL},
    )
    config_entry.add_to_hass(hass)
    return config_entry


class Clock:
    """The hub's clock, which can be moved on; readings age by it."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start at the real time."""
        self._hass = hass
        self._ahead_s = 0.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self._ahead_s

    async def advance(self, seconds: float) -> None:
        """Let time pass in one leap and the hub's timers fire: the first one so late that it waits for another."""
        self._ahead_s += seconds
        for later_s in (0, 1):
            async_fire_time_changed(self._hass, dt_util.utcnow() + timedelta(seconds=max(seconds, 1) + later_s))
            await self._hass.async_block_till_done()


@pytest.fixture
def clock(hass: HomeAssistant) -> Generator[Clock]:
    """Take the hub's clock into the test's hands."""
    hands = Clock(hass)
    with patch("custom_components.alfaspark.hub.monotonic", hands.monotonic):
        yield hands


@pytest.fixture
async def house(hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack) -> AsyncGenerator[MockConfigEntry]:
    """Set the integration up with one pack that has reported everything but its counters."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: SERIAL in entry.runtime_data.packs, "for the pack")
    pack.report()
    await hass.async_block_till_done()
    await wait_until(lambda: state(hass, "sensor.energy_pack_e4f5_battery_voltage") == "53.2", "for its readings")
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """What is watched: what exists from the start, but quick to believe. A test that wants others overrides this."""
    source = utility()
    return [{**source, "data": {**source["data"], CONF_RULE: {"restore_hold_s": 1}}}]


@pytest.fixture
def watch_entry(hass: HomeAssistant, sources: list[ConfigSubentryData]) -> MockConfigEntry:
    """Configure a power watch; not set up yet."""
    entry = MockConfigEntry(domain=DOMAIN, title="Power watch", unique_id=POWER_WATCH, subentries_data=sources)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def watch(
    hass: HomeAssistant, integration: None, watch_entry: MockConfigEntry, tmp_path: Path
) -> AsyncGenerator[MockConfigEntry]:
    """Set it up, with a history of its own."""
    hass.config.config_dir = str(tmp_path)
    assert await hass.config_entries.async_setup(watch_entry.entry_id)
    await hass.async_block_till_done()
    yield watch_entry
    await hass.config_entries.async_unload(watch_entry.entry_id)
