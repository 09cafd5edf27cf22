"""Commands to packs: sequences, retries, answers; one pack or all, and who did not answer."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from random import randrange
from typing import Protocol

from .fleet import Fleet
from .frames import CommandFrame, DeviceType, Function, ReadGridLosses, Reason, Response, Result, SetTime, Who
from .grid_losses import GridLossReading, GridLossRecord
from .pack import Pack

ANSWER_TIMEOUT_S = 0.2
BROADCAST_TIMEOUT_S = 0.4
REPETITIONS = 2

GRID_LOSSES_PAUSE_S = 0.5
"""A pack sends its losses every 20 ms; none for so long means that the rest was lost on the way."""
GRID_LOSSES_READINGS = 3

SEQUENCES = 128
"""0..127 are the host's; a service tool uses 128..255 (protocol.md)."""

ALL_NODES = 127

_REASONED = (Result.REFUSED, Result.BUSY)
_MEANING = {
    Result.UNKNOWN_COMMAND: "its firmware does not know the command",
    Result.BAD_LENGTH: "its firmware expects other arguments",
    Result.OUT_OF_RANGE: "the value is out of range",
    Result.REFUSED: "a mode owns the relay",
    Result.BUSY: "it is busy, or it is too soon after the last time",
    Result.NOT_SUPPORTED: "it does not support this",
    Result.STORAGE_FAILED: "its storage failed",
    Result.NOT_ALLOWED_TO_ALL: "this may be sent to one pack only",
}


