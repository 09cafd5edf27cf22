"""Binary sensor of a power source: is the power there."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass

from custom_components.alfaspark.outages.model import PowerState

from .base import SourceEntity

POWER = BinarySensorEntityDescription(key="power", device_class=BinarySensorDeviceClass.POWER)

_IS_ON = {PowerState.POWERED: True, PowerState.SUSPECT: True, PowerState.LOST: False, PowerState.UNKNOWN: None}
"""One that is suspect counts as powered until its loss is decided."""


class PowerBinarySensor(SourceEntity, BinarySensorEntity):
    """Whether a source has power; unknown while nothing that is known says so."""

    _attr_name = None

    @property
    @override
    def is_on(self) -> bool | None:
        """True, False, or None while it is unknown."""
        return _IS_ON[self.coordinator.decision.state]
