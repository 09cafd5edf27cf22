"""What happens on the bus and to the packs is seen in Home Assistant, and what it asks for happens."""

import asyncio
from collections.abc import Callable
import time
from typing import Any

import pytest

from scripts.house.api import Api, ApiError
from scripts.house.check import disagreements, energy_problems, seam_problems
from scripts.house.house import ENERGIES, PACKS, READINGS, House, is_number

from .conftest import Viewer, eventually

RELAYS = ("grid_relay", "inverter_relay", "load1_relay", "load2_relay")


async def _is_whole(viewer: Viewer, packs: range = range(PACKS)) -> bool:
    return all(["unavailable" not in (await viewer.of_pack(pack)).values() for pack in packs])


async def _truth_of(house: House, pack: int) -> dict[str, Any]:
    truth: dict[str, Any] = (await house.simulator.truth())["packs"][pack]
    return truth


async def test_home_assistant_shows_what_physically_is(house: House, api: Api) -> None:
    assert not await disagreements(house, api)


async def test_what_a_silent_bms_does_not_say_is_unknown(house: House, api: Api, viewer: Viewer) -> None:
    voltage, solar = viewer.entity(0, "battery_voltage"), viewer.entity(0, "solar_power")
    await house.simulator.control(pack=0, bms="silent")
    try:
        # A battery that was heard counts as lost after 10 s.
        await eventually(lambda: _are(viewer, [voltage, solar], "unknown"), 16, "nobody knows the battery any more")
        # The demo's check would not let that pass.
        (wrong, *_) = await disagreements(house, api, within_s=1)
        assert wrong.startswith(f"{voltage} shows unknown but is")
    finally:
        await house.simulator.control(pack=0, bms="ok")
    await eventually(lambda: _knows(viewer, voltage, solar), 10, "the battery is known again")


async def _knows(viewer: Viewer, *entities: str) -> bool:
    return all(is_number(state) for state in await viewer.states(*entities))


async def test_a_grid_failure_is_seen(house: House, viewer: Viewer) -> None:
    grids = [viewer.entity(pack, "grid") for pack in range(PACKS)]
    frequencies = [viewer.entity(pack, "grid_frequency") for pack in range(PACKS)]
    assert await viewer.states(*grids) == ["on"] * PACKS

    async def shown(grid: str) -> bool:
        return await viewer.states(*grids) == [grid] * PACKS

    await house.simulator.control(grid=False)
    try:
        # The packs say so within 2.25 periods; there is nothing to wait for but the bus and this test's own looking.
        await eventually(lambda: shown("off"), 1.5, "Home Assistant sees the grid fail")
        await eventually(
            lambda: _are(viewer, frequencies, "unknown"), 6, "a grid that is absent has no frequency in Home Assistant"
        )
    finally:
        await house.simulator.control(grid=True)
    # A grid that is back counts after one second of valid cycles.
    await eventually(lambda: shown("on"), 3, "Home Assistant sees the grid return")


async def _are(viewer: Viewer, entities: list[str], state: str) -> bool:
    return set(await viewer.states(*entities)) == {state}


async def test_a_relay_switched_in_home_assistant_moves_the_plant(house: House, api: Api, viewer: Viewer) -> None:
    relay, power = viewer.entity(0, "load2_relay"), viewer.entity(0, "load2_power")
    await house.simulator.control(pack=0, load2_w=1800)
    try:
        await eventually(lambda: _is_about(viewer, power, 1800), 8, "the load draws its power")

        await api.call_service("switch", "turn_off", relay)
        truth = await _truth_of(house, 0)
        assert truth["relays"] == {"grid": True, "inverter": True, "load1": True, "load2": False}
        assert truth["powers_w"]["load2"] == 0
        assert await viewer.states(relay) == ["off"]
        await eventually(lambda: _is_about(viewer, power, 0), 8, "the power of an open circuit is 0")

        await asyncio.sleep(2.1)
        await api.call_service("switch", "turn_on", relay)
        assert (await _truth_of(house, 0))["relays"]["load2"]
        await eventually(lambda: _is_about(viewer, power, 1800), 8, "the load draws its power again")
    finally:
        await house.simulator.control(pack=0, load2_w=None)


async def _is_about(viewer: Viewer, entity: str, watts: float) -> bool:
    (state,) = await viewer.states(entity)
    return abs(float(state) - watts) <= 0.02 * watts


