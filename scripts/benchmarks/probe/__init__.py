"""Looks at the memory of a Home Assistant from within; put into those that the benchmarks start, never shipped."""

import gc
from pathlib import Path
import resource

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers.typing import ConfigType

DOMAIN = "alfaspark_probe"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer the action `collect`."""

    async def collect(_: ServiceCall) -> ServiceResponse:
        """Collect garbage; answer with what is left: bytes of resident memory, and objects."""
        gc.collect()
        return {"rss_bytes": await hass.async_add_executor_job(_rss_bytes), "objects": len(gc.get_objects())}

    hass.services.async_register(DOMAIN, "collect", collect, supports_response=SupportsResponse.ONLY)
    return True


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
