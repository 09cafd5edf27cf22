"""How entities of power sources come into being."""

from collections.abc import Callable, Iterable

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from custom_components.alfaspark.power_watch.source import PowerSource
from custom_components.alfaspark.power_watch.watch import PowerWatch


@callback
def async_add_of_sources(
    watch: PowerWatch,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[PowerSource], Iterable[Entity]],
) -> None:
    """Add the entities of each source, now and when one is added."""

    @callback
    def add(source: PowerSource) -> None:
        async_add_entities(make(source), config_subentry_id=source.id)

    watch.entry.async_on_unload(watch.async_on_source(add))
