"""Numbers: the limits and thresholds of the modes, every other parameter that is a quantity, and the battery's capacity."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.number import NumberEntity, NumberEntityDescription
from homeassistant.components.number.const import NumberDeviceClass, NumberMode
from homeassistant.const import EntityCategory, UnitOfEnergy
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import BusEntity, PackEntity, of_all_packs
from .hub import AlfaSparkConfigEntry
from .packbus.parameters import PARAMETERS, Parameter
from .settings.parameter_units import LIMIT_STEPS, checked_count, parameter_unit

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ParameterNumberDescription(NumberEntityDescription):
    """Describes a parameter that is a quantity."""

    parameter: Parameter


def _number(parameter: Parameter) -> ParameterNumberDescription:
    unit, key, is_limit = parameter_unit(parameter), parameter.name.lower(), parameter in LIMIT_STEPS
    return ParameterNumberDescription(
        key=key,
        translation_key=key,
        native_unit_of_measurement=unit.unit,
        native_min_value=unit.minimum,
        native_max_value=unit.maximum,
        native_step=unit.step,
        mode=NumberMode.BOX,
        entity_category=None if is_limit else EntityCategory.CONFIG,
        entity_registry_enabled_default=is_limit,
        parameter=parameter,
    )


LIMITS = tuple(_number(parameter) for parameter in LIMIT_STEPS)
EXPERT_NUMBERS = tuple(
    _number(spec.parameter)
    for spec in PARAMETERS
    # A time of day is a time entity; what has no unit but the address is a choice, not a quantity.
    if spec.parameter not in LIMIT_STEPS and (spec.unit not in ("", "min") or spec.parameter is Parameter.BMS_ADDRESS)
)

CAPACITY = NumberEntityDescription(
    key="battery_capacity",
    translation_key="battery_capacity",
    device_class=NumberDeviceClass.ENERGY_STORAGE,
    native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
    native_min_value=0.5,
    native_max_value=100,
    native_step=0.1,
    mode=NumberMode.BOX,
    entity_category=EntityCategory.CONFIG,
)
_TENTHS = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the numbers for all packs, and each pack's when it appears."""
    hub = entry.runtime_data
    async_add_entities(HouseNumber(hub.bus, of_all_packs(description)) for description in LIMITS)

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.is_pack:
            async_add_entities(ParameterNumber(coordinator, description) for description in (*LIMITS, *EXPERT_NUMBERS))
            async_add_entities([CapacityNumber(coordinator, CAPACITY)])

    entry.async_on_unload(hub.async_on_pack(add_pack))


class ParameterNumber(PackEntity[float], NumberEntity):
    """A parameter of a pack, as the pack holds it: what was asked for is never shown."""

    entity_description: ParameterNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """The value last read."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available

    @override
    def _read(self) -> float | None:
        parameter = self.entity_description.parameter
        count = self.coordinator.settings.parameters.get(parameter)
        return None if count is None else parameter_unit(parameter).from_count(count)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the parameter. Raises HomeAssistantError with the reason if the pack does not."""
        parameter = self.entity_description.parameter
        await self.coordinator.async_set_parameter(parameter, checked_count(parameter, value))


class CapacityNumber(PackEntity[float], NumberEntity):
    """What a pack's battery holds. Home Assistant keeps it, for the pack knows it not: there while the pack is silent, too."""

    @property
    @override
    def native_value(self) -> float | None:
        """In kWh; unknown until the owner has said it."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return True

    @override
    def _read(self) -> float | None:
        return self.coordinator.record.capacity_kwh

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Remember it, in tenths of a kWh."""
        self.coordinator.async_set_capacity(round(value, _TENTHS))


class HouseNumber(BusEntity[float], NumberEntity):
    """A limit that all packs have, each for itself; unknown while they differ."""

    entity_description: ParameterNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """The value that all present packs hold."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.connected and bool(self.coordinator.packs)

    @override
    def _read(self) -> float | None:
        parameter = self.entity_description.parameter
        counts = {pack.settings.parameters.get(parameter) for pack in self.coordinator.packs}
        count = counts.pop() if len(counts) == 1 else None
        return None if count is None else parameter_unit(parameter).from_count(count)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the limit of every pack. Raises HomeAssistantError naming those that did not take it, with their reasons."""
        parameter = self.entity_description.parameter
        await self.coordinator.hub.async_set_parameter_of_all(parameter, checked_count(parameter, value))
