"""A day that was: computed by packs of their own as fast as they go, so that the Energy panel has something to show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from custom_components.alfaspark.packbus.frames import CommandFrame, Function, Mode, SetMode, SetParameter
from custom_components.alfaspark.packbus.parameters import Parameter

from .simulator import Simulator

_HOUR = timedelta(hours=1)
_STEP_S = 300
_TO_ALL = 127

# The day before the one in which the house lives (house.py), so that it gets its own weather.
_DATE = "2026-06-20"
_BOOT_S = 20
_SOC_AT_MIDNIGHT_PCT = 45

# An owner who lives from the sun: the grid comes at 30 %, so that a day shows sun, battery and grid alike.
_SETTINGS: tuple[CommandFrame, ...] = (
    SetParameter(index=Parameter.SOC_GRID_CONNECT, value=300),
    SetParameter(index=Parameter.SOC_GRID_DISCONNECT, value=400),
    SetMode(mode=Mode.SELF_CONSUMPTION, on=True),
)


@dataclass(slots=True)
class Hour:
    """What one pack, or the house, did in an hour."""

    readings: dict[str, list[float]] = field(default_factory=dict)
    """Powers in W and the state of charge in %, by the key of the sensor: a value every five minutes."""
    energies_wh: dict[str, float] = field(default_factory=dict)
    """By the key of the sensor: the counters at the end of the hour, from the beginning of the past."""

    def add(self, truth: dict[str, Any]) -> None:
        """Take what physically is of a pack; see the simulator's description."""
        powers = {f"{name}_power": watts for name, watts in truth["powers_w"].items()}
        powers["battery_discharge_power"] = -powers["battery_power"]
        for key, value in (powers | {"soc": truth["soc"]}).items():
            self.readings.setdefault(key, []).append(value)
        self.energies_wh = {f"{name}_energy": wh for name, wh in truth["energies_wh"].items()}

    @classmethod
    def of_all(cls, packs: Iterable[Hour]) -> Hour:
        """Return the sums over packs, and the mean of their states of charge."""
        packs = tuple(packs)
        total = cls()
        for key in packs[0].readings:
            moments = zip(*(pack.readings[key] for pack in packs), strict=True)
            total.readings[key] = [sum(moment) / (len(packs) if key == "soc" else 1) for moment in moments]
        total.energies_wh = {key: sum(pack.energies_wh[key] for pack in packs) for key in packs[0].energies_wh}
        return total


type Past = dict[datetime, dict[str, Hour]]
"""Hours by their start (UTC), and in each the packs by their serial number."""


def hours_since_yesterday(now: datetime, zone: str) -> list[datetime]:
    """Return the starts (UTC) of all full hours from yesterday's midnight in a time zone until `now`."""
    yesterday = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    midnight = datetime(yesterday.year, yesterday.month, yesterday.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    # Statistics begin with full hours of UTC, also where the clocks are half an hour off.
    first = midnight.replace(minute=0)
    return [first + number * _HOUR for number in range((now - first) // _HOUR)]


async def live_through(root: Path, log: Path, which: Sequence[str], now: datetime, zone: str) -> Past:
    """Let packs live from yesterday's midnight to the last full hour. It takes some 2 s an hour, at low priority.

    `which` are the simulator's options that make them those of the house. They have the sun of June at the local time
    of day. Raises HouseError if the simulator fails.
    """
    starts = hours_since_yesterday(now, zone)
    midnight = f"{_DATE}T{starts[0].astimezone(ZoneInfo(zone)):%H:%M}:00+01:00"
    simulator = await Simulator.start(root, log, *which, "--speed", "0", "--start", midnight, low_priority=True)
    try:
        await _settle(simulator, midnight)
        past: Past = {}
        for start in starts:
            past[start] = {serial: Hour() for serial in simulator.serials}
            for _ in range(3600 // _STEP_S):
                for pack in (await simulator.control(advance_s=_STEP_S, get="truth"))["packs"]:
                    past[start][pack["serial"]].add(pack)
        return past
    finally:
        await simulator.child.stop()


async def _settle(simulator: Simulator, midnight: str) -> None:
    """Let the packs boot, set them as their owner would, and begin the day."""
    await simulator.control(soc=_SOC_AT_MIDNIGHT_PCT, advance_s=_BOOT_S)
    for sequence, command in enumerate(_SETTINGS):
        await simulator.send(Function.COMMAND | _TO_ALL, command.encode(sequence))
        await simulator.control(advance_s=1)
    await simulator.control(local_time=midnight)
