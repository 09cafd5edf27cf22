"""Buttons: have a pack show itself."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.frames import Identify

PARALLEL_UPDATES = 0

_BLINK_S = 10

IDENTIFY = ButtonEntityDescription(
    key="identify",
    translation_key="identify",
    device_class=ButtonDeviceClass.IDENTIFY,
    entity_category=EntityCategory.CONFIG,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add each device's button when it appears."""

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        async_add_entities([IdentifyButton(coordinator, IDENTIFY)])

    entry.async_on_unload(entry.runtime_data.async_on_pack(add_pack))


class IdentifyButton(PackEntity[None], ButtonEntity):
    """Lets the bar and LEDs of a pack blink, so that the owner sees which one it is."""

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available

    @override
    def _read(self) -> None:
        return None

    @override
    async def async_press(self) -> None:
        """Blink for 10 s. Raises HomeAssistantError with the reason if the pack does not."""
        await self.coordinator.async_command(Identify(seconds=_BLINK_S))
