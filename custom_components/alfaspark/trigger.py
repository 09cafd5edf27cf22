"""Triggers: what happens to packs and power sources, for automations.

They hear of it through the dispatcher, so that an automation may be set up before its packs are there and outlives them.
"""

from typing import ClassVar, override

from homeassistant.const import ATTR_DEVICE_ID, CONF_MODE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerNotTriggeredReporter
import probatio

from .events.pack_events import SIGNAL_PACK_EVENT, PackNews
from .events.targets import CONF_CODE, CONF_PERCENT, PackTarget, names
from .events.triggers import TargetedTrigger
from .events.words import fields, sentence
from .packbus.events import IMPORT_THRESHOLDS_PCT, EventKind, PackEvent
from .packbus.frames import FaultCode, Mode
from .power_watch.automations.triggers import POWER_TRIGGERS

CONF_TO = "to"


class PackTrigger(TargetedTrigger):
    """Fires for one kind of event of the packs that are targeted."""

    kind: ClassVar[EventKind]
    target_type: ClassVar = PackTarget

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action for each such event until the returned function is called."""
        self._target.log_missing()

        @callback
        def follow(news: PackNews) -> None:
            if news.event.kind is self.kind and self._wants(news.event) and self._target.includes(news.device_id):
                told = fields(news.event)
                run_action(
                    {ATTR_DEVICE_ID: news.device_id, "pack": news.pack_name, **told},
                    f"{news.pack_name} {sentence(told)}",
                )

        return async_dispatcher_connect(self._hass, SIGNAL_PACK_EVENT, follow)

    def _wants(self, event: PackEvent) -> bool:
        """Whether an event of this kind is one that the options ask for."""
        return True


def _trigger(event_kind: EventKind, base: type[PackTrigger] = PackTrigger) -> type[PackTrigger]:
    class KindTrigger(base):  # type: ignore[valid-type, misc]
        kind = event_kind

    return KindTrigger


class ModeTrigger(PackTrigger):
    """A mode was turned on or off; some modes and one direction may be chosen."""

    options: ClassVar = {
        probatio.Optional(CONF_MODE): probatio.All(cv.ensure_list, [probatio.In(names(Mode))]),
        # YAML makes a truth value of an unquoted on.
        probatio.Optional(CONF_TO): cv.boolean,
    }

    @override
    def _wants(self, event: PackEvent) -> bool:
        modes, on = self._options.get(CONF_MODE), self._options.get(CONF_TO)
        assert event.mode is not None
        return (not modes or event.mode.name.lower() in modes) and on in (None, event.on)


class ImportLimitTrigger(PackTrigger):
    """One of the chosen shares of the import limit was reached; several at once fire once."""

    options: ClassVar = {
        probatio.Required(CONF_PERCENT, default=list(IMPORT_THRESHOLDS_PCT)): probatio.All(
            cv.ensure_list,
            [probatio.All(probatio.Coerce(int), probatio.In(IMPORT_THRESHOLDS_PCT))],
            probatio.Length(min=1, msg=f"choose at least one of {', '.join(map(str, IMPORT_THRESHOLDS_PCT))}"),
        )
    }

    @override
    def _wants(self, event: PackEvent) -> bool:
        assert event.percent is not None and event.percent_before is not None
        return any(event.percent_before < percent <= event.percent for percent in self._options[CONF_PERCENT])


class FaultTrigger(PackTrigger):
    """A fault appeared or cleared; some codes may be chosen."""

    options: ClassVar = {probatio.Optional(CONF_CODE): probatio.All(cv.ensure_list, [probatio.In(names(FaultCode))])}

    @override
    def _wants(self, event: PackEvent) -> bool:
        codes = self._options.get(CONF_CODE)
        assert event.fault is not None
        return not codes or event.fault.name.lower() in codes


_PACK_TRIGGERS = (
    _trigger(EventKind.MODE_CHANGED, ModeTrigger),
    _trigger(EventKind.LOADS_LIMIT_REACHED),
    _trigger(EventKind.LOADS_LIMIT_ENDED),
    _trigger(EventKind.IMPORT_LIMIT_REACHED, ImportLimitTrigger),
    _trigger(EventKind.IMPORT_LIMIT_RELEASED),
    _trigger(EventKind.PACK_GONE),
    _trigger(EventKind.PACK_RETURNED),
    _trigger(EventKind.PACK_RESTARTED),
    _trigger(EventKind.BMS_LOST),
    _trigger(EventKind.BMS_RETURNED),
    _trigger(EventKind.FAULT_APPEARED, FaultTrigger),
    _trigger(EventKind.FAULT_CLEARED, FaultTrigger),
)

TRIGGERS: dict[str, type[TargetedTrigger]] = {
    **{trigger.kind.value: trigger for trigger in _PACK_TRIGGERS},
    **POWER_TRIGGERS,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers by the names that follow `alfaspark.`."""
    return dict(TRIGGERS)
