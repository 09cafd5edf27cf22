"""Home Assistant's websocket and REST interfaces, as far as the house needs them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from . import HouseError

_TIMEOUT_S = 30.0

type State = Mapping[str, Any]
"""A state as Home Assistant sends it: entity_id, state, attributes, last_updated, ..."""


class ApiError(HouseError):
    """Home Assistant refused a request."""


class ConnectionLostError(ApiError):
    """Home Assistant closed the connection, or says nothing more on it: it stops, or is still starting."""


class Api:
    """One logged-in connection. Requests are made one after the other."""

    def __init__(self, url: str, token: str) -> None:
        """Connect in `async with`; `url` is Home Assistant's address without a path."""
        self._url = url
        self._token = token
        self._last_id = 0
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        """Log in. Raises aiohttp.ClientError while nobody listens yet, ApiError if the token is not taken.

        ConnectionLostError where it is closed before that is said.
        """
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"}, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)
        )
        try:
            await self._log_in()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._socket.close()
        await self._session.close()

    async def _log_in(self) -> None:
        self._socket = await self._session.ws_connect(f"{self._url}/api/websocket", max_msg_size=0)
        await self._receive("the login")
        await self._socket.send_json({"type": "auth", "access_token": self._token})
        answer = await self._receive("the login")
        if answer["type"] != "auth_ok":
            raise ApiError(f"Home Assistant refuses the token: {answer.get('message')}")

    async def call(self, command: str, **fields: Any) -> Any:
        """The result of one websocket command. Raises ApiError where Home Assistant answers with an error.

        ConnectionLostError where no answer comes any more, aiohttp.ClientError where nothing can be sent.
        """
        self._last_id += 1
        await self._socket.send_json({"id": self._last_id, "type": command, **fields})
        while True:
            answer = await self._receive(command)
            if answer.get("id") == self._last_id and answer["type"] == "result":
                break
        if not answer["success"]:
            raise ApiError(f"{command}: {answer['error']['message']}")
        return answer["result"]

    async def _receive(self, during: str) -> Any:
        try:
            message = await self._socket.receive(timeout=_TIMEOUT_S)
        except TimeoutError as error:
            raise ConnectionLostError(
                f"Home Assistant did not answer within {_TIMEOUT_S:.0f} s during {during}"
            ) from error
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionLostError(f"Home Assistant closed the connection during {during}")
        return message.json()

    async def states(self) -> dict[str, State]:
        """All states by entity id."""
        return {state["entity_id"]: state for state in await self.call("get_states")}

    async def call_service(self, domain: str, service: str, entity_id: str) -> None:
        """Call an action on one entity and wait until it is done. Raises ApiError with the reason if it fails."""
        await self.call("call_service", domain=domain, service=service, target={"entity_id": entity_id})

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer of a REST request. Raises ApiError on any other status than 200."""
        async with self._session.post(f"{self._url}{path}", json=dict(body)) as response:
            if response.status != 200:
                raise ApiError(f"{path}: {response.status} {await response.text()}")
            return await response.json()
