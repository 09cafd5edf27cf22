"""The dashboard of a house: what an owner wants to see first, and what there is to set."""

from collections.abc import Sequence
from typing import Any

from .cards import Card, heading, section, tile
from .entities import Entities
from .power_page import power_page

URL_PATH = "energy-packs"

_RELAYS = {"grid_relay": "Grid", "inverter_relay": "Inverter", "load1_relay": "Load 1", "load2_relay": "Load 2"}
_HOLDERS = (("grid", "Grid"), ("inverter", "Inverter"), ("load1", "Load 1"), ("load2", "Load 2"))
_MODES = {
    "self_consumption": "Self-consumption",
    "eco": "Eco",
    "backup": "Backup",
    "import_limit": "Grid import limit",
}
_WINDOW = {"window_start": "Start of window", "window_end": "End of window"}
_LIMITS = {
    "soc_grid_connect": "Connect grid at",
    "soc_grid_disconnect": "Disconnect grid at",
    "eco_limit": "Eco limit",
    "import_limit": "Import per day",
}


def dashboard(entities: Entities, serials: Sequence[str]) -> dict[str, Any]:
    """What is, and what is wanted, each with all packs over the whole width and a column for each below; and the power."""
    house = [_house(entities), *(_pack(entities, serial) for serial in serials)]
    modes = [_all_modes(entities), *(_pack_modes(entities, serial) for serial in serials)]
    power = power_page(entities, entities.utility) if entities.utility else []
    return {
        "views": [
            {"type": "sections", "title": title, "path": path, "icon": icon, "max_columns": 3, "sections": sections}
            for title, path, icon, sections in (
                ("Energy packs", "house", "mdi:home-battery", house),
                ("Modes and limits", "modes", "mdi:tune", modes),
                ("Power", "power", "mdi:transmission-tower", power),
            )
        ]
    }


def _house(entities: Entities) -> Card:
    hub = entities.hub
    of_all = section(
        heading("The house", "mdi:home-lightning-bolt"),
        *_charge(entities.of(hub, "soc"), rows=4),
        {
            "type": "history-graph",
            "hours_to_show": 0.25,
            "entities": [
                {"entity": entities.of(hub, key), "name": name}
                for key, name in (
                    ("solar_power", "Solar"),
                    ("home_power", "Home"),
                    ("grid_power", "Grid"),
                    ("battery_power", "Battery"),
                )
            ],
            "grid_options": {"columns": 12, "rows": 4},
        },
        *_powers(entities, hub, columns=12),
    )
    return of_all | {"column_span": 3}


def _pack(entities: Entities, serial: str) -> Card:
    return section(
        heading(entities.names[serial], "mdi:battery-high", entities.of(serial, "grid")),
        _last_known(entities, serial),
        *_charge(entities.of(serial, "soc"), rows=3),
        *_powers(entities, serial, columns=6),
        tile(entities.of(serial, "load1_power"), "Load 1", "mdi:pool", "cyan"),
        tile(entities.of(serial, "load2_power"), "Load 2", "mdi:water-boiler", "cyan"),
        heading("Relays", "mdi:electric-switch", style="subtitle"),
        *(_relay(entities.of(serial, key), name) for key, name in _RELAYS.items()),
    )


def _last_known(entities: Entities, serial: str) -> Card:
    """What a pack said last, with its age, while it is not heard."""
    seen = entities.of(serial, "last_seen")
    values = " · ".join(
        f"{name} {{% set value = state_attr('{seen}', '{key}') %}}"
        f"{{{{ 'unknown' if value is none else (value | round | string) ~ ' {unit}' }}}}"
        for key, name, unit in (
            ("soc", "battery", "%"),
            ("solar_power", "solar", "W"),
            ("home_power", "home", "W"),
            ("grid_power", "grid", "W"),
        )
    )
    age = f"{{{{ relative_time(states('{seen}') | as_datetime) if has_value('{seen}') else 'an unknown time' }}}}"
    return {
        "type": "markdown",
        "content": f"**Not heard for {age}.** Last known: {values}.",
        "visibility": [{"condition": "state", "entity": entities.of(serial, "home_power"), "state": "unavailable"}],
    }


