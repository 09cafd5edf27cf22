"""Base entities: they follow a coordinator and write their state when it moved."""

from abc import abstractmethod
from dataclasses import replace
from typing import override

from homeassistant.const import Platform
from homeassistant.core import Context, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import BusCoordinator, PackCoordinator

_SETTABLE = (Platform.NUMBER, Platform.SELECT, Platform.SWITCH, Platform.TIME)
"""What these show, somebody may have set; a measurement is nobody's doing."""


class AlfaSparkEntity[CoordinatorT: PackCoordinator | BusCoordinator, ReadingT](CoordinatorEntity[CoordinatorT]):
    """An entity that shows one reading of its coordinator.

    Frames arrive many times a second. The state machine, and with it the owner's database, hears of a reading only when
    its availability or value moved.
    """

    _attr_has_entity_name = True

    def __init__(self, coordinator: CoordinatorT, description: EntityDescription, owner: str) -> None:
        """Belong to the device that the hub registered with the identifier `owner`."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{owner}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, owner)})
        self._available = False
        self._shown: ReadingT | None = None
        self._shown_at_s = 0.0

    @property
    @override
    def available(self) -> bool:
        """Whether the reading was heard lately."""
        return self._available

    @abstractmethod
    def _is_available(self) -> bool:
        """Return whether the coordinator has a fresh reading for this entity."""

    @abstractmethod
    def _read(self) -> ReadingT | None:
        """Return the fresh reading, None where the sender does not know it."""

    def _has_moved(self, reading: ReadingT | None) -> bool:
        """Return whether the reading differs enough from the one shown to be written."""
        return reading != self._shown

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the coordinator; Home Assistant writes the first state itself."""
        await super().async_added_to_hass()
        self._follow()

    @callback
    @override
    def async_set_context(self, context: Context) -> None:
        """Take note of who uses this entity: it may move others of its device, and those of all packs."""
        super().async_set_context(context)
        self.coordinator.async_act_for(context)

    @property
    def _tells_who(self) -> bool:
        """Whether what is shown may be somebody's doing, so that Activity shall name them."""
        return self.platform.domain in _SETTABLE

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        if self._follow():
            if self._tells_who and (context := self.coordinator.acting.context) is not None:
                super().async_set_context(context)
            self.async_write_ha_state()

    def _follow(self) -> bool:
        """Take over the coordinator's reading; return whether there is something to write."""
        available = self._is_available()
        moved = available != self._available
        self._available = available
        if available:
            reading = self._read()
            moved = moved or self._has_moved(reading)
            if moved:
                self._shown = reading
                self._shown_at_s = self.hass.loop.time()
        return moved


def of_all_packs[DescriptionT: EntityDescription](description: DescriptionT) -> DescriptionT:
    """Return the description of the entity that stands for the same thing of all packs, under a name that says so."""
    return replace(description, translation_key=f"house_{description.translation_key}")


class PackEntity[ReadingT](AlfaSparkEntity[PackCoordinator, ReadingT]):
    """An entity of one energy pack or gateway."""

    def __init__(self, coordinator: PackCoordinator, description: EntityDescription) -> None:
        """Belong to the pack's device."""
        super().__init__(coordinator, description, coordinator.serial)


class BusEntity[ReadingT](AlfaSparkEntity[BusCoordinator, ReadingT]):
    """An entity of the hub device: the bus, and the packs on it together."""

    def __init__(self, coordinator: BusCoordinator, description: EntityDescription) -> None:
        """Belong to the hub device."""
        super().__init__(coordinator, description, coordinator.config_entry.entry_id)
