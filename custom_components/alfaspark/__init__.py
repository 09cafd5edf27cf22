"""AlfaSpark: home energy packs on a CAN bus."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS
from .energy_panel.offer import async_forget_offer, async_offer_panel
from .fault_issues import async_follow_faults
from .hub import AdapterError, AlfaSparkConfigEntry, Hub
from .memory import MEMORY, Memory
from .services import async_setup_services
from .sockets.keeper import SOCKETS, SocketKeeper

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Remember the packs of all adapters, look after their smart sockets, and offer the actions."""
    memory = Memory(hass)
    await memory.async_load()
    hass.data[MEMORY] = memory
    hass.data[SOCKETS] = SocketKeeper(hass)
    await hass.data[SOCKETS].async_start()
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> bool:
    """Open the CAN adapter; the packs appear by themselves."""
    hub = Hub(hass, entry)
    try:
        await hub.async_open()
    except AdapterError as error:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key=f"adapter_{error.reason}",
            translation_placeholders={"channel": hub.config.channel, "error": str(error)},
        ) from error
    entry.runtime_data = hub
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(hub.async_on_pack(lambda pack: entry.async_on_unload(async_follow_faults(hass, pack))))
    await async_offer_panel(hass, entry)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> bool:
    """Remove the entities; the hub closes the adapter after that."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> None:
    """Forget the sums over all packs; each pack's own totals stay, for it may come back on another adapter."""
    if (memory := hass.data.get(MEMORY)) is not None:
        memory.forget_house(entry.entry_id)
    async_forget_offer(hass, entry.entry_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, device: DeviceEntry
) -> bool:
    """Let the owner remove a pack that is gone. One that is present would only appear again."""
    return entry.state is ConfigEntryState.LOADED and all(
        domain == DOMAIN and entry.runtime_data.async_remove_pack(identifier)
        for domain, identifier in device.identifiers
    )
