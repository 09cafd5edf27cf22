"""Puts a past into Home Assistant's statistics, so that it joins the live ones without a step.

Home Assistant begins the sums of live statistics at 0, whatever was imported before them, and takes the first hour that
it knows for the change since 0. So the past counts up from 0, and the live sums are raised to its end as soon as there
are some. States meet by being shifted to the first live one; that the past's are negative then is nowhere seen.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from . import HouseError
from .api import Api
from .entities import Entities
from .home_assistant import HomeAssistant
from .past import Hour, Past

_ARRIVE_S = 30.0
# Statistics are compiled some seconds after every five minutes, of entities that had a state before.
_FIRST_LIVE_S = 660.0

_METADATA = ("statistic_id", "has_sum", "mean_type", "name", "source", "unit_class")
_PER_UNIT = {"Wh": 1.0, "kWh": 1000.0, "W": 1.0, "kW": 1000.0, "%": 1.0}


@dataclass(frozen=True, slots=True)
class _Statistic:
    """A statistic as Home Assistant keeps it, and what it is of."""

    entity: str
    owner: str
    key: str
    unit: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the past ends and the live statistics begin."""

    hour: datetime
    """The first hour of live statistics (UTC)."""
    sums: Mapping[str, float]
    """The last sum of the past by statistic, in its unit."""
    units: Mapping[str, str]


async def import_past(home_assistant: HomeAssistant, entities: Entities, past: Past) -> Seam:
    """Import all hours and wait until they are there. Raises HouseError if they do not arrive."""
    hours = _with_totals(past, entities.hub)
    last = max(hours)
    sums: dict[str, float] = {}
    units: dict[str, str] = {}
    async with home_assistant.connect() as api:
        statistics = [*_statistics(await api.call("recorder/list_statistic_ids"), entities, hours[last])]
        firsts = await _first_states(api, [found.entity for found in statistics], last)
        for found in statistics:
            rows = [*_rows(found, hours, firsts)]
            await api.call("recorder/import_statistics", metadata=found.metadata, stats=rows)
            if found.metadata["has_sum"]:
                sums[found.entity], units[found.entity] = rows[-1]["sum"], found.unit
        if not sums:
            raise HouseError("Home Assistant has no energy sensors that the past could be imported into")
        await _wait_for(api, [found.entity for found in statistics], min(hours), "hour", _ARRIVE_S)
    return Seam(last + timedelta(hours=1), sums, units)


def _with_totals(past: Past, hub: str) -> Past:
    return {start: packs | {hub: Hour.of_all(packs.values())} for start, packs in past.items()}


def _statistics(known: list[dict[str, Any]], entities: Entities, sample: Mapping[str, Hour]) -> Iterator[_Statistic]:
    """Yield those of Home Assistant's statistics that the past has something for."""
    by_entity = {statistic["statistic_id"]: statistic for statistic in known}
    for unique_id, entity in entities.ids.items():
        owner, _, key = unique_id.partition("_")
        statistic = by_entity.get(entity)
        if statistic is None or owner not in sample:
            continue
        counted = statistic["has_sum"] and key in sample[owner].energies_wh
        if counted or (not statistic["has_sum"] and key in sample[owner].readings):
            unit = statistic["statistics_unit_of_measurement"]
            metadata = {name: statistic[name] for name in _METADATA}
            yield _Statistic(entity, owner, key, unit, metadata | {"unit_of_measurement": unit})


async def _first_states(api: Api, entity_ids: list[str], since: datetime) -> dict[str, float]:
    """Return the first value that each entity ever had, where it has one."""
    history = await api.call(
        "history/history_during_period",
        start_time=since.isoformat(),
        entity_ids=entity_ids,
        minimal_response=True,
        no_attributes=True,
        significant_changes_only=False,
    )
    firsts = {}
    for entity, states in history.items():
        values = [state["s"] for state in states if state["s"] not in ("unknown", "unavailable")]
        if values and values[0].replace(".", "", 1).lstrip("-").isdigit():
            firsts[entity] = float(values[0])
    return firsts


def _rows(found: _Statistic, hours: Past, firsts: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    scale = _PER_UNIT[found.unit]
    end_wh = hours[max(hours)][found.owner].energies_wh.get(found.key, 0.0)
    for start, owners in sorted(hours.items()):
        row: dict[str, Any] = {"start": start.isoformat()}
        if found.metadata["has_sum"]:
            value_wh = owners[found.owner].energies_wh[found.key]
            row["sum"] = value_wh / scale
            row["state"] = firsts.get(found.entity, 0.0) - (end_wh - value_wh) / scale
        else:
            values = [value / scale for value in owners[found.owner].readings[found.key]]
            row |= {"mean": sum(values) / len(values), "min": min(values), "max": max(values)}
        yield row


async def join(home_assistant: HomeAssistant, seam: Seam) -> None:
    """Wait for the first live statistics, some minutes at most, and raise each to the end of the past.

    Raises HouseError if there is none.
    """
    waiting = set(seam.sums)
    async with home_assistant.connect() as api, asyncio.timeout(_FIRST_LIVE_S):
        while waiting:
            await asyncio.sleep(1.0)
            for entity in await _present(api, [*waiting], seam.hour, "5minute"):
                await api.call(
                    "recorder/adjust_sum_statistics",
                    statistic_id=entity,
                    start_time=seam.hour.isoformat(),
                    adjustment=seam.sums[entity],
                    adjustment_unit_of_measurement=seam.units[entity],
                )
                waiting.remove(entity)


async def _present(api: Api, statistic_ids: list[str], start: datetime, period: str) -> list[str]:
    found = await api.call(
        "recorder/statistics_during_period",
        start_time=start.isoformat(),
        statistic_ids=statistic_ids,
        period=period,
        types=["sum", "mean"],
    )
    return [statistic for statistic, rows in found.items() if rows]


async def _wait_for(api: Api, statistic_ids: list[str], start: datetime, period: str, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while len(await _present(api, statistic_ids, start, period)) < len(statistic_ids):
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise HouseError(f"Imported statistics are not there after {within_s:.0f} s") from None
