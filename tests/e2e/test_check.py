"""The demo's check complains about what an owner would complain about."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.house.check import energy_problems, log_problems, steps
from scripts.house.past_import import Seam


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20 23:20:47 ERROR (MainThread) [custom_components.alfaspark.hub] Unexpected",
        "2026-11-20 23:20:47 ERROR (MainThread) [homeassistant] Error in custom_components/alfaspark/hub.py",
        "2026-11-20 23:20:47 WARNING (MainThread) [custom_components.alfaspark.hub] Energy pack is not heard any more",
        "2026-11-20 23:20:47 WARNING (MainThread) [homeassistant.util.loop] Detected blocking call to open",
        "2026-11-20 23:20:47 ERROR (MainThread) [homeassistant.setup] Setup failed for 'usb': No module named 'serialx'",
    ],
)
def test_a_bad_line_of_the_log_is_a_problem(line: str) -> None:
    assert log_problems(["something else", line]) == [f"Log: {line}"]


def test_other_lines_are_none() -> None:
    assert not log_problems(
        [
            "2026-11-20 23:20:47 WARNING (SyncWorker_0) [homeassistant.loader] We found a custom integration alfaspark",
            "2026-11-20 23:20:47 INFO (MainThread) [custom_components.alfaspark.hub] Energy pack is heard again",
            "2026-11-20 23:20:47 ERROR (MainThread) [haffmpeg.core] FFmpeg fails",
        ]
    )


@pytest.mark.parametrize(("statistics_due", "expected"), [(False, 1), (True, 2)])
def test_missing_statistics_are_a_problem_once_they_are_due(statistics_due: bool, expected: int) -> None:
    validation = {
        "energy_sources": [[{"type": "statistics_not_defined", "affected_entities": [["sensor.a", None]]}]],
        "device_consumption": [[], [{"type": "entity_unavailable", "affected_entities": [["sensor.b", None]]}]],
        "device_consumption_water": [],
    }
    assert len(energy_problems(validation, statistics_due=statistics_due)) == expected


SEAM = Seam(datetime(2026, 11, 21, 7, tzinfo=UTC), {"sensor.grid": 21.5}, {"sensor.grid": "kWh"})


def _row(hour: float, change: float, total: float, state: float) -> dict[str, float]:
    start = SEAM.hour + timedelta(hours=hour)
    return {"start": start.timestamp() * 1000, "change": change, "sum": total, "state": state}


HOURLY = [_row(-2, 20.5, 20.5, -0.5), _row(-1, 1.0, 21.5, 0.5)]
LIVE = [_row(0, 0.1, 21.6, 0.6), _row(1 / 12, 0.0, 21.6, 0.6)]


def test_statistics_that_join_are_no_problem() -> None:
    assert not steps("sensor.grid", HOURLY, LIVE, SEAM)


@pytest.mark.parametrize(
    ("hourly", "live"),
    [
        ([], LIVE),
        (HOURLY, []),
        # Live sums that began at 0, as Home Assistant makes them.
        (HOURLY, [_row(0, -21.4, 0.1, 0.6)]),
        (HOURLY, [_row(0, 0.1, 21.6, 0.4)]),
        (HOURLY, [_row(0, 21.6, 43.1, 0.6)]),
        (HOURLY, [*LIVE, _row(2 / 12, -0.1, 21.5, 0.6)]),
        ([_row(-2, -1.0, -1.0, -1.0), _row(-1, 22.5, 21.5, 0.5)], LIVE),
        ([*HOURLY, _row(0, -21.4, 0.1, 0.6)], LIVE),
    ],
)
def test_a_step_in_the_statistics_is_a_problem(hourly: list[dict[str, float]], live: list[dict[str, float]]) -> None:
    assert steps("sensor.grid", hourly, live, SEAM)
