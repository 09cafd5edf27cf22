"""What all conditions of the integration share: options, a target without which all are meant, and any or all of them."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Unpack, cast, override

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .targets import Target, check_target


class TargetedCondition(Condition):
    """Whether something is so of any of the targeted devices, or of all."""

    target_type: ClassVar[type[Target[Any]]]
    options: ClassVar[dict[probatio.Marker, Any]] = {}

    @abstractmethod
    def _results(self) -> Iterable[bool]:
        """Return whether it is so of each device that is meant."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Return the configuration with its defaults. Raises Invalid."""
        schema = probatio.Schema(
            {
                probatio.Optional(CONF_TARGET): cv.TARGET_FIELDS,
                probatio.Required(CONF_OPTIONS, default=dict): {
                    probatio.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): probatio.In([BEHAVIOR_ANY, BEHAVIOR_ALL]),
                    **cls.options,
                },
            }
        )
        config = cast(ConfigType, schema(config))
        check_target(hass, config.get(CONF_TARGET), cls.target_type)
        return config

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Take a validated configuration."""
        super().__init__(hass, config)
        self._target = self.target_type(hass, config.target)
        self._options = config.options or {}

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Return whether it is so; False where there is no such device."""
        results = list(self._results())
        if self._options[ATTR_BEHAVIOR] == BEHAVIOR_ALL:
            return bool(results) and all(results)
        return any(results)
