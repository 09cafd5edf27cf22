"""The faults that stand in a pack."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory

from custom_components.alfaspark.entity import PackEntity
from custom_components.alfaspark.packbus.frames import FaultCode, Relay

_NONE = "none"
_SEVERAL = "several"

_OF_A_CHANNEL = (FaultCode.SENSOR_CLIPPED, FaultCode.OPEN_RELAY_CURRENT)
_CHANNELS = {relay.value: relay.name.lower() for relay in Relay}
"""Each current transformer has the number of the relay beside it."""

FAULT = SensorEntityDescription(
    key="fault",
    translation_key="fault",
    device_class=SensorDeviceClass.ENUM,
    options=[_NONE, _SEVERAL, *(code.name.lower() for code in FaultCode)],
    entity_category=EntityCategory.DIAGNOSTIC,
)

FAULT_NAMES = (
    *(code.name.lower() for code in FaultCode),
    *(f"{code.name.lower()}_{channel}" for code in _OF_A_CHANNEL for channel in _CHANNELS.values()),
)
"""What the attribute `faults` may hold."""


def _name(code: FaultCode, argument: int) -> str:
    channel = _CHANNELS.get(argument) if code in _OF_A_CHANNEL else None
    return code.name.lower() if channel is None else f"{code.name.lower()}_{channel}"


class FaultSensor(PackEntity[tuple[tuple[FaultCode, int], ...]], SensorEntity):
    """Which fault stands, or that several do."""

    @property
    @override
    def native_value(self) -> str | None:
        """None, several, or the code of the one that stands."""
        if self._shown is None:
            return None
        if not self._shown:
            return _NONE
        return self._shown[0][0].name.lower() if len(self._shown) == 1 else _SEVERAL

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """All that stand, those of a current transformer with its channel; and the task of a watchdog restart."""
        if self._shown is None:
            return None
        attributes: dict[str, Any] = {"faults": [_name(code, argument) for code, argument in self._shown]}
        for code, argument in self._shown:
            if code is FaultCode.WATCHDOG_RESTART:
                attributes["watchdog_task"] = argument
        return attributes

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available and self.coordinator.data.status is not None

    @override
    def _read(self) -> tuple[tuple[FaultCode, int], ...]:
        return tuple(sorted(self.coordinator.data.faults))
