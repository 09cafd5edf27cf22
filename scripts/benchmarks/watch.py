"""Sees states change as a browser does: over Home Assistant's websocket."""

import asyncio
import contextlib
import time
from types import TracebackType
from typing import Any, Self

import aiohttp

from .registry import BenchError

_ANSWER_S = 30.0


class StateWatch:
    """Used in `async with`; remembers every state that it was told of."""

    def __init__(self, url: str, token: str) -> None:
        """Name a Home Assistant. Nothing is connected yet."""
        self.seen: dict[str, list[tuple[float, str]]] = {}
        """By entity id: when (time.monotonic()) it was told which state; removals are not remembered."""
        self._url = url
        self._token = token
        self._news = asyncio.Event()
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse
        self._listening: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Log in and subscribe. Raises BenchError if Home Assistant refuses."""
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(f"{self._url}/api/websocket", max_msg_size=0)
            await self._expect("auth_required")
            await self._socket.send_json({"type": "auth", "access_token": self._token})
            await self._expect("auth_ok")
            await self._socket.send_json({"id": 1, "type": "subscribe_events", "event_type": "state_changed"})
            await self._expect("result")
        except BaseException:
            await self._session.close()
            raise
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self._socket.close()
        await self._session.close()

    async def until(self, entity_id: str, state: str, since_s: float, within_s: float) -> float | None:
        """When the entity was told to have the state at `since_s` or later; None if not within some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    self._news.clear()
                    for seen_s, seen in self.seen.get(entity_id, ()):
                        if seen_s >= since_s and seen == state:
                            return seen_s
                    await self._news.wait()
        return None

    async def _expect(self, kind: str) -> None:
        answer = await self._socket.receive_json(timeout=_ANSWER_S)
        if answer["type"] != kind or not answer.get("success", True):
            raise BenchError(f"Home Assistant says {answer} instead of {kind}")

    async def _listen(self) -> None:
        async for message in self._socket:
            now_s = time.monotonic()
            answers: Any = message.json()
            for answer in answers if isinstance(answers, list) else [answers]:
                if answer["type"] == "event" and (new := answer["event"]["data"]["new_state"]) is not None:
                    self.seen.setdefault(new["entity_id"], []).append((now_s, new["state"]))
            self._news.set()
