"""The config flow, with adapters that are really opened: ptys, TCP ports and python-can's virtual bus."""

import asyncio
from pathlib import Path
import socket

from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_USB, SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.usb import UsbServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import serial

from custom_components.alfaspark.const import CONF_BITRATE, CONF_CHANNEL, CONF_INTERFACE, CONF_OPTIONS, DOMAIN

from .conftest import CHANNEL, NODE, SERIAL, Clock, wait_until
from .flow import ADVANCED, submit, suggested, unload
from .packbus.slcan_peer import PtyPeer, TcpPeer
from .peers import PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen for packs only shortly, where none is."""
    monkeypatch.setattr("custom_components.alfaspark.packbus.survey._LISTEN_S", 0.6)


async def _choose(hass: HomeAssistant, kind: str) -> ConfigFlowResult:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert result["menu_options"] == ["serial", "network", "socketcan", "other", "power_watch"]
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {"next_step_id": kind})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == kind
    return result


async def test_a_serial_adapter(hass: HomeAssistant, usb_adapter: PtyPeer) -> None:
    result = await _choose(hass, "serial")
    result = await submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "CAN adapter usb-CANtact_CANtact_dev_0001-if00"
    assert result["data"] == {CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel, CONF_BITRATE: 500_000}
    assert result["result"].unique_id == f"slcan:{usb_adapter.channel}"
    await hass.async_block_till_done()
    assert result["result"].state is ConfigEntryState.LOADED
    await wait_until(lambda: SERIAL in result["result"].runtime_data.packs)
    await unload(hass)


async def test_a_port_is_remembered_by_the_name_that_survives_unplugging(
    hass: HomeAssistant, usb_adapter: PtyPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.alfaspark.config_flow.usb.get_serial_by_id",
        lambda device: usb_adapter.channel if device == "/dev/ttyACM7" else device,
    )
    result = await _choose(hass, "serial")
    result = await submit(hass, result, {CONF_DEVICE: "/dev/ttyACM7", "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_DEVICE] == usb_adapter.channel
    await unload(hass)


async def test_a_network_adapter(hass: HomeAssistant, network_adapter: TcpPeer) -> None:
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _choose(hass, "network")
    result = await submit(hass, result, {"host": " 127.0.0.1 ", "port": port, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == f"CAN adapter 127.0.0.1:{port}"
    assert result["data"] == {
        CONF_INTERFACE: "slcan",
        CONF_DEVICE: f"socket://127.0.0.1:{port}",
        CONF_BITRATE: 500_000,
    }
    await unload(hass)


async def test_a_second_adapter_on_a_bus_that_is_known(
    hass: HomeAssistant, house: MockConfigEntry, network_adapter: TcpPeer
) -> None:
    """One bus under two names, such as localhost and 127.0.0.1, would be a second house without packs."""
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _choose(hass, "network")
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "same_bus"
    assert result["description_placeholders"] == {"title": "house"}
    assert hass.config_entries.async_entries(DOMAIN) == [house]


async def test_a_pack_that_was_wired_to_another_bus(
    hass: HomeAssistant, house: MockConfigEntry, clock: Clock, network_adapter: TcpPeer
) -> None:
    await clock.advance(130)
    port = int(network_adapter.channel.rpartition(":")[2])
    result = await _choose(hass, "network")
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await unload(hass)


async def test_any_other_adapter(hass: HomeAssistant, pack: PeerPack) -> None:
    result = await _choose(hass, "other")
    result = await submit(
        hass,
        result,
        {
            CONF_INTERFACE: "virtual",
            CONF_CHANNEL: CHANNEL,
            "advanced": {CONF_BITRATE: 500_000, CONF_OPTIONS: {"preserve_timestamps": True}},
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "CAN adapter virtual house"
    assert result["data"] == {
        CONF_INTERFACE: "virtual",
        CONF_CHANNEL: CHANNEL,
        CONF_BITRATE: 500_000,
        CONF_OPTIONS: {"preserve_timestamps": True},
    }
    await unload(hass)


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
    result = await submit(hass, result, {CONF_CHANNEL: "can17"})
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] is not None
    assert result["errors"]["base"] in ("not_found", "unsupported")
    assert suggested(result) == {CONF_CHANNEL: "can17"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_what_goes_wrong_is_told_apart_and_can_be_corrected(
    hass: HomeAssistant, usb_adapter: PtyPeer, tmp_path: Path
) -> None:
    result = await _choose(hass, "serial")

    async def error_of(device: str, bitrate: int = 500_000) -> str:
        nonlocal result
        result = await submit(hass, result, {CONF_DEVICE: device, "advanced": {CONF_BITRATE: bitrate}})
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] is not None
        assert suggested(result)[CONF_DEVICE] == device
        return result["errors"].get("base") or result["errors"][CONF_DEVICE]

    assert await error_of(str(tmp_path / "missing")) == "not_found"
    assert await error_of("esphome-hass://abc/port") == "esphome"
    assert await error_of(" ") == "unsupported"
    assert await error_of("ftp://somewhere") == "unsupported"
    assert await error_of(usb_adapter.channel, bitrate=123_456) == "unsupported"
    assert result["description_placeholders"] is not None
    assert "123456" in result["description_placeholders"]["problem"]
    with serial.Serial(usb_adapter.channel, exclusive=True):
        assert await error_of(usb_adapter.channel) == "busy"

    result = await submit(hass, result, {CONF_DEVICE: usb_adapter.channel, "advanced": ADVANCED})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await unload(hass)


async def test_a_port_without_an_adapter(hass: HomeAssistant, tmp_path: Path) -> None:
    something_else = PtyPeer(tmp_path / "modem", lambda line: b"")
    something_else.plug_in()
    try:
        result = await _choose(hass, "serial")
        result = await submit(hass, result, {CONF_DEVICE: something_else.channel, "advanced": ADVANCED})
    finally:
        something_else.unplug()
    assert result["errors"] == {"base": "no_answer"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_a_host_that_does_not_answer(hass: HomeAssistant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = await _choose(hass, "network")
    result = await submit(hass, result, {"host": "127.0.0.1", "port": port, "advanced": ADVANCED})
    assert result["errors"] == {"base": "not_found"}
    assert suggested(result) == {"host": "127.0.0.1", "port": port}
    hass.config_entries.flow.async_abort(result["flow_id"])


@pytest.mark.parametrize("options", [["a"], {"nested": {"a": 1}}, "text"])
async def test_options_that_are_none(hass: HomeAssistant, options: object) -> None:
    result = await _choose(hass, "other")
    result = await submit(
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
    result = await submit(hass, result, entered)
    assert result["type"] is FlowResultType.MENU
    assert result["step_id"] == "no_pack"
    assert result["description_placeholders"] == {"frames": "0"}

    # Something speaks there, but it is no pack.
    async def speak() -> None:
        while True:
            peers.send(0x123, b"other")
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    result = await submit(hass, result, {"next_step_id": "listen_again"})
    speaking.cancel()
    assert result["step_id"] == "no_pack"
    assert result["description_placeholders"] is not None
    assert int(result["description_placeholders"]["frames"]) > 0

    result = await submit(hass, result, {"next_step_id": "finish"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await unload(hass)


@pytest.mark.usefixtures("impatient")
async def test_a_pack_that_was_switched_on_meanwhile(hass: HomeAssistant, peers: PeerBus) -> None:
    result = await _choose(hass, "other")
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await submit(hass, result, entered)
    assert result["step_id"] == "no_pack"
    peers.add(SERIAL, NODE)
    result = await submit(hass, result, {"next_step_id": "listen_again"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await unload(hass)


async def test_an_adapter_is_set_up_once(hass: HomeAssistant, house: MockConfigEntry) -> None:
    result = await _choose(hass, "other")
    entered = {CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL, "advanced": {**ADVANCED, CONF_OPTIONS: {}}}
    result = await submit(hass, result, entered)
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

    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_INTERFACE: "slcan", CONF_DEVICE: usb_adapter.channel}

    # Plugged in again.
    await hass.async_block_till_done()
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=discovery)
    assert result["reason"] == "already_configured"
    await unload(hass)


async def test_a_discovered_adapter_that_is_pulled_out_again(hass: HomeAssistant, tmp_path: Path) -> None:
    discovery = _plugged_in(str(tmp_path / "gone"))
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=discovery)
    result = await submit(hass, result, {})
    assert result["step_id"] == "usb_confirm"
    assert result["errors"] == {"base": "not_found"}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_an_ignored_adapter_stays_ignored(hass: HomeAssistant, tmp_path: Path) -> None:
    device = str(tmp_path / "adapter")
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id=f"slcan:{device}").add_to_hass(hass)
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USB}, data=_plugged_in(device))
    assert result["reason"] == "already_configured"
