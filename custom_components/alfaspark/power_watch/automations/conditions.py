"""Conditions of power sources. While the power watch is not there, it is unknown whether they have power."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, override

from custom_components.alfaspark.events.conditions import TargetedCondition
from custom_components.alfaspark.outages.model import PowerState

from .targets import SourceDevice, SourceTarget


class PowerCondition(TargetedCondition):
    """Whether any of the targeted power sources is in a state, or all are."""

    state: ClassVar[PowerState]
    target_type: ClassVar = SourceTarget

    @override
    def _results(self) -> Iterator[bool]:
        return (_state(device) is self.state for device in self._target.devices())


def _state(device: SourceDevice) -> PowerState:
    return device.source.decision.state if device.source else PowerState.UNKNOWN


def _condition(power_state: PowerState) -> type[PowerCondition]:
    class StateCondition(PowerCondition):
        state = power_state

    return StateCondition


POWER_CONDITIONS: Mapping[str, type[PowerCondition]] = {
    "is_powered": _condition(PowerState.POWERED),
    "is_power_suspect": _condition(PowerState.SUSPECT),
    "is_power_lost": _condition(PowerState.LOST),
    "is_power_unknown": _condition(PowerState.UNKNOWN),
}
"""By the names that follow `alfaspark.`."""
