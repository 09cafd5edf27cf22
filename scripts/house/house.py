"""The house: packs, Home Assistant, and their end."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
import shutil
import tempfile
import time
from types import TracebackType
from typing import Any, Self

from . import HouseError, panels
from .dashboard import URL_PATH
from .entities import Entities, find
from .home_assistant import HomeAssistant, time_zone
from .past import live_through
from .past_import import Seam, import_past, join
from .process import Child
from .simulator import Simulator, free_port
from .storage import DOMAIN, Installation

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"

PACKS = 3
_WHICH_PACKS = ("--packs", str(PACKS), "--seed", "1")
# What each pack must show before the house counts as started.
READINGS = ("soc", "battery_power", "grid_power", "home_power", "solar_power", "load1_power", "load2_power")
# Come later: a counter is sent every 10 s only.
ENERGIES = tuple(
    f"{counter}_energy"
    for counter in ("grid", "home", "solar", "battery_charged", "battery_discharged", "load1", "load2")
)
_LIVE_S = 60.0

# A summer's morning, whenever it is started: there is sun for some hours.
_MORNING = "2026-06-21T09:00:00+01:00"


class House:
    """Simulated packs and a Home Assistant that knows them. Used in `async with`; nothing of it is left at the end."""

    def __init__(self, *, past: bool = True) -> None:
        """Choose ports and a folder. Nothing is started yet. `past`: whether its statistics begin yesterday."""
        BUILD.mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="house-", dir=BUILD))
        self.began_s = time.monotonic()
        self.simulator: Simulator
        self.home_assistant: HomeAssistant
        self.entities: Entities
        self.past: asyncio.Task[Seam]
        """Ends when yesterday and today until now are in the statistics; raises HouseError if that fails."""
        self.past_joined: asyncio.Task[None]
        """Ends when the live statistics, some minutes old by then, go on where the past ends."""
        self._tasks: list[asyncio.Task[Any]] = []
        self._has_past = past
        self._time_zone = time_zone()
        self._set_up = asyncio.Event()
        self._children: list[Child] = []
        self._simulator_options = (
            *(*_WHICH_PACKS, "--start", _MORNING),
            *("--slcan", f"127.0.0.1:{free_port()}", "--control", f"127.0.0.1:{free_port()}"),
            *("--storage", str(self.folder / "flash")),
        )

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the dashboard, logged in."""
        return f"{self.home_assistant.url}/{URL_PATH}/house"

    async def __aenter__(self) -> Self:
        """Start everything and wait until each pack's values are there. Raises HouseError with what is missing."""
        try:
            await self.start_simulator()
            if self._has_past:
                self.past = asyncio.create_task(self._show_past())
                self.past_joined = asyncio.create_task(self._join_past())
                self._tasks = [self.past, self.past_joined]
            self.home_assistant = await HomeAssistant.start(
                Installation(
                    config_dir=self.folder / "config",
                    port=free_port(),
                    integration=ROOT / "custom_components" / DOMAIN,
                    adapter_url=self.simulator.slcan_url,
                    time_zone=self._time_zone,
                )
            )
            self._children.append(self.home_assistant.child)
            await self.home_assistant.wait_until_running()
            await self.wait_for(READINGS)
            async with self.home_assistant.connect() as api:
                await panels.set_up(api, self.entities, self.simulator.serials)
            self._set_up.set()
        except BaseException as error:
            await self._leave(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything: Home Assistant before the bus under it."""
        await self._leave(error)

    async def _show_past(self) -> Seam:
        now = datetime.now(UTC)
        past = await live_through(ROOT, self.folder / "past.log", _WHICH_PACKS, now, self._time_zone)
        await self._set_up.wait()
        await self.wait_for(ENERGIES)
        return await import_past(self.home_assistant, self.entities, past)

    async def _join_past(self) -> None:
        seam = await self.past
        await join(self.home_assistant, seam)

    async def _leave(self, error: BaseException | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._children:
            await self._children.pop().stop()
        # The logs stay where something failed.
        if not isinstance(error, Exception):
            shutil.rmtree(self.folder, ignore_errors=True)

    async def start_simulator(self) -> None:
        """Start the packs; after `simulator.child.kill()`, again on the same ports and with the same flash."""
        self.simulator = await Simulator.start(ROOT, self.folder / "simulator.log", *self._simulator_options)
        self._children = [self.simulator.child, *(child for child in self._children if child.running)]

    async def restart_home_assistant(self, meanwhile: Awaitable[object] | None = None, *, kill: bool = False) -> None:
        """End Home Assistant, killed or asked, await something, and start it again with all that it has stored."""
        if kill:
            self.home_assistant.child.kill()
        await self.home_assistant.child.stop()
        if meanwhile is not None:
            await meanwhile
        await self.home_assistant.start_again()
        self._children = [self.home_assistant.child, *(child for child in self._children if child.running)]
        await self.home_assistant.wait_until_running()
        await self.wait_for(READINGS)

    async def death(self) -> HouseError:
        """Wait until one of the processes ends by itself; what to tell about it."""
        waiting = {asyncio.create_task(child.wait()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return waiting[done.pop()].death()

    def _raise_death(self) -> None:
        for child in self._children:
            if not child.running:
                raise child.death()

    async def wait_for(self, readings: Sequence[str]) -> None:
        """Wait until Home Assistant shows these readings of each pack. Raises HouseError that names what is missing."""
        missing = ["any pack"]
        try:
            async with asyncio.timeout(_LIVE_S), self.home_assistant.connect() as api:
                while missing:
                    await asyncio.sleep(0.5)
                    self._raise_death()
                    self.entities = await find(api)
                    states = await api.states()
                    missing = [] if self.entities.utility else ["the power watch"]
                    missing += [
                        f"{self.entities.names.get(serial, serial)} {reading}"
                        for serial in self.simulator.serials
                        for reading in readings
                        if not is_number(states.get(self.entities.ids.get(f"{serial}_{reading}", ""), {}).get("state"))
                    ]
        except TimeoutError:
            raise HouseError(
                f"Not in Home Assistant after {_LIVE_S:.0f} s: {', '.join(missing[:8])}"
                f"{' and more' if len(missing) > 8 else ''}. Logs: {self.home_assistant.log}, {self.simulator.child.log}"
            ) from None


def is_number(state: object) -> bool:
    """Whether a state is a value, not unknown or unavailable."""
    try:
        float(str(state))
    except ValueError:
        return False
    return True
