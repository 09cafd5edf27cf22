"""Which hours the past has, and what they say of all packs together."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.house.past import Hour, hours_since_yesterday


@pytest.mark.parametrize(
    ("now", "zone", "first", "hours"),
    [
        ("2026-06-21T09:59:59+01:00", "Europe/Lisbon", "2026-06-20T00:00:00+01:00", 33),
        ("2026-06-21T00:00:00+01:00", "Europe/Lisbon", "2026-06-20T00:00:00+01:00", 24),
        # The day that has 25 hours.
        ("2026-10-26T00:30:00+00:00", "Europe/Lisbon", "2026-10-25T00:00:00+01:00", 25),
        # Statistics begin with full hours of UTC.
        ("2026-06-21T09:15:00+05:30", "Asia/Kolkata", "2026-06-19T23:30:00+05:30", 33),
    ],
)
def test_the_past_is_all_full_hours_since_yesterday(now: str, zone: str, first: str, hours: int) -> None:
    starts = hours_since_yesterday(datetime.fromisoformat(now), zone)
    assert starts == [datetime.fromisoformat(first) + number * timedelta(hours=1) for number in range(hours)]
    assert all(start.tzinfo is UTC and start.minute == 0 for start in starts)


def _hour(solar_w: float, battery_w: float, soc: float, solar_wh: float) -> Hour:
    hour = Hour()
    for _ in range(2):
        hour.add({"soc": soc, "powers_w": {"solar": solar_w, "battery": battery_w}, "energies_wh": {"solar": solar_wh}})
    return hour


def test_an_hour_of_all_packs_adds_up() -> None:
    total = Hour.of_all([_hour(1000, 400, 50, 990), _hour(500, -100, 70, 480)])
    assert total.energies_wh == {"solar_energy": 1470}
    assert total.readings == {
        "solar_power": [1500, 1500],
        "battery_power": [300, 300],
        "battery_discharge_power": [-300, -300],
        "soc": [60, 60],
    }
