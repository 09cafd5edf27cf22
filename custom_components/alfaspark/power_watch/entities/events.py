"""Event entity of a power source: what happened to it, with what was known."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.power_watch.news import SIGNAL_POWER_NEWS, PowerEvent, PowerNews

from .base import SourceEntity

OUTAGE = EventEntityDescription(
    key="outage", translation_key="outage", event_types=[event.value for event in PowerEvent]
)


class OutageEvent(SourceEntity, EventEntity):
    """Fires when power is lost, is back, is suspected to be lost, or cannot be known any more."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to what is told of the source."""
        await super().async_added_to_hass()
        self.async_on_remove(async_dispatcher_connect(self.hass, SIGNAL_POWER_NEWS, self._take))
        # At a start a source may be decided before its entities are there.
        if (news := self.coordinator.untold) is not None:
            self._trigger(news)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Nothing but what happens is shown."""

    @callback
    def _take(self, news: PowerNews) -> None:
        if news.source_id == self.coordinator.id:
            self._trigger(news)
            self.async_write_ha_state()

    def _trigger(self, news: PowerNews) -> None:
        self.coordinator.untold = None
        self._trigger_event(news.event.value, attributes(news))


def attributes(news: PowerNews) -> dict[str, object]:
    """Return what happened in words for templates: times in ISO 8601 in the owner's zone, durations in seconds."""
    return {
        "source": news.name,
        "reason": news.reason.value,
        "start": _iso(news.start_s),
        "end": None if news.end_s is None else _iso(news.end_s),
        "end_is_estimate": news.end_is_estimate,
        "duration_s": None if news.duration_s is None else round(news.duration_s),
        "evidence": list(news.evidence),
        "battery_wh": None if news.battery_wh is None else round(news.battery_wh),
    }


def _iso(unix_s: float) -> str:
    return dt_util.as_local(dt_util.utc_from_timestamp(unix_s)).isoformat(timespec="seconds")
