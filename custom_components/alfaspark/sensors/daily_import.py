"""What each pack drew from the grid today and may still draw; sums of these and of the limits over all packs.

None of these has a state class, so none offers itself for statistics or the Energy panel: the import of the day falls
at the reset, and after a restart of the pack until it is handed back, and a sum loses what a pack brought in that is
gone. Statistics would count each return as new energy. The totals of the grid's counter are there for that.

Limits are per pack, each pack counts for itself: a sum says what the house may draw at most, while what one pack does
not use up helps no other.
"""

from collections.abc import Callable
from dataclasses import dataclass

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import UnitOfEnergy, UnitOfPower

from custom_components.alfaspark.coordinator import BusCoordinator, PackCoordinator
from custom_components.alfaspark.packbus.frames import Mode, Status
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.settings.parameter_units import parameter_unit

from .bus import AS_COUNT, BusSensorDescription
from .pack import PackSensorDescription
from .steps import EVERY_MOVE, IMPORT_STEP_KWH


def _limit(pack: PackCoordinator, parameter: Parameter) -> float | None:
    count = pack.settings.parameters.get(parameter)
    return None if count is None else parameter_unit(parameter).from_count(count)


def _today_kwh(pack: PackCoordinator) -> float | None:
    return None if pack.data.status is None else pack.data.status.grid_import_today_kwh


@dataclass(frozen=True, slots=True)
class _Allowance:
    """What a pack drew from the grid today, and its limit; in kWh."""

    today_kwh: float | None
    limit_kwh: float | None
    is_limited: bool

    @property
    def remaining_kwh(self) -> float | None:
        """At least 0; None while the limit is off, or something is unknown."""
        if not self.is_limited or self.today_kwh is None or self.limit_kwh is None:
            return None
        return round(max(0.0, self.limit_kwh - self.today_kwh), 2)


def _allowance(pack: PackCoordinator) -> _Allowance | None:
    if (is_limited := pack.data.has_mode(Mode.IMPORT_LIMIT)) is None:
        return None
    return _Allowance(_today_kwh(pack), _limit(pack, Parameter.IMPORT_LIMIT), is_limited)


def _remaining_kwh(pack: PackCoordinator) -> float | None:
    allowance = _allowance(pack)
    return None if allowance is None else allowance.remaining_kwh


IMPORT_SENSORS: tuple[PackSensorDescription[Status] | PackSensorDescription[_Allowance], ...] = (
    PackSensorDescription(
        key="import_today",
        translation_key="import_today",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        step=IMPORT_STEP_KWH,
        frame_fn=lambda pack: pack.data.status,
        value_fn=lambda status: status.grid_import_today_kwh,
    ),
    PackSensorDescription(
        key="import_remaining",
        translation_key="import_remaining",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        step=IMPORT_STEP_KWH,
        frame_fn=_allowance,
        value_fn=lambda allowance: allowance.remaining_kwh,
    ),
)


def _sum(
    key: str,
    value_fn: Callable[[PackCoordinator], float | None],
    device_class: SensorDeviceClass,
    unit: str,
    step: float,
) -> BusSensorDescription:
    """Describe the sum over all packs that are present; a sum that lacks one of them would be wrong, so it is unknown."""

    def total(bus: BusCoordinator) -> float | None:
        values = [value_fn(pack) for pack in bus.packs]
        known = [value for value in values if value is not None]
        return round(sum(known), 2) if known and len(known) == len(values) else None

    return BusSensorDescription(
        key=key,
        translation_key=f"house_{key}",
        device_class=device_class,
        native_unit_of_measurement=unit,
        suggested_display_precision=2 if device_class is SensorDeviceClass.ENERGY else 0,
        step=step,
        step_growth=AS_COUNT,
        value_fn=total,
        needs_bus=True,
    )


HOUSE_LIMIT_SENSORS = (
    _sum("import_today", _today_kwh, SensorDeviceClass.ENERGY, UnitOfEnergy.KILO_WATT_HOUR, IMPORT_STEP_KWH),
    _sum("import_remaining", _remaining_kwh, SensorDeviceClass.ENERGY, UnitOfEnergy.KILO_WATT_HOUR, IMPORT_STEP_KWH),
    _sum(
        "import_limit_sum",
        lambda pack: _limit(pack, Parameter.IMPORT_LIMIT),
        SensorDeviceClass.ENERGY,
        UnitOfEnergy.KILO_WATT_HOUR,
        EVERY_MOVE,
    ),
    _sum(
        "eco_limit_sum",
        lambda pack: _limit(pack, Parameter.ECO_LIMIT),
        SensorDeviceClass.POWER,
        UnitOfPower.WATT,
        EVERY_MOVE,
    ),
)
