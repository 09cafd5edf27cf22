"""Button of the power watch itself: send a test alert."""

from typing import TYPE_CHECKING, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo

from custom_components.alfaspark.const import DOMAIN, MANUFACTURER, POWER_WATCH

if TYPE_CHECKING:
    from custom_components.alfaspark.power_watch.watch import PowerWatch

TEST_ALERT = ButtonEntityDescription(
    key="test_alert", translation_key="test_alert", entity_category=EntityCategory.DIAGNOSTIC
)


class SendTestButton(ButtonEntity):
    """Sends a test to all that alerts go to."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, watch: PowerWatch) -> None:
        """Belong to the power watch's own device."""
        entry_id = watch.entry.entry_id
        self.entity_description = TEST_ALERT
        self._watch = watch
        self._attr_unique_id = f"{entry_id}_{TEST_ALERT.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, entry_id)},
            translation_key=POWER_WATCH,
            manufacturer=MANUFACTURER,
            entry_type=DeviceEntryType.SERVICE,
        )

    @override
    async def async_press(self) -> None:
        """Send it now. Raises HomeAssistantError that names what did not take it, and why."""
        await self._watch.alerts.async_send_test()
