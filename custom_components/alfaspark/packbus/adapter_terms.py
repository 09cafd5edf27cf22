"""What is said of a CAN adapter: which one it is, why it cannot be used, and what came in. Nothing of it needs python-can."""

from collections.abc import Mapping
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
