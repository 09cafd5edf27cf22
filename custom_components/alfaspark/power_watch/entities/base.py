"""Base entity of a power source."""

from typing import override

from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from custom_components.alfaspark.const import DOMAIN, MANUFACTURER
from custom_components.alfaspark.power_watch.source import PowerSource


class SourceEntity(CoordinatorEntity[PowerSource]):
    """An entity of a power source. It is there as long as the power watch is: what is not known is shown as unknown."""

    _attr_has_entity_name = True

    def __init__(self, source: PowerSource, description: EntityDescription) -> None:
        """Belong to the source's device, which bears the owner's name for it."""
        super().__init__(source)
        self.entity_description = description
        self._attr_unique_id = f"{source.id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, source.id)},
            name=source.setup.name,
            manufacturer=MANUFACTURER,
            model="Power source",
            entry_type=DeviceEntryType.SERVICE,
        )

    @property
    @override
    def available(self) -> bool:
        """Whether the power is watched."""
        return True
