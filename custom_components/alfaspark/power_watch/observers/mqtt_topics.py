"""MQTT topics as checkpoints, through Home Assistant's own MQTT, which may be set up later or be removed meanwhile.

A message is a sign of life unless it is retained: that one only says what once was. A will counts as down at once.
"""

from dataclasses import dataclass, field
from datetime import datetime
import logging
from typing import TYPE_CHECKING, override

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval

from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.power_watch.setup import (
    CONF_DOWN_PAYLOADS,
    CONF_SILENCE,
    DEFAULT_DOWN_PAYLOADS,
    DEFAULT_SILENCE_S,
    CheckpointSetup,
)

from .base import Found, Observer, Report, Watched
from .intervals import interval

if TYPE_CHECKING:
    from homeassistant.components.mqtt import ReceiveMessage

_LOGGER = logging.getLogger(__name__)

_MQTT = "mqtt"
_MOST_FOUND = 500
"""Topics that one wildcard may find: a mistaken one would find everything that is on the broker."""


@dataclass(slots=True, eq=False)
class _Topic:
    watched: Watched
    alive_s: float | None = None
    """When it was last heard, or when listening began after it was heard once."""
    found: set[str] = field(default_factory=set)
    stops: list[CALLBACK_TYPE] = field(default_factory=list)


class MqttObserver(Observer):
    """Listens to topics while Home Assistant's MQTT is connected; what it does not hear then is down."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Listen to nothing yet."""
        super().__init__(hass, report, found)
        self._topics: dict[str, _Topic] = {}
        self._connected = False
        self._stop_status: CALLBACK_TYPE | None = None
        self._stop_entries = async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed)
        self._follow_entry()

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        topic = self._topics[watched.id] = _Topic(watched)

        @callback
        def look(_: datetime) -> None:
            self._look(topic)

        topic.stops.append(async_track_time_interval(self._hass, look, interval(watched.rule), cancel_on_shutdown=True))
        self._subscribe(topic)
        if not self._connected:
            self._report(watched, Result.UNKNOWN, self._now_s(), detail=_NOT_CONNECTED)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        if (topic := self._topics.pop(watched.id, None)) is not None:
            _release(topic)
        for other in self._topics.values():
            # It may be found again.
            other.found.discard(watched.setup.target)

    @override
    async def async_check(self, watched: Watched) -> None:
        if (topic := self._topics.get(watched.id)) is not None:
            self._look(topic)

    @override
    async def async_stop(self) -> None:
        self._stop_entries()
        if self._stop_status is not None:
            self._stop_status()
        for topic in self._topics.values():
            _release(topic)

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == _MQTT:
            self._follow_entry()

    def _follow_entry(self) -> None:
        """Subscribe when MQTT was set up; its subscriptions are gone when it was removed."""
        is_loaded = any(
            entry.state is ConfigEntryState.LOADED for entry in self._hass.config_entries.async_entries(_MQTT)
        )
        if is_loaded and self._stop_status is None:
            from homeassistant.components import mqtt  # noqa: PLC0415 - its requirements are there with its entry

            self._stop_status = mqtt.async_subscribe_connection_status(self._hass, self._connection_changed)
            self._connected = mqtt.is_connected(self._hass)
            for topic in self._topics.values():
                self._subscribe(topic)
        elif not is_loaded and self._stop_status is not None:
            self._stop_status()
            self._stop_status = None
            for topic in self._topics.values():
                _release(topic, but=1)
            self._connection_changed(False)

    @callback
    def _connection_changed(self, connected: bool) -> None:
        """Nobody is heard without the broker; who was heard before gets its time anew when it is back."""
        self._connected = connected
        for topic in self._topics.values():
            if connected:
                topic.alive_s = self._now_s() if topic.alive_s is not None else None
            else:
                self._report(topic.watched, Result.UNKNOWN, self._now_s(), detail=_NOT_CONNECTED)

    def _subscribe(self, topic: _Topic) -> None:
        """Listen to a topic that was not found through another one, whose messages come there."""
        if self._stop_status is None or self._is_found(topic):
            return
        from homeassistant.components.mqtt.client import async_subscribe_internal  # noqa: PLC0415

        @callback
        def heard(message: ReceiveMessage) -> None:
            self._heard(topic, message)

        try:
            topic.stops.append(async_subscribe_internal(self._hass, topic.watched.setup.target, heard))
        except HomeAssistantError as error:
            self._report(topic.watched, Result.UNKNOWN, self._now_s(), detail=str(error))

    def _is_found(self, topic: _Topic) -> bool:
        return any(topic.watched.setup.target in other.found for other in self._topics.values())

    @callback
    def _heard(self, topic: _Topic, message: ReceiveMessage) -> None:
        if not topic.watched.setup.is_group:
            self._take(topic, message)
            return
        if message.topic not in topic.found and not message.retain:
            self._find(topic, message.topic)
        for other in self._topics.values():
            if other.watched.setup.target == message.topic and message.topic in topic.found:
                self._take(other, message)

    def _find(self, through: _Topic, target: str) -> None:
        if len(through.found) >= _MOST_FOUND:
            return
        through.found.add(target)
        if len(through.found) == _MOST_FOUND:
            _LOGGER.warning(
                "%s finds more than %d topics; no more are watched: choose a narrower one",
                through.watched.setup.target, _MOST_FOUND,
            )  # fmt: skip
        setup = through.watched.setup
        self._found(through.watched, CheckpointSetup(setup.kind, target, target, setup.is_paused, setup.options))

    def _take(self, topic: _Topic, message: ReceiveMessage) -> None:
        payload = str(message.payload)
        if payload in topic.watched.setup.options.get(CONF_DOWN_PAYLOADS, DEFAULT_DOWN_PAYLOADS):
            self._report(topic.watched, Result.DOWN_AT_ONCE, self._now_s(), detail=payload)
        elif not message.retain:
            topic.alive_s = self._now_s()
            self._report(topic.watched, Result.ALIVE, topic.alive_s)

    def _look(self, topic: _Topic) -> None:
        """Report one that is silent for too long."""
        if not self._connected or topic.alive_s is None or topic.watched.setup.is_group:
            return
        silence_s = topic.watched.setup.options.get(CONF_SILENCE, DEFAULT_SILENCE_S)
        if self._now_s() - topic.alive_s > silence_s:
            self._report(topic.watched, Result.DOWN, self._now_s(), detail=f"silent for more than {silence_s} s")


_NOT_CONNECTED = "the MQTT broker is not connected"


def _release(topic: _Topic, but: int = 0) -> None:
    """Undo subscriptions, and the timer, which comes first, unless it shall stay."""
    while len(topic.stops) > but:
        topic.stops.pop()()
