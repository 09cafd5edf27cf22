"""Sentences about power sources."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.alfaspark.outages.model import Reason
from custom_components.alfaspark.power_watch.news import PowerEvent, PowerNews, few
from custom_components.alfaspark.power_watch.words import sentence

START_S = 1_795_000_000.0
NEWS = PowerNews("id", "Utility", PowerEvent.LOST, Reason.MOST_DOWN, START_S, evidence=("Kitchen", "Freezer"))
BACK = replace(NEWS, event=PowerEvent.RESTORED, end_s=START_S + 3_720)


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (NEWS, "lost power at 03:06:40 (seen by: Kitchen, Freezer)"),
        (replace(NEWS, evidence=()), "lost power at 03:06:40"),
        (BACK, "has power again since 04:08:40: it was away from 03:06:40, for 1 hour 2 minutes"),
        (
            replace(BACK, battery_wh=1234.0),
            "has power again since 04:08:40: it was away from 03:06:40, for 1 hour 2 minutes; the batteries gave 1.23 kWh",
        ),
        (
            replace(BACK, end_is_estimate=True),
            "has power again, since some time after 04:08:40: it was away from 03:06:40, for at least 1 hour 2 minutes",
        ),
        (replace(BACK, end_s=None), "has power again"),
        (
            replace(NEWS, event=PowerEvent.SUSPECTED),
            "may have lost power at 03:06:40 (seen by: Kitchen, Freezer)",
        ),
        (
            replace(NEWS, event=PowerEvent.CLEARED),
            "has power: what looked like a loss was none (seen by: Kitchen, Freezer)",
        ),
        (
            replace(NEWS, event=PowerEvent.UNKNOWN),
            "may have power or not: nobody can tell since 03:06:40",
        ),
    ],
)
async def test_sentences(hass: HomeAssistant, news: PowerNews, said: str) -> None:
    now = dt_util.as_local(dt_util.utc_from_timestamp(START_S + 4_000))
    assert sentence(news, now) == said


async def test_another_day_is_named(hass: HomeAssistant) -> None:
    now = dt_util.as_local(dt_util.utc_from_timestamp(START_S + 2 * 86_400))
    assert sentence(replace(NEWS, evidence=()), now) == "lost power at 03:06:40 on 18 November 2026"


def test_many_checkpoints_are_not_all_named() -> None:
    """Three thousand names would be more than a push message, and the recorder, can hold."""
    names = [f"Plug {number}" for number in range(3000)]
    assert few(names) == (*names[:10], "and 2990 more")
    assert few(names[:10]) == tuple(names[:10])
    assert few([]) == ()
