"""Simulated houses to test against."""

from collections.abc import AsyncGenerator

import pytest

from .simulator import NOON, Control, Simulator, simulator


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Home Assistant's test plugin forbids sockets."""


@pytest.fixture
async def running() -> AsyncGenerator[Simulator]:
    """Three packs at noon, whose time stands but for `advance_s`: nothing depends on this machine's speed."""
    async with simulator("--packs", "3", "--seed", "1", "--speed", "0", "--start", NOON) as house:
        yield house


@pytest.fixture
async def control(running: Simulator) -> Control:
    """Its control socket; the packs hold their numbers and know their BMS and their grid."""
    await running.control.do(advance_s=5)
    return running.control
