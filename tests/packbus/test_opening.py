"""Every way in which an adapter cannot be opened has its reason and a sentence that says what to do."""

import errno
import os
from pathlib import Path
import socket

import can
import pytest

from custom_components.alfaspark.packbus import slcan
from custom_components.alfaspark.packbus.adapter_terms import AdapterConfig, AdapterError, AdapterFault
from custom_components.alfaspark.packbus.opening import explain, open_bus

from .slcan_peer import PtyPeer


def refusal(interface: str, channel: str, **options: str | int) -> AdapterError:
    """Open what cannot be opened."""
    with pytest.raises(AdapterError) as raised:
        open_bus(AdapterConfig(interface, channel, options=options))
    assert channel in str(raised.value)
    assert str(raised.value).count(": ") >= 1, "no advice after the finding"
    return raised.value


def test_a_device_that_is_not_there() -> None:
    error = refusal("slcan", "/dev/serial/by-id/none")
    assert error.reason is AdapterFault.NOT_FOUND
    assert "plug" in str(error)


def test_a_port_that_is_in_use(pty_peer: PtyPeer) -> None:
    first = open_bus(AdapterConfig("slcan", pty_peer.channel))
    try:
        error = refusal("slcan", pty_peer.channel)
    finally:
        first.shutdown()
    assert error.reason is AdapterFault.BUSY
    assert "another program" in str(error)
    open_bus(AdapterConfig("slcan", pty_peer.channel)).shutdown()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_port_that_may_not_be_opened(code: int) -> None:
    # Tests may run as root, whom no permission stops: the system's error is made here, in pyserial's wrapping.
    wrapped = can.CanInitializationError("could not open port")
    wrapped.__cause__ = OSError(code, os.strerror(code))
    error = explain(wrapped, AdapterConfig("slcan", "/dev/ttyACM0"))
    assert error.reason is AdapterFault.PERMISSION
    assert "dialout" in str(error)


def test_something_that_is_no_can_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slcan, "PROBE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(slcan, "FIRST_FRAME_TIMEOUT_S", 0.2)
    adapter = PtyPeer(tmp_path / "adapter", lambda _: b"")
    adapter.plug_in()
    try:
        error = refusal("slcan", adapter.channel)
    finally:
        adapter.unplug()
    assert error.reason is AdapterFault.NO_ANSWER
    assert "slcan" in str(error)


def test_a_host_where_nothing_listens(socket_enabled: None) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refusal("slcan", f"socket://127.0.0.1:{unused.getsockname()[1]}")
    assert error.reason is AdapterFault.NOT_FOUND
    assert "switched on" in str(error)


def test_a_host_that_is_not_known(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # No test may depend on what the machine's name service says of strange names.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refusal("slcan", "socket://gateway.invalid:3333")
    assert error.reason is AdapterFault.NOT_FOUND
    assert "name" in str(error)


@pytest.mark.parametrize("address", ["esphome-hass://entry/port", "esphome://10.0.0.5/port"])
def test_a_serial_port_shared_by_esphome(address: str) -> None:
    error = refusal("slcan", address)
    assert error.reason is AdapterFault.UNSUPPORTED
    assert "ESPHome" in str(error)


@pytest.mark.parametrize(
    "address", ["", "spy:///dev/ttyACM0", "http://10.0.0.5", "socket://10.0.0.5", "socket://:3333", "socket://a:99999"]
)
def test_an_address_that_is_none(address: str) -> None:
    error = refusal("slcan", address)
    assert error.reason is AdapterFault.UNSUPPORTED
    assert "/dev/ttyACM0" in str(error)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_path_that_is_no_serial_port(tmp_path: Path, kind: str) -> None:
    path = tmp_path
    if kind == "file":
        path = tmp_path / "file"
        path.touch()
    error = refusal("slcan", str(path))
    assert error.reason is AdapterFault.UNSUPPORTED
    assert "no serial port" in str(error)


def test_a_network_interface_that_is_not_there(socket_enabled: None) -> None:
    # Without CAN in the kernel the family of addresses is what is missing.
    assert refusal("socketcan", "can99").reason in (AdapterFault.NOT_FOUND, AdapterFault.UNSUPPORTED)


def test_an_interface_that_python_can_does_not_have() -> None:
    error = refusal("telepathy", "0")
    assert error.reason is AdapterFault.UNSUPPORTED
    assert "telepathy" in str(error)


def test_an_option_that_the_interface_does_not_have() -> None:
    assert refusal("slcan", "/dev/null", colour="red").reason is AdapterFault.UNSUPPORTED


def test_anything_else_is_told_as_it_is() -> None:
    error = explain(can.CanInitializationError("the firmware is drunk"), AdapterConfig("gs_usb", "0"))
    assert error.reason is AdapterFault.FAILED
    assert "the firmware is drunk" in str(error)


def test_errors_in_a_circle_end() -> None:
    first, second = OSError(errno.EBUSY, "busy"), RuntimeError("while closing")
    second.__context__, first.__context__ = first, second
    assert explain(second, AdapterConfig("gs_usb", "0")).reason is AdapterFault.BUSY


def test_another_interface_is_opened_by_its_name_with_its_options() -> None:
    bus = open_bus(AdapterConfig("virtual", "options", options={"receive_own_messages": True}))
    try:
        bus.send(can.Message(arbitration_id=1, is_extended_id=False))
        assert bus.recv(1) is not None
    finally:
        bus.shutdown()
