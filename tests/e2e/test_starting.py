"""A Home Assistant that is still starting closes connections at any point; the house waits on."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
import socket

from aiohttp import web
import pytest

from scripts.house.api import ApiError
from scripts.house.home_assistant import HomeAssistant
from scripts.house.process import Child
from scripts.house.storage import Installation

type Talk = Callable[[web.WebSocketResponse], Awaitable[None]]
"""How the server behaves on one connection."""


async def close_at_once(connection: web.WebSocketResponse) -> None:
    """Close it before a word."""


async def close_after_greeting(connection: web.WebSocketResponse) -> None:
    """Close it while the token is on its way."""
    await connection.send_json({"type": "auth_required"})
    await connection.receive_json()


async def close_after_login(connection: web.WebSocketResponse) -> None:
    """Close it before a command is sent."""
    await close_after_greeting(connection)
    await connection.send_json({"type": "auth_ok"})


async def close_after_command(connection: web.WebSocketResponse) -> None:
    """Close it instead of answering."""
    await close_after_login(connection)
    await connection.receive_json()


def answer(state: str) -> Talk:
    """Answer the command."""

    async def talk(connection: web.WebSocketResponse) -> None:
        await close_after_login(connection)
        command = await connection.receive_json()
        await connection.send_json({"id": command["id"], "type": "result", "success": True, "result": {"state": state}})

    return talk


async def refuse(connection: web.WebSocketResponse) -> None:
    """Refuse the token."""
    await close_after_greeting(connection)
    await connection.send_json({"type": "auth_invalid", "message": "Invalid access token"})


@asynccontextmanager
async def listening(config_dir: Path, talks: list[Talk]) -> AsyncGenerator[HomeAssistant]:
    """A server that behaves on each connection as the next of `talks` says; it is taken for Home Assistant."""

    async def websocket(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        await talks.pop(0)(connection)
        await connection.close()
        return connection

    application = web.Application()
    application.router.add_get("/api/websocket", websocket)
    runner = web.AppRunner(application)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as server:
        await web.SockSite(runner, server).start()
        child = await Child.start("Home Assistant", ["sleep", "100"], log=config_dir / "log", cwd=config_dir)
        try:
            yield HomeAssistant(
                child, Installation(config_dir, server.getsockname()[1], config_dir, "socket://none:1", "UTC"), "token"
            )
        finally:
            await child.stop()
            await runner.cleanup()


async def test_the_house_waits_until_it_runs(tmp_path: Path) -> None:
    talks = [
        close_at_once,
        close_after_greeting,
        close_after_login,
        close_after_command,
        answer("NOT_RUNNING"),
        answer("RUNNING"),
    ]
    async with listening(tmp_path, talks) as home_assistant:
        await home_assistant.wait_until_running()
    assert not talks


async def test_a_token_that_is_refused_is_not_waited_for(tmp_path: Path) -> None:
    async with listening(tmp_path, [refuse]) as home_assistant:
        with pytest.raises(ApiError, match="Invalid access token"):
            await home_assistant.wait_until_running()
