"""Delivery of alerts through notify entities: what cannot be delivered waits on disk, and is tried again.

The power takes the router, the mail server or the provider's mast with it, so an alert that is not taken is the rule.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
import logging
from typing import Any, Final

from homeassistant.components.notify.const import (
    ATTR_MESSAGE,
    ATTR_TITLE,
    DOMAIN as NOTIFY,
    SERVICE_SEND_MESSAGE,
    NotifyEntityFeature,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID, ATTR_SUPPORTED_FEATURES, STATE_UNAVAILABLE
from homeassistant.core import CALLBACK_TYPE, CoreState, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.exceptions import UnsupportedStorageVersionError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.event import async_call_later, async_track_state_change_event
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
import probatio

from custom_components.alfaspark.const import DOMAIN

from .alert import Alert, with_pending
from .texts import Text

_LOGGER = logging.getLogger(__name__)

STORE: Final = f"{DOMAIN}_alerts"
_VERSION = 1
_SAVE_S = 1.0
_SEND_S = 90.0
"""Longer than Home Assistant's mail waits for its server."""
FIRST_RETRY_S: Final = 15.0
_LAST_RETRY_S = 900.0
_LATE_S = 120.0
_MOST_WAITING = 200
"""For one notify entity; of each source only few wait, so this is reached with more than fifty sources."""


class DeliveryError(Exception):
    """A notify entity did not take a message; the text says why."""


class NoSuchTargetError(DeliveryError):
    """There is no such notify entity, or it is disabled."""


def is_missing(hass: HomeAssistant, target: str) -> bool:
    """Return whether there is no such entity, or it is disabled; one that was not set up yet is only unavailable."""
    if hass.states.get(target) is not None:
        return False
    registered = er.async_get(hass).async_get(target)
    return registered is None or registered.disabled


def target_name(hass: HomeAssistant, target: str) -> str:
    """Return what the owner calls a notify entity, which is what was chosen; its id if there is none."""
    state = hass.states.get(target)
    return target if state is None else state.name


async def async_send(hass: HomeAssistant, target: str, text: Text) -> None:
    """Have a notify entity send a message. Raises DeliveryError."""
    if is_missing(hass, target):
        raise NoSuchTargetError("there is no such entity")
    state = hass.states.get(target)
    if state is None or state.state == STATE_UNAVAILABLE:
        # The action would leave it out without a word.
        raise DeliveryError("it is unavailable")
    data = {ATTR_ENTITY_ID: target, ATTR_MESSAGE: text.message, ATTR_TITLE: text.title}
    if not state.attributes.get(ATTR_SUPPORTED_FEATURES, 0) & NotifyEntityFeature.TITLE:
        data[ATTR_MESSAGE] = f"{data.pop(ATTR_TITLE)}\n{text.message}"
    try:
        async with asyncio.timeout(_SEND_S):
            await hass.services.async_call(NOTIFY, SERVICE_SEND_MESSAGE, data, blocking=True)
    except TimeoutError as error:
        raise DeliveryError(f"it took longer than {_SEND_S:.0f} s") from error
    except Exception as error:  # of whoever wrote that notify entity
        raise DeliveryError(str(error) or type(error).__name__) from error


@dataclass(slots=True, eq=False)
class _Target:
    pending: list[Alert] = field(default_factory=list)
    retry_s: float = FIRST_RETRY_S
    cancel_retry: CALLBACK_TYPE | None = None
    is_sending: bool = False
    is_failing: bool = False


