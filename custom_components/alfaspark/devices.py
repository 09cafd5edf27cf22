"""The devices that packs are in Home Assistant, and whose they are."""

from functools import partial

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir

from .const import DOMAIN, MANUFACTURER
from .packbus.frames import DeviceType
from .packbus.pack import PROTOCOL_VERSION, Pack

_MODELS = {DeviceType.ENERGY_PACK: "Energy-Pack", DeviceType.ENERGY_GATEWAY: "Energy-Gateway"}


def register_hub(hass: HomeAssistant, entry: ConfigEntry, interface: str) -> str:
    """Register the adapter's device; return its id."""
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        manufacturer=MANUFACTURER,
        model=f"CAN adapter ({interface})",
        translation_key="hub",
    )
    return device.id


def register_pack(hass: HomeAssistant, entry: ConfigEntry, pack: Pack, hub_device_id: str) -> str:
    """Register or update the pack's device, and tell the owner if its protocol is another one; return its id."""
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, pack.serial)},
        manufacturer=MANUFACTURER,
        model=_MODELS[pack.device_type],
        serial_number=pack.serial,
        sw_version=pack.firmware_version,
        translation_key=pack.device_type.name.lower(),
        translation_placeholders={"serial": pack.serial[-4:].upper()},
        via_device_id=hub_device_id,
    )
    _tell_protocol_version(hass, entry, pack)
    return device.id


def owned_serials(hass: HomeAssistant, entry: ConfigEntry) -> set[str]:
    """Return the serials of the packs that are devices of an entry."""
    return {
        identifier
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        for domain, identifier in device.identifiers
        if domain == DOMAIN and identifier != entry.entry_id
    }


def other_owner(hass: HomeAssistant, entry: ConfigEntry, serial: str) -> ConfigEntry | None:
    """Return the other entry that a pack belongs to, if any: the first adapter that heard it keeps it.

    Of two that both know it, because one was disabled meanwhile, it is the one that has it now.
    """
    registry = dr.async_get(hass)
    owners = [
        other
        for other in hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
        if registry.async_get_device_by_identifier((DOMAIN, serial), other.entry_id) is not None
    ]
    for owner in owners:
        if owner is not entry and owner.state is ConfigEntryState.LOADED and serial in owner.runtime_data.packs:
            return owner
    return None if entry in owners or not owners else owners[0]


def disown_pack(hass: HomeAssistant, entry: ConfigEntry, serial: str) -> None:
    """Remove the device that a pack has left behind, because it belongs to another entry now."""
    registry = dr.async_get(hass)
    if (device := registry.async_get_device_by_identifier((DOMAIN, serial), entry.entry_id)) is not None:
        registry.async_remove_device(device.id)


def _tell_protocol_version(hass: HomeAssistant, entry: ConfigEntry, pack: Pack) -> None:
    issue_id = f"protocol_version_{pack.serial}"
    if pack.speaks_our_protocol:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    entry.async_on_unload(partial(ir.async_delete_issue, hass, DOMAIN, issue_id))
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="protocol_version",
        translation_placeholders={
            "serial": pack.serial,
            "firmware": pack.firmware_version,
            "theirs": str(pack.protocol_version),
            "ours": str(PROTOCOL_VERSION),
        },
    )
