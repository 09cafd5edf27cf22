"""What a pack is set to: its parameters and time windows, as far as it has told them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import Self

from .client import Client, CommandRefused
from .frames import Command, CommandFrame, DeviceType, GetParameter, GetWindow, Result, SetWindow, WeekdaySet
from .pack import Pack
from .parameters import Parameter

WINDOW_SLOTS = 8

CHANGING = (Command.SET_PARAMETER, Command.SET_WINDOW, Command.CALIBRATE, Command.FACTORY_RESET)
"""Commands after which a pack may be set to something else; whoever sent them."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time window, from one minute of the local day to another; one that ends before it starts crosses midnight."""

    start_min: int
    """0..1439."""
    end_min: int
    """1..1440."""
    weekdays: WeekdaySet
    """Days on which it starts."""

    @property
    def is_empty(self) -> bool:
        """Whether the slot holds no window."""
        return self.start_min == self.end_min or not self.weekdays

    @classmethod
    def from_answer(cls, value: int) -> Self:
        """Return the window in the answer to GET_WINDOW."""
        return cls(value & 0xFFF, value >> 12 & 0xFFF, WeekdaySet(value >> 24 & 0x7F))

    @property
    def value(self) -> int:
        """As it stands in the answer to GET_WINDOW; no window is 0, as packs say it."""
        return 0 if self.is_empty else self.start_min | self.end_min << 12 | self.weekdays << 24

    def command(self, slot: int) -> SetWindow:
        """Return the command that puts this window into a slot."""
        return SetWindow(slot=slot, start_min=self.start_min, end_min=self.end_min, weekdays=self.weekdays)


NO_WINDOW = Window(0, 1, WeekdaySet(0))
"""Clears a slot."""


class PackSettings:
    """What one pack has told of its settings. What it has not told is missing."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._parameters: dict[Parameter, int] = {}
        self._windows: dict[int, Window] = {}

    @property
    def parameters(self) -> Mapping[Parameter, int]:
        """Whole counts of the parameter's unit."""
        return MappingProxyType(self._parameters)

    @property
    def windows(self) -> Mapping[int, Window]:
        """By slot, 0..7."""
        return MappingProxyType(self._windows)

    def take(self, item: Parameter | int, value: int) -> bool:
        """Take the answer to GET_PARAMETER or GET_WINDOW; return whether it is news."""
        if isinstance(item, Parameter):
            # Two's complement of 32 bits.
            number = value - (1 << 32) if value >= 1 << 31 else value
            news = self._parameters.get(item) != number
            self._parameters[item] = number
            return news
        window = Window.from_answer(value)
        news = self._windows.get(item) != window
        self._windows[item] = window
        return news

    def forget(self) -> None:
        """Know nothing, because the pack may be another now."""
        self._parameters.clear()
        self._windows.clear()


class SettingsReader:
    """Asks one pack for its settings: all when it appears, and then one after the other, in case somebody changed them."""

    def __init__(self, pack: Pack, settings: PackSettings, client: Client, on_news: Callable[[], None]) -> None:
        """Prepare; nothing is asked yet. `on_news` is called when a setting turned out to be another."""
        self._pack = pack
        self._settings = settings
        self._client = client
        self._on_news = on_news
        self._items: tuple[Parameter | int, ...] = (*Parameter, *range(WINDOW_SLOTS))
        if pack.device_type is not DeviceType.ENERGY_PACK:
            self._items = ()
        self._turn = cycle(self._items)
        self.complete = False
        """Whether everything was read since the start or the last `begin`."""

    def begin(self) -> None:
        """Have everything read again."""
        self.complete = False

    async def read_all(self) -> None:
        """Ask for everything. Raises CommandError and AdapterError where no answer comes."""
        # First, so that a `begin` while this goes on is not forgotten.
        self.complete = True
        news = False
        try:
            for item in self._items:
                news |= await self.read(item)
        except BaseException:
            self.complete = False
            raise
        finally:
            if news:
                self._on_news()

    async def read_next(self) -> None:
        """Ask for the next one. Raises CommandError and AdapterError where no answer comes."""
        if self._items and await self.read(next(self._turn)):
            self._on_news()

    async def read(self, item: Parameter | int) -> bool:
        """Ask for a parameter or the window in a slot; return whether the answer is news.

        What the pack's firmware does not know stays unknown. Raises CommandError and AdapterError.
        """
        command: CommandFrame = GetParameter(index=item) if isinstance(item, Parameter) else GetWindow(slot=item)
        try:
            answer = await self._client.request(self._pack, command)
        except CommandRefused as refusal:
            if refusal.result in (Result.OUT_OF_RANGE, Result.UNKNOWN_COMMAND, Result.NOT_SUPPORTED):
                return False
            raise
        return self._settings.take(item, answer.value)
