"""Parameters in the units that owners use: the table's whole counts, scaled."""

from dataclasses import dataclass

from homeassistant.const import (
    PERCENTAGE,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfPower,
    UnitOfTime,
)
from homeassistant.exceptions import ServiceValidationError

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter

_SCALES: dict[str, tuple[str | None, float]] = {
    "": (None, 1.0),
    "%": (PERCENTAGE, 1.0),
    "0.1 %": (PERCENTAGE, 0.1),
    "W": (UnitOfPower.WATT, 1.0),
    "0.01 kWh": (UnitOfEnergy.KILO_WATT_HOUR, 0.01),
    "min": (UnitOfTime.MINUTES, 1.0),
    "s": (UnitOfTime.SECONDS, 1.0),
    "0.1 V": (UnitOfElectricPotential.VOLT, 0.1),
    "mV": (UnitOfElectricPotential.VOLT, 0.001),
    "1e-6": (None, 1e-6),
    "mA": (UnitOfElectricCurrent.AMPERE, 0.001),
    "A": (UnitOfElectricCurrent.AMPERE, 1.0),
}
"""Unit and size of one count, by the table's unit."""

LIMIT_STEPS = {
    Parameter.SOC_GRID_CONNECT: 1.0,
    Parameter.SOC_GRID_DISCONNECT: 1.0,
    Parameter.ECO_LIMIT: 50.0,
    Parameter.IMPORT_LIMIT: 0.5,
}
"""What an owner sets day by day, and in which steps; all others in whole counts."""

_STEP_ERROR = 1e-3
"""So far from a whole step, as a share of it, is only the rounding of floating-point numbers."""


@dataclass(frozen=True, slots=True)
class ParameterUnit:
    """How a parameter is shown and entered."""

    unit: str | None
    count_size: float
    step: float
    """In which it is entered: one count or many."""
    minimum: float
    maximum: float

    def from_count(self, count: int) -> float:
        """Return the value of so many counts."""
        return round(count * self.count_size, 6)

    def to_count(self, value: float) -> int:
        """Return the nearest whole number of counts."""
        return round(value / self.count_size)


def parameter_unit(parameter: Parameter) -> ParameterUnit:
    """Return how a parameter is shown and entered."""
    spec = PARAMETERS[parameter]
    unit, count_size = _SCALES[spec.unit]
    return ParameterUnit(
        unit=unit,
        count_size=count_size,
        step=LIMIT_STEPS.get(parameter, count_size),
        minimum=round(spec.minimum * count_size, 6),
        maximum=round(spec.maximum * count_size, 6),
    )


def checked_count(parameter: Parameter, value: float) -> int:
    """Return the whole number of counts of a value. Raises ServiceValidationError if the parameter cannot be that."""
    spec, unit = PARAMETERS[parameter], parameter_unit(parameter)
    is_choice = not spec.unit
    if not unit.minimum <= value <= unit.maximum or (is_choice and value != round(value)):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="choice_range" if is_choice else "parameter_range",
            translation_placeholders={
                "parameter": spec.parameter.name.lower(),
                "minimum": f"{unit.minimum:g}",
                "maximum": f"{unit.maximum:g}",
                "unit": unit.unit or "",
            },
        )
    steps = value / unit.step
    if abs(steps - round(steps)) > _STEP_ERROR:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="parameter_step",
            translation_placeholders={
                "parameter": spec.parameter.name.lower(),
                "step": f"{unit.step:f}".rstrip("0").rstrip(".") + (f" {unit.unit}" if unit.unit else ""),
                "value": f"{value:.10g}",
            },
        )
    return unit.to_count(value)
