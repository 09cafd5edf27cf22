"""Events: what happens to power sources."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .power_watch.entities.events import OUTAGE, OutageEvent
from .power_watch.entities.platform import async_add_of_sources
from .power_watch.watch import PowerWatchConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: PowerWatchConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add each power source's event."""
    async_add_of_sources(entry.runtime_data, async_add_entities, lambda source: [OutageEvent(source, OUTAGE)])
