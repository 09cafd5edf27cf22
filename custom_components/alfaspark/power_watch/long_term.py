"""The history as long-term statistics: minutes without power and uptime, for each hour that is over.

They are external ones, named after the source's id: a renamed source keeps its past. Without the recorder there are none.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
from math import ceil
from time import time
from typing import TYPE_CHECKING, Final

from homeassistant.const import PERCENTAGE, UnitOfTime
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_utc_time_change
from homeassistant.helpers.recorder import get_instance
from homeassistant.util.unit_conversion import DurationConverter, UnitlessRatioConverter

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.spans import Span, SpanKind

if TYPE_CHECKING:
    from .source import PowerSource
    from .watch import PowerWatch

_LOGGER = logging.getLogger(__name__)

_RECORDER: Final = "recorder"
_HOUR_S: Final = 3600
_MINUTE_S: Final = 60
_AFTER_THE_HOUR_MIN: Final = 1
_AGAIN_S: Final = 7 * 86_400
"""So much is imported again at a start: it may have been filled in or corrected just before the last stop."""


@dataclass(slots=True)
class Hour:
    """How a source was in one hour."""

    start_s: int
    """Unix time."""
    lost_s: float = 0.0
    powered_s: float = 0.0

    @property
    def is_observed(self) -> bool:
        """Whether anything is known of it."""
        return self.lost_s + self.powered_s > 0

    @property
    def uptime_pct(self) -> float:
        """Of the time that is known."""
        return 100 * self.powered_s / (self.lost_s + self.powered_s)


def hours_of(timeline: Iterable[Span], from_s: int, to_s: int) -> list[Hour]:
    """Return all hours in [from_s, to_s), both full hours, from spans that do not overlap."""
    hours = [Hour(start_s) for start_s in range(from_s, to_s, _HOUR_S)]
    for span in timeline:
        if span.kind is SpanKind.UNOBSERVED:
            continue
        at_s, end_s = max(span.start_s, from_s), to_s if span.end_s is None else min(span.end_s, to_s)
        while at_s < end_s:
            hour = hours[int(at_s - from_s) // _HOUR_S]
            until_s = min(end_s, hour.start_s + _HOUR_S)
            if span.kind is SpanKind.LOST:
                hour.lost_s += until_s - at_s
            else:
                hour.powered_s += until_s - at_s
            at_s = until_s
    return hours


def minutes_id(source_id: str) -> str:
    """Return the id of the statistic of the minutes without power."""
    return f"{DOMAIN}:{source_id.lower()}_outage_minutes"


def uptime_id(source_id: str) -> str:
    """Return the id of the statistic of the uptime."""
    return f"{DOMAIN}:{source_id.lower()}_uptime"


class LongTerm:
    """Imports the hours of all sources when they are over, and again what is changed afterwards.

    Runs in the event loop.
    """

    def __init__(self, hass: HomeAssistant, watch: PowerWatch) -> None:
        """Import nothing yet."""
        self._hass = hass
        self._watch = watch
        self._is_on = False
        self._stop_clock: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted: dict[str, int | None] = {}
        """From which hour on each source is to be imported, Unix time; None: from where the last run ended."""
        self._reached_s: dict[str, int] = {}
        """End of the last hour that was imported."""
        self._sums_min: dict[str, dict[int, float]] = {}
        """Of each source: minutes without power until the end of each of the last hours that were imported in this run."""

    @callback
    def async_start(self) -> None:
        """Import what is over, and from now on every hour."""
        if _RECORDER not in self._hass.config.components:
            return
        self._is_on = True
        self._stop_clock = async_track_utc_time_change(
            self._hass, self._hour_is_over, minute=_AFTER_THE_HOUR_MIN, second=0
        )
        self._hour_is_over(datetime.now(UTC))

    @callback
    def async_stop(self) -> None:
        """Import nothing any more."""
        self._is_on = False
        if self._stop_clock is not None:
            self._stop_clock()
            self._stop_clock = None
        if self._task is not None:
            self._task.cancel()

    @callback
    def async_note(self, source_id: str, since_s: float) -> None:
        """The record of a source has changed since then, Unix seconds."""
        reached_s = self._reached_s.get(source_id)
        if reached_s is not None and since_s < reached_s:
            self._want(source_id, _hour(since_s))

    @callback
    def async_forget(self, source_id: str) -> None:
        """Delete the statistics of a source that was removed."""
        for kept in (self._wanted, self._reached_s, self._sums_min):
            kept.pop(source_id, None)
        if self._is_on:
            get_instance(self._hass).async_clear_statistics([minutes_id(source_id), uptime_id(source_id)])

    @callback
    def _hour_is_over(self, _: datetime) -> None:
        for source_id in self._watch.sources:
            self._want(source_id, self._reached_s.get(source_id))

    def _want(self, source_id: str, from_s: int | None) -> None:
        before_s = self._wanted.get(source_id, from_s)
        self._wanted[source_id] = None if from_s is None or before_s is None else min(before_s, from_s)
        if self._is_on and (self._task is None or self._task.done()):
            self._task = self._watch.entry.async_create_background_task(
                self._hass, self._import_wanted(), f"{DOMAIN} long-term statistics"
            )

    async def _import_wanted(self) -> None:
        """Import one source after the other; of one whose history cannot be read now, try again when an hour is over."""
        failed: dict[str, int | None] = {}
        while self._wanted:
            source_id, from_s = self._wanted.popitem()
            source = self._watch.sources.get(source_id)
            if source is not None and not await self._import(source, from_s):
                failed[source_id] = from_s
        self._wanted |= failed

    async def _import(self, source: PowerSource, from_s: int | None) -> bool:
        """Import the hours that are over from then on; return False if the history cannot be read."""
        to_s = _hour(time())
        begin_s = await self._begin_s(source.id)
        if begin_s is None:
            return False
        last_s = None if from_s is not None else await self._last_s(source.id)
        start_s = _hour(begin_s)
        if from_s is not None:
            start_s = max(from_s, start_s)
        elif last_s is not None:
            # What was purged from the history stays in the statistics, also of an hour of which only a part was purged.
            start_s = start_s if start_s > last_s else ceil(begin_s / _HOUR_S) * _HOUR_S
            start_s = max(min(last_s + _HOUR_S, to_s - _AGAIN_S), start_s)
        if start_s < to_s:

            def read(history: PowerHistory) -> list[Hour]:
                return hours_of(history.timeline(source.id, start_s, to_s), start_s, to_s)

            hours = await self._watch.record.async_read(read)
            if hours is None:
                return False
            self._add(source, hours, await self._sum_before_min(source.id, start_s))
            sums = self._sums_min[source.id]
            self._sums_min[source.id] = {hour_s: sums[hour_s] for hour_s in sums if hour_s >= to_s - _AGAIN_S}
        self._reached_s[source.id] = max(to_s, self._reached_s.get(source.id, to_s))
        return True

    async def _begin_s(self, source_id: str) -> float | None:
        """Return since when the history knows of a source."""

        def read(history: PowerHistory) -> float | None:
            return next((row.watched_since_s for row in history.sources() if row.id == source_id), None)

        return await self._watch.record.async_read(read)

    async def _last_s(self, source_id: str) -> int | None:
        """Return the start of the last hour that the statistics have."""
        rows = await self._rows(source_id, 1)
        return next((round(start_s) for start_s, _ in rows), None)

    async def _sum_before_min(self, source_id: str, hour_s: int) -> float:
        """Return the minutes without power until then that the statistics have."""
        known = self._sums_min.get(source_id, {})
        if (before_s := max((start_s for start_s in known if start_s < hour_s), default=None)) is not None:
            return known[before_s]
        rows = await self._rows(source_id, max(0, int(time()) - hour_s) // _HOUR_S + 2)
        return next((sum_min for start_s, sum_min in rows if start_s < hour_s), 0.0)

    async def _rows(self, source_id: str, count: int) -> Iterator[tuple[float, float]]:
        """Return start and sum of the last hours that the statistics have, newest first."""
        from homeassistant.components.recorder.statistics import get_last_statistics  # noqa: PLC0415 - if it is there

        id_ = minutes_id(source_id)
        # What was handed over before has to be there.
        await get_instance(self._hass).async_block_till_done()
        found = await get_instance(self._hass).async_add_executor_job(
            get_last_statistics, self._hass, count, id_, False, {"sum"}
        )
        return ((row["start"], row.get("sum") or 0.0) for row in found.get(id_, []))

    def _add(self, source: PowerSource, hours: Iterable[Hour], sum_min: float) -> None:
        """Hand hours over to the recorder, which replaces those that it has. Of one that nobody watched there is none."""
        from homeassistant.components.recorder import models  # noqa: PLC0415 - if it is there
        from homeassistant.components.recorder.statistics import async_add_external_statistics  # noqa: PLC0415

        minutes: list[models.StatisticData] = []
        uptimes: list[models.StatisticData] = []
        sums = self._sums_min.setdefault(source.id, {})
        for hour in hours:
            if not hour.is_observed:
                continue
            start = datetime.fromtimestamp(hour.start_s, UTC)
            lost_min = hour.lost_s / _MINUTE_S
            sum_min = sums[hour.start_s] = sum_min + lost_min
            minutes.append(models.StatisticData(start=start, state=lost_min, sum=sum_min))
            uptimes.append(models.StatisticData(start=start, mean=hour.uptime_pct))
        if not minutes:
            return
        of_minutes = models.StatisticMetaData(
            mean_type=models.StatisticMeanType.NONE,
            has_sum=True,
            name=f"{source.setup.name} outage minutes",
            source=DOMAIN,
            statistic_id=minutes_id(source.id),
            unit_class=DurationConverter.UNIT_CLASS,
            unit_of_measurement=UnitOfTime.MINUTES,
        )
        of_uptime = models.StatisticMetaData(
            mean_type=models.StatisticMeanType.ARITHMETIC,
            has_sum=False,
            name=f"{source.setup.name} uptime",
            source=DOMAIN,
            statistic_id=uptime_id(source.id),
            unit_class=UnitlessRatioConverter.UNIT_CLASS,
            unit_of_measurement=PERCENTAGE,
        )
        async_add_external_statistics(self._hass, of_minutes, minutes)
        async_add_external_statistics(self._hass, of_uptime, uptimes)


def _hour(unix_s: float) -> int:
    return int(unix_s // _HOUR_S) * _HOUR_S
