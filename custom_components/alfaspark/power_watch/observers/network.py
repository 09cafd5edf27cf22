"""Devices in the network as checkpoints, and whether Home Assistant's own network is there."""

import asyncio
from collections.abc import Callable
from typing import Final, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.own_network import check_network
from custom_components.alfaspark.outages.ping_probe import Pinger
from custom_components.alfaspark.outages.probes import Prober, ProbeResult, TargetError

from .base import Found, Observer, Report, Watched

_NETWORK_INTERVAL_S: Final = 30.0


class NetworkObserver(Observer):
    """Checks devices at their interval, each in its own phase, never many at once."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Check nothing yet."""
        super().__init__(hass, report, found)
        self._watched: dict[str, Watched] = {}
        self._prober = Prober(async_get_clientsession(hass, verify_ssl=False), self._probed)
        self._prober.start()

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        try:
            self._prober.add(watched.id, watched.setup.kind, watched.setup.target, watched.rule.interval_s)
        except TargetError as error:
            self._report(watched, Result.UNKNOWN, self._now_s(), detail=str(error))
        else:
            self._watched[watched.id] = watched

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        if self._watched.pop(watched.id, None) is not None:
            self._prober.remove(watched.id)

    @override
    @callback
    def async_change(self, watched: Watched) -> None:
        # With the same target and interval it goes on in its phase.
        self.async_add(watched)

    @override
    async def async_check(self, watched: Watched) -> None:
        if watched.id in self._watched:
            await self._prober.check_now(watched.id)

    @override
    async def async_stop(self) -> None:
        await self._prober.stop()

    @callback
    def _probed(self, checkpoint_id: str, result: ProbeResult) -> None:
        if (watched := self._watched.get(checkpoint_id)) is not None:
            self._report(watched, result.result, result.at_s, latency_ms=result.latency_ms, detail=result.detail)


class OwnNetwork:
    """Looks whether Home Assistant's own network is there, while something is watched over it."""

    def __init__(self, hass: HomeAssistant, seen: Callable[[bool | None, float], None]) -> None:
        """Look at nothing yet. `seen` takes whether it is there, None if that cannot be told, and since when."""
        self._hass = hass
        self._seen = seen
        self._pinger = Pinger()
        self._looking: asyncio.Task[None] | None = None

    @callback
    def async_follow(self, *, is_needed: bool) -> None:
        """Look at it, or no more."""
        if not is_needed:
            self.async_stop()
        elif self._looking is None:
            self._looking = self._hass.async_create_background_task(self._look(), "look at the own network")

    @callback
    def async_stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def async_check(self) -> None:
        """Find out whether it is there, and tell."""
        began_s = self._hass.loop.time()
        is_up = await check_network(self._hass.async_add_executor_job, pinger=self._pinger)
        self._seen(is_up, self._hass.loop.time() if is_up else began_s)

    async def _look(self) -> None:
        while True:
            await self.async_check()
            await asyncio.sleep(_NETWORK_INTERVAL_S)
