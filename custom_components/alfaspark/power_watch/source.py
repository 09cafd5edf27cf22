"""One power source in Home Assistant: what is known of it now, and how it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
import logging
from typing import TYPE_CHECKING, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.model import Decision, OutageEvent, OutageEventKind, PowerState
from custom_components.alfaspark.outages.spans import Outage
from custom_components.alfaspark.outages.statistics import PowerStatistics

from .battery import given_since_wh
from .news import PowerEvent, PowerNews, few, tell
from .setup import SourceSetup
from .words import sentence

if TYPE_CHECKING:
    from .watch import PowerWatch, PowerWatchConfigEntry

_LOGGER = logging.getLogger(__name__)

_FIGURES_EVERY_S = 60.0
_FIGURES_IN_OUTAGE_EVERY_S = 10.0
"""An owner looks at them in an outage."""
_SUSPICION_S = 1.0
"""Packs sense the loss of the same grid within milliseconds, one after the other: that is no suspicion."""


class Period(StrEnum):
    """A range of the calendar in the owner's zone, up to now."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    def begin(self, now: datetime) -> datetime:
        """Return when the period began that a local time lies in; weeks begin on Monday."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        match self:
            case Period.DAY:
                return midnight
            case Period.WEEK:
                return (midnight - timedelta(days=now.weekday())).replace(hour=0)
            case Period.MONTH:
                return midnight.replace(day=1)
            case Period.YEAR:
                return midnight.replace(month=1, day=1)


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """How a source was. Unix seconds."""

    periods: Mapping[Period, PowerStatistics] = field(default_factory=dict)
    last: Outage | None = None
    """The latest outage, over all that is remembered; one that goes on, too."""


class PowerSource(DataUpdateCoordinator[SourceFigures]):
    """A power source. Its decision is the engine's; its figures come from the record once a minute."""

    config_entry: PowerWatchConfigEntry

    def __init__(self, hass: HomeAssistant, watch: PowerWatch, setup: SourceSetup) -> None:
        """Follow a source; nothing is polled."""
        super().__init__(hass, _LOGGER, config_entry=watch.entry, name=setup.name)
        self.setup = setup
        self.watch = watch
        self.data = SourceFigures()
        self.untold: PowerNews | None = None
        """What happened last, if that was before the event entity came."""
        self._figures_due_s = 0.0
        self._reading = False
        self._suspect_since_s: float | None = None
        """While a suspicion is too young to be told."""
        self._is_suspicion_told = False

    @property
    def id(self) -> str:
        """Of its subentry."""
        return self.setup.id

    @property
    def decision(self) -> Decision:
        """What is known of it now, and why."""
        return self.watch.decision(self.setup.id)

    @property
    def battery_wh(self) -> float | None:
        """What the batteries have given in the outage that goes on, or in the last one, in Wh; None if unknown."""
        noted = self.watch.record.battery_of(self.setup.id)
        return noted.given_wh if noted.given_wh is not None else given_since_wh(self.hass, noted.before_wh)

    @property
    def device(self) -> dr.DeviceEntry | None:
        """The source's device; None before its entities were added for the first time."""
        return dr.async_get(self.hass).async_get_device_by_identifier((DOMAIN, self.id), self.config_entry.entry_id)

    @callback
    def async_follow(self) -> None:
        """Take over the name that the owner has given the source, and tell the entities that something may have changed."""
        if (device := self.device) is not None:
            dr.async_get(self.hass).async_update_device(device.id, name=self.setup.name)
        self._figures_due_s = 0.0
        self.async_update_listeners()

    @callback
    def tick(self, now_s: float) -> None:
        """Read the figures anew when it is time, and tell a suspicion that lasts. `now_s`: the event loop's clock."""
        if self._suspect_since_s is not None and now_s - self._suspect_since_s >= _SUSPICION_S:
            self._suspect_since_s, self._is_suspicion_told = None, True
            self._tell(PowerEvent.SUSPECTED)
        if now_s >= self._figures_due_s and not self._reading:
            is_lost = self.decision.state is PowerState.LOST
            self._figures_due_s = now_s + (_FIGURES_IN_OUTAGE_EVERY_S if is_lost else _FIGURES_EVERY_S)
            self.config_entry.async_create_background_task(
                self.hass, self.async_read_figures(), f"figures of {self.name}"
            )

    async def async_read_figures(self) -> None:
        """Read how it was from the record, and tell the entities."""
        self._reading = True
        try:
            now = dt_util.now()
            begins = {period: period.begin(now).timestamp() for period in Period}
            self.data = await self.watch.record.async_figures(self.setup.id, begins, now.timestamp())
        finally:
            self._reading = False
        self.async_update_listeners()

    @callback
    def async_decided(self, decision: Decision, previous: Decision | None) -> None:
        """Show a new decision at once, and tell of those that are not outages."""
        self.async_update_listeners()
        before = previous.state if previous else PowerState.UNKNOWN
        if decision.state is PowerState.SUSPECT:
            if before is not PowerState.SUSPECT:
                self._suspect_since_s = decision.decided_s
            return
        was_told, self._is_suspicion_told, self._suspect_since_s = self._is_suspicion_told, False, None
        if decision.state is PowerState.POWERED and was_told:
            self._tell(PowerEvent.CLEARED)
        elif decision.state is PowerState.UNKNOWN and before is not PowerState.UNKNOWN:
            self._tell(PowerEvent.UNKNOWN)

    @callback
    def async_outage(self, event: OutageEvent) -> None:
        """Tell that an outage began or ended."""
        self._figures_due_s = 0.0
        match event.kind:
            case OutageEventKind.BEGAN:
                self._tell(PowerEvent.LOST, event)
            case OutageEventKind.ENDED:
                self._tell(PowerEvent.RESTORED, event)
        self.async_update_listeners()

    def _tell(self, kind: PowerEvent, event: OutageEvent | None = None) -> None:
        unix, device = self.watch.record.unix_s, self.device
        news = PowerNews(
            source_id=self.setup.id,
            name=(device and device.name_by_user) or self.setup.name,
            event=kind,
            reason=self.decision.reason,
            start_s=unix(event.start_s if event else self.decision.since_s),
            end_s=unix(event.end_s) if event and event.end_s is not None else None,
            end_is_estimate=bool(event and event.end_is_estimate),
            evidence=few(self.watch.checkpoint_names(self.setup.id, (event or self.decision).evidence)),
            battery_wh=self.battery_wh if event else None,
        )
        self.untold = news
        _LOGGER.info("%s %s", news.name, sentence(news, dt_util.now()))
        tell(self.hass, news)

    @override
    async def _async_update_data(self) -> SourceFigures:
        """An update on request reads the record."""
        await self.async_read_figures()
        return self.data
