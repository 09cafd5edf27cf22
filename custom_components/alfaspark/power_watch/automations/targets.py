"""Which power sources the target of a trigger or a condition means. Without a target, all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.entries import is_power_watch
from custom_components.alfaspark.events.targets import Target, TargetedDevice
from custom_components.alfaspark.power_watch.setup import sources_of
from custom_components.alfaspark.power_watch.source import PowerSource
from custom_components.alfaspark.power_watch.watch import PowerWatch


@dataclass(frozen=True, slots=True)
class SourceDevice(TargetedDevice):
    """The device of a power source, and what knows how it is."""

    id: str
    """Of its subentry."""
    source: PowerSource | None
    """None while the power watch is not loaded."""


class SourceTarget(Target[SourceDevice]):
    """Power sources."""

    what: ClassVar = "power source"

    @staticmethod
    @override
    def every(hass: HomeAssistant) -> Iterator[SourceDevice]:
        """Return all that the owner has set up."""
        registry = dr.async_get(hass)
        for entry in hass.config_entries.async_entries(DOMAIN):
            if not is_power_watch(entry):
                continue
            watch = entry.runtime_data if entry.state is ConfigEntryState.LOADED else None
            sources = watch.sources if isinstance(watch, PowerWatch) else {}
            for setup in sources_of(entry):
                device = registry.async_get_device_by_identifier((DOMAIN, setup.id), entry.entry_id)
                if device is not None:
                    yield SourceDevice(device, setup.id, sources.get(setup.id))
