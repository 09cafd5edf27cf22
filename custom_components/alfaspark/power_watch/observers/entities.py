"""Entities of Home Assistant as checkpoints: one that is unavailable, or in a state that the owner has chosen, is down."""

from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.const import ATTR_RESTORED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, CoreState, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import async_call_later, async_track_state_change_event
from homeassistant.helpers.start import async_at_started

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.power_watch.setup import CONF_DOWN_STATES

from .base import Found, Observer, Report, Watched


@dataclass(slots=True, eq=False)
class _Followed:
    watched: Watched
    stop_changes: CALLBACK_TYPE
    stop_timer: CALLBACK_TYPE | None = None
    result: Result | None = None
    """What was reported last."""


class EntityObserver(Observer):
    """Looks when the state changes, and an interval after the last look, so that a short loss is one failure only."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Follow nothing yet."""
        super().__init__(hass, report, found)
        self._followed: dict[str, _Followed] = {}
        self._stop_waiting = async_at_started(hass, self._started)

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            followed = self._followed[watched.id]
            state = event.data["new_state"]
            # Other attributes are no second failure.
            if self._result(followed.watched, state) is not followed.result:
                self._look(followed, state)

        stop = async_track_state_change_event(self._hass, watched.setup.target, changed)
        self._followed[watched.id] = _Followed(watched, stop)
        self._look_now(self._followed[watched.id])

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        if (followed := self._followed.pop(watched.id, None)) is not None:
            followed.stop_changes()
            if followed.stop_timer is not None:
                followed.stop_timer()

    @override
    @callback
    def async_change(self, watched: Watched) -> None:
        followed = self._followed[watched.id]
        followed.watched = watched
        if self._result(watched, self._hass.states.get(watched.setup.target)) is followed.result:
            self._arm(followed)
        else:
            self._look_now(followed)

    @override
    async def async_check(self, watched: Watched) -> None:
        if (followed := self._followed.get(watched.id)) is not None:
            self._look_now(followed)

    @override
    async def async_stop(self) -> None:
        self._stop_waiting()
        for followed in tuple(self._followed.values()):
            self.async_remove(followed.watched)

    @callback
    def _started(self, _: HomeAssistant) -> None:
        for followed in tuple(self._followed.values()):
            self._look_now(followed)

    def _look_now(self, followed: _Followed) -> None:
        self._look(followed, self._hass.states.get(followed.watched.setup.target))

    def _look(self, followed: _Followed, state: State | None) -> None:
        self._arm(followed)
        followed.result = result = self._result(followed.watched, state)
        detail = state.state if state else "there is no such entity"
        self._report(followed.watched, result, self._now_s(), detail=detail)

    def _arm(self, followed: _Followed) -> None:
        """Look again after an interval."""

        @callback
        def look(_: datetime) -> None:
            self._look_now(followed)

        if followed.stop_timer is not None:
            followed.stop_timer()
        followed.stop_timer = async_call_later(self._hass, followed.watched.rule.interval_s, look)

    def _result(self, watched: Watched, state: State | None) -> Result:
        if state is None or state.attributes.get(ATTR_RESTORED):
            return Result.UNKNOWN
        if state.state == STATE_UNAVAILABLE:
            # While Home Assistant starts, an integration may not have looked yet; when it stops, it looks no more.
            return Result.DOWN if self._hass.state is CoreState.running else Result.UNKNOWN
        if state.state in watched.setup.options.get(CONF_DOWN_STATES, ()):
            return Result.DOWN
        return Result.UNKNOWN if state.state == STATE_UNKNOWN else Result.ALIVE
