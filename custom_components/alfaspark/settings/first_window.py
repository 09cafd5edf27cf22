"""The first time window, whose two ends are entities of their own: they go out together."""

import asyncio
from collections.abc import Awaitable, Callable

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus.frames import WeekdaySet
from custom_components.alfaspark.packbus.settings import Window

SLOT = 0
DAY_MIN = 1440
EVERY_DAY = WeekdaySet(127)

_QUIET_S = 1.0
"""So long after the last change both ends are sent."""
_FORGET_S = 60.0
"""So long one end waits for the other where there is no window yet."""
_HOUR_MIN = 60


class FirstWindow:
    """Collects changes of both ends of a window and sends them as one."""

    def __init__(
        self, hass: HomeAssistant, current: Callable[[], Window | None], send: Callable[[Window], Awaitable[None]]
    ) -> None:
        """`current` tells the window in the slot, None where there is none; `send` puts another one there."""
        self.current = current
        self._hass = hass
        self._send = send
        self._start_min: int | None = None
        self._end_min: int | None = None
        self._quiet_at_s = 0.0
        self._sending: asyncio.Task[None] | None = None
        """Collects changes until it sends them."""
        self._turn = asyncio.Lock()

    async def async_set(self, *, start_min: int | None = None, end_min: int | None = None) -> None:
        """Move one or both ends and wait until they are sent.

        Where there is no window, or packs have different ones, an end waits up to a minute for the other one. Raises
        ServiceValidationError for an end that meets the other one, and HomeAssistantError with the reason where refused.
        """
        if self._sending is None and (
            # What still waits did so because there was no window.
            self.current() is not None or self._hass.loop.time() - self._quiet_at_s > _FORGET_S
        ):
            self._start_min = self._end_min = None
        pending = self._start_min, self._end_min
        self._start_min = self._start_min if start_min is None else start_min
        self._end_min = self._end_min if end_min is None else end_min
        try:
            self._wanted()
        except ServiceValidationError:
            self._start_min, self._end_min = pending
            raise
        self._quiet_at_s = self._hass.loop.time() + _QUIET_S
        if self._sending is None:
            self._sending = self._hass.async_create_task(self._send_when_quiet(), "AlfaSpark window")
        await asyncio.shield(self._sending)

    async def _send_when_quiet(self) -> None:
        # What is collected now builds on the window that is being sent.
        async with self._turn:
            try:
                while True:
                    if (wait_s := self._quiet_at_s - self._hass.loop.time()) <= 0:
                        break
                    await asyncio.sleep(wait_s)
            finally:
                self._sending = None
            try:
                window = self._wanted()
            except ServiceValidationError:
                self._start_min = self._end_min = None
                raise
            if window is not None:
                self._start_min = self._end_min = None
                await self._send(window)

    def _wanted(self) -> Window | None:
        """Return the window with both ends as they are wanted; None while one is missing.

        Raises ServiceValidationError where they meet: a window without length would clear the slot.
        """
        current = self.current()
        start_min, end_min = self._start_min, self._end_min
        if current is not None:
            start_min = current.start_min if start_min is None else start_min
            end_min = current.end_min if end_min is None else end_min
        if start_min is None or end_min is None:
            return None
        if start_min == end_min:
            hour, minute = divmod(start_min, _HOUR_MIN)
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="window_ends_meet",
                translation_placeholders={"time": f"{hour:02}:{minute:02}"},
            )
        return Window(start_min, end_min, current.weekdays if current else EVERY_DAY)
