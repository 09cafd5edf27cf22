"""The config flow, with adapters that are really opened: ptys, TCP ports and python-can's virtual bus."""

import asyncio
from collections.abc import Generator
from pathlib import Path
import socket
from typing import Any

import can
from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_USB, SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.usb import UsbServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import serial

from custom_components.alfaspark import config_flow
from custom_components.alfaspark.const import CONF_BITRATE, CONF_CHANNEL, CONF_INTERFACE, CONF_OPTIONS, DOMAIN

from .conftest import CHANNEL, NODE, SERIAL, wait_until
from .packbus.slcan_peer import PtyPeer, TcpPeer, acknowledge
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")

ADVANCED = {CONF_BITRATE: 500_000}


def _slcan_line(message: can.Message) -> bytes:
    identifier = f"T{message.arbitration_id:08X}" if message.is_extended_id else f"t{message.arbitration_id:03X}"
    return f"{identifier}{message.dlc}{message.data.hex()}\r".encode()


def _with_pack(line: bytes) -> bytes:
    """Be an adapter with a pack behind it, that answers WHO."""
    said: list[can.Message] = []
    if line.startswith(b"t07F201"):
        PeerPack(said.append, SERIAL, NODE).introduce()
    return acknowledge(line) + b"".join(map(_slcan_line, said))


@pytest.fixture
def usb_adapter(tmp_path: Path) -> Generator[PtyPeer]:
    """Plug a serial adapter in, with a pack on its bus."""
    peer = PtyPeer(tmp_path / "usb-CANtact_CANtact_dev_0001-if00", _with_pack)
    peer.plug_in()
    yield peer
    peer.unplug()


@pytest.fixture
def network_adapter() -> Generator[TcpPeer]:
    """Put an adapter with a pack on its bus into the network."""
    peer = TcpPeer(_with_pack)
    peer.plug_in()
    yield peer
    peer.unplug()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen for packs only shortly, where none is."""
    monkeypatch.setattr("custom_components.alfaspark.config_flow._LISTEN_S", 0.6)


async def _choose(hass: HomeAssistant, kind: str) -> ConfigFlowResult:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert result["menu_options"] == ["serial", "network", "socketcan", "other"]
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {"next_step_id": kind})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == kind
    return result


async def _submit(hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any]) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input)


async def _unload(hass: HomeAssistant) -> None:
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        assert await hass.config_entries.async_unload(entry.entry_id)


def _suggested(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form is filled with."""
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if (key.description or {}).get("suggested_value")
    }


async def test_a_serial_adapter(hass: HomeAssistant, usb_adapter: PtyPeer) -> None:
    result = await _choose(hass, "serial")
    result = await _submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "usb-CANtact_CANtact_dev_0001-if00"
    assert result["data"] == {CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel, CONF_BITRATE: 500_000}
    assert result["result"].unique_id == f"slcan:{usb_adapter.channel}"
    await hass.async_block_till_done()
    assert result["result"].state is ConfigEntryState.LOADED
    await wait_until(lambda: SERIAL in result["result"].runtime_data.packs)
    await _unload(hass)


