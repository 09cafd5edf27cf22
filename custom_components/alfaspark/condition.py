"""Conditions: how packs and power sources are now, for automations. What is not known is not so."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, override

from homeassistant.const import CONF_MODE, CONF_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import Condition
import probatio

from .coordinator import PackCoordinator
from .events.conditions import TargetedCondition
from .events.targets import CONF_CODE, CONF_PERCENT, PackDevice, PackTarget, names
from .packbus.events import IMPORT_THRESHOLDS_PCT, import_share_pct, is_bms_lost, is_loads_limit
from .packbus.frames import FaultCode, Mode
from .power_watch.automations.conditions import POWER_CONDITIONS

type Options = dict[str, Any]


class PackCondition(TargetedCondition):
    """Whether something is so of any of the targeted packs, or of all."""

    target_type: ClassVar = PackTarget
    of_gateways: ClassVar = False
    """Whether it can be so of an energy gateway, too."""

    @staticmethod
    @abstractmethod
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether it is so of one pack; None while that is not known."""

    @override
    def _results(self) -> Iterator[bool]:
        return (self._is_so(pack) for pack in self._target.devices() if self.of_gateways or _is_pack(pack))

    def _is_so(self, pack: PackDevice) -> bool:
        return pack.coordinator is not None and self.check(pack.coordinator, self._options) is True


def _is_pack(pack: PackDevice) -> bool:
    return pack.coordinator is None or pack.coordinator.is_pack


class ModeCondition(PackCondition):
    """A mode is on, or off."""

    options: ClassVar = {
        probatio.Required(CONF_MODE): probatio.In(names(Mode)),
        # YAML makes a truth value of an unquoted on.
        probatio.Required(CONF_STATE, default=True): cv.boolean,
    }

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether the pack reports the mode so."""
        on = pack.data.has_mode(Mode[options[CONF_MODE].upper()])
        return None if on is None or not pack.available else on is options[CONF_STATE]


class LoadsLimitCondition(PackCondition):
    """The home is above the eco limit, with nothing left to shed."""

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether the pack warns of it."""
        return is_loads_limit(pack.data) if pack.available else None


class ImportLimitCondition(PackCondition):
    """A share of the day's import limit is reached."""

    options: ClassVar = {
        probatio.Required(CONF_PERCENT, default=IMPORT_THRESHOLDS_PCT[-1]): probatio.All(
            probatio.Coerce(int), probatio.In(IMPORT_THRESHOLDS_PCT)
        )
    }

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether the pack warns of this share or a higher one."""
        percent = import_share_pct(pack.data) if pack.available else None
        return None if percent is None else bool(percent >= options[CONF_PERCENT])


class GoneCondition(PackCondition):
    """The pack was not heard for two minutes, while the adapter was there."""

    of_gateways: ClassVar = True

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether nobody heard it."""
        return pack.gone


class BmsLostCondition(PackCondition):
    """The BMS does not answer its pack."""

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether the pack warns of it."""
        return is_bms_lost(pack.data) if pack.available else None


class FaultCondition(PackCondition):
    """A fault stands; some codes may be chosen."""

    options: ClassVar = {probatio.Optional(CONF_CODE): probatio.All(cv.ensure_list, [probatio.In(names(FaultCode))])}
    of_gateways: ClassVar = True

    @staticmethod
    @override
    def check(pack: PackCoordinator, options: Options) -> bool | None:
        """Return whether the pack has told of one that has not cleared."""
        if not pack.available:
            return None
        codes = options.get(CONF_CODE)
        return any(not codes or code.name.lower() in codes for code, _ in pack.data.faults)


CONDITIONS: dict[str, type[TargetedCondition]] = {
    "has_mode": ModeCondition,
    "has_reached_loads_limit": LoadsLimitCondition,
    "has_reached_import_limit": ImportLimitCondition,
    "is_gone": GoneCondition,
    "has_lost_bms": BmsLostCondition,
    "has_fault": FaultCondition,
    **POWER_CONDITIONS,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by the names that follow `alfaspark.`."""
    return dict(CONDITIONS)
