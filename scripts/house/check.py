"""Whether the house is as an owner would want to find it."""

import asyncio
from pathlib import Path
import re
from typing import Any

from . import HouseError
from .api import Api
from .browser import Browser
from .entities import Entities
from .house import ENERGIES, House

_AGREE_S = 30.0
_PAGE_S = 45.0
_WINDOW_PX = (1600, 1100)

# Statistics are first compiled when the clock next passes five minutes; until then their absence says nothing.
_NOT_YET = "statistics_not_defined"


async def check(house: House, screenshots: Path) -> list[Path]:
    """Look at everything; the screenshots made. Raises HouseError with all that is wrong."""
    await house.wait_for(ENERGIES)
    async with house.home_assistant.connect() as api:
        problems = [
            *await disagreements(house, api),
            *energy_problems(await api.call("energy/validate")),
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


def log_problems(lines: list[str]) -> list[str]:
    """Lines of the log that the integration, or something that it needs, is to blame for."""
    blame = re.compile(r" ERROR .*alfaspark|blocking call|Setup failed for|WARNING .*custom_components\.alfaspark")
    return [f"Log: {line}" for line in lines if blame.search(line)]


async def _look(house: House, screenshots: Path) -> tuple[list[Path], list[str]]:
    """Open the dashboard and the Energy panel as the owner would, and take pictures."""
    expected = ["The house", *(house.entities.names[serial] for serial in house.simulator.serials)]
    dashboard, energy = screenshots / "dashboard.png", screenshots / "energy.png"
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
    return [dashboard, energy], problems
