"""AlfaSpark: home energy packs on a CAN bus."""

from functools import partial
from typing import cast

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS, WATCH_PLATFORMS
from .energy_panel.offer import async_forget_offer, async_offer_panel
from .entries import is_power_watch
from .fault_issues import async_follow_faults
from .hub import AdapterError, AlfaSparkConfigEntry, Hub
from .memory import MEMORY, Memory
from .power_watch.actions.checkpoints import async_setup_power_actions
from .power_watch.alerts.telling import async_forget_alerts
from .power_watch.making import async_make_power_watch, async_note_power_watch
from .power_watch.watch import PowerWatch, PowerWatchConfigEntry
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
    async_setup_power_actions(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry | PowerWatchConfigEntry) -> bool:
    """Open the CAN adapter, whose packs appear by themselves, or watch the power."""
    if is_power_watch(entry):
        await _watch_power(hass, cast(PowerWatchConfigEntry, entry))
    else:
        await _open_adapter(hass, cast(AlfaSparkConfigEntry, entry))
    return True


async def _watch_power(hass: HomeAssistant, entry: PowerWatchConfigEntry) -> None:
    async_note_power_watch(hass)
    watch = PowerWatch(hass, entry)
    entry.runtime_data = watch
    await watch.async_start()
    await hass.config_entries.async_forward_entry_setups(entry, WATCH_PLATFORMS)


async def _open_adapter(hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> None:
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
    entry.async_on_unload(hub.async_on_pack(partial(async_make_power_watch, hass)))
    await async_offer_panel(hass, entry)


async def async_unload_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry | PowerWatchConfigEntry) -> bool:
    """Remove the entities; the hub closes the adapter after that, the power watch its record."""
    platforms = WATCH_PLATFORMS if is_power_watch(entry) else PLATFORMS
    return await hass.config_entries.async_unload_platforms(entry, platforms)


async def async_remove_entry(hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> None:
    """Forget the sums over all packs; each pack's own totals stay, for it may come back on another adapter."""
    if is_power_watch(entry):
        await async_forget_alerts(hass, entry)
    if (memory := hass.data.get(MEMORY)) is not None:
        memory.forget_house(entry.entry_id)
    async_forget_offer(hass, entry.entry_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, device: DeviceEntry
) -> bool:
    """Let the owner remove a pack that is gone. One that is present would only appear again.

    A power source goes with its subentry; only what was left behind by one can be removed.
    """
    if is_power_watch(entry):
        kept = {entry.entry_id, *entry.subentries}
        return all(domain == DOMAIN and identifier not in kept for domain, identifier in device.identifiers)
    return entry.state is ConfigEntryState.LOADED and all(
        domain == DOMAIN and entry.runtime_data.async_remove_pack(identifier)
        for domain, identifier in device.identifiers
    )
