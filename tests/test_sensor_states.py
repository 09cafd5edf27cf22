"""What a pack says of itself: who holds its relays, its import of the day, its faults, and what the sun supplies."""

from collections.abc import Callable
from dataclasses import replace

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import (
    Command,
    FaultCode,
    Function,
    ModeSet,
    PackWarningSet,
    Reason,
    Result,
)
from custom_components.alfaspark.packbus.parameters import Parameter

from .conftest import SERIAL, Clock, state, wait_until
from .peers import LOADS, POWER, STATUS, PeerBus, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

PACK = "sensor.energy_pack_e4f5"
HOUSE = "sensor.alfaspark"

LIMITED = replace(STATUS, modes=ModeSet.IMPORT_LIMIT)


async def _become(hass: HomeAssistant, entity_id: str, shown: str) -> None:
    await wait_until(lambda: state(hass, entity_id) == shown, f"for {entity_id} to be {shown}")


async def _show(read: Callable[[], object], expected: object) -> None:
    await wait_until(lambda: read() == expected, f"for {expected}")


async def test_each_relay_says_who_holds_it(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    def held_by() -> list[str]:
        relays = ("grid", "inverter_output", "load_1", "load_2")
        return [state(hass, f"{PACK}_{relay}_relay_held_by") for relay in relays]

    assert held_by() == ["manual"] * 4
    reasons = list(Reason)
    for turn in range(len(reasons)):
        grid, inverter, load1, load2 = (reasons[(turn + relay) % len(reasons)] for relay in range(4))
        pack.report(replace(STATUS, reason_grid=grid, reason_inverter=inverter, reason_load1=load1, reason_load2=load2))
        expected = [reason.name.lower() for reason in (grid, inverter, load1, load2)]
        await _show(held_by, expected)


async def _know_limits(house: MockConfigEntry, clock: Clock, *serials: str) -> None:
    await clock.advance(1)
    packs = house.runtime_data.packs
    await wait_until(
        lambda: all(Parameter.IMPORT_LIMIT in packs[serial].settings.parameters for serial in serials), "for the limits"
    )


async def test_import_of_the_day(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, clock: Clock) -> None:
    assert state(hass, f"{PACK}_import_today") == "1.25"
    await _know_limits(house, clock, SERIAL)
    pack.report()
    assert state(hass, f"{PACK}_import_remaining") == "unknown", "nothing remains of a limit that is off"
    pack.report(LIMITED)
    await _become(hass, f"{PACK}_import_remaining", "8.75")
    pack.report(replace(LIMITED, grid_import_today_kwh=10.4, warnings=PackWarningSet.IMPORT_LIMIT_EXHAUSTED))
    await _become(hass, f"{PACK}_import_today", "10.4")
    await _become(hass, f"{PACK}_import_remaining", "0.0")
    pack.report(replace(LIMITED, grid_import_today_kwh=None))
    await _become(hass, f"{PACK}_import_today", "unknown")
    await _become(hass, f"{PACK}_import_remaining", "unknown")


async def test_nothing_is_known_to_remain_of_an_unknown_limit(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    pack.answers[Command.GET_PARAMETER] = (Result.OUT_OF_RANGE, 0)
    house.runtime_data.packs[SERIAL].settings.forget()
    pack.report(replace(LIMITED, grid_import_today_kwh=2.5))
    await _become(hass, f"{PACK}_import_today", "2.5")
    assert state(hass, f"{PACK}_import_remaining") == "unknown"


async def test_import_of_the_day_is_kept_out_of_statistics(hass: HomeAssistant, house: MockConfigEntry) -> None:
    """It falls every night, and after each restart of the pack until it is handed back."""
    house.runtime_data.bus.async_follow_hub()
    for entity_id in (
        f"{PACK}_import_today",
        f"{PACK}_import_remaining",
        f"{HOUSE}_import_today_of_all_packs",
        f"{HOUSE}_sum_of_the_packs_remaining_import",
    ):
        shown = hass.states.get(entity_id)
        assert shown is not None
        assert "state_class" not in shown.attributes


async def test_sums_over_the_packs_limits(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, peers: PeerBus, clock: Clock
) -> None:
    hub = house.runtime_data
    second = peers.add("0000000011aa", 99)
    second.parameters |= {Parameter.IMPORT_LIMIT: 1550, Parameter.ECO_LIMIT: 2000}
    second.introduce()
    await wait_until(lambda: second.serial in hub.packs, "for the second pack")
    await _know_limits(house, clock, SERIAL, second.serial)

    def sums() -> list[str]:
        hub.bus.async_follow_hub()
        keys = (
            "import_today_of_all_packs",
            "sum_of_the_packs_remaining_import",
            "sum_of_the_packs_import_limits",
            "sum_of_the_packs_eco_limits",
        )
        return [state(hass, f"{HOUSE}_{key}") for key in keys]

    # The second one has not said yet what it drew: a sum without it would be too small.
    pack.report(LIMITED)
    await _show(sums, ["unknown", "unknown", "25.5", "5000.0"])
    second.report(replace(LIMITED, grid_import_today_kwh=3.5))
    await _show(sums, ["4.75", "20.75", "25.5", "5000.0"])
    # What one may draw without a limit is no sum.
    second.report(replace(STATUS, grid_import_today_kwh=3.5))
    await _show(sums, ["4.75", "unknown", "25.5", "5000.0"])


async def test_faults(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    def shown() -> tuple[str, object, object]:
        found = hass.states.get(f"{PACK}_fault")
        assert found is not None
        return found.state, found.attributes["faults"], found.attributes.get("watchdog_task")

    def say(code: FaultCode, *, active: bool, argument: int = 0) -> None:
        pack.say(Function.FAULT, frames.Fault(code=code, active=active, argument=argument).encode())

    assert shown() == ("none", [], None)
    say(FaultCode.SENSOR_CLIPPED, active=True, argument=2)
    await _show(shown, ("sensor_clipped", ["sensor_clipped_load1"], None))
    say(FaultCode.OPEN_RELAY_CURRENT, active=True, argument=1)
    await _show(shown, ("several", ["sensor_clipped_load1", "open_relay_current_inverter"], None))
    # Another one instead is news, though it is several still.
    say(FaultCode.WATCHDOG_RESTART, active=True, argument=3)
    say(FaultCode.SENSOR_CLIPPED, active=False, argument=2)
    await _show(shown, ("several", ["open_relay_current_inverter", "watchdog_restart"], 3))
    say(FaultCode.OPEN_RELAY_CURRENT, active=False, argument=1)
    await _show(shown, ("watchdog_restart", ["watchdog_restart"], 3))
    # A channel that this version does not know is left out, the fault is not.
    say(FaultCode.WATCHDOG_RESTART, active=False, argument=3)
    say(FaultCode.SENSOR_CLIPPED, active=True, argument=9)
    await _show(shown, ("sensor_clipped", ["sensor_clipped"], None))
    pack.restart(0x4321)
    # What stood in the last boot is over.
    await _show(shown, ("none", [], None))


async def test_a_fault_of_a_silent_pack_is_not_known(hass: HomeAssistant, house: MockConfigEntry, clock: Clock) -> None:
    await clock.advance(7)
    assert state(hass, f"{PACK}_fault") == "unavailable"


async def test_share_of_each_load_that_the_sun_supplies(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    def shares() -> tuple[str, str]:
        load1, load2 = (state(hass, f"{PACK}_load_{load}_supplied_by_the_sun") for load in (1, 2))
        return load1, load2

    assert shares() == ("48", "48")
    cases: list[tuple[int | None, int | None, int | None, tuple[str, str]]] = [
        (900, 1500, 400, ("60", "60")),
        (1500, 1500, 400, ("100", "100")),
        (0, 1500, 400, ("0", "0")),
        (3000, 1500, 400, ("100", "100")),
        # It draws nothing, so the sun supplies no part of it.
        (900, 1500, 0, ("unknown", "60")),
        (3000, 1500, None, ("unknown", "100")),
        # What the home draws lags behind what the load does.
        (900, 0, 400, ("unknown", "unknown")),
        (900, 1500, 400, ("60", "60")),
        (None, 1500, 400, ("unknown", "unknown")),
        (900, 1500, 400, ("60", "60")),
        (900, None, 400, ("unknown", "unknown")),
    ]
    for solar_w, home_w, load1_w, expected in cases:
        pack.report(replace(POWER, solar_w=solar_w, home_w=home_w), replace(LOADS, load1_w=load1_w))
        await _show(shares, expected)
