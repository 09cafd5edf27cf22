"""The power watch comes into being with the first pack that is heard, once."""

from homeassistant.config_entries import SOURCE_SYSTEM
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import discovery_flow

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.memory import MEMORY


@callback
def async_make_power_watch(hass: HomeAssistant, pack: PackCoordinator) -> None:
    """Have a power watch, unless there was one before: an owner who has removed it does not want it."""
    if not hass.data[MEMORY].power_watch_made and pack.is_pack:
        async_note_power_watch(hass)
        discovery_flow.async_create_flow(hass, DOMAIN, {"source": SOURCE_SYSTEM}, {})


@callback
def async_note_power_watch(hass: HomeAssistant) -> None:
    """Remember that there is or was a power watch, also one that was added by hand."""
    memory = hass.data[MEMORY]
    if not memory.power_watch_made:
        memory.power_watch_made = True
        memory.save_soon()
