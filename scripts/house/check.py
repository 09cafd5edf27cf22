"""Whether the house is as an owner would want to find it."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
import re
from typing import Any

from . import HouseError
from .api import Api
from .browser import Browser
from .entities import Entities
from .house import ENERGIES, House
from .past_import import Seam

_AGREE_S = 30.0
_PAGE_S = 45.0
_WINDOW_PX = (1600, 1100)

# Statistics are first compiled when the clock next passes five minutes; until then their absence says nothing.
_NOT_YET = "statistics_not_defined"

_NO_DATA = "There is no data for this period."

# No hour of the house can change more: three packs with what their relays carry.
_MOST_KWH = 36.0
_ROUNDING_KWH = 1e-6


async def check(house: House, screenshots: Path) -> list[Path]:
    """Look at everything; the screenshots made. Raises HouseError with all that is wrong."""
    await house.wait_for(ENERGIES)
    # With it, all statistics that the panel wants are there.
    await house.past
    async with house.home_assistant.connect() as api:
        problems = [
            *await disagreements(house, api),
            *energy_problems(await api.call("energy/validate"), statistics_due=True),
        ]
    pictures, page_problems = await _look(house, screenshots)
    problems += page_problems
    problems += log_problems(house.home_assistant.log_lines())
    if problems:
        raise HouseError("\n  ".join(("The check failed:", *problems)))
    return pictures


async def disagreements(house: House, api: Api, within_s: float = _AGREE_S) -> list[str]:
    """Where Home Assistant does not show, within some seconds, what physically is."""
    wrong: list[str] = []
    try:
        async with asyncio.timeout(within_s):
            while True:
                truth = await house.simulator.truth()
                wrong = _differences(truth, house.entities, {k: v["state"] for k, v in (await api.states()).items()})
                if not wrong:
                    return []
                await asyncio.sleep(1.0)
    except TimeoutError:
        return wrong


def _differences(truth: dict[str, Any], entities: Entities, states: dict[str, str]) -> list[str]:
    wrong = []
    for pack in truth["packs"]:
        expected = {
            "battery_voltage": (pack["battery_v"], 0.5),
            "home_power": (sum(pack["powers_w"][load] for load in ("inverter", "load1", "load2")), 40.0),
            "grid_power": (pack["powers_w"]["grid"], 40.0),
            "battery_power": (pack["powers_w"]["battery"], 60.0),
        }
        for key, (value, tolerance) in expected.items():
            entity = entities.of(pack["serial"], key)
            if states[entity] in ("unknown", "unavailable") or (
                abs(float(states[entity]) - value) > tolerance + 0.05 * abs(value)
            ):
                wrong.append(f"{entity} shows {states[entity]} but is {value:.1f}")
        for relay, closed in pack["relays"].items():
            entity = entities.of(pack["serial"], f"{relay}_relay")
            if states[entity] != ("on" if closed else "off"):
                wrong.append(f"{entity} shows {states[entity]} but the relay is {'closed' if closed else 'open'}")
    return wrong


def energy_problems(validation: dict[str, Any], *, statistics_due: bool = False) -> list[str]:
    """What Home Assistant itself finds wrong with the Energy panel; `statistics_due` once they must be there."""
    return [
        f"Energy panel: {issue['type']} {issue['affected_entities']}"
        for group in ("energy_sources", "device_consumption", "device_consumption_water")
        for issues in validation[group]
        for issue in issues
        if statistics_due or issue["type"] != _NOT_YET
    ]


async def seam_problems(api: Api, seam: Seam) -> list[str]:
    """Where energies step, between the imported past and now; to be called once the two are joined."""
    ids = [*seam.sums]
    hourly, live = [
        await api.call(
            "recorder/statistics_during_period",
            start_time=start.isoformat(),
            statistic_ids=ids,
            period=period,
            types=["change", "state", "sum"],
        )
        for start, period in ((seam.hour - timedelta(days=3), "hour"), (seam.hour, "5minute"))
    ]
    return [problem for entity in ids for problem in steps(entity, hourly.get(entity, []), live.get(entity, []), seam)]


def steps(entity: str, hourly: list[dict[str, Any]], live: list[dict[str, Any]], seam: Seam) -> list[str]:
    """Where one statistic steps; `hourly` from before the past, `live` every five minutes since the seam."""
    before = [row for row in hourly if row["start"] < seam.hour.timestamp() * 1000]
    if not before or not live:
        return [f"Statistics: {entity} has no past" if live else f"Statistics: {entity} has nothing live"]
    kwh = 1.0 if seam.units[entity] == "kWh" else 1000.0
    problems = [
        f"Statistics: {entity} changes by {row['change']} {seam.units[entity]} in an hour"
        for row in hourly
        if not 0.0 <= row["change"] + _ROUNDING_KWH * kwh <= _MOST_KWH * kwh
    ]
    rows = [before[-1], *live]
    for name in ("sum", "state"):
        problems += [
            f"Statistics: the {name} of {entity} steps from {row[name]} to {after[name]} {seam.units[entity]}"
            for row, after in pairwise(rows)
            if not 0.0 <= after[name] - row[name] + _ROUNDING_KWH * kwh <= _MOST_KWH * kwh / 12
        ]
    return problems


def log_problems(lines: list[str]) -> list[str]:
    """Lines of the log that the integration, or something that it needs, is to blame for."""
    blame = re.compile(r" ERROR .*alfaspark|blocking call|Setup failed for|WARNING .*custom_components\.alfaspark")
    return [f"Log: {line}" for line in lines if blame.search(line)]


async def _look(house: House, screenshots: Path) -> tuple[list[Path], list[str]]:
    """Open the dashboard and the Energy panel as the owner would, and take pictures."""
    expected = ["The house", *(house.entities.names[serial] for serial in house.simulator.serials)]
    dashboard, energy, yesterday = (screenshots / f"{name}.png" for name in ("dashboard", "energy", "yesterday"))
    async with Browser(*_WINDOW_PX) as browser:
        await browser.open(house.url)
        text = await browser.wait_for_text(expected, _PAGE_S)
        # Gauges and graphs draw themselves over a moment.
        await asyncio.sleep(2.0)
        await browser.screenshot(dashboard)
        problems = [f"Dashboard: {word} is not on it" for word in expected if word not in text]
        problems += [
            f"Dashboard: it says '{bad}'"
            for bad in ("ERROR CARD", "Entity not found", "Unavailable", "Unknown")
            if bad in text.splitlines()
        ]
        await browser.open(f"{house.home_assistant.url}/energy")
        if "Electricity" not in await browser.wait_for_text(["Electricity"], _PAGE_S):
            problems.append("Energy panel: it does not show up")
        await asyncio.sleep(2.0)
        await browser.screenshot(energy)
        problems += await _look_at_yesterday(house, browser, yesterday)
    return [dashboard, energy, yesterday], problems


async def _look_at_yesterday(house: House, browser: Browser, screenshot: Path) -> list[str]:
    await browser.open(f"{house.home_assistant.url}/energy/electricity")
    await browser.wait_for_text(["Solar production"], _PAGE_S)
    await browser.click("Previous")
    await asyncio.sleep(3.0)
    shown = await browser.wait_for_text(["Solar production"], _PAGE_S)
    await browser.screenshot(screenshot)
    return (
        ["Energy panel: it shows nothing of yesterday"] if "Solar production" not in shown or _NO_DATA in shown else []
    )
