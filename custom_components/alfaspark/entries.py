"""Which config entries there are, and what is found through them: the hubs of all adapters, and the packs' names."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN, POWER_WATCH
from .hub import AlfaSparkConfigEntry, Hub


def is_power_watch(entry: ConfigEntry) -> bool:
    """Whether an entry is the power watch; any other is a CAN adapter."""
    return entry.unique_id == POWER_WATCH


def adapter_entries(hass: HomeAssistant) -> list[AlfaSparkConfigEntry]:
    """Return the entries of CAN adapters, loaded or not."""
    return [entry for entry in hass.config_entries.async_entries(DOMAIN) if not is_power_watch(entry)]


def loaded_hubs(hass: HomeAssistant) -> list[Hub]:
    """Return the hubs of all adapters that are set up."""
    loaded = hass.config_entries.async_loaded_entries(DOMAIN)
    return [entry.runtime_data for entry in loaded if isinstance(entry.runtime_data, Hub)]


def pack_names(hass: HomeAssistant, hub: Hub | None = None) -> dict[str, str]:
    """Return the owner's names of the energy packs on a bus, or on all, by serial in its order."""
    registry = dr.async_get(hass)
    packs = {serial: pack for each in ([hub] if hub else loaded_hubs(hass)) for serial, pack in each.packs.items()}
    names = {}
    for serial, pack in sorted(packs.items()):
        if pack.is_pack:
            device = registry.async_get_device_by_identifier((DOMAIN, serial), pack.config_entry.entry_id)
            names[serial] = (device and (device.name_by_user or device.name)) or pack.name
    return names
