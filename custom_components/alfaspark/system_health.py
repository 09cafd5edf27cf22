"""System health: how the CAN adapters and their packs are, at a glance."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .hub import AlfaSparkConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is told of this integration."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[AlfaSparkConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    readings = [entry.runtime_data.bus_readings for entry in entries]
    return {
        "adapters": len(hass.config_entries.async_entries(DOMAIN)),
        "adapters_connected": sum(reading.connected for reading in readings),
        "packs_present": sum(reading.totals.packs for reading in readings),
        "frames_received": sum(reading.adapter.frames_received for reading in readings),
        "frames_ignored": sum(
            reading.ignored.foreign + reading.ignored.invalid + reading.ignored.implausible for reading in readings
        ),
    }
