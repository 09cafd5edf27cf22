"""A CAN adapter: opened, read by one thread of its own, reopened for as long as it takes after it was unplugged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class AdapterFault(StrEnum):
    """Why an adapter cannot be used; each asks something else of the owner."""

    NOT_FOUND = "not_found"
    """No such device, network interface or host."""
    BUSY = "busy"
    """Another program has it open."""
    PERMISSION = "permission"
    """This process may not open it."""
    NO_ANSWER = "no_answer"
    """It opens, but no CAN adapter answers there."""
    UNSUPPORTED = "unsupported"
    """This kind of adapter, address or option cannot be used."""
    FAILED = "failed"
    """Anything else; also: unplugged and not back yet."""


class AdapterError(Exception):
    """The adapter cannot be opened or used. `str()` is a sentence for the owner that says what to do."""

    def __init__(self, reason: AdapterFault, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Which adapter to open, in python-can's terms."""

    interface: str
    """`slcan`, `socketcan`, `gs_usb`, ... : any interface of python-can; `virtual` for tests."""
    channel: str
    """For slcan a serial device or `socket://host:port`; else what python-can's interface takes, such as `can0`."""
    bitrate_bps: int = 500_000
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Further keyword arguments of python-can's interface, such as `tty_baudrate`."""


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One classic CAN data frame as it came from the bus."""

    can_id: int
    extended: bool
    data: bytes
    """0 to 8 bytes."""
    time_s: float
    """time.monotonic() at reception."""


@dataclass(frozen=True, slots=True)
class AdapterStatistics:
    """Counts since `open()`; they go on over reconnections."""

    frames_received: int
    frames_sent: int
    errors: int
    """Error frames, lines that are no frame, and frames that could not be sent."""
    dropped: int
    """Received, but overwritten because the event loop did not fetch them in time."""
    reconnects: int
    bus_load_pct: float | None
    """0..100 over the last seconds, estimated from the frames' bits; None while the adapter is down."""


class CanAdapter:
    """One CAN adapter, supervised.

    All methods belong to the event loop that called `open()`, and so do both callbacks.
    """

    def __init__(
        self,
        config: AdapterConfig,
        *,
        on_frames: Callable[[Sequence[ReceivedFrame]], None],
        on_state: Callable[[bool, str | None], None],
    ) -> None:
        """Prepare; nothing is opened yet.

        `on_frames` gets received frames in order, many at a time. `on_state` is called once with False and a sentence
        for the log when an adapter that was open is lost, and once with True and None when it is back; neither for
        `open()` itself, whose return says the same, nor for `close()`.
        """

    @property
    def connected(self) -> bool:
        """Whether frames can be sent now."""
        raise NotImplementedError

    @property
    def statistics(self) -> AdapterStatistics:
        """A snapshot of the counts."""
        raise NotImplementedError

    async def open(self) -> None:
        """Open the adapter and keep it open from now on.

        Raises AdapterError if it cannot be opened now; nothing is left running then. Once open, it is reopened after
        a loss with pauses of 1 s, doubling to 30 s, until `close()`.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Close the adapter and end its thread; no callback comes after this returns. Harmless when not open."""
        raise NotImplementedError

    async def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Hand one data frame of 0 to 8 bytes to the adapter, in the order of the calls.

        Returning means that the adapter took it, not that anyone heard it. Raises AdapterError while the adapter is
        down or when it does not take the frame.
        """
        raise NotImplementedError
