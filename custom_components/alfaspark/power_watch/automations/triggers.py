"""Triggers of power sources."""

from collections.abc import Mapping
from typing import ClassVar, override

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import TriggerActionRunner, TriggerNotTriggeredReporter
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.events.triggers import TargetedTrigger
from custom_components.alfaspark.power_watch.entities.events import attributes
from custom_components.alfaspark.power_watch.news import SIGNAL_POWER_NEWS, PowerEvent, PowerNews
from custom_components.alfaspark.power_watch.words import sentence

from .targets import SourceTarget


class PowerTrigger(TargetedTrigger):
    """Fires for one kind of what happens to the power sources that are targeted."""

    event: ClassVar[PowerEvent]
    target_type: ClassVar = SourceTarget

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action each time that it happens until the returned function is called."""
        self._target.log_missing()

        @callback
        def follow(news: PowerNews) -> None:
            if news.event is not self.event:
                return
            device_id = next((each.device.id for each in self._target.devices() if each.id == news.source_id), None)
            if device_id is not None:
                run_action(
                    {ATTR_DEVICE_ID: device_id, "kind": news.event.value, **attributes(news)},
                    f"{news.name} {sentence(news, dt_util.now())}",
                )

        return async_dispatcher_connect(self._hass, SIGNAL_POWER_NEWS, follow)


def _trigger(power_event: PowerEvent) -> type[PowerTrigger]:
    class EventTrigger(PowerTrigger):
        event = power_event

    return EventTrigger


POWER_TRIGGERS: Mapping[str, type[PowerTrigger]] = {
    event.value: _trigger(event)
    for event in (PowerEvent.LOST, PowerEvent.RESTORED, PowerEvent.SUSPECTED, PowerEvent.UNKNOWN)
}
"""By the names that follow `alfaspark.`."""
