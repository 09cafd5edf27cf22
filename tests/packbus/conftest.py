"""Adapters to talk to over a real TCP connection and a real pty, and a fleet with devices that speak to it."""

from collections.abc import Generator
from pathlib import Path

import pytest

from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import Response
from custom_components.alfaspark.packbus.grid_losses import GridLossRecord

from .slcan_peer import PtyPeer, SlcanPeer, TcpPeer
from .speaker import Clock, Speaker


@pytest.fixture
def tcp_peer(socket_enabled: None) -> Generator[TcpPeer]:
    """An slcan adapter behind a TCP port, plugged in."""
    yield from _plugged_in(TcpPeer())


@pytest.fixture
def pty_peer(tmp_path: Path) -> Generator[PtyPeer]:
    """An slcan adapter on a pty, plugged in."""
    yield from _plugged_in(PtyPeer(tmp_path / "adapter"))


@pytest.fixture(params=["tcp", "pty"])
def peer(request: pytest.FixtureRequest, socket_enabled: None, tmp_path: Path) -> Generator[SlcanPeer]:
    """Either of them."""
    yield from _plugged_in(TcpPeer() if request.param == "tcp" else PtyPeer(tmp_path / "adapter"))


def _plugged_in[PeerT: SlcanPeer](peer: PeerT) -> Generator[PeerT]:
    peer.plug_in()
    yield peer
    peer.unplug()


@pytest.fixture
def clock() -> Clock:
    """The time of the test, moved by hand."""
    return Clock()


class Events:
    """What a fleet told, in order, and the fleet."""

    def __init__(self) -> None:
        """Make the fleet."""
        self.told: list[tuple[str, str]] = []
        self.responses: list[tuple[str, Response]] = []
        self.grid_losses: list[tuple[str, GridLossRecord]] = []
        self.fleet = Fleet(
            on_appeared=lambda pack: self.told.append(("appeared", pack.serial)),
            on_restarted=lambda pack: self.told.append(("restarted", pack.serial)),
            on_gone=lambda pack: self.told.append(("gone", pack.serial)),
            on_response=lambda pack, response: self.responses.append((pack.serial, response)),
            on_grid_loss=lambda pack, record: self.grid_losses.append((pack.serial, record)),
        )


@pytest.fixture
def events() -> Events:
    """A fleet that tells."""
    return Events()


@pytest.fixture
def fleet(events: Events) -> Fleet:
    """The fleet itself."""
    return events.fleet


@pytest.fixture
def pack_a(fleet: Fleet, clock: Clock) -> Speaker:
    """A device that has said nothing yet."""
    return Speaker(fleet, clock, "a0b1c2d3e4f5", 12, 0x1111)


@pytest.fixture
def pack_b(fleet: Fleet, clock: Clock) -> Speaker:
    """Another one, with a higher serial and number."""
    return Speaker(fleet, clock, "b0b1c2d3e4f6", 34, 0x2222)