async def test_a_relay_that_may_not_move_yet_says_why(house: House, api: Api, viewer: Viewer) -> None:
    relay = viewer.entity(1, "load1_relay")
    await api.call_service("switch", "turn_off", relay)
    with pytest.raises(ApiError, match=r"two seconds|few seconds"):
        await api.call_service("switch", "turn_on", relay)
    assert not (await _truth_of(house, 1))["relays"]["load1"]
    await asyncio.sleep(2.1)
    await api.call_service("switch", "turn_on", relay)
    assert (await _truth_of(house, 1))["relays"]["load1"]


async def test_a_pack_without_supply_is_unavailable_until_it_is_back(
    house: House, viewer: Viewer, new_log_lines: Callable[[], list[str]]
) -> None:
    cut = 2
    others = range(cut)

    async def is_gone() -> bool:
        return set((await viewer.of_pack(cut)).values()) == {"unavailable"}

    await house.wait_for(ENERGIES)
    await house.simulator.control(pack=cut, power=False)
    try:
        await eventually(is_gone, 8, "everything of the pack is unavailable")
        assert await _is_whole(viewer, others), "the other packs have nothing to do with it"
        assert "unavailable" not in (await viewer.remembered_of_pack(cut)).values(), "what was counted stays"
    finally:
        await house.simulator.control(pack=cut, power=True)
    await eventually(lambda: _is_whole(viewer), 40, "everything of the pack is back")

    async def is_told() -> bool:
        return len(new_log_lines()) > 2

    await eventually(is_told, 15, "all is in the log")
    told = [line.partition("] ")[2] for line in new_log_lines()]
    name = house.entities.names[house.simulator.serials[cut]]
    assert len(told) == 3, told
    assert told[0].startswith(f"{name} is not heard")
    assert told[1].startswith(f"{name} is heard again")
    assert "lost its supply" in told[2]


async def test_a_lost_adapter_comes_back_by_itself(
    house: House, viewer: Viewer, new_log_lines: Callable[[], list[str]]
) -> None:
    async def all_unavailable() -> bool:
        return all([set((await viewer.of_pack(pack)).values()) == {"unavailable"} for pack in range(PACKS)])

    house.simulator.child.kill()
    await house.simulator.child.wait()
    await eventually(all_unavailable, 8, "nothing is shown that nobody says")
    # Long enough for some vain tries to open it again.
    await asyncio.sleep(5)
    await house.start_simulator()
    await eventually(lambda: _is_whole(viewer), 60, "everything is back without anybody's help")
    await house.wait_for((*READINGS, *ENERGIES))

    async def is_told() -> bool:
        return len(new_log_lines()) >= 2 + PACKS

    await eventually(is_told, 40, "the packs have counted anew")
    told = [line.partition("] ")[2] for line in new_log_lines()]
    of_adapter = [line for line in told if "lost its supply" not in line]
    assert len(of_adapter) == 2, told
    assert "lost" in of_adapter[0]
    assert "back" in of_adapter[1]
    assert len(told) - len(of_adapter) == PACKS, "a simulator that was killed is a cut of every supply"


async def test_relays_kept_their_positions(house: House) -> None:
    truth = await house.simulator.truth()
    assert [pack["relays"] for pack in truth["packs"]] == [
        {"grid": True, "inverter": True, "load1": True, "load2": True}
    ] * PACKS


async def test_it_is_still_there_when_a_trial_configuration_would_have_been_reverted(house: House) -> None:
    """Home Assistant takes back what it only tried after five minutes; by then it must have compiled statistics, too."""
    lasted_s = time.monotonic() - house.began_s
    await asyncio.sleep(max(0.0, 6.2 * 60 - lasted_s))
    assert house.home_assistant.child.running
    async with house.home_assistant.connect() as api:
        assert not energy_problems(await api.call("energy/validate"), statistics_due=True)
        assert not await disagreements(house, api)


async def test_the_past_day_and_the_live_hours_join_without_a_step(house: House) -> None:
    await house.past_joined
    seam = await house.past
    assert len(seam.sums) >= PACKS * len(ENERGIES)
    assert all(total > 0 for total in seam.sums.values())
    async with house.home_assistant.connect() as api:
        assert not await seam_problems(api, seam)


async def test_nothing_went_wrong_unnoticed(house: House) -> None:
    wrong = [
        line
        for line in house.home_assistant.log_lines()
        if "blocking call" in line or ("alfaspark" in line and " ERROR " in line)
    ]
    # A refused command is an answer to its client, and logged as such.
    assert not [line for line in wrong if "websocket_api" not in line]
