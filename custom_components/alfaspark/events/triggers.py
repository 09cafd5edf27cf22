"""What all triggers of the integration share: options, and a target without which all are meant."""

from typing import Any, ClassVar, cast, override

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import Trigger, TriggerConfig
from homeassistant.helpers.typing import ConfigType
import probatio

from .targets import Target, check_target


class TargetedTrigger(Trigger):
    """Fires for what happens to the devices that are targeted."""

    target_type: ClassVar[type[Target[Any]]]
    options: ClassVar[dict[probatio.Marker, Any]] = {}

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Return the configuration with its defaults. Raises Invalid."""
        schema = probatio.Schema(
            {
                probatio.Optional(CONF_TARGET): cv.TARGET_FIELDS,
                probatio.Required(CONF_OPTIONS, default=dict): cls.options,
            }
        )
        config = cast(ConfigType, schema(config))
        check_target(hass, config.get(CONF_TARGET), cls.target_type)
        return config

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take a validated configuration."""
        super().__init__(hass, config)
        self._target = self.target_type(hass, config.target)
        self._options = config.options or {}
