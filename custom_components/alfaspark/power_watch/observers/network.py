"""Devices in the network as checkpoints, and whether Home Assistant's own network is there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_track_time_interval

from custom_components.alfaspark.outages.own_network import check_network
from custom_components.alfaspark.outages.probes import Prober, ProbeResult

from .base import Found, Observer, Report, Watched

_NETWORK_INTERVAL = timedelta(seconds=30)


class NetworkObserver(Observer):
    """Checks devices at their interval, each in its own phase, never many at once."""

    def __init__(
        self, hass: HomeAssistant, report: Report, found: Found, network_seen: Callable[[bool | None, float], None]
    ) -> None:
        """Check nothing yet. `network_seen` takes whether the own network is there, None if that cannot be told."""
        super().__init__(hass, report, found)
        self._network_seen = network_seen
        self._watched: dict[str, Watched] = {}
        self._prober = Prober(async_get_clientsession(hass, verify_ssl=False), self._probed)
        self._prober.start()
        self._stop_network = async_track_time_interval(
            hass, self._check_network, _NETWORK_INTERVAL, cancel_on_shutdown=True
        )

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        self._watched[watched.id] = watched
        self._prober.add(watched.id, watched.setup.kind, watched.setup.target, watched.rule.interval_s)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        if self._watched.pop(watched.id, None) is not None:
            self._prober.remove(watched.id)

    @override
    async def async_check(self, watched: Watched) -> None:
        await self._prober.check_now(watched.id)

    @override
    async def async_stop(self) -> None:
        self._stop_network()
        await self._prober.stop()

    async def async_check_network(self) -> None:
        """Find out whether the own network is there, and tell."""
        began_s = self._now_s()
        is_up = await check_network(self._hass.async_add_executor_job)
        self._network_seen(is_up, self._now_s() if is_up else began_s)

    async def _check_network(self, _: datetime) -> None:
        # Without anything that is reached over it, nobody wants to know.
        if self._watched:
            await self.async_check_network()

    @callback
    def _probed(self, checkpoint_id: str, result: ProbeResult) -> None:
        if (watched := self._watched.get(checkpoint_id)) is not None:
            self._report(watched, result.result, result.at_s, latency_ms=result.latency_ms, detail=result.detail)
