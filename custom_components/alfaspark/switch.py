"""Switches: the four relays of each pack, by hand."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.components.switch.const import SwitchDeviceClass
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.frames import DeviceType, Relay, SetRelay

# The client lets one command at a time out to each pack; packs do not wait for each other.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RelaySwitchDescription(SwitchEntityDescription):
    """Describes the switch of a relay."""

    relay: Relay


RELAY_SWITCHES = tuple(
    RelaySwitchDescription(
        key=f"{relay.name.lower()}_relay",
        translation_key=f"{relay.name.lower()}_relay",
        device_class=SwitchDeviceClass.SWITCH,
        relay=relay,
    )
    for relay in Relay
)


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add each pack's relays when it appears. A gateway has none."""

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.data.device_type is DeviceType.ENERGY_PACK:
            async_add_entities(RelaySwitch(coordinator, description) for description in RELAY_SWITCHES)

    entry.async_on_unload(entry.runtime_data.async_on_pack(add_pack))


class RelaySwitch(PackEntity[bool], SwitchEntity):
    """A relay. On is closed, as the pack reports it: what was asked for is never shown."""

    entity_description: RelaySwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the pack last reported the relay closed."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.coordinator.data.status is not None

    @override
    def _read(self) -> bool | None:
        status = self.coordinator.data.status
        return None if status is None else bool(status.relays & 1 << self.entity_description.relay)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Close the relay. Raises HomeAssistantError with the reason if the pack does not."""
        await self.coordinator.async_command(SetRelay(relay=self.entity_description.relay, closed=True))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Open the relay. Raises HomeAssistantError with the reason if the pack does not."""
        await self.coordinator.async_command(SetRelay(relay=self.entity_description.relay, closed=False))
