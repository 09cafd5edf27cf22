"""Switches: the four relays of each pack, by hand, and its modes; the modes of all packs together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.components.switch.const import SwitchDeviceClass
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import BusEntity, PackEntity, of_all_packs
from .hub import AlfaSparkConfigEntry
from .packbus.frames import Mode, Reason, Relay, SetRelay

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


@dataclass(frozen=True, kw_only=True)
class ModeSwitchDescription(SwitchEntityDescription):
    """Describes the switch of a mode."""

    mode: Mode


MODE_SWITCHES = tuple(
    ModeSwitchDescription(
        key=f"{mode.name.lower()}_mode",
        translation_key=f"{mode.name.lower()}_mode",
        device_class=SwitchDeviceClass.SWITCH,
        mode=mode,
    )
    for mode in Mode
)


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the modes of all packs, and each pack's relays and modes when it appears. A gateway has none."""
    hub = entry.runtime_data
    async_add_entities(HouseModeSwitch(hub.bus, of_all_packs(description)) for description in MODE_SWITCHES)

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.is_pack:
            async_add_entities(RelaySwitch(coordinator, description) for description in RELAY_SWITCHES)
            async_add_entities(ModeSwitch(coordinator, description) for description in MODE_SWITCHES)

    entry.async_on_unload(hub.async_on_pack(add_pack))


class RelaySwitch(PackEntity[tuple[bool, Reason]], SwitchEntity):
    """A relay. On is closed, as the pack reports it: what was asked for is never shown.

    A mode that owns the relay says so in the attribute `reason`.
    """

    entity_description: RelaySwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the pack last reported the relay closed."""
        return None if self._shown is None else self._shown[0]

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Who holds the relay, and why."""
        return None if self._shown is None else {"reason": self._shown[1].name.lower()}

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.coordinator.data.status is not None

    @override
    def _read(self) -> tuple[bool, Reason] | None:
        pack, relay = self.coordinator.data, self.entity_description.relay
        closed, reason = pack.is_closed(relay), pack.reason_of(relay)
        return None if closed is None or reason is None else (closed, reason)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Close the relay. Raises HomeAssistantError with the reason if the pack does not."""
        await self._async_set(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Open the relay. Raises HomeAssistantError with the reason if the pack does not."""
        await self._async_set(False)

    async def _async_set(self, closed: bool) -> None:
        relay = self.entity_description.relay
        await self.coordinator.async_command(SetRelay(relay=relay, closed=closed))
        await self.coordinator.async_shown(lambda pack: pack.is_closed(relay) is closed)


class ModeSwitch(PackEntity[bool], SwitchEntity):
    """A mode of a pack, as the pack reports it."""

    entity_description: ModeSwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the pack last reported the mode on."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.coordinator.data.status is not None

    @override
    def _read(self) -> bool | None:
        return self.coordinator.data.has_mode(self.entity_description.mode)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn the mode on. Raises HomeAssistantError with the reason if the pack does not."""
        await self.coordinator.async_set_mode(self.entity_description.mode, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn the mode off. Raises HomeAssistantError with the reason if the pack does not."""
        await self.coordinator.async_set_mode(self.entity_description.mode, False)


class HouseModeSwitch(BusEntity[bool], SwitchEntity):
    """A mode of all packs; unknown while they differ."""

    entity_description: ModeSwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether all present packs report the mode on."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.connected and bool(self.coordinator.packs)

    @override
    def _read(self) -> bool | None:
        modes = {pack.data.has_mode(self.entity_description.mode) for pack in self.coordinator.packs}
        return modes.pop() if len(modes) == 1 else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn the mode of every pack on. Raises HomeAssistantError naming the packs that did not, with their reasons."""
        await self.coordinator.hub.async_set_mode_of_all(self.entity_description.mode, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn the mode of every pack off. Raises HomeAssistantError naming the packs that did not, with their reasons."""
        await self.coordinator.hub.async_set_mode_of_all(self.entity_description.mode, False)
