"""An open CAN adapter in this package's terms. What python-can gives and takes is read and made here only."""

from dataclasses import dataclass
import logging
import time

import can

from .adapter_terms import AdapterConfig, ReceivedFrame
from .opening import open_bus
from .slcan import WRITE_TIMEOUT_S, BulkSlcanBus

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What came in at once."""

    frames: list[ReceivedFrame]
    errors: int
    """Error frames, and lines that are no frame."""
    failure: Exception | None
    """Why nothing more will come, if so: what fails once goes on so."""


class OpenBus:
    """An adapter that is open. Every method but `message` may block."""

    def __init__(self, config: AdapterConfig) -> None:
        """Open it, which takes up to some seconds. Raises AdapterError."""
        self._bus = open_bus(config)

    @staticmethod
    def message(can_id: int, data: bytes, *, extended: bool) -> can.Message:
        """Return what `send` takes. Raises ValueError where it is no classic data frame."""
        return can.Message(arbitration_id=can_id, is_extended_id=extended, data=data, check=True)

    def send(self, message: can.Message) -> None:
        """Hand a frame to the adapter. Raises whatever its interface raises."""
        self._bus.send(message, WRITE_TIMEOUT_S)

    def receive(self, timeout_s: float, most: int) -> Received:
        """Wait for a frame and take it with all that wait behind it, up to `most`."""
        messages: list[can.Message] = []
        failure: Exception | None = None
        try:
            message = self._bus.recv(timeout_s)
            while message is not None:
                messages.append(message)
                message = self._bus.recv(0) if len(messages) < most else None
        except Exception as error:  # noqa: BLE001 - interfaces raise what their drivers raise
            failure = error
        lines = self._bus.take_errors() if isinstance(self._bus, BulkSlcanBus) else 0
        now_s = time.monotonic()
        return Received(
            frames=[
                ReceivedFrame(message.arbitration_id, message.is_extended_id, bytes(message.data), now_s)
                for message in messages
                if not (message.is_error_frame or message.is_remote_frame or message.is_fd)
            ],
            errors=lines + sum(message.is_error_frame for message in messages),
            failure=failure,
        )

    def shutdown(self) -> None:
        """Close it. Raises nothing."""
        try:
            self._bus.shutdown()
        except Exception as error:  # noqa: BLE001 - a vanished adapter fails in any way it likes
            _LOGGER.debug("Closing the lost adapter: %s", error)
