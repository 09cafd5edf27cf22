"""Sensors of a power source: what is known of it, why, and how it was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfEnergy, UnitOfTime
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.outages.model import PowerState, Reason
from custom_components.alfaspark.power_watch.battery import runtime_s
from custom_components.alfaspark.power_watch.setup import SourceKind
from custom_components.alfaspark.power_watch.source import Period, PowerSource

from .base import SourceEntity

_RUNTIME_STEP_S = 360
"""A tenth of an hour: what the home draws flickers."""


@dataclass(frozen=True, kw_only=True)
class SourceSensorDescription(SensorEntityDescription):
    """Describes a sensor of a power source."""

    value_fn: Callable[[PowerSource], StateType | datetime]
    """None is unknown."""
    kinds: frozenset[SourceKind] = frozenset(SourceKind)
    """Sources that have it."""


def _of_period(period: Period) -> tuple[SourceSensorDescription, ...]:
    is_month = period is Period.MONTH
    return (
        SourceSensorDescription(
            key=f"uptime_{period}",
            translation_key=f"uptime_{period}",
            native_unit_of_measurement=PERCENTAGE,
            suggested_display_precision=2,
            state_class=SensorStateClass.MEASUREMENT,
            value_fn=lambda source: _uptime_pct(source, period),
        ),
        SourceSensorDescription(
            key=f"outages_{period}",
            translation_key=f"outages_{period}",
            entity_registry_enabled_default=is_month,
            value_fn=lambda source: figures.count if (figures := source.data.periods.get(period)) else None,
        ),
        SourceSensorDescription(
            key=f"longest_outage_{period}",
            translation_key=f"longest_outage_{period}",
            device_class=SensorDeviceClass.DURATION,
            native_unit_of_measurement=UnitOfTime.SECONDS,
            suggested_unit_of_measurement=UnitOfTime.MINUTES,
            suggested_display_precision=0,
            entity_registry_enabled_default=is_month,
            value_fn=lambda source: figures.longest_s if (figures := source.data.periods.get(period)) else None,
        ),
    )


def _uptime_pct(source: PowerSource, period: Period) -> float | None:
    figures = source.data.periods.get(period)
    # To the hundredth: a day has 1440 minutes, a year 8760 hours.
    return None if figures is None or figures.uptime_pct is None else round(figures.uptime_pct, 2)


def _last_duration_s(source: PowerSource) -> float | None:
    """Return how long the last outage lasted, or the one that goes on has lasted."""
    if (last := source.data.last) is None:
        return None
    return last.duration_s if last.duration_s is not None else dt_util.utcnow().timestamp() - last.start_s


def _last_begin(source: PowerSource) -> datetime | None:
    return dt_util.utc_from_timestamp(source.data.last.start_s) if source.data.last else None


def _runtime_s(source: PowerSource) -> float | None:
    left_s = runtime_s(source.hass)
    return None if left_s is None else round(left_s / _RUNTIME_STEP_S) * _RUNTIME_STEP_S


SOURCE_SENSORS: tuple[SourceSensorDescription, ...] = (
    SourceSensorDescription(
        key="state",
        translation_key="source_state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in PowerState],
        value_fn=lambda source: source.decision.state.value,
    ),
    SourceSensorDescription(
        key="reason",
        translation_key="source_reason",
        device_class=SensorDeviceClass.ENUM,
        options=[reason.value for reason in Reason],
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda source: source.decision.reason.value,
    ),
    SourceSensorDescription(
        key="checkpoints_up",
        translation_key="checkpoints_up",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda source: source.decision.up,
    ),
    SourceSensorDescription(
        key="checkpoints_down",
        translation_key="checkpoints_down",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda source: source.decision.down + source.decision.failing,
    ),
    SourceSensorDescription(
        key="checkpoints_untracked",
        translation_key="checkpoints_untracked",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda source: source.watch.untracked(source.id),
    ),
    *(description for period in Period for description in _of_period(period)),
    SourceSensorDescription(
        key="last_outage",
        translation_key="last_outage",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_last_begin,
    ),
    SourceSensorDescription(
        key="last_outage_duration",
        translation_key="last_outage_duration",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        value_fn=_last_duration_s,
    ),
    SourceSensorDescription(
        key="outage_battery_energy",
        translation_key="outage_battery_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        kinds=frozenset({SourceKind.UTILITY}),
        value_fn=lambda source: source.battery_wh,
    ),
    SourceSensorDescription(
        key="battery_runtime",
        translation_key="battery_runtime",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        suggested_display_precision=1,
        kinds=frozenset({SourceKind.UTILITY}),
        value_fn=_runtime_s,
    ),
)


class SourceSensor(SourceEntity, SensorEntity):
    """A sensor of a power source."""

    entity_description: SourceSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """What is known now."""
        return self.entity_description.value_fn(self.coordinator)


def sensors_of_source(source: PowerSource) -> list[SourceSensor]:
    """Return the sensors that a source of its kind has."""
    return [
        SourceSensor(source, description) for description in SOURCE_SENSORS if source.setup.kind in description.kinds
    ]
