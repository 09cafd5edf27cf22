"""Alerts: tells the owner when power is lost and back, in Home Assistant and through chosen notify entities."""

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.model import PowerState
from custom_components.alfaspark.power_watch.life import Life
from custom_components.alfaspark.power_watch.news import SIGNAL_POWER_NEWS, PowerEvent, PowerNews, few

from .alert import Alert, AlertKind
from .limit import AlertLimit
from .options import AlertOptions
from .queue import STORE, AlertQueue, DeliveryError, async_send, target_name
from .texts import Text, render, time_words

if TYPE_CHECKING:
    from custom_components.alfaspark.power_watch.watch import PowerWatch

_LOGGER = logging.getLogger(__name__)

_LOOK_S = 15.0
_LOOKS = 12
"""The state of the sources at the start is told when all are known, at the latest after so many looks."""
_STATES = {
    PowerState.POWERED: "powered",
    PowerState.SUSPECT: "perhaps without power",
    PowerState.LOST: "without power",
    PowerState.UNKNOWN: "not known",
}
_START: Final = "start"
_TEST: Final = "test"


class Alerts:
    """Tells the owner what happens to power sources. Everything runs in the event loop."""

    def __init__(self, hass: HomeAssistant, watch: PowerWatch) -> None:
        """Tell nothing yet."""
        self.options = AlertOptions()
        self._hass = hass
        self._watch = watch
        self._limits: dict[str, AlertLimit] = {}
        self._releases: dict[str, CALLBACK_TYPE] = {}
        self._shown: dict[str, AlertKind] = {}
        """What Home Assistant shows of each source."""
        self._failed_texts: set[AlertKind] = set()
        self._stops: list[CALLBACK_TYPE] = []
        self.queue = AlertQueue(hass, watch.entry, self._words, self._held)
        self.life = Life(hass, watch.entry)

    async def async_start(self) -> None:
        """Listen, and go on with what could not be delivered. Comes before the first news."""
        self.options = AlertOptions.from_options(self._watch.entry.options)
        tells_start = self.options.tells_start and self._hass.state is not CoreState.running
        await self.queue.async_load(self.options.targets)
        self._stops.append(async_dispatcher_connect(self._hass, SIGNAL_POWER_NEWS, self._take))
        self._stops.append(async_at_started(self._hass, partial(self._started, tells_start)))
        self.life.async_follow(self.options.life)

    async def async_stop(self) -> None:
        """Tell nothing any more; what waits or is held back is told after the next start. Harmless when that is done."""
        if not self._stops:
            return
        stops, self._stops = self._stops, []
        for stop in (*stops, *self._releases.values()):
            stop()
        self._releases.clear()
        for kind in self._failed_texts:
            ir.async_delete_issue(self._hass, DOMAIN, _text_issue_id(kind))
        await self.queue.async_stop()
        await self.life.async_stop()

    @callback
    def async_follow_options(self) -> None:
        """Apply changed options, and forget sources that were removed."""
        options = AlertOptions.from_options(self._watch.entry.options)
        if options != self.options:
            self.options = options
            self.queue.async_follow(options.targets)
            if self._hass.state is CoreState.running:
                self.queue.async_look_for_targets()
            for limit in self._limits.values():
                limit.most_per_hour = options.most_per_hour
            for kind in self._failed_texts:
                ir.async_delete_issue(self._hass, DOMAIN, _text_issue_id(kind))
            self._failed_texts.clear()
            self.life.async_follow(options.life)
        for source_id in (self._limits.keys() | self._shown.keys()) - self._watch.sources.keys():
            self._forget(source_id)

    async def async_send_test(self) -> None:
        """Send a test to all notify entities now. Raises HomeAssistantError that names those that did not take it."""
        text = Text("Power watch: test alert", f"Alerts reach you here. Sent at {dt_util.now():%H:%M:%S}.")
        self._notify(_TEST, text)
        results = await asyncio.gather(
            *(async_send(self._hass, target, text) for target in self.options.targets), return_exceptions=True
        )
        problems = []
        for target, result in zip(self.options.targets, results, strict=True):
            if isinstance(result, DeliveryError):
                problems.append(f"{target_name(self._hass, target)}: {result}")
            elif result is not None:
                raise result
        if problems:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="test_alert_failed",
                translation_placeholders={"problems": ". ".join(problems)},
            )

    @callback
    def _take(self, news: PowerNews) -> None:
        alert = Alert.from_news(news, dt_util.utcnow().timestamp())
        if alert is None or news.source_id not in self._watch.sources:
            return
        self._show(alert)
        if news.event in (PowerEvent.SUSPECTED, PowerEvent.CLEARED) and not self.options.tells_suspicion:
            return
        now_s = self._hass.loop.time()
        limit = self._limits.setdefault(alert.source_id, AlertLimit(self.options.most_per_hour))
        if limit.lets_through(alert, now_s):
            self.queue.async_put(alert)
        else:
            self._release_later(alert.source_id, limit, now_s)
        if news.event is PowerEvent.RESTORED:
            self.queue.async_retry()

    def _release_later(self, source_id: str, limit: AlertLimit, now_s: float) -> None:
        """Tell what is held back once it is due; it is on disk until then."""
        assert limit.due_s is not None
        if (cancel := self._releases.pop(source_id, None)) is not None:
            cancel()

        @callback
        def release(_: datetime) -> None:
            del self._releases[source_id]
            if (alert := limit.release(self._hass.loop.time())) is not None:
                self.queue.async_put(replace(alert, at_s=dt_util.utcnow().timestamp()))

        self._releases[source_id] = async_call_later(self._hass, max(0.0, limit.due_s - now_s), release)
        self.queue.save_soon()

    def _show(self, alert: Alert) -> None:
        """Show the latest of a source in Home Assistant."""
        if alert.kind is AlertKind.CLEARED:
            if self._shown.get(alert.source_id) is AlertKind.SUSPECTED:
                self._dismiss(alert.source_id)
            return
        if alert.kind is AlertKind.SUSPECTED and not self.options.tells_suspicion:
            return
        self._shown[alert.source_id] = alert.kind
        self._notify(alert.source_id, self._words(alert))

    @callback
    def _started(self, tells_start: bool, _: HomeAssistant) -> None:
        self.queue.async_look_for_targets()
        self._look(tells_start, _LOOKS)

    def _look(self, tells_start: bool, left: int) -> None:
        """Look in a moment how the sources are after the start."""

        @callback
        def look(_: datetime) -> None:
            self._stops.remove(cancel)
            states = {source.decision.state for source in self._watch.sources.values()}
            if states & {PowerState.UNKNOWN, PowerState.SUSPECT} and left > 1:
                self._look(tells_start, left - 1)
            else:
                self._tell_start(tells_start)

        cancel = async_call_later(self._hass, _LOOK_S, look)
        self._stops.append(cancel)

    def _tell_start(self, tells_start: bool) -> None:
        """Tell how the sources are; an outage that went on over a restart is shown again in any case."""
        now_s, now = dt_util.utcnow().timestamp(), dt_util.now()
        sources = []
        for source in self._watch.sources.values():
            state, start_s = source.decision.state, self._watch.record.unix_s(source.decision.since_s)
            words = _STATES[state]
            if state is PowerState.LOST:
                words = f"{words} since {time_words(start_s, now)}"
                if source.id not in self._shown:
                    evidence = few(self._watch.checkpoint_names(source.id, source.decision.evidence))
                    self._show(Alert(AlertKind.LOST, source.id, source.setup.name, now_s, start_s, evidence=evidence))
            sources.append((source.setup.name, words))
        if tells_start and sources:
            alert = Alert(AlertKind.STARTED, "", "", now_s, now_s, is_on=True, sources=tuple(sources))
            self._notify(_START, self._words(alert))
            self.queue.async_put(alert)

    def _words(self, alert: Alert, is_late: bool = False) -> Text:
        """Return the words of an alert; the owner is told once of a template that fails."""
        text, problem = render(self._hass, alert, self.options.texts.get(alert.kind), is_late=is_late)
        if problem is not None and problem.kind not in self._failed_texts:
            self._failed_texts.add(problem.kind)
            _LOGGER.warning("The text of alerts %s fails, the default is used: %s", problem.kind, problem.error)
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                _text_issue_id(problem.kind),
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key="alert_text_failed",
                translation_placeholders={"text": problem.kind.value, "error": problem.error},
            )
        return text

    def _held(self) -> list[Alert]:
        return [alert for limit in self._limits.values() if (alert := limit.held) is not None]

    def _forget(self, source_id: str) -> None:
        self._limits.pop(source_id, None)
        if (cancel := self._releases.pop(source_id, None)) is not None:
            cancel()
        self._dismiss(source_id)
        self.queue.async_forget_source(source_id)

    def _notify(self, of: str, text: Text) -> None:
        persistent_notification.async_create(self._hass, text.message, text.title, _notification_id(of))

    def _dismiss(self, source_id: str) -> None:
        self._shown.pop(source_id, None)
        persistent_notification.async_dismiss(self._hass, _notification_id(source_id))


async def async_forget_alerts(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take everything away when the power watch is removed."""
    for of in (_START, _TEST, *entry.subentries):
        persistent_notification.async_dismiss(hass, _notification_id(of))
    await Store(hass, 1, STORE).async_remove()


def _notification_id(of: str) -> str:
    return f"{DOMAIN}_power_{of}"


def _text_issue_id(kind: AlertKind) -> str:
    return f"alert_text_failed_{kind}"