async def test_a_port_is_remembered_by_the_name_that_survives_unplugging(
    hass: HomeAssistant, usb_adapter: PtyPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.alfaspark.config_flow.usb.get_serial_by_id",
        lambda device: usb_adapter.channel if device == "/dev/ttyACM7" else device,
    )
    result = await _choose(hass, "serial")
    result = await _submit(hass, result, {CONF_DEVICE: "/dev/ttyACM7", "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_DEVICE] == usb_adapter.channel
    await _unload(hass)


async def test_a_network_adapter(hass: HomeAssistant, network_adapter: TcpPeer) -> None:
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _choose(hass, "network")
    result = await _submit(hass, result, {"host": " 127.0.0.1 ", "port": port, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == f"127.0.0.1:{port}"
    assert result["data"] == {
        CONF_INTERFACE: "slcan",
        CONF_DEVICE: f"socket://127.0.0.1:{port}",
        CONF_BITRATE: 500_000,
    }
    await _unload(hass)


async def test_any_other_adapter(hass: HomeAssistant, pack: PeerPack) -> None:
    result = await _choose(hass, "other")
    result = await _submit(
        hass,
        result,
        {
            CONF_INTERFACE: "virtual",
            CONF_CHANNEL: CHANNEL,
            "advanced": {CONF_BITRATE: 500_000, CONF_OPTIONS: {"preserve_timestamps": True}},
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "virtual house"
    assert result["data"] == {
        CONF_INTERFACE: "virtual",
        CONF_CHANNEL: CHANNEL,
        CONF_BITRATE: 500_000,
        CONF_OPTIONS: {"preserve_timestamps": True},
    }
    await _unload(hass)


async def test_can_network_interfaces_are_offered(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, kind in (("lo", "772"), ("vcan1", "280"), ("can0", "280"), ("eth0", "1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(f"{kind}\n")
    monkeypatch.setattr("custom_components.alfaspark.config_flow._NETWORK_INTERFACES", tmp_path)
    result = await _choose(hass, "socketcan")
    schema = result["data_schema"]
    assert schema is not None
    assert schema.schema[CONF_CHANNEL].config["options"] == ["can0", "vcan1"]

    # This name is no interface of the machine.
    result = await _submit(hass, result, {CONF_CHANNEL: "can17"})
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] is not None
    assert result["errors"]["base"] in ("not_found", "unsupported")
    assert _suggested(result) == {CONF_CHANNEL: "can17"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_what_goes_wrong_is_told_apart_and_can_be_corrected(
    hass: HomeAssistant, usb_adapter: PtyPeer, tmp_path: Path
) -> None:
    result = await _choose(hass, "serial")

    async def error_of(device: str, bitrate: int = 500_000) -> str:
        nonlocal result
        result = await _submit(hass, result, {CONF_DEVICE: device, "advanced": {CONF_BITRATE: bitrate}})
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] is not None
        assert _suggested(result)[CONF_DEVICE] == device
        return result["errors"].get("base") or result["errors"][CONF_DEVICE]

    assert await error_of(str(tmp_path / "missing")) == "not_found"
    assert await error_of("esphome-hass://abc/port") == "esphome"
    assert await error_of("ftp://somewhere") == "unsupported"
    assert await error_of(usb_adapter.channel, bitrate=123_456) == "unsupported"
    assert result["description_placeholders"] is not None
    assert "123456" in result["description_placeholders"]["problem"]
    with serial.Serial(usb_adapter.channel, exclusive=True):
        assert await error_of(usb_adapter.channel) == "busy"

    result = await _submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await _unload(hass)


async def test_a_port_without_an_adapter(hass: HomeAssistant, tmp_path: Path) -> None:
    something_else = PtyPeer(tmp_path / "modem", lambda line: b"")
    something_else.plug_in()
    try:
        result = await _choose(hass, "serial")
        result = await _submit(hass, result, {CONF_DEVICE: something_else.channel, "advanced": ADVANCED})
    finally:
        something_else.unplug()
    assert result["errors"] == {"base": "no_answer"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_a_host_that_does_not_answer(hass: HomeAssistant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = await _choose(hass, "network")
    result = await _submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert _suggested(result) == {"host": "127.0.0.1", "port": port}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_an_ipv6_address_goes_into_brackets_and_comes_out_of_them(hass: HomeAssistant) -> None:
    url = config_flow._network_url("fd00::17", 20108.0)
    assert url == "socket://[fd00::17]:20108"
    entry = MockConfigEntry(domain=DOMAIN, data={CONF_INTERFACE: "slcan", CONF_DEVICE: url})
    entry.add_to_hass(hass)
    result = await _reconfigure(hass, entry, "network")
    assert _suggested(result) == {"host": "fd00::17", "port": 20108}

    # An entry that was not loaded is left so when the new address does not work.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = await _submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert entry.state is ConfigEntryState.NOT_LOADED
    hass.config_entries.flow.async_abort(result["flow_id"])


@pytest.mark.parametrize("options", [["a"], {"nested": {"a": 1}}, "text"])
async def test_options_that_are_none(hass: HomeAssistant, options: object) -> None:
    result = await _choose(hass, "other")
    result = await _submit(
        hass,
        result,
        {
            CONF_INTERFACE: "virtual",
            CONF_CHANNEL: CHANNEL,
            "advanced": {CONF_BITRATE: 500_000, CONF_OPTIONS: options},
        },
    )
    assert result["errors"] == {"base": "options"}
    hass.config_entries.flow.async_abort(result["flow_id"])


@pytest.mark.usefixtures("impatient")
async def test_a_bus_without_packs_is_said_and_may_be_kept(hass: HomeAssistant, peers: PeerBus) -> None:
    result = await _choose(hass, "other")
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await _submit(hass, result, entered)
    assert result["type"] is FlowResultType.MENU
    assert result["step_id"] == "no_pack"
    assert result["description_placeholders"] == {"frames": "0"}

    # Something speaks there, but it is no pack.
    async def speak() -> None:
        while True:
            peers.send(0x123, b"other")
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    result = await _submit(hass, result, {"next_step_id": "listen_again"})
    speaking.cancel()
    assert result["step_id"] == "no_pack"
    assert result["description_placeholders"] is not None
    assert int(result["description_placeholders"]["frames"]) > 0

    result = await _submit(hass, result, {"next_step_id": "finish"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await _unload(hass)


@pytest.mark.usefixtures("impatient")
async def test_a_pack_that_was_switched_on_meanwhile(hass: HomeAssistant, peers: PeerBus) -> None:
    result = await _choose(hass, "other")
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await _submit(hass, result, entered)
    assert result["step_id"] == "no_pack"
    peers.add(SERIAL, NODE)
    result = await _submit(hass, result, {"next_step_id": "listen_again"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await _unload(hass)


async def test_an_adapter_is_set_up_once(hass: HomeAssistant, house: MockConfigEntry) -> None:
    result = await _choose(hass, "other")
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await _submit(hass, result, entered)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


def _plugged_in(device: str) -> UsbServiceInfo:
    return UsbServiceInfo(
        device=device, vid="AD50", pid="60C4", serial_number="0001", manufacturer="CANtact", description="CANtact dev"
    )


async def test_a_usb_adapter_is_discovered_and_left_alone_until_confirmed(
    hass: HomeAssistant, usb_adapter: PtyPeer
) -> None:
    discovery = _plugged_in(usb_adapter.channel)
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=discovery)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "usb_confirm"
    assert result["description_placeholders"] == {"name": "CANtact dev", "problem": ""}
    assert usb_adapter.lines == []

    result = await _submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel}

    # Plugged in again.
    await hass.async_block_till_done()
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=discovery)
    assert result["reason"] == "already_configured"
    await _unload(hass)


async def test_a_discovered_adapter_that_is_pulled_out_again(hass: HomeAssistant, tmp_path: Path) -> None:
    discovery = _plugged_in(str(tmp_path / "gone"))
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=discovery)
    result = await _submit(hass, result, {})
    assert result["step_id"] == "usb_confirm"
    assert result["errors"] == {"base": "not_found"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_an_ignored_adapter_stays_ignored(hass: HomeAssistant, tmp_path: Path) -> None:
    device = str(tmp_path / "adapter")
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id=f"slcan:{device}").add_to_hass(hass)
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=_plugged_in(device))
    assert result["reason"] == "already_configured"


async def _reconfigure(hass: HomeAssistant, entry: MockConfigEntry, kind: str) -> ConfigFlowResult:
    result = await entry.start_reconfigure_flow(hass)
    assert result["type"] is FlowResultType.MENU
    return await _submit(hass, result, {"next_step_id": kind})


async def test_reconfiguring_the_same_adapter(hass: HomeAssistant, usb_adapter: PtyPeer) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=Path(usb_adapter.channel).name,
        data={CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel, CONF_BITRATE: 250_000},
        unique_id=f"slcan:{usb_adapter.channel}",
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await _reconfigure(hass, entry, "serial")
    assert _suggested(result) == {CONF_DEVICE: usb_adapter.channel}

    # The entry itself holds the port, and lets go of it for the test.
    result = await _submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.data[CONF_BITRATE] == 500_000
    assert entry.state is ConfigEntryState.LOADED
    assert b"S6" in usb_adapter.lines
    await _unload(hass)


async def test_replacing_an_adapter_by_another_kind(
    hass: HomeAssistant, network_adapter: TcpPeer, tmp_path: Path
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="dead-adapter",
        data={CONF_INTERFACE: "slcan", CONF_DEVICE: str(tmp_path / "dead-adapter")},
        unique_id=f"slcan:{tmp_path / 'dead-adapter'}",
    )
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    result = await _reconfigure(hass, entry, "network")
    assert _suggested(result) == {}
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.unique_id == f"slcan:{network_adapter.channel}"
    assert entry.title == f"127.0.0.1:{port}"

    # Asked once more, the form knows what was entered.
    result = await _reconfigure(hass, entry, "network")
    assert _suggested(result) == {"host": "127.0.0.1", "port": port}
    hass.config_entries.flow.async_abort(result["flow_id"])
    await _unload(hass)


async def test_reconfiguring_keeps_the_owners_title_and_a_working_entry(
    hass: HomeAssistant, house: MockConfigEntry, tmp_path: Path
) -> None:
    result = await _reconfigure(hass, house, "serial")
    result = await _submit(hass, result, {CONF_DEVICE: str(tmp_path / "missing"), "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert house.state is ConfigEntryState.LOADED
    hass.config_entries.flow.async_abort(result["flow_id"])

    result = await _reconfigure(hass, house, "other")
    assert _suggested(result) == {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL}
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await _submit(hass, result, entered)
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
    result = await _submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["reason"] == "already_configured"
