"""A CAN adapter: opened, read by one thread of its own, reopened for as long as it takes after it was unplugged.

python-can is imported by that thread, when it opens the adapter. Home Assistant loads triggers and conditions, and this
module with them, before it has installed what an integration requires: after each update of its container.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import logging
import threading
import time
from typing import TYPE_CHECKING

from .adapter_terms import AdapterConfig, AdapterError, AdapterFault, ReceivedFrame
from .bus_load import BusLoad, frame_bits

if TYPE_CHECKING:
    from .bus import OpenBus, Received

__all__ = [
    "AdapterConfig",
    "AdapterError",
    "AdapterFault",
    "AdapterStatistics",
    "CanAdapter",
    "ReceivedFrame",
]

_LOGGER = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 30.0
"""A connection that lasted so long starts with the first pause again after its loss; one that flaps does not."""

QUEUE_FRAMES = 16_384
"""Frames that wait for the event loop at most: four seconds of a full bus, about 4 MB."""

BATCH_FRAMES = 512
"""Frames handed over in one go, so that a flood leaves the event loop time for others."""

_POLL_S = 0.2
"""How long the thread waits for a frame before it looks whether it shall end."""

_END_TIMEOUT_S = 15.0
"""Longer than opening takes at most: 5 s to connect and 7 s to find out that no adapter answers."""


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
        self._config = config
        self._on_frames = on_frames
        self._on_state = on_state
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None
        self._sender: ThreadPoolExecutor | None = None
        self._stop = threading.Event()
        self._bus: OpenBus | None = None
        # What the thread and the event loop both touch:
        self._lock = threading.Lock()
        self._queue: deque[ReceivedFrame] = deque(maxlen=QUEUE_FRAMES)
        self._delivery_scheduled = False
        self._load: BusLoad | None = None
        self._received = self._sent = self._errors = self._dropped = self._reconnects = 0

    @property
    def connected(self) -> bool:
        """Whether frames can be sent now."""
        return self._bus is not None

    @property
    def statistics(self) -> AdapterStatistics:
        """A snapshot of the counts."""
        with self._lock:
            return AdapterStatistics(
                frames_received=self._received,
                frames_sent=self._sent,
                errors=self._errors,
                dropped=self._dropped,
                reconnects=self._reconnects,
                bus_load_pct=self._load.percent(time.monotonic()) if self._load else None,
            )

    async def open(self) -> None:
        """Open the adapter and keep it open from now on.

        Raises AdapterError if it cannot be opened now; nothing is left running then. RuntimeError if it is open already.
        Once open, it is reopened after a loss with pauses of 1 s, doubling to 30 s, until `close()`. Takes up to 12 s;
        cancelled, it ends by itself, and `close()` waits for that.
        """
        if self._thread is not None:
            raise RuntimeError("The adapter is open already")
        self._loop = asyncio.get_running_loop()
        self._stop.clear()
        self._queue.clear()
        self._delivery_scheduled = False
        opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._sender = ThreadPoolExecutor(1, thread_name_prefix=f"CAN send {self._config.channel}")
        self._thread = threading.Thread(
            target=self._run,
            args=(opened, self._ended, self._sender),
            name=f"CAN adapter {self._config.channel}",
            daemon=True,
        )
        self._thread.start()
        try:
            await opened
        except asyncio.CancelledError:
            self._stop.set()  # the thread closes what it may be opening
            raise
        except AdapterError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the adapter and end its thread; no callback comes after this returns. Harmless when not open."""
        self._stop.set()
        if self._thread is None or self._ended is None:
            return
        # Ended is said at the very end of the thread, so that joining it does not block.
        await asyncio.wait([self._ended], timeout=_END_TIMEOUT_S)
        if self._ended.done() and self._thread is not None:
            self._thread.join()
            self._thread = None

    async def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Hand one data frame of 0 to 8 bytes to the adapter, in the order of the calls.

        Returning means that the adapter took it, not that anyone heard it. Raises AdapterError while the adapter is
        down or when it does not take the frame.
        """
        bus, sender = self._bus, self._sender
        if bus is None or sender is None:
            raise AdapterError(
                AdapterFault.FAILED,
                f"The CAN adapter {self._config.channel} is disconnected: plug it in, it is opened again by itself.",
            )
        message = bus.message(can_id, data, extended=extended)
        try:
            await asyncio.get_running_loop().run_in_executor(sender, bus.send, message)
        except Exception as error:  # interfaces raise what their drivers raise
            with self._lock:
                self._errors += 1
            raise AdapterError(
                AdapterFault.FAILED,
                f"The CAN adapter {self._config.channel} did not take a frame ({error}): check that the bus has "
                "another device and both terminating resistors.",
            ) from error
        with self._lock:
            self._sent += 1
            if self._load:
                self._load.add(frame_bits(extended, len(data)), time.monotonic())

    # The event loop's side of the thread.

    def _deliver(self) -> None:
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_FRAMES))]
            self._delivery_scheduled = bool(self._queue)
        if self._stop.is_set():
            return
        if self._delivery_scheduled:
            asyncio.get_running_loop().call_soon(self._deliver)
        if batch:
            self._on_frames(batch)

    def _report(self, connected: bool, sentence: str | None) -> None:
        if not self._stop.is_set():
            self._on_state(connected, sentence)

    # The thread.

    def _run(self, opened: asyncio.Future[None], ended: asyncio.Future[None], sender: ThreadPoolExecutor) -> None:
        try:
            self._supervise(opened)
        finally:
            sender.shutdown()
            self._post(_settle, ended, None)

    def _supervise(self, opened: asyncio.Future[None]) -> None:
        try:
            bus: OpenBus | None = _open(self._config)
        except AdapterError as error:
            self._post(_settle, opened, error)
            return
        self._take(bus)
        self._post(_settle, opened, None)
        pause_s = FIRST_PAUSE_S
        while bus is not None:
            since_s = time.monotonic()
            failure = self._read(bus)
            self._take(None)
            if failure is None:
                bus.shutdown()
                return
            if time.monotonic() - since_s >= STEADY_S:
                pause_s = FIRST_PAUSE_S
            self._post(
                self._report,
                False,
                f"The CAN adapter {self._config.channel} was lost ({failure}); it is opened again as soon as it is back",
            )
            bus.shutdown()
            bus, pause_s = self._reopen(pause_s)

    def _read(self, bus: OpenBus) -> Exception | None:
        """Read until told to stop (None) or until the first error, which is returned."""
        failure: Exception | None = None
        while failure is None and not self._stop.is_set():
            received = bus.receive(_POLL_S, BATCH_FRAMES)
            failure = received.failure
            self._hand_over(received)
        return failure

    def _hand_over(self, received: Received) -> None:
        now_s = time.monotonic()
        frames = received.frames
        bits = sum(frame_bits(frame.extended, len(frame.data)) for frame in frames)
        with self._lock:
            self._errors += received.errors
            self._received += len(frames)
            if self._load:
                self._load.add(bits, now_s)
            self._dropped += max(0, len(self._queue) + len(frames) - QUEUE_FRAMES)
            self._queue.extend(frames)
            wake = bool(self._queue) and not self._delivery_scheduled
            self._delivery_scheduled |= wake
        if wake:
            self._post(self._deliver)

    def _reopen(self, pause_s: float) -> tuple[OpenBus | None, float]:
        """Try until it succeeds, or until told to stop (None); return the pause after the next loss too."""
        while not self._stop.wait(pause_s):
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                bus = _open(self._config)
            except AdapterError as error:
                _LOGGER.debug("Not back yet, next attempt in %s s: %s", pause_s, error)
                continue
            self._take(bus)
            with self._lock:
                self._reconnects += 1
            self._post(self._report, True, None)
            return bus, pause_s
        return None, pause_s

    def _take(self, bus: OpenBus | None) -> None:
        with self._lock:
            self._load = BusLoad(self._config.bitrate_bps, time.monotonic()) if bus else None
            self._bus = bus

    def _post[*Ts](self, callback: Callable[[*Ts], None], *arguments: *Ts) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the event loop was closed before the adapter: nobody listens any more
            self._stop.set()


def _open(config: AdapterConfig) -> OpenBus:
    try:
        from .bus import OpenBus  # noqa: PLC0415 - see above
    except Exception as error:  # a damaged package fails in any way it likes
        raise AdapterError(
            AdapterFault.FAILED,
            f"The CAN adapter {config.channel} cannot be opened, because python-can is not installed or is damaged "
            f"({error}).",
        ) from error
    return OpenBus(config)


def _settle(future: asyncio.Future[None], error: AdapterError | None) -> None:
    if future.done():  # cancelled
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
