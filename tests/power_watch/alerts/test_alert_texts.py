"""The words of alerts."""

from dataclasses import replace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.alfaspark.power_watch.alerts.alert import Alert, AlertKind
from custom_components.alfaspark.power_watch.alerts.texts import DEFAULT_TEXTS, Text, duration_words, render, sample


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "less than a second"),
        (0.4, "less than a second"),
        (1, "1 second"),
        (59.6, "1 minute"),
        (125, "2 minutes 5 seconds"),
        (3600, "1 hour"),
        (3605, "1 hour"),
        (7260, "2 hours 1 minute"),
        (90_000, "1 day 1 hour"),
        (864_000, "10 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.fixture
async def noon(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> float:
    """Have noon in Vienna; Unix seconds."""
    await hass.config.async_set_time_zone("Europe/Vienna")
    freezer.move_to("2026-11-21 11:00:00+00:00")
    return dt_util.utcnow().timestamp()


_BACK = "Power was lost at 11:00:00 and came back at 11:50:00, after 50 minutes. The batteries gave 0.0 kWh meanwhile."
LOST = Alert(AlertKind.LOST, "a", "Utility", 0, 0, evidence=("Router", "Freezer"))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (AlertKind.LOST, {}, "Utility: power lost\nPower was lost at 11:00:00. Seen by: Router, Freezer."),
        (AlertKind.LOST, {"evidence": ()}, "Utility: power lost\nPower was lost at 11:00:00."),
        (
            AlertKind.RESTORED,
            {"battery_wh": 0.0, "evidence": ()},
            f"Utility: power is back\n{_BACK}",
        ),
        (
            AlertKind.FLAPPED,
            {"losses": 7, "is_on": True},
            "Utility: power comes and goes\nPower went off 7 times since 11:00:00. Now it is on, since 11:50:00.",
        ),
        (
            AlertKind.FLAPPED,
            {"losses": 7, "end_s": None},
            "Utility: power comes and goes\nPower went off 7 times since 11:00:00. Now it is off.",
        ),
        (
            AlertKind.STARTED,
            {"sources": (("Utility", "powered"), ("UPS", "not known"))},
            "Power watch has started\nUtility: powered\nUPS: not known",
        ),
    ],
)
async def test_default_texts(
    hass: HomeAssistant, noon: float, kind: AlertKind, changes: dict[str, Any], words: str
) -> None:
    alert = replace(LOST, kind=kind, at_s=noon, start_s=noon - 3600, end_s=noon - 600)
    title, _, message = words.partition("\n")
    assert render(hass, replace(alert, **changes), None) == (Text(title, message), None)


async def test_another_day_is_said(hass: HomeAssistant, noon: float) -> None:
    text, _ = render(hass, replace(LOST, start_s=noon - 86_400, evidence=()), None)
    assert text.message == "Power was lost at 12:00:00 on 20 November 2026."


async def test_one_that_is_late_says_so(hass: HomeAssistant, noon: float) -> None:
    text, _ = render(hass, replace(LOST, start_s=noon - 600, at_s=noon - 590, evidence=()), None, is_late=True)
    assert text.message == (
        "Power was lost at 11:50:00.\n\nThis was to be told at 11:50:10 but could not be delivered then."
    )


@pytest.mark.parametrize("kind", AlertKind)
async def test_every_default_text_takes_its_sample(hass: HomeAssistant, kind: AlertKind) -> None:
    for is_late in (False, True):
        text, problem = render(hass, sample(kind), DEFAULT_TEXTS[kind], is_late=is_late)
        assert problem is None
        assert text.title and text.message
        assert "None" not in text.title + text.message


@pytest.mark.parametrize("template", ["{{ sauce }}", "{{ 1 / 0 }}", "{{ source", "   ", "{{ none }}x{{ start + 1 }}"])
async def test_a_template_that_fails_gives_the_default(hass: HomeAssistant, noon: float, template: str) -> None:
    text, problem = render(hass, replace(LOST, start_s=noon), template)
    assert text.title == "Utility: power lost"
    assert problem is not None and problem.kind is AlertKind.LOST and problem.error


async def test_a_text_of_one_line_is_title_and_message(hass: HomeAssistant) -> None:
    assert render(hass, LOST, "{{ source }} is dark") == (Text("Utility is dark", "Utility is dark"), None)
