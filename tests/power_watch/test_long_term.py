"""The history as long-term statistics, in a real recorder."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
from time import time

from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import (
    get_metadata,
    list_statistic_ids,
    statistics_during_period,
    valid_statistic_id,
)
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.model import OutageEvent, OutageEventKind, Reason
from custom_components.alfaspark.outages.spans import Span, SpanKind
from custom_components.alfaspark.power_watch import long_term
from custom_components.alfaspark.power_watch.long_term import Hour, hours_of, minutes_id, uptime_id
from custom_components.alfaspark.power_watch.record import FILE
from custom_components.alfaspark.power_watch.watch import PowerWatch
from tests.conftest import wait_until

# The database says each of its steps, from a thread of its own, past what pytest captures.
for _name in ("sqlalchemy.engine", "homeassistant.components.recorder"):
    logging.getLogger(_name).setLevel(logging.WARNING)

HOUR = 3600
LOST, POWERED, UNOBSERVED = SpanKind.LOST, SpanKind.POWERED, SpanKind.UNOBSERVED


class Past:
    """Six hours, the last of which ended a moment ago: watched in the first three, with 10 minutes without power."""

    def __init__(self, entry: MockConfigEntry, path: Path) -> None:
        """Write them."""
        self.path = path
        self.begin_s = int(time()) // HOUR * HOUR - 6 * HOUR
        (self.source_id,) = entry.subentries
        path.parent.mkdir(exist_ok=True)
        history = PowerHistory.open(path)
        history.begin_watching([self.source_id], self.begin_s)
        history.end_unobserved(self.source_id, self.begin_s)
        for minute in range(1, 3 * 60 + 1):
            if minute == 55:
                history.begin_outage(self.source_id, self.begin_s + 55 * 60)
            if minute == 65:
                history.end_outage(self.source_id, self.begin_s + 65 * 60)
            history.heartbeat(self.begin_s + minute * 60)
        history.stop_watching([self.source_id], self.begin_s + 3 * HOUR)
        history.close()

    def told(self, kind: SpanKind, from_min: int, to_min: int) -> Span:
        """What a pack says of minutes after the begin."""
        return Span(kind, self.begin_s + from_min * 60.0, self.begin_s + to_min * 60.0, filled_from="a pack")


@pytest.fixture
def past(recorder_mock: Recorder, hass: HomeAssistant, watch_entry: MockConfigEntry, tmp_path: Path) -> Past:
    """Have a history of six hours."""
    hass.config.config_dir = str(tmp_path)
    return Past(watch_entry, tmp_path / ".storage" / FILE)


type Start = Callable[[], AbstractAsyncContextManager[PowerWatch]]


@pytest.fixture
def start(hass: HomeAssistant, integration: None, watch_entry: MockConfigEntry) -> Start:
    """Start the power watch."""

    @asynccontextmanager
    async def start() -> AsyncGenerator[PowerWatch]:
        assert await hass.config_entries.async_setup(watch_entry.entry_id)
        await hass.async_block_till_done()
        yield watch_entry.runtime_data
        await hass.config_entries.async_unload(watch_entry.entry_id)
        await hass.async_block_till_done()

    return start


type Row = tuple[int, float, float, float]
"""Hour after the begin, minutes without power in it and until its end, uptime in %."""


async def imported(hass: HomeAssistant, recorder: Recorder, watch: PowerWatch, past: Past) -> list[Row]:
    """Return what the recorder has."""
    await wait_until(lambda: watch._long_term._task is None or watch._long_term._task.done(), "for the import")
    await recorder.async_block_till_done()
    ids = {minutes_id(past.source_id), uptime_id(past.source_id)}
    found = await recorder.async_add_executor_job(
        statistics_during_period,
        hass, datetime.fromtimestamp(past.begin_s - 99 * HOUR, UTC), None, ids, "hour", None, {"state", "sum", "mean"},
    )  # fmt: skip
    minutes, uptimes = found.get(minutes_id(past.source_id), []), found.get(uptime_id(past.source_id), [])
    assert [row["start"] for row in minutes] == [row["start"] for row in uptimes]
    rows: list[Row] = []
    for row, uptime in zip(minutes, uptimes, strict=True):
        state, total, mean = row["state"], row["sum"], uptime["mean"]
        assert state is not None
        assert total is not None
        assert mean is not None
        rows.append((round(row["start"] - past.begin_s) // HOUR, round(state, 3), round(total, 3), round(mean, 2)))
    return rows


WATCHED: list[Row] = [(0, 5, 5, 91.67), (1, 5, 10, 91.67), (2, 0, 10, 100)]


async def test_hours_that_are_over_are_imported_and_those_that_nobody_watched_are_not(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start
) -> None:
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED
        found = await recorder_mock.async_add_executor_job(list_statistic_ids, hass)
        ours = [each for each in found if each["source"] == DOMAIN]
        assert {each["statistic_id"]: (each["unit_class"], each["name"], each["has_sum"]) for each in ours} == {
            minutes_id(past.source_id): ("duration", "Utility outage minutes", True),
            uptime_id(past.source_id): ("unitless", "Utility uptime", False),
        }
        metadata = await recorder_mock.async_add_executor_job(lambda: get_metadata(hass, statistic_source=DOMAIN))
        assert {id_: (each["mean_type"], each["unit_of_measurement"]) for id_, (_, each) in metadata.items()} == {
            minutes_id(past.source_id): (StatisticMeanType.NONE, "min"),
            uptime_id(past.source_id): (StatisticMeanType.ARITHMETIC, "%"),
        }


async def test_what_is_filled_in_later_is_imported_again_with_all_sums_after_it(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start
) -> None:
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED
        # The stretch is over when something is known.
        await watch.record.async_change(
            lambda history: history.end_unobserved(past.source_id, past.begin_s + 5.5 * HOUR)
        )
        told = [past.told(LOST, 190, 250), past.told(POWERED, 250, 300)]
        await watch.record.async_change(lambda history: history.fill(past.source_id, told))
        for _ in range(2):
            await watch.async_follow_filled(watch.sources[past.source_id], past.begin_s + 3 * HOUR)
            assert await imported(hass, recorder_mock, watch, past) == [
                *WATCHED,
                (3, 50, 60, 0),
                (4, 10, 70, 83.33),
                (5, 0, 70, 100),
            ]


async def test_after_a_restart_the_sums_go_on_and_what_was_filled_before_is_not_lost(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(long_term, "time", lambda: past.begin_s + 2 * HOUR + 10)
        async with start() as watch:
            assert await imported(hass, recorder_mock, watch, past) == WATCHED[:2]
    history = PowerHistory.open(past.path)
    history.end_unobserved(past.source_id, past.begin_s + 5 * HOUR)
    history.fill(past.source_id, [past.told(LOST, 190, 250)])
    history.close()
    async with start() as watch:
        rows = await imported(hass, recorder_mock, watch, past)
        assert rows[:5] == [*WATCHED, (3, 50, 60, 0), (4, 10, 70, 0)]
    async with start() as watch:
        assert (await imported(hass, recorder_mock, watch, past))[:5] == rows[:5]


async def test_an_hour_is_imported_when_it_is_over_and_again_when_an_outage_is_found_to_be_older(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = past.begin_s + 1.5 * HOUR
    monkeypatch.setattr(long_term, "time", lambda: now_s)
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED[:1]
        now_s = past.begin_s + 3 * HOUR + 60
        over = datetime.now(UTC).replace(minute=1, second=0, microsecond=0) + timedelta(hours=1)
        async_fire_time_changed(hass, over)
        assert await imported(hass, recorder_mock, watch, past) == WATCHED

        await watch.record.async_change(lambda history: history.end_unobserved(past.source_id, past.begin_s + 3 * HOUR))
        since_s = watch.record.loop_s(past.begin_s + 4.5 * HOUR)
        began = OutageEvent(
            OutageEventKind.BEGAN,
            past.source_id,
            since_s,
            None,
            end_is_estimate=False,
            evidence=(),
            reason=Reason.MOST_DOWN,
        )
        now_s = past.begin_s + 5.0 * HOUR
        async_fire_time_changed(hass, over + timedelta(hours=1))
        assert (await imported(hass, recorder_mock, watch, past))[-1] == (4, 0, 10, 100)
        watch._outage(began)
        assert (await imported(hass, recorder_mock, watch, past))[-1] == (4, 30, 40, 50)


async def test_a_history_that_was_purged_takes_nothing_from_the_statistics(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start
) -> None:
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED
        await watch.record.async_change(lambda history: history.purge(None, past.begin_s + 2.5 * HOUR))
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED


async def test_a_source_that_is_removed_takes_its_statistics_with_it(
    recorder_mock: Recorder, hass: HomeAssistant, past: Past, start: Start, watch_entry: MockConfigEntry
) -> None:
    async with start() as watch:
        assert await imported(hass, recorder_mock, watch, past) == WATCHED
        assert hass.config_entries.async_remove_subentry(watch_entry, past.source_id)
        await hass.async_block_till_done()
        assert await imported(hass, recorder_mock, watch, past) == []


async def test_without_a_recorder_there_are_none(hass: HomeAssistant, watch: MockConfigEntry) -> None:
    assert "recorder" not in hass.config.components
    source_id = next(iter(watch.subentries))
    await watch.runtime_data.async_follow_filled(watch.runtime_data.sources[source_id], 0)
    assert watch.runtime_data._long_term._task is None


def spans(*pieces: tuple[SpanKind, float, float]) -> list[Span]:
    return [Span(kind, start_s, end_s) for kind, start_s, end_s in pieces]


def test_hours_share_what_reaches_over_them() -> None:
    timeline = spans((POWERED, -500, 3000), (LOST, 3000, 8000), (UNOBSERVED, 8000, 9000), (POWERED, 9000, 99_999))
    assert hours_of(timeline, 0, 4 * HOUR) == [
        Hour(0, 600, 3000),
        Hour(HOUR, 3600, 0),
        Hour(2 * HOUR, 800, 1800),
        Hour(3 * HOUR, 0, 3600),
    ]
    assert not Hour(0).is_observed
    assert hours_of(timeline, 0, 0) == []


def test_ids_are_what_the_recorder_takes() -> None:
    for id_ in (minutes_id("01M7YSXRPEXFPQ2WXHRSH4PF95"), uptime_id("01M7YSXRPEXFPQ2WXHRSH4PF95")):
        assert valid_statistic_id(id_)
