"""The real Home Assistant: its process and how to reach it."""

import asyncio
from pathlib import Path
import sys
from typing import Self

import aiohttp

from . import HouseError, storage
from .api import Api, ConnectionLostError
from .process import Child

_START_S = 90.0


class HomeAssistant:
    """A running Home Assistant, bound to loopback, that keeps all it writes in its configuration folder."""

    def __init__(self, child: Child, installation: storage.Installation, token: str) -> None:
        """Take over what `start` made."""
        self.child = child
        self.url = f"http://127.0.0.1:{installation.port}"
        self.log = installation.config_dir / "home-assistant.log"
        self._token = token

    @classmethod
    async def start(cls, installation: storage.Installation) -> Self:
        """Write the configuration and start; `wait_until_running` tells when it can be used."""
        token = await storage.write(installation)
        return cls(await _launch(installation.config_dir), installation, token)

    async def start_again(self) -> None:
        """Start it after its process has ended, with the configuration and the history that it has."""
        self.child = await _launch(self.log.parent)

    def connect(self) -> Api:
        """A new connection, to be used in `async with`."""
        return Api(self.url, self._token)

    async def wait_until_running(self) -> None:
        """Wait until everything is set up. Raises HouseError if it ends or takes longer than a slow machine needs."""
        try:
            async with asyncio.timeout(_START_S):
                while not await self._is_running():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise HouseError(
                f"Home Assistant did not start within {_START_S:.0f} s. Its last lines ({self.child.log}):\n"
                f"{self.child.tail()}"
            ) from None

    async def _is_running(self) -> bool:
        if not self.child.running:
            raise self.child.death()
        try:
            async with self.connect() as api:
                return bool((await api.call("get_config"))["state"] == "RUNNING")
        except aiohttp.ClientError, ConnectionLostError, TimeoutError:
            return False

    def log_lines(self) -> list[str]:
        """What it has logged so far."""
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []


def time_zone(localtime: Path = Path("/etc/localtime")) -> str:
    """The name of this machine's time zone; UTC where it cannot be told."""
    _, found, name = str(localtime.resolve()).partition("/zoneinfo/")
    return name if found else "UTC"


async def _launch(config_dir: Path) -> Child:
    # All it needs is installed, so it never downloads anything.
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "homeassistant",
        "--config",
        config_dir,
        "--skip-pip",
        "--log-no-color",
    ]
    return await Child.start("Home Assistant", command, log=config_dir / "console.log", cwd=config_dir)
