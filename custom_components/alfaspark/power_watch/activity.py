"""What Activity says of a power source: how long it was away, and who saw it; the rows of its entities do not."""

from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.events.pack_events import EVENT_ALFASPARK

from .entities.binary_sensors import POWER
from .news import SIGNAL_POWER_NEWS, PowerEvent, PowerNews
from .words import sentence

_TOLD: Final = (PowerEvent.LOST, PowerEvent.RESTORED)
"""All else is shown by the state of an entity."""


@callback
def async_follow_activity(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Write begin and end of each outage into Activity, beside whether there is power, until the entry is unloaded."""

    @callback
    def follow(news: PowerNews) -> None:
        identifier = (DOMAIN, news.source_id)
        device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
        if news.event not in _TOLD or device is None:
            return
        unique_id = f"{news.source_id}_{POWER.key}"
        told = {
            ATTR_DEVICE_ID: device.id,
            ATTR_ENTITY_ID: er.async_get(hass).async_get_entity_id(Platform.BINARY_SENSOR, DOMAIN, unique_id),
            "source": news.name,
            "kind": news.event.value,
            "words": sentence(news, dt_util.now()),
        }
        hass.bus.async_fire(EVENT_ALFASPARK, told)

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_POWER_NEWS, follow))
