"""Who is on a bus: an adapter is opened for some seconds, and closed again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from .adapter import AdapterConfig, CanAdapter, ReceivedFrame
from .client import Client
from .fleet import Fleet

_LISTEN_S = 3.0
"""A pack answers WHO within 128 ms, and one that starts up announces itself within 2 s."""
_SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Survey:
    """Who was heard while the adapter was tried."""

    serials: frozenset[str]
    frames: int


async def survey(config: AdapterConfig) -> Survey:
    """Open the adapter, ask who is there and listen until a pack answers, for 3 s at most. Raises AdapterError."""
    heard = asyncio.Event()
    fleet = Fleet(on_appeared=lambda _: heard.set())
    frames = 0

    def take(received: Sequence[ReceivedFrame]) -> None:
        nonlocal frames
        frames += len(received)
        for frame in received:
            fleet.receive(frame)

    adapter = CanAdapter(config, on_frames=take, on_state=lambda connected, why: None)
    await adapter.open()
    try:
        await Client(adapter, fleet).who()
        async with asyncio.timeout(_LISTEN_S):
            await heard.wait()
            await asyncio.sleep(_SETTLE_S)
    except TimeoutError:
        pass
    finally:
        await adapter.close()
    return Survey(serials=frozenset(fleet.packs), frames=frames)
