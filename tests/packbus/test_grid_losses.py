"""Losses of the grid that packs keep: what a frame means, what a fleet passes on, how a client reads them all."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
import itertools

import pytest

from custom_components.alfaspark.packbus import client as client_module
from custom_components.alfaspark.packbus.adapter import AdapterConfig, CanAdapter, ReceivedFrame
from custom_components.alfaspark.packbus.client import Client, CommandRefused, CommandTimeout, CommandUnsupported
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import Command, Function, GridLoss, Response, Result
from custom_components.alfaspark.packbus.grid_losses import GridLossRecord
from custom_components.alfaspark.packbus.pack import GONE_TIMEOUT_S, READING_TIMEOUT_S, Pack
from tests.peers import PeerBus, PeerPack

from .conftest import Events
from .speaker import Clock, Speaker

START_S = 1_800_000_000
_channels = itertools.count()


def losses(count: int, newest: int) -> list[GridLoss]:
    """So many, one an hour, of which the newest has this number; it goes on."""
    return [
        GridLoss(
            start_s=START_S - 3600 * age,
            duration_s=60 + age if age else None,
            going_on=not age,
            number=(newest - age) % 256,
        )
        for age in reversed(range(count))
    ]


def records(told: Sequence[GridLoss]) -> tuple[GridLossRecord, ...]:
    return tuple(GridLossRecord(loss.start_s, loss.duration_s, loss.going_on, loss.number) for loss in told)


def test_the_bytes_of_a_loss() -> None:
    """As docs/frames.md has them."""
    ended = GridLoss(start_s=0x6B49D200, duration_s=0x012345, going_on=False, number=7)
    assert ended.encode() == bytes.fromhex("00d2496b45230107")
    assert GridLoss(None, None, going_on=True, number=255).encode() == bytes.fromhex("00000000ffffffff")
    assert GridLoss(None, None, going_on=False, number=0).encode() == bytes.fromhex("00000000ffff7f00")
    assert GridLossRecord.from_frame(GridLoss.decode(bytes.fromhex("00000000ffffffff"))) == GridLossRecord(
        None, None, is_going_on=True, number=255
    )


def test_a_fleet_passes_on_the_losses_of_a_pack_it_knows(events: Events, pack_a: Speaker) -> None:
    told = losses(2, 5)
    assert pack_a.say(told[0]) is None
    assert events.fleet.statistics.foreign == 1
    pack_a.settle()
    for loss in told:
        assert pack_a.say(loss) is None
    assert events.grid_losses == [(pack_a.serial, record) for record in records(told)]


def test_a_loss_of_a_pack_of_another_protocol_is_not_decoded(events: Events, pack_a: Speaker) -> None:
    other = pack_a.copy(protocol_version=2)
    other.introduce()
    other.say(losses(1, 5)[0])
    assert events.grid_losses == []
    assert events.fleet.statistics.unsupported == 1


def test_a_loss_is_no_sign_of_presence(events: Events, pack_a: Speaker, clock: Clock) -> None:
    pack_a.settle()
    for _ in range(int(GONE_TIMEOUT_S) + 2):
        clock.advance(1)
        pack_a.say(losses(1, 5)[0])
        events.fleet.expire(clock.now_s)
    assert not pack_a.pack.available
    assert not pack_a.pack.present
    assert events.told == [("appeared", pack_a.serial), ("gone", pack_a.serial)]
    assert len(events.grid_losses) >= READING_TIMEOUT_S


class Bus:
    """A bus with a scripted pack and a host on it."""

    def __init__(self, channel: str) -> None:
        """Wire everything."""
        self.peers = PeerBus(channel)
        self.told: list[GridLossRecord] = []
        self.fleet = Fleet(on_response=self._answered, on_grid_loss=self._lost)
        self.adapter = CanAdapter(AdapterConfig("virtual", channel), on_frames=self._received, on_state=lambda *_: None)
        self.client = Client(self.adapter, self.fleet)

    async def add(self, serial: str, node: int) -> tuple[PeerPack, Pack]:
        """Put a pack on the bus and wait until the host knows it."""
        peer = self.peers.add(serial, node)
        peer.introduce()
        await until(lambda: serial in self.fleet.packs)
        return peer, self.fleet.packs[serial]

    def _received(self, received: Sequence[ReceivedFrame]) -> None:
        for frame in received:
            self.fleet.receive(frame)

    def _answered(self, pack: Pack, response: Response) -> None:
        self.client.feed(pack, response)

    def _lost(self, pack: Pack, record: GridLossRecord) -> None:
        self.told.append(record)
        self.client.feed_grid_loss(pack, record)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
async def bus() -> AsyncGenerator[Bus]:
    """Two ends of a virtual bus, with everything in between."""
    made = Bus(f"losses-{next(_channels)}")
    running = asyncio.create_task(made.peers.run())
    await made.adapter.open()
    yield made
    await made.adapter.close()
    running.cancel()
    await running


@pytest.mark.parametrize(("count", "newest"), [(0, 0), (1, 1), (32, 32), (32, 5), (7, 255), (20, 0)])
async def test_all_are_read_oldest_first_whatever_their_numbers(bus: Bus, count: int, newest: int) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.grid_losses = losses(count, newest)
    assert await bus.client.read_grid_losses(pack) == records(peer.grid_losses)
    assert peer.commands == [Command.READ_GRID_LOSSES]


async def test_what_got_lost_is_asked_for_again_and_what_came_counts(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "GRID_LOSSES_PAUSE_S", 0.05)
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    kept = losses(32, 40)
    # The first half comes after the first question, the second half after the third.
    reading = asyncio.create_task(bus.client.read_grid_losses(pack))
    peer.mute = True
    said_so_far: list[list[GridLoss]] = []
    for said in (kept[:16], [], kept[16:]):
        await until(lambda: len(peer.heard) == len(said_so_far) + 1)
        said_so_far.append(said)
        sequence = peer.heard[-1][1][1]
        answer = Response(Command.READ_GRID_LOSSES, sequence, Result.ACCEPTED, 0, 32 | 40 << 8)
        peer.say(Function.RESPONSE, answer.encode())
        for loss in said:
            peer.say(Function.GRID_LOSS, loss.encode())
    assert await reading == records(kept)
    assert len({payload for _, payload in peer.heard}) == 3


async def test_what_never_comes_is_an_error_that_says_how_much(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "GRID_LOSSES_PAUSE_S", 0.05)
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    # The pack speaks of three, with numbers that cannot be of the last 32.
    peer.grid_losses = [GridLoss(START_S, 1, going_on=False, number=number) for number in (100, 101, 200)]
    with pytest.raises(CommandTimeout, match=r"READ_GRID_LOSSES to pack a0b1c2d3e4f5 .*: 2 of 3 losses did not come"):
        await bus.client.read_grid_losses(pack)
    assert len(peer.heard) == 3
    peer.grid_losses = losses(2, 201)
    assert await bus.client.read_grid_losses(pack) == records(peer.grid_losses)


async def test_a_loss_that_begins_meanwhile_is_told_but_not_of_the_answer(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    kept = losses(4, 9)
    peer.grid_losses = kept[:3]
    reading = asyncio.create_task(bus.client.read_grid_losses(pack))
    await until(lambda: peer.heard)
    peer.say(Function.GRID_LOSS, kept[3].encode())
    assert await reading == records(kept[:3])
    await until(lambda: records(kept)[3] in bus.told)


async def test_two_packs_and_two_readers_do_not_disturb_each_other(bus: Bus) -> None:
    peer_a, pack_a = await bus.add("a0b1c2d3e4f5", 12)
    peer_b, pack_b = await bus.add("b0b1c2d3e4f6", 34)
    peer_a.grid_losses, peer_b.grid_losses = losses(32, 100), losses(5, 90)
    read = bus.client.read_grid_losses
    first, again, second = await asyncio.gather(read(pack_a), read(pack_a), read(pack_b))
    assert first == again == records(peer_a.grid_losses)
    assert second == records(peer_b.grid_losses)


async def test_firmware_that_keeps_none_says_so(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.answers[Command.READ_GRID_LOSSES] = Result.UNKNOWN_COMMAND, 0
    with pytest.raises(CommandRefused) as refusal:
        await bus.client.read_grid_losses(pack)
    assert refusal.value.result is Result.UNKNOWN_COMMAND
    assert len(peer.heard) == 1


async def test_a_pack_of_another_protocol_is_not_asked(bus: Bus) -> None:
    peer = bus.peers.add("a0b1c2d3e4f5", 12)
    peer.protocol_version = 2
    peer.introduce()
    await until(lambda: bus.fleet.packs)
    with pytest.raises(CommandUnsupported):
        await bus.client.read_grid_losses(bus.fleet.packs[peer.serial])
    assert peer.heard == []
