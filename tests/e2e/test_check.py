"""The demo's check complains about what an owner would complain about."""

import pytest

from scripts.house.check import energy_problems, log_problems


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
