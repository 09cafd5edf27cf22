"""R3 and R4 over a week: outages, sun, appliances, a daily import limit, and what all of it writes to flash."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import pytest

from custom_components.alfaspark.packbus.frames import (
    Energy,
    EnergyCounter,
    Function,
    Mode,
    Reason,
    RelaySet,
    SetMode,
    SetParameter,
    SetWindow,
    Status,
    WeekdaySet,
)
from custom_components.alfaspark.packbus.parameters import Parameter
from tests.simulator.host import Host
from tests.simulator.simulator import ROOT, simulator

START = datetime.fromisoformat("2026-06-01T00:00:00+01:00")
DAYS = 7
LIMIT_10WH = 200
FIGURES = ROOT / "build/scenarios/week.txt"
OUTAGES = {(0, 9), (1, 18), (2, 3), (2, 4), (4, 13), (5, 20), (5, 21), (5, 22)}
"""Days and hours in which the public grid is away."""

OPEN_REASONS = {
    Reason.SELF_CONSUMPTION_CHARGED,
    Reason.IMPORT_LIMIT_EXHAUSTED,
    Reason.ECO_SHED,
    Reason.OUTSIDE_WINDOW,
    Reason.MINIMUM_TIME,
}
CLOSED_REASONS = {
    Reason.MANUAL,
    Reason.SELF_CONSUMPTION_LOW_SOC,
    Reason.ECO_RESTORED,
    Reason.INSIDE_WINDOW,
    Reason.BMS_LOST,
    Reason.MINIMUM_TIME,
}

# Flash, as docs/firmware.md argues it: a record takes at most three NVS entries, a page has 126, six of eight pages
# rotate, and each bears 100,000 erasures.
ENTRIES_A_WRITE = 3
ENTRIES_A_PAGE = 126
ROTATING_PAGES = 6
ERASURES = 100_000


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Home Assistant's test plugin forbids sockets."""


@pytest.fixture
async def host() -> AsyncGenerator[Host]:
    """One pack at midnight, every mode on but backup."""
    start = START.isoformat()
    async with simulator("--packs", "1", "--seed", "3", "--speed", "0", "--start", start) as running:
        host = Host(running)
        await host.control.do(advance_s=20)
        host.node = (await host.truth())["node"]
        await host.set_time(round(START.timestamp()) + 20)
        await host.do(SetParameter(index=Parameter.IMPORT_LIMIT, value=LIMIT_10WH))
        await host.do(SetParameter(index=Parameter.ECO_LIMIT, value=2500))
        # So that the nights of this house need the grid.
        await host.do(SetParameter(index=Parameter.SOC_GRID_DISCONNECT, value=850))
        await host.do(SetParameter(index=Parameter.SOC_GRID_CONNECT, value=700))
        await host.do(SetWindow(slot=0, start_min=6 * 60, end_min=23 * 60, weekdays=WeekdaySet(0x7F)))
        for mode in (Mode.SELF_CONSUMPTION, Mode.ECO, Mode.TIME_OF_USE, Mode.IMPORT_LIMIT):
            await host.do(SetMode(mode=mode, on=True))
        yield host


def judge(status: Status, relays: dict[str, bool]) -> None:
    """Positions are those that physically are, each with a reason that explains it."""
    reasons = (status.reason_grid, status.reason_inverter, status.reason_load1, status.reason_load2)
    for closed, reason in zip(relays.values(), reasons, strict=True):
        assert reason in (CLOSED_REASONS if closed else OPEN_REASONS)
    names = (RelaySet.GRID, RelaySet.INVERTER, RelaySet.LOAD1, RelaySet.LOAD2)
    assert [name in status.relays for name in names] == list(relays.values())


async def time_now(host: Host) -> datetime:
    """Return the local time of the house."""
    return datetime.fromisoformat((await host.control.truth())["time"])


async def energy_wh(host: Host, counter: EnergyCounter) -> float:
    """Return what the pack says of a counter."""
    frames = [Energy.decode(line) for line in await host.heard(Function.ENERGY, 10.5)]
    return [frame.value_wh for frame in frames if frame.counter is counter][-1]


@pytest.mark.timeout(900)
async def test_a_week_with_outages(host: Host) -> None:
    writes_at_start = (await host.truth())["storage_writes"]
    exhausted_days = set()
    grid_wh_at_reset = 0.0
    for hour in range(24 * DAYS):
        day, hour_of_day = divmod(hour, 24)
        await host.control.do(grid=(day, hour_of_day) not in OUTAGES)
        if hour_of_day % 3 == 1:
            await host.set_time(round((await time_now(host)).timestamp()))
            status = await host.status()
            truth = await host.truth()
            assert truth["boots"] == 1
            judge(status, truth["relays"])
            imported_kwh = (truth["energies_wh"]["grid"] - grid_wh_at_reset) / 1000
            assert status.grid_import_today_kwh == pytest.approx(imported_kwh, abs=0.05 + 0.01 * imported_kwh)
            assert imported_kwh <= LIMIT_10WH / 100 + 0.1
            if status.reason_grid is Reason.IMPORT_LIMIT_EXHAUSTED:
                exhausted_days.add(day if hour_of_day >= 5 else day - 1)
        if hour_of_day == 5:
            grid_wh_at_reset = (await host.truth())["energies_wh"]["grid"]
        rest = START + timedelta(hours=hour + 1) - await time_now(host)
        await host.control.do(advance_s=rest.total_seconds())

    truth = await host.truth()
    for counter in (EnergyCounter.GRID, EnergyCounter.HOME, EnergyCounter.SOLAR):
        said = await energy_wh(host, counter)
        assert said == pytest.approx(truth["energies_wh"][counter.name.lower()], rel=0.02), counter
    edges_a_day = {name: edges / DAYS for name, edges in truth["relay_edges"].items()}
    writes_a_day = (truth["storage_writes"] - writes_at_start) / DAYS
    erasures = writes_a_day * 3650 * ENTRIES_A_WRITE / ENTRIES_A_PAGE / ROTATING_PAGES
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(
        f"limit exhausted on {len(exhausted_days)} of {DAYS} days; relay movements a day: {edges_a_day}\n"
        f"writes to flash a day: {writes_a_day:.1f}; erasures of a page in ten years: {erasures:.0f} of {ERASURES}\n"
    )
    assert len(exhausted_days) >= 2
    assert truth["relay_edges"]["grid"] >= 2 * len(exhausted_days)
    assert all(edges <= 18 for edges in edges_a_day.values())  # 100,000 operations of a relay are 15 years
    assert erasures < ERASURES / 20
