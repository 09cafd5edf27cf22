"""Buttons: have a pack show itself, count its import anew, restart."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.frames import CommandFrame, Identify, ResetImport, Restart
from .power_watch.alerts.button import SendTestButton
from .power_watch.entities.buttons import CHECK, CheckButton
from .power_watch.entities.platform import async_add_of_sources
from .power_watch.watch import PowerWatch, PowerWatchConfigEntry

PARALLEL_UPDATES = 0

_BLINK_S = 10


@dataclass(frozen=True, kw_only=True)
class CommandButtonDescription(ButtonEntityDescription):
    """Describes a button that sends a command."""

    command: CommandFrame


IDENTIFY = CommandButtonDescription(
    key="identify",
    translation_key="identify",
    device_class=ButtonDeviceClass.IDENTIFY,
    entity_category=EntityCategory.CONFIG,
    command=Identify(seconds=_BLINK_S),
)
PACK_BUTTONS = (
    CommandButtonDescription(
        key="reset_import",
        translation_key="reset_import",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        command=ResetImport(),
    ),
    CommandButtonDescription(
        key="restart",
        translation_key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        command=Restart(),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AlfaSparkConfigEntry | PowerWatchConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add each device's buttons when it appears; or those of power sources. A gateway can show itself only."""
    if isinstance(entry.runtime_data, PowerWatch):
        async_add_of_sources(entry.runtime_data, async_add_entities, lambda source: [CheckButton(source, CHECK)])
        async_add_entities([SendTestButton(entry.runtime_data)])
        return
    hub = entry.runtime_data

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        descriptions = (IDENTIFY, *PACK_BUTTONS) if coordinator.is_pack else (IDENTIFY,)
        async_add_entities(CommandButton(coordinator, description) for description in descriptions)

    entry.async_on_unload(hub.async_on_pack(add_pack))


class CommandButton(PackEntity[None], ButtonEntity):
    """Sends a command to a pack."""

    entity_description: CommandButtonDescription

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available

    @override
    def _read(self) -> None:
        return None

    @override
    async def async_press(self) -> None:
        """Have the pack do it. Raises HomeAssistantError with the reason if it does not."""
        await self.coordinator.async_command(self.entity_description.command)
