"""The cards of which the pages of the dashboard are made."""

from typing import Any

type Card = dict[str, Any]


def section(*cards: Card) -> Card:
    """A column of cards."""
    return {"type": "grid", "cards": list(cards)}


def heading(text: str, icon: str, badge: str | None = None, style: str = "title") -> Card:
    """A heading; `badge` is the entity that says whether the grid is there."""
    badges = [{"type": "entity", "entity": badge, "show_state": True, "name": "Grid"}] if badge else []
    return {"type": "heading", "heading": text, "icon": icon, "heading_style": style, "badges": badges}


def tile(entity: str, name: str, icon: str, color: str, columns: int = 6) -> Card:
    """One entity. A section has 12 columns."""
    return {
        "type": "tile",
        "entity": entity,
        "name": name,
        "icon": icon,
        "color": color,
        "grid_options": {"columns": columns},
    }