class FrameSender(Protocol):
    """What the client needs of an adapter."""

    async def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Send a frame; raises AdapterError."""


class CommandError(Exception):
    """A command to one pack came to nothing. `str()` names pack, command and why."""

    def __init__(self, pack: Pack, command: CommandFrame, why: str) -> None:
        """Keep who was asked what."""
        super().__init__(f"{command.COMMAND.name} to pack {pack.serial} failed: {why}")
        self.pack = pack
        self.command = command


class CommandTimeout(CommandError):  # noqa: N818
    """No answer to the command and both repetitions; it may have been carried out all the same."""


class CommandDropped(CommandError):  # noqa: N818
    """Not sent, or not repeated: the pack holds no node number, or its number changed while the command waited."""


class CommandUnsupported(CommandError):  # noqa: N818
    """Not sent: the pack speaks another version of the protocol."""


class CommandRefused(CommandError):  # noqa: N818
    """The pack answered, but not with accepted."""

    def __init__(self, pack: Pack, command: CommandFrame, response: Response) -> None:
        """Keep the result and, where the pack gave one, the reason."""
        self.result: Result = response.result
        self.reason: Reason | None = None
        """Who owns the relay, for REFUSED and BUSY."""
        if self.result in _REASONED and response.detail in list(Reason):
            self.reason = Reason(response.detail)
        why = _MEANING[self.result]
        super().__init__(pack, command, why if self.reason is None else f"{why} ({self.reason.name})")


class BroadcastIncomplete(Exception):  # noqa: N818
    """Not every present pack accepted a broadcast. `str()` names those that did not."""

    def __init__(self, command: CommandFrame, missing: Iterable[Pack], responses: Mapping[Pack, Response]) -> None:
        """Sort the answers."""
        self.command = command
        self.missing: list[Pack] = list(missing)
        """Did not answer."""
        self.refused: dict[str, CommandRefused] = {
            pack.serial: CommandRefused(pack, command, response)
            for pack, response in responses.items()
            if response.result is not Result.ACCEPTED
        }
        """Answered otherwise than accepted, by serial."""
        self.responses: dict[str, Response] = {pack.serial: response for pack, response in responses.items()}
        """All answers, by serial."""
        reports = [str(refusal) for refusal in self.refused.values()]
        if self.missing:
            serials = ", ".join(pack.serial for pack in self.missing)
            reports.append(f"No answer to {command.COMMAND.name} from pack {serials}")
        super().__init__("; ".join(reports))


type _Expected = tuple[str, int, int]
"""Serial, Command and sequence of an answer that is waited for."""


class Client:
    """Sends commands to the packs of a fleet. All methods belong to one event loop."""

    def __init__(self, sender: FrameSender, fleet: Fleet) -> None:
        """Start at a random sequence, so that a restarted host does not repeat the numbers of the last one."""
        self._sender = sender
        self._fleet = fleet
        self._sequence = randrange(SEQUENCES)
        self._answers: dict[_Expected, asyncio.Future[Response]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._readings: dict[GridLossReading, str] = {}

    async def request(self, pack: Pack, command: CommandFrame) -> Response:
        """Send a command to one pack and return its accepting answer.

        Waits 200 ms and repeats twice with the same sequence; one command at a time to each pack. Raises
        CommandTimeout, CommandRefused, CommandDropped, CommandUnsupported, and AdapterError while the adapter is down.
        """
        node = pack.node
        async with self._turn(pack):
            if not pack.speaks_our_protocol:
                raise CommandUnsupported(pack, command, f"it speaks version {pack.protocol_version} of the protocol")
            sequence = self._next_sequence()
            with self._expect([pack], command, sequence) as answers:
                for _ in range(1 + REPETITIONS):
                    await self._send_to(pack, node, command, sequence)
                    await _wait(answers.values(), ANSWER_TIMEOUT_S)
                    if answers[pack].done():
                        return _accepted(pack, command, answers[pack].result())
        raise CommandTimeout(pack, command, "it does not answer")

    async def broadcast(self, command: CommandFrame) -> dict[str, Response]:
        """Send a command to all packs in one frame; return the answers by serial, one of each present energy pack.

        Waits 400 ms, then asks each silent pack twice more. Gateways, which have nothing to set, and packs with another
        protocol version are not waited for. Raises BroadcastIncomplete, and AdapterError while the adapter is down.
        """
        packs = sorted((pack for pack in self._fleet.packs.values() if _obeys(pack)), key=lambda pack: pack.serial)
        async with AsyncExitStack() as turns:
            for pack in packs:
                await turns.enter_async_context(self._turn(pack))
            sequence = self._next_sequence()
            with self._expect(packs, command, sequence) as answers:
                await self._sender.send(Function.COMMAND + ALL_NODES, command.encode(sequence))
                await _wait(answers.values(), BROADCAST_TIMEOUT_S)
                for _ in range(REPETITIONS):
                    await self._repeat_to_silent(answers, command, sequence)
                responses = {pack: answer.result() for pack, answer in answers.items() if answer.done()}
        missing = [pack for pack in packs if pack not in responses]
        if missing or any(response.result is not Result.ACCEPTED for response in responses.values()):
            raise BroadcastIncomplete(command, missing, responses)
        return {pack.serial: response for pack, response in responses.items()}

    def feed(self, pack: Pack, response: Response) -> None:
        """Take the answer of a pack: the fleet's `on_response`. What nobody waits for any more is ignored."""
        answer = self._answers.get((pack.serial, response.command, response.sequence))
        if answer is not None and not answer.done():
            answer.set_result(response)

    async def read_grid_losses(self, pack: Pack) -> tuple[GridLossRecord, ...]:
        """Return the losses of the grid that a pack keeps, oldest first; at most 32.

        Asks up to three times while some are missing. Raises CommandTimeout where they still are, CommandRefused
        (UNKNOWN_COMMAND) by firmware that keeps none, and as `request` does. Needs `feed_grid_loss`.
        """
        command = ReadGridLosses()
        reading = GridLossReading()
        self._readings[reading] = pack.serial
        try:
            for _ in range(GRID_LOSSES_READINGS):
                reading.expect(await self.request(pack, command))
                await reading.wait(GRID_LOSSES_PAUSE_S)
                if not reading.missing:
                    return reading.records
        finally:
            del self._readings[reading]
        raise CommandTimeout(pack, command, f"{reading.missing} of {reading.count} losses did not come")

    def feed_grid_loss(self, pack: Pack, record: GridLossRecord) -> None:
        """Take a loss that a pack told: the fleet's `on_grid_loss`."""
        for reading, serial in self._readings.items():
            if serial == pack.serial:
                reading.take(record)

    async def who(self) -> None:
        """Ask every device for CLAIM and ANNOUNCE. Raises AdapterError while the adapter is down."""
        await self._sender.send(Function.COMMAND + ALL_NODES, Who().encode(self._next_sequence()))

    async def set_time(self, unix_s: int, utc_offset_min: int) -> None:
        """Tell every device the time. Raises FrameError outside 2025..2099 or -720..840 min, AdapterError when down."""
        command = SetTime(unix_s=unix_s, utc_offset_min=utc_offset_min)
        await self._sender.send(Function.COMMAND + ALL_NODES, command.encode(self._next_sequence()))

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) % SEQUENCES
        return self._sequence

    def _turn(self, pack: Pack) -> asyncio.Lock:
        return self._turns.setdefault(pack.serial, asyncio.Lock())

    @contextmanager
    def _expect(
        self, packs: Iterable[Pack], command: CommandFrame, sequence: int
    ) -> Iterator[dict[Pack, asyncio.Future[Response]]]:
        loop = asyncio.get_running_loop()
        answers: dict[Pack, asyncio.Future[Response]] = {pack: loop.create_future() for pack in packs}
        expected: dict[_Expected, asyncio.Future[Response]] = {
            (pack.serial, command.COMMAND, sequence): answer for pack, answer in answers.items()
        }
        self._answers.update(expected)
        try:
            yield answers
        finally:
            for key in expected:
                del self._answers[key]

    async def _send_to(self, pack: Pack, node: int | None, command: CommandFrame, sequence: int) -> None:
        """Send to a node, if it still is the pack's: what was meant for one pack must never switch another."""
        if node is None or pack.node != node:
            raise CommandDropped(pack, command, "its node number is unknown or has changed; try again")
        await self._sender.send(Function.COMMAND + node, command.encode(sequence))

    async def _repeat_to_silent(
        self, answers: Mapping[Pack, asyncio.Future[Response]], command: CommandFrame, sequence: int
    ) -> None:
        silent = {pack: answer for pack, answer in answers.items() if not answer.done()}
        for pack in silent:
            if pack.node is not None:
                await self._send_to(pack, pack.node, command, sequence)
        await _wait(silent.values(), ANSWER_TIMEOUT_S)


def _obeys(pack: Pack) -> bool:
    return pack.present and pack.speaks_our_protocol and pack.device_type is DeviceType.ENERGY_PACK


async def _wait(answers: Iterable[asyncio.Future[Response]], timeout_s: float) -> None:
    if waiting := [answer for answer in answers if not answer.done()]:
        await asyncio.wait(waiting, timeout=timeout_s)


def _accepted(pack: Pack, command: CommandFrame, response: Response) -> Response:
    if response.result is not Result.ACCEPTED:
        raise CommandRefused(pack, command, response)
    return response
