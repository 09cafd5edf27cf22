"""System health: how the CAN adapters, their packs and the power sources are, at a glance."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .entries import adapter_entries, loaded_hubs
from .outages.model import PowerState
from .power_watch.automations.targets import SourceTarget


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is told of this integration."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    sources = [device.source for device in SourceTarget.every(hass)]
    lost = [source for source in sources if source is not None and source.decision.state is PowerState.LOST]
    readings = [hub.bus_readings for hub in loaded_hubs(hass)]
    return {
        "adapters": len(adapter_entries(hass)),
        "adapters_connected": sum(reading.connected for reading in readings),
        "packs_present": sum(reading.totals.packs for reading in readings),
        "frames_received": sum(reading.adapter.frames_received for reading in readings),
        "frames_ignored": sum(
            reading.ignored.foreign + reading.ignored.invalid + reading.ignored.implausible for reading in readings
        ),
        "sources": len(sources),
        "sources_lost": len(lost),
    }
