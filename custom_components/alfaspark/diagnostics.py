"""Diagnostics: all that is known of the bus and the packs, or of the power, without what identifies the owner's hardware."""

from dataclasses import asdict
from enum import IntEnum, IntFlag
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_CHANNEL, CONF_OPTIONS, DOMAIN
from .coordinator import PackCoordinator
from .hub import AlfaSparkConfigEntry
from .packbus.frames import EnergyCounter
from .packbus.pack import Pack
from .power_watch.diagnostics import source_diagnostics, watch_diagnostics
from .power_watch.watch import PowerWatch, PowerWatchConfigEntry
from .sockets.keeper import SOCKETS

# Paths and addresses name the adapter by its serial number or the owner's network.
TO_REDACT = {CONF_CHANNEL, CONF_DEVICE, CONF_OPTIONS}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry | PowerWatchConfigEntry
) -> dict[str, Any]:
    """Return what is known of the bus and of every device on it; or of every power source."""
    if isinstance(entry.runtime_data, PowerWatch):
        return watch_diagnostics(entry.runtime_data)
    hub = entry.runtime_data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "bus": asdict(hub.bus_readings) | {"house": hub.bus_readings.house.as_dict()},
        "packs": [pack_diagnostics(pack) for pack in hub.packs.values()],
        "sockets": hass.data[SOCKETS].diagnostics(entry),
        "elsewhere": [_pack(pack) for serial, pack in hub.fleet.packs.items() if serial not in hub.packs],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry | PowerWatchConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return what is known of one device on the bus, or power source; nothing if it was not heard since the start."""
    identifiers = [identifier for domain, identifier in device.identifiers if domain == DOMAIN]
    if isinstance(entry.runtime_data, PowerWatch):
        sources = entry.runtime_data.sources
        return {"sources": [source_diagnostics(sources[each]) for each in identifiers if each in sources]}
    packs = entry.runtime_data.packs
    serials = [serial for serial in identifiers if serial in packs]
    return {"packs": [pack_diagnostics(packs[serial]) for serial in serials]}


def pack_diagnostics(coordinator: PackCoordinator) -> dict[str, Any]:
    """Return all that is known of a pack: what it says, what it is set to and what is remembered of it."""
    settings, energy = coordinator.settings, coordinator.energy
    return {
        **_pack(coordinator.data),
        "parameters": {parameter.name.lower(): count for parameter, count in settings.parameters.items()},
        "windows": {str(slot): _frame(window) for slot, window in settings.windows.items()},
        "totals_wh": {counter.name.lower(): energy.total_wh(counter) for counter in EnergyCounter},
        "remembered": coordinator.record.as_dict(),
    }


def _pack(pack: Pack) -> dict[str, Any]:
    return {
        # A MAC address; its end tells the packs of a house apart, as their names do.
        "serial": f"**REDACTED**{pack.serial[-4:]}",
        "node": pack.node,
        "device_type": pack.device_type.name,
        "firmware_version": pack.firmware_version,
        "protocol_version": pack.protocol_version,
        "boot_id": pack.boot_id,
        "present": pack.present,
        "available": pack.available,
        "announce": _frame(pack.announce),
        "battery": _frame(pack.battery),
        "power": _frame(pack.power),
        "loads": _frame(pack.loads),
        "status": _frame(pack.status),
        "currents": _frame(pack.currents),
        "energies_wh": {counter.name.lower(): energy_wh for counter, energy_wh in pack.energies_wh.items()},
        "pulses": {channel.name.lower(): _frame(pulse) for channel, pulse in pack.pulses.items()},
        "faults": sorted(f"{code.name.lower()} {argument}" for code, argument in pack.faults),
    }


def _frame(frame: Any) -> dict[str, Any] | None:
    """Return the fields of a frame, enums and bit sets by their names."""
    return None if frame is None else {name: _named(value) for name, value in asdict(frame).items()}


def _named(value: Any) -> Any:
    match value:
        case IntFlag():
            return [flag.name for flag in value]
        case IntEnum():
            return value.name
        case _:
            return value
