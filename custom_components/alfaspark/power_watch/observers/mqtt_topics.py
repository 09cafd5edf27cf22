"""MQTT topics as checkpoints, through Home Assistant's own MQTT, which may be set up later or be removed meanwhile.

A message is a sign of life unless it is retained: that one only says what once was. A will counts as down at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from math import inf
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

if TYPE_CHECKING:
    from homeassistant.components.mqtt import ReceiveMessage

_LOGGER = logging.getLogger(__name__)

_MQTT = "mqtt"
_MOST_FOUND = 500
"""Topics that one wildcard may find: a mistaken one would find everything that is on the broker."""
_LOOK = timedelta(seconds=1)
_NOT_CONNECTED = "the MQTT broker is not connected"
_NOT_HEARD_YET = "not heard yet since listening began"


@dataclass(slots=True, eq=False)
class _Topic:
    watched: Watched
    heard_s: float
    """When it was last heard, or when listening began."""
    look_s: float = 0.0
    """When to look next whether it is silent for too long."""
    will: str | None = None
    """What its will said, if that was the last that was heard of it."""
    is_old: bool = False
    """Its will is from before anybody listened: it is off for minutes, or for years."""
    found: dict[str, _Topic] = field(default_factory=dict)
    """What was found through it, by topic."""
    stop: CALLBACK_TYPE | None = None
    """Ends the subscription. What was found has none of its own: its messages come to the one that found it."""

    def begin(self, now_s: float) -> None:
        """It has its time to be heard from now on."""
        self.heard_s = now_s
        self.look_s = now_s + self.silence_s
        self.will = None
        self.is_old = False

    @property
    def silence_s(self) -> float:
        """It is down when it says nothing for so long."""
        silence_s: float = self.watched.setup.options.get(CONF_SILENCE, DEFAULT_SILENCE_S)
        return silence_s or inf

    def release(self) -> None:
        """Listen no more."""
        if self.stop is not None:
            self.stop()
            self.stop = None


class MqttObserver(Observer):
    """Listens to topics while Home Assistant's MQTT is connected; what it does not hear then is down."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Listen to nothing yet."""
        super().__init__(hass, report, found)
        self._topics: dict[str, _Topic] = {}
        self._connected = False
        self._stop_status: CALLBACK_TYPE | None = None
        self._stops = [
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed),
            async_track_time_interval(hass, self._look, _LOOK, cancel_on_shutdown=True),
        ]
        self._follow_entry()

    @override
    @callback
    def async_add(self, watched: Watched) -> None:
        topic = self._topics[watched.id] = _Topic(watched, self._now_s())
        topic.begin(topic.heard_s)
        if watched.through is not None:
            self._topics[watched.through].found[watched.setup.target] = topic
        elif self._stop_status is not None:
            self._subscribe(topic)
        detail = _NOT_HEARD_YET if self._connected else _NOT_CONNECTED
        self._report(watched, Result.UNKNOWN, topic.heard_s, detail=detail)

    @override
    @callback
    def async_remove(self, watched: Watched) -> None:
        if (topic := self._topics.pop(watched.id, None)) is not None:
            topic.release()
        if (through := self._topics.get(watched.through or "")) is not None:
            through.found.pop(watched.setup.target, None)

    @override
    @callback
    def async_change(self, watched: Watched) -> None:
        topic = self._topics[watched.id]
        topic.watched = watched
        topic.look_s = topic.heard_s + topic.silence_s

    @override
    async def async_check(self, watched: Watched) -> None:
        if (topic := self._topics.get(watched.id)) is not None:
            self._look_at([topic])

    @override
    async def async_stop(self) -> None:
        for stop in self._stops:
            stop()
        self._let_go()

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
            for topic in self._topics.values():
                if topic.watched.through is None:
                    self._subscribe(topic)
            self._connection_changed(mqtt.is_connected(self._hass))
        elif not is_loaded and self._stop_status is not None:
            self._let_go()
            self._connection_changed(False)

    def _let_go(self) -> None:
        if self._stop_status is not None:
            self._stop_status()
            self._stop_status = None
        for topic in self._topics.values():
            topic.release()

    @callback
    def _connection_changed(self, connected: bool) -> None:
        """Nobody is heard without the broker; when it is back, all get their time anew."""
        self._connected, was_connected = connected, self._connected
        for topic in self._topics.values():
            if not connected:
                self._report(topic.watched, Result.UNKNOWN, self._now_s(), detail=_NOT_CONNECTED)
            elif not was_connected:
                topic.begin(self._now_s())

    def _subscribe(self, topic: _Topic) -> None:
        from homeassistant.components import mqtt  # noqa: PLC0415

        @callback
        def heard(message: ReceiveMessage) -> None:
            self._heard(topic, message)

        async def subscribe() -> None:
            try:
                # Any payload is a sign of life, also one that is no text.
                stop = await mqtt.async_subscribe(self._hass, topic.watched.setup.target, heard, encoding=None)
            except HomeAssistantError as error:
                self._report(topic.watched, Result.UNKNOWN, self._now_s(), detail=str(error))
                return
            topic.stop = stop
            if self._stop_status is None or self._topics.get(topic.watched.id) is not topic:
                topic.release()

        self._hass.async_create_background_task(subscribe(), f"subscribe to {topic.watched.setup.target}")

    @callback
    def _heard(self, topic: _Topic, message: ReceiveMessage) -> None:
        if not topic.watched.setup.is_group:
            self._take(topic, message)
            return
        if message.topic not in topic.found and not message.retain:
            self._find(topic, message.topic)
        if (found := topic.found.get(message.topic)) is not None:
            self._take(found, message)

    def _find(self, through: _Topic, target: str) -> None:
        """Have a topic watched that was found, unless its source has it already or there are too many."""
        if len(through.found) >= _MOST_FOUND:
            return
        setup = through.watched.setup
        self._found(through.watched, CheckpointSetup(setup.kind, target, target, setup.is_paused, setup.options))
        if len(through.found) == _MOST_FOUND:
            _LOGGER.warning(
                "%s finds more than %d topics; no more are watched: choose a narrower one",
                setup.target, _MOST_FOUND,
            )  # fmt: skip

    def _take(self, topic: _Topic, message: ReceiveMessage) -> None:
        payload = message.payload if isinstance(message.payload, str) else message.payload.decode("utf-8", "replace")
        if payload.strip() in topic.watched.setup.options.get(CONF_DOWN_PAYLOADS, DEFAULT_DOWN_PAYLOADS):
            topic.will = payload.strip()
            topic.is_old = message.retain
            self._look_at(self._of_source(topic) if message.retain else [topic])
        elif not message.retain:
            topic.begin(self._now_s())
            self._report(topic.watched, Result.ALIVE, topic.heard_s)

    @callback
    def _look(self, _: datetime) -> None:
        now_s = self._now_s()
        self._look_at([topic for topic in self._topics.values() if topic.look_s <= now_s])

    def _look_at(self, topics: Iterable[_Topic]) -> None:
        now_s = self._now_s()
        for topic in topics:
            is_will = topic.will is not None and not (topic.is_old and not self._are_most_off(topic))
            is_down = is_will or now_s >= topic.heard_s + topic.silence_s
            if self._connected and is_down and not topic.watched.setup.is_group:
                self._tell_down(topic)

    def _of_source(self, topic: _Topic) -> list[_Topic]:
        source_id = topic.watched.source_id
        return [
            other
            for other in self._topics.values()
            if other.watched.source_id == source_id and not other.watched.setup.is_group
        ]

    def _are_most_off(self, topic: _Topic) -> bool:
        """Whether wills say of most devices of a source that they are off.

        Nothing was heard yet of those that are alive: the one that was taken away years ago is not all of them.
        """
        of_source = self._of_source(topic)
        return sum(other.will is not None for other in of_source) > topic.watched.rule.fraction * len(of_source)

    def _tell_down(self, topic: _Topic) -> None:
        """Tell now, and at each interval while it lasts."""
        now_s = self._now_s()
        topic.look_s = now_s + topic.watched.rule.interval_s
        if topic.will is not None:
            self._report(topic.watched, Result.DOWN_AT_ONCE, now_s, detail=topic.will)
        else:
            self._report(topic.watched, Result.DOWN, now_s, detail=f"silent for more than {topic.silence_s:g} s")
