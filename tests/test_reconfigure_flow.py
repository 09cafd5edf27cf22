"""Reconfiguring an adapter: the same one, another kind, and what must not be lost by trying."""

from pathlib import Path
import socket

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark import config_flow
from custom_components.alfaspark.const import CONF_BITRATE, CONF_CHANNEL, CONF_INTERFACE, CONF_OPTIONS, DOMAIN

from .conftest import CHANNEL
from .flow import ADVANCED, submit, suggested, unload
from .packbus.slcan_peer import PtyPeer, TcpPeer

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")


async def _reconfigure(hass: HomeAssistant, entry: MockConfigEntry, kind: str) -> ConfigFlowResult:
    result = await entry.start_reconfigure_flow(hass)
    assert result["type"] is FlowResultType.MENU
    return await submit(hass, result, {"next_step_id": kind})


async def test_an_ipv6_address_goes_into_brackets_and_comes_out_of_them(hass: HomeAssistant) -> None:
    url = config_flow._network_url("fd00::17", 20108.0)
    assert url == "socket://[fd00::17]:20108"
    entry = MockConfigEntry(domain=DOMAIN, data={CONF_INTERFACE: "slcan", CONF_DEVICE: url})
    entry.add_to_hass(hass)
    result = await _reconfigure(hass, entry, "network")
    assert suggested(result) == {"host": "fd00::17", "port": 20108}

    # An entry that was not loaded is left so when the new address does not work.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert entry.state is ConfigEntryState.NOT_LOADED
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_reconfiguring_the_same_adapter(hass: HomeAssistant, usb_adapter: PtyPeer) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=f"CAN adapter {Path(usb_adapter.channel).name}",
        data={CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel, CONF_BITRATE: 250_000},
        unique_id=f"slcan:{usb_adapter.channel}",
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await _reconfigure(hass, entry, "serial")
    assert suggested(result) == {CONF_DEVICE: usb_adapter.channel}

    # The entry itself holds the port, and lets go of it for the test.
    result = await submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.data[CONF_BITRATE] == 500_000
    assert entry.state is ConfigEntryState.LOADED
    assert b"S6" in usb_adapter.lines
    await unload(hass)


async def test_replacing_an_adapter_by_another_kind(
    hass: HomeAssistant, network_adapter: TcpPeer, tmp_path: Path
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="CAN adapter dead-adapter",
        data={CONF_INTERFACE: "slcan", CONF_DEVICE: str(tmp_path / "dead-adapter")},
        unique_id=f"slcan:{tmp_path / 'dead-adapter'}",
    )
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    result = await _reconfigure(hass, entry, "network")
    assert suggested(result) == {}
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.unique_id == f"slcan:{network_adapter.channel}"
    assert entry.title == f"CAN adapter 127.0.0.1:{port}"

    # Asked once more, the form knows what was entered.
    result = await _reconfigure(hass, entry, "network")
    assert suggested(result) == {"host": "127.0.0.1", "port": port}
    hass.config_entries.flow.async_abort(result["flow_id"])
    await unload(hass)


async def test_reconfiguring_keeps_the_owners_title_and_a_working_entry(
    hass: HomeAssistant, house: MockConfigEntry, tmp_path: Path
) -> None:
    result = await _reconfigure(hass, house, "serial")
    result = await submit(hass, result, {CONF_DEVICE: str(tmp_path / "missing"), "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert house.state is ConfigEntryState.LOADED
    hass.config_entries.flow.async_abort(result["flow_id"])

    result = await _reconfigure(hass, house, "other")
    assert suggested(result) == {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL}
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await submit(hass, result, entered)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert house.title == "house"
    assert house.state is ConfigEntryState.LOADED


async def test_an_entry_cannot_become_the_adapter_of_another(
    hass: HomeAssistant, house: MockConfigEntry, network_adapter: TcpPeer
) -> None:
    other = MockConfigEntry(domain=DOMAIN, unique_id=f"slcan:{network_adapter.channel}", data={})
    other.add_to_hass(hass)
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _reconfigure(hass, house, "network")
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["reason"] == "already_configured"
