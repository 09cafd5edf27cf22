"""Walking through the config flow."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult, SubentryFlowResult
from homeassistant.core import HomeAssistant

from custom_components.alfaspark.const import CONF_BITRATE, DOMAIN

ADVANCED = {CONF_BITRATE: 500_000}


async def submit(hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any]) -> ConfigFlowResult:
    """Fill in what a step asks for."""
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input)


async def unload(hass: HomeAssistant) -> None:
    """Unload what the flow has set up."""
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        assert await hass.config_entries.async_unload(entry.entry_id)


def suggested(result: ConfigFlowResult | SubentryFlowResult) -> dict[str, Any]:
    """Return what a form is filled with."""
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if (key.description or {}).get("suggested_value")
    }
