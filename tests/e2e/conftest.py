"""One house for all tests here, and how to wait for what happens in it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
import time

import pytest

from scripts.house.api import Api
from scripts.house.house import ENERGIES, House


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float, what: str) -> float:
    """Wait until a condition holds; the seconds that it took. Fails the test after `within_s`."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > within_s:
            pytest.fail(f"not within {within_s:.0f} s: {what}")
        await asyncio.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture(scope="session")
async def house() -> AsyncGenerator[House]:
    """The house. Each test leaves it as it found it."""
    async with House() as running:
        yield running


@pytest.fixture
async def api(house: House) -> AsyncGenerator[Api]:
    """A connection to its Home Assistant."""
    async with house.home_assistant.connect() as connection:
        yield connection


REMEMBERED = (*ENERGIES, "last_seen", "battery_capacity")
"""What Home Assistant knows of a pack that says nothing."""


class Viewer:
    """What Home Assistant shows of the packs."""

    def __init__(self, house: House, api: Api) -> None:
        """Look through a connection of the test's own."""
        self._house = house
        self._api = api

    def entity(self, pack: int, key: str) -> str:
        """The entity id of a reading of the pack with this index in the simulator."""
        return self._house.entities.of(self._house.simulator.serials[pack], key)

    async def states(self, *entity_ids: str) -> list[str]:
        """Their states."""
        states = await self._api.states()
        return [str(states[entity_id]["state"]) for entity_id in entity_ids]

    async def of_pack(self, pack: int) -> dict[str, str]:
        """All states of a pack's enabled entities that show what it says, by entity id."""
        serial = self._house.simulator.serials[pack]
        remembered = {f"{serial}_{key}" for key in REMEMBERED}
        ids = [
            entity_id
            for unique_id, entity_id in self._house.entities.ids.items()
            if unique_id.startswith(f"{serial}_") and unique_id not in remembered
        ]
        return dict(zip(ids, await self.states(*ids), strict=True))

    async def remembered_of_pack(self, pack: int) -> dict[str, str]:
        """The states that stay while a pack says nothing, by key."""
        return dict(zip(REMEMBERED, await self.states(*(self.entity(pack, key) for key in REMEMBERED)), strict=True))


@pytest.fixture
def viewer(house: House, api: Api) -> Viewer:
    """What Home Assistant shows of the packs."""
    return Viewer(house, api)


@pytest.fixture
def new_log_lines(house: House) -> Callable[[], list[str]]:
    """What the integration has logged of packs and their adapter since the test began."""
    before = len(house.home_assistant.log_lines())

    def read() -> list[str]:
        return [
            line
            for line in house.home_assistant.log_lines()[before:]
            if "custom_components.alfaspark" in line and "custom_components.alfaspark.power_watch" not in line
        ]

    return read
