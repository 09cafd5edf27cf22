"""When a pack was heard last, and what it said then: the one sensor that is there while the pack is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import MATCH_ALL, EntityCategory
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.entity import PackEntity

_PAUSE_S = 600.0
"""A pack that is heard all the time is no news; the time shown is no older than this."""
_ROUNDING_S = 2.0
"""Further back the time a pack was heard goes only when the machine's clock is put back."""

LAST_SEEN = SensorEntityDescription(
    key="last_seen",
    translation_key="last_seen",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)


@dataclass(frozen=True, slots=True)
class LastSign:
    """Whether a pack is heard, and when it was last."""

    heard: bool
    seen_s: float | None
    """Unix time; None if nothing is remembered."""


class LastSeenSensor(PackEntity[LastSign], SensorEntity):
    """When a pack was heard last, before this start too; its attributes are its last readings while it is silent."""

    _unrecorded_attributes = frozenset({MATCH_ALL})

    @property
    @override
    def native_value(self) -> datetime | None:
        """In UTC; unknown for a pack of which nothing is remembered."""
        if self._shown is None or self._shown.seen_s is None:
            return None
        return dt_util.utc_from_timestamp(self._shown.seen_s)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """What the pack said last, by the key of the sensor that shows it, in its native unit; none while it is heard."""
        last_known = self.coordinator.record.last_known
        return None if last_known is None or self._shown is None or self._shown.heard else last_known.readings

    @override
    def _is_available(self) -> bool:
        return True

    @override
    def _read(self) -> LastSign:
        heard_s = self.coordinator.data.last_seen_s
        counted_back_s = round(time() - (monotonic() - heard_s)) if heard_s else None
        if self.coordinator.available:
            return LastSign(True, counted_back_s)
        last_known = self.coordinator.record.last_known
        if last_known is None or last_known.seen_s <= time() + _ROUNDING_S:
            return LastSign(False, None if last_known is None else last_known.seen_s)
        # Written down while the machine's clock was ahead.
        return LastSign(False, counted_back_s)

    @override
    def _has_moved(self, reading: LastSign | None) -> bool:
        if reading is None or self._shown is None or reading.heard is not self._shown.heard:
            return reading != self._shown
        if reading.seen_s is None or self._shown.seen_s is None:
            return reading.seen_s is not self._shown.seen_s
        return not -_ROUNDING_S <= reading.seen_s - self._shown.seen_s < _PAUSE_S
