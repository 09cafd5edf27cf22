"""Buttons of the power watch: look now, and send a test alert."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory

from .base import SourceEntity

CHECK = ButtonEntityDescription(key="check", translation_key="check_source", entity_category=EntityCategory.DIAGNOSTIC)


class CheckButton(SourceEntity, ButtonEntity):
    """Looks at all checkpoints of a source now."""

    @override
    async def async_press(self) -> None:
        """Look, and come back when all have answered or were given up."""
        await self.coordinator.watch.async_check_source(self.coordinator.id)
