"""Selects: the parameters of a pack that are a choice."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PackCoordinator
from .entity import PackEntity
from .hub import AlfaSparkConfigEntry
from .packbus.bms_profiles import BmsProfile
from .packbus.parameters import Parameter

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ParameterSelectDescription(SelectEntityDescription):
    """Describes a parameter whose counts are the numbers of its options."""

    parameter: Parameter
    options: list[str]


def _select(parameter: Parameter, *options: str) -> ParameterSelectDescription:
    key = parameter.name.lower()
    return ParameterSelectDescription(
        key=key,
        translation_key=key,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        parameter=parameter,
        options=list(options),
    )


PARAMETER_SELECTS = (
    _select(Parameter.SOC_SOURCE, "voltage", "bms"),
    _select(Parameter.LOADS_TOPOLOGY, "own_circuits", "behind_inverter"),
    _select(Parameter.ECO_SHED_INVERTER, "no", "yes"),
    _select(Parameter.IMPORT_LIMIT_AFTER_RESTART, "go_on", "stay_open"),
    _select(Parameter.BMS_PROFILE, *(profile.name.lower() for profile in BmsProfile)),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add each pack's choices when it appears. A gateway has none."""

    @callback
    def add_pack(coordinator: PackCoordinator) -> None:
        if coordinator.is_pack:
            async_add_entities(ParameterSelect(coordinator, description) for description in PARAMETER_SELECTS)

    entry.async_on_unload(entry.runtime_data.async_on_pack(add_pack))


class ParameterSelect(PackEntity[str], SelectEntity):
    """A choice, as the pack holds it; unknown where its firmware offers more than this integration knows."""

    entity_description: ParameterSelectDescription

    @property
    @override
    def current_option(self) -> str | None:
        """The option last read."""
        return self._shown

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available

    @override
    def _read(self) -> str | None:
        count = self.coordinator.settings.parameters.get(self.entity_description.parameter)
        options = self.entity_description.options
        return options[count] if count is not None and 0 <= count < len(options) else None

    @override
    async def async_select_option(self, option: str) -> None:
        """Set the parameter. Raises HomeAssistantError with the reason if the pack does not."""
        count = self.entity_description.options.index(option)
        await self.coordinator.async_set_parameter(self.entity_description.parameter, count)
