"""pymodbus' own server at the other end of a pack's RS-485 line."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
import os
import tty
from typing import Protocol

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import SimDevice


class Served(Protocol):
    """What can be served."""

    def device(self) -> SimDevice:
        """The device with its registers."""


@asynccontextmanager
async def served_over_tcp(
    bms: Served, port: int = 0, trace_packet: Callable[[bool, bytes], bytes] | None = None
) -> AsyncGenerator[str]:
    """Serve RTU over TCP; the URL. `trace_packet(sending, frame)` may change what is sent."""
    server = ModbusTcpServer(
        bms.device(), framer=FramerType.RTU, address=("127.0.0.1", port), trace_packet=trace_packet
    )
    await server.serve_forever(background=True)
    assert server.transport is not None
    try:
        yield f"socket://127.0.0.1:{server.transport.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def served_over_pty(bms: Served, _port: int = 0) -> AsyncGenerator[str]:
    """Serve one end of a serial line; the device at the other end."""
    near, near_slave = os.openpty()
    far, far_slave = os.openpty()
    for terminal in (near_slave, far_slave):
        tty.setraw(terminal)
    loop = asyncio.get_running_loop()

    def pass_on(source: int, sink: int) -> None:
        # A cable between two pseudo terminals.
        os.write(sink, os.read(source, 4096))

    for master, other in ((near, far), (far, near)):
        os.set_blocking(master, False)
        loop.add_reader(master, pass_on, master, other)
    server = ModbusSerialServer(bms.device(), framer=FramerType.RTU, port=os.ttyname(far_slave), baudrate=9600)
    await server.serve_forever(background=True)
    try:
        yield os.ttyname(near_slave)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
        for master in (near, far):
            loop.remove_reader(master)
        for terminal in (near, near_slave, far, far_slave):
            os.close(terminal)
