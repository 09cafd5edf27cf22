"""Which devices the target of a trigger or a condition means: packs, or others. Without a target, all of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
import logging
from typing import Any, ClassVar, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import SelectedEntities, TargetSelection, async_extract_referenced_entity_ids
import probatio

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.hub import Hub

_LOGGER = logging.getLogger(__name__)

CONF_CODE = "code"
CONF_PERCENT = "percent"

_GROUP = "group"


def names(kind: type[IntEnum]) -> list[str]:
    """Return how the values of an enumeration are written in a configuration."""
    return [member.name.lower() for member in kind]


@dataclass(frozen=True, slots=True)
class TargetedDevice:
    """A device that a target can mean."""

    device: dr.DeviceEntry


@dataclass(frozen=True, slots=True)
class PackDevice(TargetedDevice):
    """The device of a pack or gateway, and the coordinator that knows how it is."""

    coordinator: PackCoordinator | None
    """None while the adapter's entry is not loaded, or does not know the pack."""


def pack_devices(hass: HomeAssistant) -> Iterator[PackDevice]:
    """Return the devices of all packs and gateways, also of entries that are not loaded."""
    registry = dr.async_get(hass)
    for entry in hass.config_entries.async_entries(DOMAIN):
        hub = entry.runtime_data if entry.state is ConfigEntryState.LOADED else None
        packs = hub.packs if isinstance(hub, Hub) else {}
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            serials = [identifier for domain, identifier in device.identifiers if domain == DOMAIN]
            if device.via_device_id is not None and serials:
                yield PackDevice(device, packs.get(serials[0]))


class Target[DeviceT: TargetedDevice](ABC):
    """A target, resolved anew each time it is asked: areas and labels change, and devices appear later."""

    what: ClassVar[str]
    """The singular of what it means, as in: choose `what`s."""

    @staticmethod
    @abstractmethod
    def every(hass: HomeAssistant) -> Iterator[DeviceT]:
        """Return all devices that there are of the kind, also of entries that are not loaded."""

    def __init__(self, hass: HomeAssistant, target: dict[str, Any] | None) -> None:
        """Take the target of a validated configuration."""
        self._hass = hass
        self._selection = TargetSelection(target or {})

    def log_missing(self) -> None:
        """Say which devices, areas and labels are not there; the target may still mean others."""
        self._extract().log_missing(set(), _LOGGER)

    def devices(self) -> list[DeviceT]:
        """Return the devices that are meant. One that others are behind, such as an adapter, stands for all of these."""
        devices = list(self.every(self._hass))
        if not self._selection.has_any_target:
            return devices
        meant = self._meant()
        return [
            each
            for each in devices
            if each.device.id in meant or each.device.via_device_id in self._selection.device_ids
        ]

    def includes(self, device_id: str) -> bool:
        """Whether a device of the kind is meant."""
        return not self._selection.has_any_target or any(each.device.id == device_id for each in self.devices())

    def _extract(self) -> SelectedEntities:
        return async_extract_referenced_entity_ids(self._hass, self._selection, primary_entities_only=False)

    def _meant(self) -> set[str]:
        """Return the devices that are meant by themselves or through their entities."""
        selected = self._extract()
        registry = er.async_get(self._hass)
        entities = (registry.async_get(entity_id) for entity_id in selected.referenced | selected.indirectly_referenced)
        return {*selected.referenced_devices, *(entity.device_id for entity in entities if entity and entity.device_id)}


class PackTarget(Target[PackDevice]):
    """Packs and gateways. The adapter's device stands for all on its bus, where it is named."""

    what: ClassVar = "energy pack"

    @staticmethod
    @override
    def every(hass: HomeAssistant) -> Iterator[PackDevice]:
        """Return those that were ever heard."""
        return pack_devices(hass)


def check_target(hass: HomeAssistant, target: dict[str, Any] | None, kind: type[Target[Any]]) -> None:
    """Raise Invalid if a target is there and names nothing, or names devices or entities only, none of the kind.

    A pack that is not heard, or whose adapter is not there, is one all the same.
    """
    if target is None:
        return
    selection = TargetSelection(target)
    if not selection.has_any_target:
        # Whoever took the last one out of a list does not mean all of them from then on.
        raise probatio.Invalid(f"the target is empty: choose {kind.what}s, or leave out the target to mean all of them")
    if selection.area_ids or selection.floor_ids or selection.label_ids:
        return
    if any(split_entity_id(entity_id)[0] == _GROUP for entity_id in selection.entity_ids):
        return
    if not kind(hass, target).devices():
        names = ", ".join(sorted(selection.device_ids | selection.entity_ids))
        raise probatio.Invalid(f"there is no {kind.what} among the targets: {names}")
