"""Commands over a real virtual bus to scripted packs: answers, repetitions, refusals, turns, broadcasts."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
import itertools

import pytest

from custom_components.alfaspark.packbus import client as client_module, frames
from custom_components.alfaspark.packbus.adapter import AdapterConfig, AdapterError, CanAdapter, ReceivedFrame
from custom_components.alfaspark.packbus.client import (
    BroadcastIncomplete,
    Client,
    CommandDropped,
    CommandRefused,
    CommandTimeout,
    CommandUnsupported,
)
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import (
    Command,
    FrameError,
    Function,
    GetParameter,
    Identify,
    Reason,
    Relay,
    Response,
    Result,
    SetRelay,
)
from custom_components.alfaspark.packbus.pack import Pack
from tests.peers import PeerBus, PeerPack

_channels = itertools.count()

IDENTIFY = Identify(seconds=5)
OPEN_GRID = SetRelay(relay=Relay.GRID, closed=False)


@dataclass
class Bus:
    """A bus with scripted packs and a host on it."""

    peers: PeerBus
    adapter: CanAdapter
    fleet: Fleet
    client: Client
    responses: list[tuple[str, Response]] = field(default_factory=list)

    async def add(self, serial: str, node: int) -> tuple[PeerPack, Pack]:
        """Put a pack on the bus and wait until the host knows it."""
        peer = self.peers.add(serial, node)
        peer.introduce()
        await until(lambda: serial in self.fleet.packs)
        return peer, self.fleet.packs[serial]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
async def bus() -> AsyncGenerator[Bus]:
    """Two ends of a virtual bus, with everything in between."""
    channel = f"client-{next(_channels)}"
    peers = PeerBus(channel)
    running = asyncio.create_task(peers.run())

    def answer(pack: Pack, response: Response) -> None:
        made.client.feed(pack, response)

    fleet = Fleet(on_response=answer)

    def receive(received: Sequence[ReceivedFrame]) -> None:
        for frame in received:
            fleet.receive(frame)

    adapter = CanAdapter(AdapterConfig("virtual", channel), on_frames=receive, on_state=lambda *_: None)
    made = Bus(peers, adapter, fleet, Client(adapter, fleet))
    await adapter.open()
    yield made
    await adapter.close()
    running.cancel()
    await running


def sequences(peer: PeerPack) -> list[int]:
    return [payload[1] for _, payload in peer.heard]


async def test_an_accepted_command_returns_its_answer(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    response = await bus.client.request(pack, OPEN_GRID)
    assert (response.command, response.result) == (Command.SET_RELAY, Result.ACCEPTED)
    assert [SetRelay.decode(payload)[1] for _, payload in peer.heard] == [OPEN_GRID]


async def test_an_answer_carries_its_value(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    asking = asyncio.create_task(bus.client.request(pack, GetParameter(index=5)))
    await until(lambda: peer.heard)
    answer = Response(Command.GET_PARAMETER, sequences(peer)[0], Result.ACCEPTED, 0, 2200)
    peer.say(Function.RESPONSE, answer.encode())
    assert (await asking) == answer


async def test_sequences_run_from_a_random_start_through_0_to_127(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    for _ in range(130):
        await bus.client.request(pack, IDENTIFY)
    heard = sequences(peer)
    assert heard == [(heard[0] + index) % 128 for index in range(130)]
    starts = {Client(bus.adapter, bus.fleet)._sequence for _ in range(50)}
    assert len(starts) > 10


async def test_a_silent_pack_is_asked_three_times_with_one_sequence(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    start_s = asyncio.get_running_loop().time()
    with pytest.raises(CommandTimeout, match="a0b1c2d3e4f5") as raised:
        await bus.client.request(pack, IDENTIFY)
    assert 0.59 < asyncio.get_running_loop().time() - start_s < 1.2
    assert raised.value.pack is pack
    assert raised.value.command is IDENTIFY
    assert len(peer.heard) == 3
    assert len(set(sequences(peer))) == 1


async def test_a_late_answer_saves_the_repetition(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    asking = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    await until(lambda: len(peer.heard) == 2)
    peer.say(Function.RESPONSE, Response(Command.IDENTIFY, sequences(peer)[0], Result.ACCEPTED, 0, 0).encode())
    assert (await asking).result is Result.ACCEPTED
    assert len(peer.heard) == 2


async def test_only_the_answer_to_this_command_counts(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    other_peer, _ = await bus.add("b0b1c2d3e4f5", 13)
    peer.mute = True
    asking = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    await until(lambda: peer.heard)
    sequence = sequences(peer)[0]
    wrong = [
        Response(Command.IDENTIFY, (sequence + 1) % 128, Result.REFUSED, 0, 0),
        Response(Command.IDENTIFY, sequence + 128, Result.REFUSED, 0, 0),  # a service tool's
        Response(Command.SET_RELAY, sequence, Result.REFUSED, 0, 0),
        Response(0xEE, sequence, Result.REFUSED, 0, 0),
    ]
    for response in wrong:
        peer.say(Function.RESPONSE, response.encode())
    right = Response(Command.IDENTIFY, sequence, Result.ACCEPTED, 0, 7)
    other_peer.say(Function.RESPONSE, Response(Command.IDENTIFY, sequence, Result.REFUSED, 0, 0).encode())
    peer.say(Function.RESPONSE, right.encode())
    peer.say(Function.RESPONSE, Response(Command.IDENTIFY, sequence, Result.BUSY, 0, 0).encode())
    assert await asking == right


@pytest.mark.parametrize(
    ("result", "detail", "reason", "words"),
    [
        (Result.REFUSED, Reason.BACKUP, Reason.BACKUP, "BACKUP"),
        (Result.BUSY, Reason.MINIMUM_TIME, Reason.MINIMUM_TIME, "too soon"),
        (Result.REFUSED, 99, None, "a mode owns the relay"),
        (Result.OUT_OF_RANGE, 4, None, "range"),
        (Result.NOT_SUPPORTED, 0, None, "support"),
    ],
)
async def test_a_refusal_has_result_and_reason(
    result: Result, detail: int, reason: Reason | None, words: str, bus: Bus
) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.answers[Command.SET_RELAY] = (result, detail)
    with pytest.raises(CommandRefused, match=f"SET_RELAY.*a0b1c2d3e4f5.*{words}") as raised:
        await bus.client.request(pack, OPEN_GRID)
    assert (raised.value.result, raised.value.reason) == (result, reason)
    assert len(peer.heard) == 1, "a refusal is an answer: nothing is repeated"


async def test_every_result_has_words() -> None:
    assert set(client_module._MEANING) == set(Result) - {Result.ACCEPTED}


async def test_commands_to_one_pack_wait_for_each_other_and_to_another_do_not(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    other_peer, other = await bus.add("b0b1c2d3e4f5", 13)
    peer.mute = True
    first = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    second = asyncio.create_task(bus.client.request(pack, GetParameter(index=1)))
    await until(lambda: peer.heard)
    assert (await bus.client.request(other, IDENTIFY)).result is Result.ACCEPTED
    assert peer.commands == [Command.IDENTIFY]
    assert len(other_peer.heard) == 1
    with pytest.raises(CommandTimeout):
        await first
    peer.mute = False
    assert (await second).command == Command.GET_PARAMETER
    assert peer.commands == [Command.IDENTIFY] * 3 + [Command.GET_PARAMETER]


async def test_a_cancelled_command_gives_the_turn_on(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    asking = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    await until(lambda: peer.heard)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    peer.mute = False
    assert (await bus.client.request(pack, IDENTIFY)).result is Result.ACCEPTED
    assert bus.client._answers == {}


async def test_a_command_queued_for_a_node_whose_serial_changed_is_dropped(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    first = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    queued = asyncio.create_task(bus.client.request(pack, OPEN_GRID))
    await until(lambda: peer.heard)
    # The pack moves, and another one is at its number now.
    stranger, _ = await bus.add("b0b1c2d3e4f5", 13)
    peer.node = 99
    peer.introduce()
    stranger.node = 12
    stranger.introduce()
    with pytest.raises(CommandDropped, match="a0b1c2d3e4f5"):
        await first
    with pytest.raises(CommandDropped):
        await queued
    assert stranger.heard == []
    assert Command.SET_RELAY not in peer.commands
    peer.mute = False
    await bus.client.request(pack, OPEN_GRID)
    assert peer.commands[-1] is Command.SET_RELAY


async def test_a_pack_without_a_number_cannot_be_commanded(bus: Bus) -> None:
    _, pack = await bus.add("a0b1c2d3e4f5", 12)
    bus.fleet.forget_nodes()
    with pytest.raises(CommandDropped, match="try again"):
        await bus.client.request(pack, IDENTIFY)


async def test_another_protocol_version_gets_no_command_but_who_and_time(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.protocol_version, peer.boot_id = 2, 0x2222
    peer.introduce()
    await until(lambda: not pack.speaks_our_protocol)
    with pytest.raises(CommandUnsupported, match="version 2"):
        await bus.client.request(pack, IDENTIFY)
    await bus.client.who()
    await bus.client.set_time(1_780_000_000, 60)
    await until(lambda: len(peer.heard) == 2)
    assert peer.commands == [Command.WHO, Command.SET_TIME]


async def test_everything_fails_while_the_adapter_is_down(bus: Bus) -> None:
    _, pack = await bus.add("a0b1c2d3e4f5", 12)
    await bus.adapter.close()
    with pytest.raises(AdapterError):
        await bus.client.request(pack, IDENTIFY)
    with pytest.raises(AdapterError):
        await bus.client.broadcast(IDENTIFY)
    with pytest.raises(AdapterError):
        await bus.client.who()
    with pytest.raises(AdapterError):
        await bus.client.set_time(1_780_000_000, 0)
    assert bus.client._answers == {}


async def test_the_time_goes_to_all_and_is_checked(bus: Bus) -> None:
    peer, _ = await bus.add("a0b1c2d3e4f5", 12)
    await bus.client.set_time(1_780_000_000, -180)
    await until(lambda: peer.heard)
    _, command = frames.SetTime.decode(peer.heard[0][1])
    assert command == frames.SetTime(unix_s=1_780_000_000, utc_offset_min=-180)
    with pytest.raises(FrameError):
        await bus.client.set_time(0, 0)
    with pytest.raises(FrameError):
        await bus.client.set_time(1_780_000_000, 2000)


# Broadcasts.


async def test_a_broadcast_is_one_frame_and_complete_when_all_answered(bus: Bus) -> None:
    packs = [await bus.add(f"a0b1c2d3e4f{index}", 10 + index) for index in range(3)]
    start_s = asyncio.get_running_loop().time()
    responses = await bus.client.broadcast(OPEN_GRID)
    assert asyncio.get_running_loop().time() - start_s < 0.35, "it does not wait longer than for the last answer"
    assert {serial: response.result for serial, response in responses.items()} == {
        pack.serial: Result.ACCEPTED for _, pack in packs
    }
    assert len({sequences(peer)[0] for peer, _ in packs}) == 1
    assert all(len(peer.heard) == 1 for peer, _ in packs)


async def test_a_broadcast_to_nobody_is_sent_all_the_same(bus: Bus) -> None:
    assert await bus.client.broadcast(IDENTIFY) == {}
    assert bus.adapter.statistics.frames_sent == 1


async def test_who_did_not_answer_a_broadcast_is_asked_twice_more_then_named(bus: Bus) -> None:
    peer_a, pack_a = await bus.add("a0b1c2d3e4f5", 12)
    peer_b, pack_b = await bus.add("b0b1c2d3e4f5", 13)
    peer_b.mute = True
    with pytest.raises(BroadcastIncomplete, match="b0b1c2d3e4f5") as raised:
        await bus.client.broadcast(IDENTIFY)
    assert raised.value.missing == [pack_b]
    assert raised.value.refused == {}
    assert list(raised.value.responses) == [pack_a.serial]
    assert pack_a.serial not in str(raised.value)
    assert len(peer_a.heard) == 1
    assert len(peer_b.heard) == 3
    assert len(set(sequences(peer_b))) == 1


async def test_a_repetition_completes_a_broadcast(bus: Bus) -> None:
    await bus.add("a0b1c2d3e4f5", 12)
    peer, _ = await bus.add("b0b1c2d3e4f5", 13)
    peer.mute = True
    sending = asyncio.create_task(bus.client.broadcast(IDENTIFY))
    await until(lambda: peer.heard)
    peer.mute = False
    assert set(await sending) == {"a0b1c2d3e4f5", "b0b1c2d3e4f5"}
    assert len(peer.heard) == 2


async def test_who_refuses_a_broadcast_is_named_with_the_reason(bus: Bus) -> None:
    await bus.add("a0b1c2d3e4f5", 12)
    peer, pack = await bus.add("b0b1c2d3e4f5", 13)
    peer.answers[Command.SET_RELAY] = (Result.REFUSED, Reason.SELF_CONSUMPTION_LOW_SOC)
    with pytest.raises(BroadcastIncomplete, match=r"b0b1c2d3e4f5.*SELF_CONSUMPTION_LOW_SOC") as raised:
        await bus.client.broadcast(OPEN_GRID)
    assert raised.value.missing == []
    assert raised.value.refused[pack.serial].reason is Reason.SELF_CONSUMPTION_LOW_SOC
    assert len(raised.value.responses) == 2


async def test_a_pack_without_number_is_named_but_never_addressed(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    bus.fleet.forget_nodes()
    with pytest.raises(BroadcastIncomplete) as raised:
        await bus.client.broadcast(IDENTIFY)
    assert raised.value.missing == [pack]
    assert len(peer.heard) == 1


async def test_packs_gone_or_of_another_protocol_are_not_waited_for(bus: Bus) -> None:
    gone_peer, gone = await bus.add("a0b1c2d3e4f5", 12)
    bus.fleet.expire(gone.last_seen_s + 121)
    newer_peer, newer = await bus.add("b0b1c2d3e4f5", 13)
    newer_peer.protocol_version, newer_peer.boot_id = 2, 0x2222
    newer_peer.introduce()
    await until(lambda: not newer.speaks_our_protocol)
    gone_peer.mute = newer_peer.mute = True
    assert await bus.client.broadcast(IDENTIFY) == {}


async def test_a_broadcast_waits_for_commands_under_way(bus: Bus) -> None:
    peer, pack = await bus.add("a0b1c2d3e4f5", 12)
    peer.mute = True
    first = asyncio.create_task(bus.client.request(pack, IDENTIFY))
    await until(lambda: peer.heard)
    broadcast = asyncio.create_task(bus.client.broadcast(OPEN_GRID))
    await asyncio.sleep(0.05)
    assert peer.commands == [Command.IDENTIFY]
    peer.mute = False
    await first
    assert set(await broadcast) == {pack.serial}
    assert peer.commands[-1] is Command.SET_RELAY
