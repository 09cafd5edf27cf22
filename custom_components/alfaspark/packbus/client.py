"""Commands to packs: sequences, retries, answers; one pack or all, and who did not answer."""

from collections.abc import Mapping
from typing import Protocol

from .fleet import Fleet
from .frames import CommandFrame, Reason, Response, Result
from .pack import Pack


class FrameSender(Protocol):
    """What the client needs of an adapter."""

    async def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Send a frame; raises AdapterError."""


class CommandError(Exception):
    """A command to one pack came to nothing. `str()` names pack, command and why."""

    def __init__(self, pack: Pack, command: CommandFrame, why: str) -> None:
        """Keep who was asked what."""
        super().__init__(f"Pack {pack.serial} did not carry out {command.COMMAND.name}: {why}")
        self.pack = pack
        self.command = command


class CommandTimeout(CommandError):  # noqa: N818
    """No answer to the command and both repetitions; it may have been carried out all the same."""


class CommandDropped(CommandError):  # noqa: N818
    """Not sent: the pack holds no node number, or its number changed while the command waited."""


class CommandUnsupported(CommandError):  # noqa: N818
    """Not sent: the pack speaks another version of the protocol."""


class CommandRefused(CommandError):  # noqa: N818
    """The pack answered, but not with accepted."""

    def __init__(self, pack: Pack, command: CommandFrame, response: Response) -> None:
        """Keep the result and, where the pack gave one, the reason."""
        super().__init__(pack, command, "")
        self.result: Result
        self.reason: Reason | None
        """Who owns the relay, for REFUSED and BUSY."""


class BroadcastIncomplete(Exception):  # noqa: N818
    """Not every present pack accepted a broadcast. `str()` names those that did not."""

    command: CommandFrame
    missing: list[Pack]
    """Did not answer."""
    refused: dict[str, CommandRefused]
    """Answered otherwise than accepted, by serial."""
    responses: dict[str, Response]
    """All answers, by serial."""


class Client:
    """Sends commands to the packs of a fleet. All methods belong to one event loop."""

    def __init__(self, sender: FrameSender, fleet: Fleet) -> None:
        """Start at a random sequence, so that a restarted host does not repeat the numbers of the last one."""

    async def request(self, pack: Pack, command: CommandFrame) -> Response:
        """Send a command to one pack and return its accepting answer.

        Waits 200 ms and repeats twice with the same sequence; one command at a time to each pack. Raises
        CommandTimeout, CommandRefused, CommandDropped, CommandUnsupported, and AdapterError while the adapter is down.
        """
        raise NotImplementedError

    async def broadcast(self, command: CommandFrame) -> Mapping[str, Response]:
        """Send a command to all packs in one frame; return the answers by serial, one of each present pack.

        Waits 400 ms, then asks each silent pack twice more. Packs with another protocol version are not waited for.
        Raises BroadcastIncomplete, and AdapterError while the adapter is down.
        """
        raise NotImplementedError

    def feed(self, pack: Pack, response: Response) -> None:
        """Take the answer of a pack: the fleet's `on_response`."""

    async def who(self) -> None:
        """Ask every device for CLAIM and ANNOUNCE. Raises AdapterError while the adapter is down."""
        raise NotImplementedError

    async def set_time(self, unix_s: int, utc_offset_min: int) -> None:
        """Tell every device the time. Raises FrameError outside 2025..2099 or -720..840 min, AdapterError when down."""
        raise NotImplementedError
