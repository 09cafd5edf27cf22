"""The dashboard and the Energy panel of a house: what an owner wants to see first."""

import asyncio
from collections.abc import Sequence

from . import HouseError
from .api import Api
from .dashboard import URL_PATH, dashboard
from .entities import Entities
from .storage import DOMAIN

CAPACITY_KWH = 14.3
"""Of each simulated battery: 16 cells of 280 Ah (battery.hpp)."""

_OFFER_S = 20.0


async def set_up(api: Api, entities: Entities, serials: Sequence[str]) -> None:
    """Make the dashboard, the first page that Home Assistant shows, and tell the Energy panel what measures what."""
    await _accept_offer(api, [entities.names[serial] for serial in serials])
    for serial in serials:
        capacity = {"entity_id": entities.of(serial, "battery_capacity"), "value": CAPACITY_KWH}
        await api.call("call_service", domain="number", service="set_value", service_data=capacity)
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
