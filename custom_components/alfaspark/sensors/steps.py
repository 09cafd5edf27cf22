"""How far a reading has to move before it is written at once. Smaller movements wait for the heartbeat."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import SensorEntity, SensorEntityDescription
from homeassistant.helpers.typing import StateType

from custom_components.alfaspark.entity import AlfaSparkEntity

HEARTBEAT_S = 60.0
"""A reading that moved by less than its step is written after this time."""

POWER_STEP_W = 10.0
VOLTAGE_STEP_V = 0.1
CURRENT_STEP_A = 0.2
FREQUENCY_STEP_HZ = 0.02
SOC_STEP_PCT = 1.0
SHARE_STEP_PCT = 5.0
BUS_LOAD_STEP_PCT = 1.0
LOAD_STEP_SHARE = 0.02
"""Of a power or current: households flicker in proportion to what they draw."""
ENERGY_STEP_WH = 10.0
IMPORT_STEP_KWH = 0.05
EVERY_MOVE = 0.0
"""For states, and for what moves only when somebody sets it."""
HEARTBEAT_ONLY = float("inf")
"""For counts that always grow."""


@dataclass(frozen=True, kw_only=True)
class SteppedSensorDescription(SensorEntityDescription):
    """Describes a sensor whose small movements wait for the heartbeat."""

    step: float
    """Least movement that is written at once, in the native unit."""
    step_share: float = 0.0
    """The same as a share of the value last shown; the larger of the two counts."""


class SteppedSensor(AlfaSparkEntity[Any, StateType], SensorEntity):
    """A sensor that lets small movements wait, so that a flickering watt does not fill the database."""

    entity_description: SteppedSensorDescription

    @property
    @override
    def native_value(self) -> StateType:
        """The reading last shown."""
        return self._shown

    def _step_factor(self) -> float:
        """Return by how much the step is larger than for one pack, at least 1."""
        return 1.0

    @override
    def _has_moved(self, reading: StateType) -> bool:
        if isinstance(reading, int | float) and isinstance(self._shown, int | float):
            description = self.entity_description
            step = self._step_factor() * description.step
            if abs(reading - self._shown) < max(step, description.step_share * abs(self._shown)):
                waited_s = self.hass.loop.time() - self._shown_at_s
                return reading != self._shown and waited_s >= HEARTBEAT_S
        return reading != self._shown
