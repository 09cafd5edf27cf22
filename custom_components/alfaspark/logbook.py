"""What the logbook says of packs and power sources."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_ENTITY_ID, LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .events.pack_events import EVENT_ALFASPARK
from .events.words import sentence


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event[Mapping[str, Any]]], dict[str, Any]]], None],
) -> None:
    """Say how the integration's events are read."""
    registry = dr.async_get(hass)

    @callback
    def describe(event: Event[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the entry of one event, under the name that the pack or source has now."""
        device = registry.async_get(event.data.get(ATTR_DEVICE_ID, ""))
        name = (device.name_by_user or device.name) if device else None
        return {
            LOGBOOK_ENTRY_NAME: name or event.data.get("pack") or event.data.get("source", "AlfaSpark"),
            LOGBOOK_ENTRY_MESSAGE: event.data.get("words") or sentence(event.data),
            # The socket or source that it is about, if any: the entry stands beside its state.
            LOGBOOK_ENTRY_ENTITY_ID: event.data.get(ATTR_ENTITY_ID),
        }

    async_describe_event(DOMAIN, EVENT_ALFASPARK, describe)
