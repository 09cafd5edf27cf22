"""Entities of Home Assistant as checkpoints: one that is unavailable, or in a state that the owner has chosen, is down."""

from functools import partial
from typing import override

from homeassistant.const import ATTR_RESTORED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_state_change_event, async_track_time_interval

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.power_watch.setup import CONF_DOWN_STATES

from .base import Found, Observer, Report, Watched
from .intervals import interval


class EntityObserver(Observer):
    """Looks when the state changes and at each interval, so that a short loss is one failure and no more."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Follow nothing yet."""
        super().__init__(hass, report, found)
        self._stops: dict[str, list[CALLBACK_TYPE]] = {}

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            self._look(watched, event.data["new_state"])

        self._stops[watched.id] = [
            async_track_state_change_event(self._hass, watched.setup.target, changed),
            async_track_time_interval(
                self._hass,
                callback(partial(self._look_again, watched)),
                interval(watched.rule),
                cancel_on_shutdown=True,
            ),
        ]
        self._look_again(watched)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        for stop in self._stops.pop(watched.id, ()):
            stop()

    @override
    async def async_check(self, watched: Watched) -> None:
        self._look_again(watched)

    @override
    async def async_stop(self) -> None:
        for stops in self._stops.values():
            for stop in stops:
                stop()

    @callback
    def _look_again(self, watched: Watched, _: object = None) -> None:
        self._look(watched, self._hass.states.get(watched.setup.target))

    def _look(self, watched: Watched, state: State | None) -> None:
        result = self._result(watched, state)
        self._report(watched, result, self._now_s(), detail=state.state if state else "there is no such entity")

    def _result(self, watched: Watched, state: State | None) -> Result:
        if state is None or state.state == STATE_UNKNOWN or state.attributes.get(ATTR_RESTORED):
            return Result.UNKNOWN
        if state.state in watched.setup.options.get(CONF_DOWN_STATES, ()):
            return Result.DOWN
        if state.state == STATE_UNAVAILABLE:
            # While Home Assistant starts, an integration may not have looked yet.
            return Result.DOWN if self._hass.is_running else Result.UNKNOWN
        return Result.ALIVE
