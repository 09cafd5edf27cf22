"""The words of alerts: templates, that the owner may change, and what they can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import TemplateError
from homeassistant.helpers.template import Template
from homeassistant.util import dt as dt_util

from .alert import Alert, AlertKind

_EVIDENCE = "{% if evidence %} Seen by: {{ evidence | join(', ') }}.{% endif %}"
_LATE = "{% if is_late %}\n\nThis was to be told at {{ at_text }} but could not be delivered then.{% endif %}"

DEFAULT_TEXTS: Mapping[AlertKind, str] = {
    AlertKind.LOST: f"{{{{ source }}}}: power lost\nPower was lost at {{{{ start_text }}}}.{_EVIDENCE}{_LATE}",
    AlertKind.RESTORED: (
        "{{ source }}: power is back\n"
        "Power was lost at {{ start_text }} and "
        "{% if end_is_estimate %}came back some time after {{ end_text }}, while nobody watched: it was away for at least "
        "{{ duration_text }}.{% else %}came back at {{ end_text }}, after {{ duration_text }}.{% endif %}"
        "{% if battery_wh is not none %} The batteries gave {{ (battery_wh / 1000) | round(2) }} kWh meanwhile.{% endif %}"
        f"{_EVIDENCE}{_LATE}"
    ),
    AlertKind.SUSPECTED: (
        "{{ source }}: is the power lost?\n"
        f"Since {{{{ start_text }}}} there are signs that power is lost, but not enough to be sure.{_EVIDENCE}{_LATE}"
    ),
    AlertKind.CLEARED: (
        f"{{{{ source }}}}: the power is there\nWhat looked like a loss of power was none.{_EVIDENCE}{_LATE}"
    ),
    AlertKind.FLAPPED: (
        "{{ source }}: power comes and goes\n"
        "Power went off {{ losses }} times since {{ start_text }}. "
        "{% if is_on %}Now it is on{% if end_text %}, since {{ end_text }}{% endif %}.{% else %}Now it is off.{% endif %}"
        f"{_LATE}"
    ),
    AlertKind.STARTED: (
        "Power watch has started\n"
        f"{{% for each in sources %}}{{{{ each.name }}}}: {{{{ each.state }}}}\n{{% endfor %}}{_LATE}"
    ),
}
"""The first line is the title."""

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Text:
    """A message."""

    title: str
    message: str


@dataclass(frozen=True, slots=True)
class TextProblem:
    """Why a template of the owner's cannot be used."""

    kind: AlertKind
    error: str


def duration_words(seconds: float) -> str:
    """Return a duration in words, in its two largest units."""
    left_s, words = max(0, round(seconds)), []
    for name, unit_s in _UNITS:
        count, left_s = divmod(left_s, unit_s)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
        elif words:
            break
    return " ".join(words[:2]) or "less than a second"


def time_words(unix_s: float, now: datetime) -> str:
    """Return a time in the owner's zone, with its date if that is not today's."""
    local = _local(unix_s)
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%H:%M:%S} on {local.day} {local:%B %Y}"


@callback
def render(
    hass: HomeAssistant, alert: Alert, template: str | None, *, is_late: bool = False
) -> tuple[Text, TextProblem | None]:
    """Return the words of an alert by the owner's template, or by the default if there is none or it fails, and why."""
    values, problem = _variables(alert, is_late), None
    if template is not None:
        try:
            return _render(hass, template, values), None
        except (TemplateError, ValueError) as error:
            # What went wrong in the template says more without the name of Python's exception before it.
            problem = TextProblem(alert.kind, str(error.__cause__ or error))
    return _render(hass, DEFAULT_TEXTS[alert.kind], values), problem


def sample(kind: AlertKind) -> Alert:
    """Return an alert to try a template with."""
    now_s = dt_util.utcnow().timestamp()
    end_s = now_s if kind in (AlertKind.RESTORED, AlertKind.FLAPPED) else None
    is_on = kind is not AlertKind.LOST
    sources = (("Utility", "powered"),)
    return Alert(kind, "", "Utility", now_s, now_s - 3600, end_s, False, ("Grid sense",), 500.0, 2, is_on, sources)


def _render(hass: HomeAssistant, template: str, values: dict[str, Any]) -> Text:
    rendered = str(Template(template, hass).async_render(values, parse_result=False, strict=True)).strip()
    title, _, message = rendered.partition("\n")
    if not title.strip():
        raise ValueError("The text is empty.")
    return Text(title.strip(), message.strip() or title.strip())


def _variables(alert: Alert, is_late: bool) -> dict[str, Any]:
    now = dt_util.now()
    duration_s = None if alert.end_s is None else max(0.0, alert.end_s - alert.start_s)
    return {
        "kind": alert.kind.value,
        "source": alert.name,
        "start": _local(alert.start_s),
        "start_text": time_words(alert.start_s, now),
        "end": None if alert.end_s is None else _local(alert.end_s),
        "end_text": None if alert.end_s is None else time_words(alert.end_s, now),
        "end_is_estimate": alert.end_is_estimate,
        "duration_s": duration_s,
        "duration_text": None if duration_s is None else duration_words(duration_s),
        "evidence": list(alert.evidence),
        "battery_wh": alert.battery_wh,
        "losses": alert.losses,
        "is_on": alert.is_on,
        "sources": [{"name": name, "state": state} for name, state in alert.sources],
        "at": _local(alert.at_s),
        "at_text": time_words(alert.at_s, now),
        "is_late": is_late,
    }


def _local(unix_s: float) -> datetime:
    return dt_util.as_local(dt_util.utc_from_timestamp(unix_s))