class AlertQueue:
    """What waits for each notify entity, in order. Runs in the event loop; the file is written within a second."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        render: Callable[[Alert, bool], Text],
        held: Callable[[], list[Alert]],
    ) -> None:
        """Wait for nothing. `render` gives the words of an alert, that may be late; `held` what is held back for now."""
        self._hass = hass
        self._entry = entry
        self._render = render
        self._held = held
        self._targets: dict[str, _Target] = {}
        self._store: Store[dict[str, Any]] = Store(hass, _VERSION, STORE, atomic_writes=True)
        self._is_ours = True
        """Whether the file may be written."""
        self._stop_states: CALLBACK_TYPE | None = None

    async def async_load(self, targets: Iterable[str]) -> None:
        """Read what could not be delivered before Home Assistant stopped, and go on. What was held back is told."""
        try:
            data = await self._store.async_load()
        except UnsupportedStorageVersionError as error:
            self._is_ours = False
            data = None
            _LOGGER.error("The alerts that wait were written by a newer version: they are not told. %s", error)
        stored = data if isinstance(data, dict) else {}
        pending = stored.get("pending")
        self.async_follow(targets)
        for target, alerts in (pending if isinstance(pending, dict) else {}).items():
            if target in self._targets:
                self._targets[target].pending = list(_valid(alerts))
        for alert in _valid(stored.get("held")):
            self.async_put(alert)
        self.async_retry()

    async def async_stop(self) -> None:
        """Deliver nothing any more; what waits is written down."""
        if self._stop_states is not None:
            self._stop_states()
            self._stop_states = None
        for target_id, target in self._targets.items():
            _cancel(target)
            ir.async_delete_issue(self._hass, DOMAIN, _issue_id(target_id))
        if self._is_ours:
            await self._store.async_save(self._dump())
        self._targets, self._is_ours = {}, False

    def waiting(self, target: str) -> tuple[Alert, ...]:
        """Return what waits for a notify entity."""
        return tuple(self._targets[target].pending) if target in self._targets else ()

    @callback
    def async_follow(self, targets: Iterable[str]) -> None:
        """Deliver to these notify entities; what waits for others is forgotten."""
        wanted = list(dict.fromkeys(targets))
        for target_id in self._targets.keys() - wanted:
            _cancel(self._targets.pop(target_id))
            ir.async_delete_issue(self._hass, DOMAIN, _issue_id(target_id))
        for target_id in wanted:
            self._targets.setdefault(target_id, _Target())
        if self._stop_states is not None:
            self._stop_states()
        self._stop_states = async_track_state_change_event(self._hass, wanted, self._state_changed)
        self.save_soon()

    @callback
    def async_look_for_targets(self) -> None:
        """Ask the owner about notify entities that are gone, before they are needed."""
        for target_id in self._targets:
            if is_missing(self._hass, target_id):
                self._tell_missing(target_id)
            else:
                ir.async_delete_issue(self._hass, DOMAIN, _issue_id(target_id))

    @callback
    def async_put(self, alert: Alert) -> None:
        """Deliver an alert to all, now or when that is possible."""
        for target_id, target in self._targets.items():
            # What is on its way just now cannot be taken back.
            sending = target.pending[:1] if target.is_sending else []
            target.pending = sending + with_pending(target.pending[len(sending) :], alert)
            if len(target.pending) > _MOST_WAITING:
                _LOGGER.warning(
                    "Too many alerts wait for %s; the oldest one is left out", target_name(self._hass, target_id)
                )
                del target.pending[0]
            if not target.is_failing:
                self._deliver(target_id)
        self.save_soon()

    @callback
    def async_forget_source(self, source_id: str) -> None:
        """Tell nothing more of a source that was removed."""
        for target in self._targets.values():
            target.pending = [alert for alert in target.pending if alert.source_id != source_id]
        self.save_soon()

    @callback
    def async_retry(self) -> None:
        """Try everything again now: something came back, and with it perhaps the way to the owner."""
        for target_id, target in self._targets.items():
            target.retry_s = FIRST_RETRY_S
            self._deliver(target_id)

    @callback
    def save_soon(self) -> None:
        """Write what waits within a second."""
        if self._is_ours:
            self._store.async_delay_save(self._dump, _SAVE_S)

    def _dump(self) -> dict[str, Any]:
        return {
            "pending": {
                target_id: [alert.as_dict() for alert in target.pending]
                for target_id, target in self._targets.items()
                if target.pending
            },
            "held": [alert.as_dict() for alert in self._held()],
        }

    @callback
    def _state_changed(self, event: Event[EventStateChangedData]) -> None:
        """Try at once when a notify entity appears or is available again."""
        old, new = event.data["old_state"], event.data["new_state"]
        was_there = old is not None and old.state != STATE_UNAVAILABLE
        if new is not None:
            ir.async_delete_issue(self._hass, DOMAIN, _issue_id(event.data["entity_id"]))
        if new is not None and new.state != STATE_UNAVAILABLE and not was_there:
            self._deliver(event.data["entity_id"])

    def _deliver(self, target_id: str) -> None:
        target = self._targets.get(target_id)
        if target is None or target.is_sending or not target.pending:
            return
        _cancel(target)
        target.is_sending = True
        self._entry.async_create_background_task(
            self._hass, self._async_deliver(target_id, target), f"alerts to {target_id}"
        )

    async def _async_deliver(self, target_id: str, target: _Target) -> None:
        """Send what waits, oldest first, until one is not taken."""
        try:
            while target.pending and self._targets.get(target_id) is target:
                alert = target.pending[0]
                is_late = dt_util.utcnow().timestamp() - alert.at_s > _LATE_S
                await async_send(self._hass, target_id, self._render(alert, is_late))
                # It may have been forgotten meanwhile.
                target.pending = [waiting for waiting in target.pending if waiting is not alert]
                self._delivered(target_id, target)
        except DeliveryError as error:
            self._not_delivered(target_id, target, error)
        finally:
            target.is_sending = False

    def _delivered(self, target_id: str, target: _Target) -> None:
        if target.is_failing:
            _LOGGER.info("%s takes alerts again", target_name(self._hass, target_id))
        target.is_failing = False
        target.retry_s = FIRST_RETRY_S
        ir.async_delete_issue(self._hass, DOMAIN, _issue_id(target_id))
        self.save_soon()

    def _not_delivered(self, target_id: str, target: _Target, error: DeliveryError) -> None:
        if self._targets.get(target_id) is not target:
            return
        target.pending = reduce(with_pending, target.pending, list[Alert]())
        if not target.is_failing:
            _LOGGER.warning(
                "%s does not take alerts, which wait until it does: %s", target_name(self._hass, target_id), error
            )
        target.is_failing = True
        if isinstance(error, NoSuchTargetError) and self._hass.state is CoreState.running:
            self._tell_missing(target_id)

        @callback
        def retry(_: datetime) -> None:
            target.cancel_retry = None
            self._deliver(target_id)

        _cancel(target)
        target.cancel_retry = async_call_later(self._hass, target.retry_s, retry)
        target.retry_s = min(2 * target.retry_s, _LAST_RETRY_S)

    def _tell_missing(self, target_id: str) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            _issue_id(target_id),
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key="alert_target_missing",
            translation_placeholders={"target": target_id},
        )


def _issue_id(target_id: str) -> str:
    return f"alert_target_missing_{target_id}"


def _cancel(target: _Target) -> None:
    if target.cancel_retry is not None:
        target.cancel_retry()
        target.cancel_retry = None


def _valid(alerts: object) -> Iterable[Alert]:
    """Return the alerts that stored data describes; what is damaged is said and left out."""
    for data in alerts if isinstance(alerts, list) else ():
        try:
            yield Alert.from_dict(data)
        except (probatio.Invalid, ValueError, TypeError) as error:
            _LOGGER.warning("A stored alert is damaged and left out: %s", error)
