"""The page that shows whether the power is there, and was."""

from .cards import Card, heading, section, tile
from .entities import Entities

_NOW = (
    ("reason", "Why", "mdi:comment-question-outline", "grey"),
    ("battery_runtime", "Battery lasts", "mdi:battery-clock", "green"),
    ("outage_battery_energy", "From the battery", "mdi:battery-minus", "purple"),
)
_LAST = (
    ("last_outage", "Last outage", "mdi:flash-off", "grey"),
    ("last_outage_duration", "It lasted", "mdi:timer-outline", "grey"),
    ("outages_month", "Outages this month", "mdi:counter", "grey"),
    ("longest_outage_month", "Longest this month", "mdi:timer-alert-outline", "grey"),
)
_UPTIMES = {"day": "Today", "week": "This week", "month": "This month", "year": "This year"}


def power_page(entities: Entities, source: str) -> list[Card]:
    """A timeline of outages over the whole width, and below it what is, what was last, and the uptimes."""
    power = entities.of(source, "power")
    timeline = section(
        heading("Is the power there?", "mdi:transmission-tower"),
        *_state(entities.of(source, "state"), entities.names[source]),
        _timeline(power, "Last hour", 1),
        _timeline(power, "Last day", 24),
        _timeline(power, "Last week", 168),
    )
    return [
        timeline | {"column_span": 3},
        section(
            heading("Now", "mdi:flash"),
            *(tile(entities.of(source, key), name, icon, color) for key, name, icon, color in _NOW),
        ),
        section(
            heading("Outages", "mdi:flash-off"),
            *(tile(entities.of(source, key), name, icon, color) for key, name, icon, color in _LAST),
        ),
        section(
            heading("Uptime", "mdi:percent-outline"),
            *(
                tile(entities.of(source, f"uptime_{period}"), name, "mdi:percent-outline", "blue")
                for period, name in _UPTIMES.items()
            ),
        ),
    ]


def _state(entity: str, name: str) -> list[Card]:
    """One tile at a time: what it says is seen by its color from across the room."""
    looks = (
        ("powered", "mdi:transmission-tower", "green"),
        ("suspect", "mdi:transmission-tower-export", "orange"),
        ("lost", "mdi:transmission-tower-off", "red"),
        ("unknown", "mdi:help-network", "grey"),
    )
    return [
        tile(entity, name, icon, color, columns=12)
        | {"visibility": [{"condition": "state", "entity": entity, "state": state}]}
        for state, icon, color in looks
    ]


def _timeline(power: str, title: str, hours: int) -> Card:
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": hours,
        "entities": [{"entity": power, "name": "Power"}],
        "grid_options": {"columns": 12, "rows": 2},
    }
