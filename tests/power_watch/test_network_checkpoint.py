"""Devices in the network as checkpoints: real servers on loopback that stop and come back, and the own network."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, suppress
import socket
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.alfaspark.outages.model import CheckpointView, Kind, Result, Verdict
from custom_components.alfaspark.power_watch.observers import network as network_module
from custom_components.alfaspark.power_watch.setup import ITSELF, CheckpointSetup
from tests.conftest import state, wait_until
from tests.outages.servers import HOST, free_port

from .conftest import Machine, source

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")

POWER, REASON = "binary_sensor.shed", "sensor.shed_reason"


class Device:
    """A device on a port of its own. Without power nothing of it answers, not even with a refusal."""

    def __init__(self, kind: Kind) -> None:
        """Be there, without power."""
        self.kind = kind
        self.port = free_port()
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._silent: ExitStack | None = None

    @property
    def checkpoint(self) -> dict[str, Any]:
        """How it is watched."""
        target = f"http://{HOST}:{self.port}" if self.kind is Kind.HTTP else f"{HOST}:{self.port}"
        return CheckpointSetup(self.kind, target, self.kind.value).as_dict()

    async def power_on(self) -> None:
        """Answer each connection."""
        if self._silent is not None:
            self._silent.close()
            self._silent = None
        self._server = await asyncio.start_server(self._answer, HOST, self.port)

    async def power_off(self) -> None:
        """Answer nothing: the kernel drops who wants to connect to a port whose backlog is full."""
        await self.remove()
        self._silent = ExitStack()
        listening = self._silent.enter_context(socket.socket())
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, self.port))
        listening.listen(0)
        for _ in range(2):
            filling = self._silent.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex((HOST, self.port))

    async def remove(self) -> None:
        """Let go of the port."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._silent is not None:
            self._silent.close()
            self._silent = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            if self.kind is Kind.HTTP:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


@pytest.fixture
async def devices(socket_enabled: None) -> AsyncGenerator[tuple[Device, Device]]:
    """A device that talks HTTP and one with an open port, both with power."""
    both = (Device(Kind.HTTP), Device(Kind.TCP))
    for device in both:
        await device.power_on()
    yield both
    for device in both:
        await device.remove()


@pytest.fixture
def sources(devices: tuple[Device, Device]) -> list[ConfigSubentryData]:
    """A source that both devices show, checked each second; once is enough."""
    return [source("Shed", [device.checkpoint for device in devices])]


def _views(watch: MockConfigEntry) -> dict[str, CheckpointView]:
    return {
        watched.setup.name: view
        for source_id in watch.runtime_data.sources
        for watched, view in watch.runtime_data.checkpoints(source_id)
    }


async def _all_up(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    await wait_until(lambda: all(view.verdict is Verdict.UP for view in _views(watch).values()), "for the devices")
    assert state(hass, POWER) == "on"


async def _cut(devices: Sequence[Device]) -> None:
    for device in devices:
        await device.power_off()


async def test_loss_and_restoration(
    hass: HomeAssistant, devices: tuple[Device, Device], machine: Machine, watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    assert {name: (view.last and view.last.detail) for name, view in _views(watch).items()} == {
        "http": "HTTP 503",
        "tcp": "open",
    }
    (source,) = watch.runtime_data.sources.values()
    cut_s = hass.loop.time()
    await _cut(devices)
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")
    assert source.decision.reason == "most_down"
    assert cut_s - 0.5 <= source.decision.since_s <= source.decision.decided_s - 0.4, "when the first check began"
    for device in devices:
        await device.power_on()
    await wait_until(lambda: state(hass, POWER) == "on", "for the restoration")
    event = hass.states.get("event.shed_outage")
    assert event is not None
    assert event.attributes["event_type"] == "power_restored"


async def test_without_the_own_network_nothing_is_known(
    hass: HomeAssistant, devices: tuple[Device, Device], machine: Machine, watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    await asyncio.sleep(0.3)
    machine.pull_out()
    await _cut(devices)
    await wait_until(lambda: state(hass, REASON) == "own_network_lost", "for the own network")
    await asyncio.sleep(1.6)
    assert state(hass, POWER) == "unknown"
    assert _views(watch)["tcp"].verdict is Verdict.UNKNOWN
    machine.plug_in()
    await wait_until(lambda: state(hass, POWER) == "off", "for what can be proved again")
    for device in devices:
        await device.power_on()
    await wait_until(lambda: state(hass, POWER) == "on", "for the restoration")


async def test_a_source_that_powers_the_network_itself(
    hass: HomeAssistant, devices: tuple[Device, Device], machine: Machine, watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    (subentry,) = watch.subentries.values()
    hass.config_entries.async_update_subentry(watch, subentry, data={**subentry.data, "network_source": ITSELF})
    await asyncio.sleep(0.3)
    machine.pull_out()
    await _cut(devices)
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")


@pytest.fixture
def seldom(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the own network once, and then when somebody wants to know."""
    monkeypatch.setattr(network_module, "_NETWORK_INTERVAL_S", 600)


async def test_a_loss_waits_for_the_own_network_which_is_looked_at_for_it(
    hass: HomeAssistant, devices: tuple[Device, Device], seldom: None, watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await _cut(devices)
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")
    reasons = [event.data["new_state"].state for event in changes if event.data["entity_id"] == REASON]
    assert "waits_for_network" in reasons


@pytest.fixture(params=["no gateway", "no link"])
def helpless(machine: Machine, request: pytest.FixtureRequest) -> None:
    """A machine that never knows its network to be there."""
    machine.plug_in(gateway="")
    if request.param == "no link":
        machine.pull_out()


async def test_a_machine_that_cannot_tell_of_its_network(
    hass: HomeAssistant, devices: tuple[Device, Device], helpless: None, watch: MockConfigEntry
) -> None:
    """Without a gateway, as in a container, nothing waits for it; without a link it would, had it ever been there."""
    await _all_up(hass, watch)
    await _cut(devices)
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")


async def test_a_check_now_and_what_is_written_down_of_it(
    hass: HomeAssistant, devices: tuple[Device, Device], watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    (source_id,) = watch.runtime_data.sources
    await watch.runtime_data.async_check_source(source_id)
    watch.runtime_data.record.flush_checks()
    checks = await watch.runtime_data.record.async_read(
        lambda history: history.checks(f"{source_id}/tcp:{HOST}:{devices[1].port}", 0, 1e12, 10)
    )
    assert len(checks) >= 2
    assert all(check.result is Result.ALIVE and 0 < check.latency_ms < 500 for check in checks)


async def test_what_is_removed_is_asked_no_more_and_a_target_that_is_none_stops_nothing(
    hass: HomeAssistant, devices: tuple[Device, Device], watch: MockConfigEntry
) -> None:
    await _all_up(hass, watch)
    (subentry,) = watch.subentries.values()
    wrong = CheckpointSetup(Kind.PING, "192.0.2.300", "wrong").as_dict()
    data = {**subentry.data, "checkpoints": [devices[0].checkpoint, wrong]}
    hass.config_entries.async_update_subentry(watch, subentry, data=data)
    await hass.async_block_till_done()
    asked = [device.connections for device in devices]
    last = _views(watch)["wrong"].last
    assert last is not None
    assert last.detail == "'192.0.2.300' is neither the name nor the address of a host."
    await wait_until(lambda: devices[0].connections > asked[0], "for the next check")
    assert devices[1].connections == asked[1]
    assert state(hass, POWER) == "on"
