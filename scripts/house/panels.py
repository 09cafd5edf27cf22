"""The dashboard and the Energy panel of a house: what an owner wants to see first."""

import asyncio
from collections.abc import Sequence
from typing import Any

from . import HouseError
from .api import Api
from .entities import Entities
from .storage import DOMAIN

URL_PATH = "energy-packs"

_OFFER_S = 20.0

_RELAYS = {"grid_relay": "Grid", "inverter_relay": "Inverter", "load1_relay": "Load 1", "load2_relay": "Load 2"}

type Card = dict[str, Any]


async def set_up(api: Api, entities: Entities, serials: Sequence[str]) -> None:
    """Make the dashboard, the first page that Home Assistant shows, and tell the Energy panel what measures what."""
    await _accept_offer(api, [entities.names[serial] for serial in serials])
    await api.call(
        "lovelace/dashboards/create",
        url_path=URL_PATH,
        title="Energy packs",
        icon="mdi:home-battery",
        show_in_sidebar=True,
        require_admin=False,
    )
    await api.call("lovelace/config/save", url_path=URL_PATH, config=dashboard(entities, serials))
    await api.call("frontend/set_system_data", key="core", value={"default_panel": URL_PATH})


async def _accept_offer(api: Api, names: Sequence[str]) -> None:
    """Have the packs added to the Energy panel as an owner would: by the repair that offers it.

    Raises HouseError if nothing is offered for all of the packs, or if it is not carried out.
    """
    offered = "nothing"
    try:
        async with asyncio.timeout(_OFFER_S):
            while not all(name in offered for name in names):
                await asyncio.sleep(0.2)
                for issue in (await api.call("repairs/list_issues"))["issues"]:
                    if issue["domain"] == DOMAIN and issue["translation_key"] == "energy_panel":
                        issue_id, offered = issue["issue_id"], issue["translation_placeholders"]["packs"]
    except TimeoutError:
        raise HouseError(f"No repair offers to add {', '.join(names)} to the Energy panel, but {offered}") from None
    question = await api.post("/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue_id})
    result = await api.post(f"/api/repairs/issues/fix/{question['flow_id']}", {})
    if result["type"] != "create_entry":
        raise HouseError(f"The Energy panel's repair ends with {result}")


def dashboard(entities: Entities, serials: Sequence[str]) -> dict[str, Any]:
    """The house over the whole width, and below it a column for each pack."""
    sections = [_house(entities), *(_pack(entities, serial) for serial in serials)]
    view = {"type": "sections", "title": "Energy packs", "path": "house", "max_columns": 3, "sections": sections}
    return {"views": [view]}


def _house(entities: Entities) -> Card:
    hub = entities.hub
    section = _section(
        _heading("The house", "mdi:home-lightning-bolt"),
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
    return section | {"column_span": 3}


def _pack(entities: Entities, serial: str) -> Card:
    return _section(
        _heading(entities.names[serial], "mdi:battery-high", entities.of(serial, "grid")),
        *_charge(entities.of(serial, "soc"), rows=3),
        *_powers(entities, serial, columns=6),
        _tile(entities.of(serial, "load1_power"), "Load 1", "mdi:pool", "cyan"),
        _tile(entities.of(serial, "load2_power"), "Load 2", "mdi:water-boiler", "cyan"),
        _heading("Relays", "mdi:electric-switch", style="subtitle"),
        *(_relay(entities.of(serial, key), name) for key, name in _RELAYS.items()),
    )


def _powers(entities: Entities, owner: str, columns: int) -> list[Card]:
    return [
        _tile(entities.of(owner, key), name, icon, color, columns)
        for key, name, icon, color in (
            ("solar_power", "Solar", "mdi:solar-power", "amber"),
            ("home_power", "Home", "mdi:home", "blue"),
            ("grid_power", "Grid", "mdi:transmission-tower", "purple"),
            ("battery_power", "Battery charging", "mdi:battery-charging", "green"),
        )
    ]


def _section(*cards: Card) -> Card:
    return {"type": "grid", "cards": list(cards)}


def _heading(text: str, icon: str, badge: str | None = None, style: str = "title") -> Card:
    badges = [{"type": "entity", "entity": badge, "show_state": True, "name": "Grid"}] if badge else []
    return {"type": "heading", "heading": text, "icon": icon, "heading_style": style, "badges": badges}


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
    tile = _tile(entity, "Battery", "mdi:battery-unknown", "green", columns=12)
    tile["grid_options"]["rows"] = rows
    return [gauge, tile | {"visibility": [{"condition": "not", "conditions": [known]}]}]


def _tile(entity: str, name: str, icon: str, color: str, columns: int = 6) -> Card:
    return {
        "type": "tile",
        "entity": entity,
        "name": name,
        "icon": icon,
        "color": color,
        "grid_options": {"columns": columns},
    }


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