def _all_modes(entities: Entities) -> Card:
    hub = entities.hub
    of_all = section(
        heading("All packs", "mdi:home-group"),
        *(_mode(entities.of(hub, f"{mode}_mode"), name) for mode, name in _MODES.items()),
        *_time_of_use(entities, hub),
        heading("Limits of each pack", "mdi:speedometer", style="subtitle"),
        *(_number(entities.of(hub, key), name) for key, name in _LIMITS.items()),
    )
    return of_all | {"column_span": 3}


def _pack_modes(entities: Entities, serial: str) -> Card:
    return section(
        heading(entities.names[serial], "mdi:battery-high"),
        *(_mode(entities.of(serial, f"{mode}_mode"), name) for mode, name in _MODES.items()),
        *_time_of_use(entities, serial),
        heading("Limits", "mdi:speedometer", style="subtitle"),
        *(_number(entities.of(serial, key), name) for key, name in _LIMITS.items()),
        tile(entities.of(serial, "import_today"), "Import today", "mdi:transmission-tower-import", "purple"),
        _if_known(tile(entities.of(serial, "import_remaining"), "Import remaining", "mdi:gauge", "purple")),
        heading("Held by", "mdi:electric-switch", style="subtitle"),
        *(
            tile(entities.of(serial, f"{relay}_reason"), name, "mdi:electric-switch", "grey")
            for relay, name in _HOLDERS
        ),
    )


def _time_of_use(entities: Entities, owner: str) -> list[Card]:
    """The mode with the window that it needs: without one it does nothing."""
    mode = _mode(entities.of(owner, "time_of_use_mode"), "Time of use")
    return [
        heading("First time window", "mdi:clock-outline", style="subtitle"),
        mode | {"grid_options": {"columns": 12}},
        *(tile(entities.of(owner, key), name, "mdi:clock-outline", "blue") for key, name in _WINDOW.items()),
    ]


def _powers(entities: Entities, owner: str, columns: int) -> list[Card]:
    return [
        tile(entities.of(owner, key), name, icon, color, columns)
        for key, name, icon, color in (
            ("solar_power", "Solar", "mdi:solar-power", "amber"),
            ("home_power", "Home", "mdi:home", "blue"),
            ("grid_power", "Grid", "mdi:transmission-tower", "purple"),
            ("battery_power", "Battery charging", "mdi:battery-charging", "green"),
        )
    ]


def _charge(entity: str, rows: int) -> list[Card]:
    """A gauge where the charge is known; what is not, a gauge would call an error."""
    known = {"condition": "numeric_state", "entity": entity, "above": -1}
    gauge = {
        "type": "gauge",
        "entity": entity,
        "name": "Battery",
        "min": 0,
        "max": 100,
        "severity": {"red": 0, "yellow": 20, "green": 40},
        "grid_options": {"columns": 12, "rows": rows},
        "visibility": [known],
    }
    unknown = tile(entity, "Battery", "mdi:battery-unknown", "green", columns=12)
    unknown["grid_options"]["rows"] = rows
    return [gauge, unknown | {"visibility": [{"condition": "not", "conditions": [known]}]}]


def _if_known(card: Card) -> Card:
    return card | {"visibility": [{"condition": "state", "entity": card["entity"], "state_not": "unknown"}]}


def _mode(entity: str, name: str) -> Card:
    return {"type": "tile", "entity": entity, "name": name, "color": "green", "tap_action": {"action": "toggle"}}


def _number(entity: str, name: str) -> Card:
    return {"type": "tile", "entity": entity, "name": name, "color": "blue"}


def _relay(entity: str, name: str) -> Card:
    """A switch for mains power asks before it acts."""
    return {
        "type": "tile",
        "entity": entity,
        "name": name,
        "color": "green",
        "icon_tap_action": {
            "action": "toggle",
            "confirmation": {"text": f"Switch the relay '{name}' of this pack? It switches mains power."},
        },
    }
