"""Times of day: both ends of the first time window, and when the day of the import limit begins."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import time
from typing import override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import BusCoordinator, PackCoordinator
from .entity import BusEntity, PackEntity, of_all_packs
from .hub import AlfaSparkConfigEntry
from .packbus.parameters import Parameter
from .packbus.settings import Window
from .settings.first_window import DAY_MIN, SLOT, FirstWindow

PARALLEL_UPDATES = 0

_HOUR_MIN = 60


@dataclass(frozen=True, kw_only=True)
class WindowEndDescription(TimeEntityDescription):
    """Describes one end of the first window."""

    read_fn: Callable[[Window], int]
    """Minute of the day, 0..1440."""
    write_fn: Callable[[FirstWindow, int], Awaitable[None]]


WINDOW_ENDS = (
    WindowEndDescription(
        key="window_start",
        translation_key="window_start",
        read_fn=lambda window: window.start_min,
        write_fn=lambda window, minute: window.async_set(start_min=minute),
    ),
    WindowEndDescription(
        key="window_end",
        translation_key="window_end",
        read_fn=lambda window: window.end_min,
        # The midnight that a window ends at is the end of its day.
        write_fn=lambda window, minute: window.async_set(end_min=minute or DAY_MIN),
    ),
)

IMPORT_RESET_TIME = TimeEntityDescription(
    key="import_reset_time",
    translation_key="import_reset_time",
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: AlfaSparkConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the window for all packs, and each pack's times when it appears."""
    hub = entry.runtime_data
    house_window = FirstWindow(
        hass, lambda: _common_window(hub.bus), lambda window: hub.async_set_windows_of_all({SLOT: window})
    )
    async_add_entities(HouseWindowEnd(hub.bus, of_all_packs(description), house_window) for description in WINDOW_ENDS)

    @callback
    def add_pack(pack: PackCoordinator) -> None:
        if pack.is_pack:
            window = FirstWindow(hass, lambda: _window(pack), lambda wanted: pack.async_set_window(SLOT, wanted))
            async_add_entities(PackWindowEnd(pack, description, window) for description in WINDOW_ENDS)
            async_add_entities([ImportResetTime(pack, IMPORT_RESET_TIME)])

    entry.async_on_unload(hub.async_on_pack(add_pack))


def _window(pack: PackCoordinator) -> Window | None:
    """Return the first window of a pack; None where the slot is empty or not known."""
    window = pack.settings.windows.get(SLOT)
    return None if window is None or window.is_empty else window


def _common_window(bus: BusCoordinator) -> Window | None:
    """Return the first window that all present packs have; None while they differ."""
    windows = {_window(pack) for pack in bus.packs}
    return windows.pop() if len(windows) == 1 else None


def _minute_of(value: time) -> int:
    return value.hour * _HOUR_MIN + value.minute


def _time_of(minute: int) -> time:
    hour, minute = divmod(minute % DAY_MIN, _HOUR_MIN)
    return time(hour, minute)


class ShownTime(TimeEntity):
    """A time that is shown as it was last read."""

    _shown: time | None

    @property
    @override
    def native_value(self) -> time | None:
        """The local time last read."""
        return self._shown


class WindowEnd(ShownTime):
    """One end of a first window; unknown while there is none, or packs have different ones."""

    entity_description: WindowEndDescription
    _window: FirstWindow

    def _read(self) -> time | None:
        window = self._window.current()
        return None if window is None else _time_of(self.entity_description.read_fn(window))

    @override
    async def async_set_value(self, value: time) -> None:
        """Move this end. Raises HomeAssistantError naming each pack that does not take it, with its reason."""
        await self.entity_description.write_fn(self._window, _minute_of(value))


class PackWindowEnd(WindowEnd, PackEntity[time]):
    """One end of a pack's first window."""

    def __init__(self, coordinator: PackCoordinator, description: WindowEndDescription, window: FirstWindow) -> None:
        """Share the window with the other end."""
        super().__init__(coordinator, description)
        self._window = window

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available


class HouseWindowEnd(WindowEnd, BusEntity[time]):
    """One end of the first window of all packs."""

    def __init__(self, coordinator: BusCoordinator, description: WindowEndDescription, window: FirstWindow) -> None:
        """Share the window with the other end."""
        super().__init__(coordinator, description)
        self._window = window

    @override
    def _is_available(self) -> bool:
        return self.coordinator.data.connected and bool(self.coordinator.packs)


class ImportResetTime(ShownTime, PackEntity[time]):
    """When a pack begins to count the import of the day anew."""

    @override
    def _is_available(self) -> bool:
        return self.coordinator.available

    @override
    def _read(self) -> time | None:
        minute = self.coordinator.settings.parameters.get(Parameter.IMPORT_RESET_TIME)
        return None if minute is None else _time_of(minute)

    @override
    async def async_set_value(self, value: time) -> None:
        """Set the time. Raises HomeAssistantError with the reason if the pack does not take it."""
        await self.coordinator.async_set_parameter(Parameter.IMPORT_RESET_TIME, _minute_of(value))
