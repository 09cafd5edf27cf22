"""Which packs the target of a trigger or a condition means. Without a target, all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
import logging
from typing import Any

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
class PackDevice:
    """The device of a pack or gateway, and the coordinator that knows how it is."""

    device: dr.DeviceEntry
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


class PackTarget:
    """A target, resolved anew each time it is asked: areas and labels change, and packs appear later."""

    def __init__(self, hass: HomeAssistant, target: dict[str, Any] | None) -> None:
        """Take the target of a validated configuration."""
        self._hass = hass
        self._selection = TargetSelection(target or {})

    def log_missing(self) -> None:
        """Say which devices, areas and labels are not there; the target may still mean other packs."""
        self._extract().log_missing(set(), _LOGGER)

    def devices(self) -> list[PackDevice]:
        """Return the packs that are meant. The adapter's device stands for all packs on its bus, where it is named."""
        devices = list(pack_devices(self._hass))
        if not self._selection.has_any_target:
            return devices
        meant = self._meant()
        return [
            pack
            for pack in devices
            if pack.device.id in meant or pack.device.via_device_id in self._selection.device_ids
        ]

    def includes(self, device_id: str) -> bool:
        """Whether a pack is meant, given its device."""
        return not self._selection.has_any_target or any(pack.device.id == device_id for pack in self.devices())

    def _extract(self) -> SelectedEntities:
        return async_extract_referenced_entity_ids(self._hass, self._selection, primary_entities_only=False)

    def _meant(self) -> set[str]:
        """Return the devices that are meant by themselves or through their entities."""
        selected = self._extract()
        registry = er.async_get(self._hass)
        entities = (registry.async_get(entity_id) for entity_id in selected.referenced | selected.indirectly_referenced)
        return {*selected.referenced_devices, *(entity.device_id for entity in entities if entity and entity.device_id)}


def check_target(hass: HomeAssistant, target: dict[str, Any] | None) -> None:
    """Raise Invalid if a target is there and names nothing, or names devices or entities only, none of them a pack's.

    A pack that is not heard, or whose adapter is not there, is one all the same.
    """
    if target is None:
        return
    selection = TargetSelection(target)
    if not selection.has_any_target:
        # Whoever took the last pack out of a list does not mean all of them from then on.
        raise probatio.Invalid("the target is empty: choose energy packs, or leave out the target to mean all of them")
    if selection.area_ids or selection.floor_ids or selection.label_ids:
        return
    if any(split_entity_id(entity_id)[0] == _GROUP for entity_id in selection.entity_ids):
        return
    if not PackTarget(hass, target).devices():
        names = ", ".join(sorted(selection.device_ids | selection.entity_ids))
        raise probatio.Invalid(f"there is no energy pack among the targets: {names}")
