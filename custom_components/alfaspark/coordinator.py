"""Coordinators: hand what the hub heard on the bus to the entities, and the entities' commands to the bus."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import logging
from time import monotonic, time
from typing import TYPE_CHECKING, override

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .acting import Acting
from .events.pack_events import PackEvents
from .helpers import check_parameter_order, command_failed
from .last_known import last_known
from .memory import MEMORY, HouseRecord, PackRecord
from .packbus.adapter_terms import AdapterError
from .packbus.client import CommandError
from .packbus.energy import Gap, PackEnergy
from .packbus.fleet import FleetStatistics, FleetTotals
from .packbus.frames import CommandFrame, DeviceType, GetWindow, Mode, Response, SetMode, SetParameter
from .packbus.pack import Pack
from .packbus.parameters import Parameter
from .packbus.settings import WINDOW_SLOTS, PackSettings, Window

if TYPE_CHECKING:
    from .hub import AdapterStatistics, AlfaSparkConfigEntry, Hub

_LOGGER = logging.getLogger(__name__)

_SHOWN_S = 1.0
"""STATUS follows an accepted command at once."""

_NAMES = {DeviceType.ENERGY_PACK: "Energy pack", DeviceType.ENERGY_GATEWAY: "Energy gateway"}


class PackCoordinator(DataUpdateCoordinator[Pack]):
    """One energy pack or gateway. Its data is the fleet's living Pack; the hub says when something in it changed."""

    config_entry: AlfaSparkConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: AlfaSparkConfigEntry, hub: Hub, pack: Pack, record: PackRecord
    ) -> None:
        """Follow a pack; nothing is polled."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=f"{_NAMES[pack.device_type]} {pack.serial[-4:].upper()}"
        )
        self.data = pack
        self.record = record
        """What is remembered of it."""
        self.settings = PackSettings()
        self.acting = Acting()
        self._hub = hub
        self._events = PackEvents(hass, self)
        self._was_available = False

    @property
    def serial(self) -> str:
        """Serial number, 12 lower-case hexadecimal digits."""
        return self.data.serial

    @property
    def is_pack(self) -> bool:
        """Whether it is an energy pack; a gateway measures and switches nothing."""
        return self.data.device_type is DeviceType.ENERGY_PACK

    @property
    def available(self) -> bool:
        """Whether the pack can be heard. A gateway sends nothing but its presence while it is not master."""
        heard = self.data.available if self.is_pack else self.data.present
        return heard and self._hub.connected

    @callback
    def async_act_for(self, context: Context) -> None:
        """What changes in the pack from now on is the doing of whom the context names."""
        self.acting.begin(context)

    @callback
    def async_follow_pack(self) -> None:
        """Take note of what changed in the pack, and tell the entities."""
        if self._was_available and not self.available:
            self.note_last_known()
        self._was_available = self.available
        self.async_update_listeners()
        self._events.follow()

    @callback
    def async_note_events(self) -> None:
        """Take note of what happened to the pack, to be told after the entities have their new states."""
        self._events.note()

    @callback
    def async_follow_events(self) -> None:
        """Tell what happened to the pack while nothing was heard of it: time alone makes it gone."""
        self._events.follow()

    @property
    def gone(self) -> bool | None:
        """Whether the pack was not heard for 120 s; None while that is not known."""
        return self._hub.is_gone(self.data)

    def note_last_known(self) -> None:
        """Remember what the pack said last, if it was heard since the start."""
        self.record.last_known = last_known(self.data, monotonic(), time()) or self.record.last_known

    def note_gap(self, gap: Gap) -> None:
        """Report a time for which nobody knows what the pack has counted."""
        begin, end = (dt_util.as_local(dt_util.utc_from_timestamp(unix_s)) for unix_s in (gap.from_s, gap.to_s))
        _LOGGER.warning(
            "%s lost its supply: what it counted between %s and %s is partly unknown, its totals go on",
            self.name, begin.isoformat(" ", "seconds"), end.isoformat(" ", "seconds"),
        )  # fmt: skip
        self._events.tell_gap(f"{begin:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}")

    @property
    def energy(self) -> PackEnergy:
        """Totals over all its boots."""
        return self.record.energy

    @callback
    def async_set_capacity(self, capacity_kwh: float) -> None:
        """Remember what the owner says that the battery holds; the pack is told nothing."""
        self.record.capacity_kwh = capacity_kwh
        self.hass.data[MEMORY].save_soon()
        self.async_update_listeners()

    async def async_request(self, command: CommandFrame) -> Response:
        """Send a command and return the accepting answer. Raises CommandError and AdapterError."""
        return await self._hub.async_request(self.data, command)

    async def async_command(self, command: CommandFrame) -> Response:
        """Send a command and return the accepting answer. Raises HomeAssistantError with the reason if there is none."""
        try:
            return await self.async_request(command)
        except (CommandError, AdapterError) as error:
            raise command_failed(self.name, error) from error

    async def async_set_mode(self, mode: Mode, on: bool) -> None:
        """Turn a mode on or off and wait until the pack shows it. Raises HomeAssistantError with the reason if not."""
        await self.async_command(SetMode(mode=mode, on=on))
        await self.async_shown(lambda pack: pack.has_mode(mode) is on)

    async def async_set_parameter(self, parameter: Parameter, value: int) -> None:
        """Set a parameter, in whole counts of its unit. Raises HomeAssistantError with the reason if refused."""
        check_parameter_order([(self.name, self.settings.parameters)], parameter, value)
        response = await self.async_command(SetParameter(index=parameter, value=value))
        self.take_setting(parameter, response.value)

    async def async_set_window(self, slot: int, window: Window) -> None:
        """Put a window into a slot, 0..7. Raises HomeAssistantError with the reason if refused."""
        await self.async_command(window.command(slot))
        self.take_setting(slot, window.value)

    async def async_read_windows(self) -> None:
        """Ask the pack for its windows now. Raises HomeAssistantError with the reason if it does not answer."""
        for slot in range(WINDOW_SLOTS):
            response = await self.async_command(GetWindow(slot=slot))
            self.take_setting(slot, response.value)

    @callback
    def take_setting(self, item: Parameter | int, value: int) -> None:
        """Take a parameter or the window in a slot that the pack has confirmed."""
        if self.settings.take(item, value):
            self.async_update_listeners()

    async def async_shown(self, is_shown: Callable[[Pack], bool], timeout_s: float = _SHOWN_S) -> None:
        """Wait until the pack reports what it has accepted; not longer than the timeout, since what it reports counts."""
        shown = asyncio.Event()

        @callback
        def follow() -> None:
            if is_shown(self.data):
                shown.set()

        stop = self.async_add_listener(follow)
        try:
            follow()
            async with asyncio.timeout(timeout_s):
                await shown.wait()
        except TimeoutError:
            _LOGGER.debug("%s accepted a command, but does not show it", self.name)
        finally:
            stop()

    @override
    async def _async_update_data(self) -> Pack:
        """An update on request finds what the pack last sent: it sends all it knows every 2 s."""
        return self.data


@dataclass(frozen=True, slots=True)
class BusReadings:
    """The bus and everything on it at one moment."""

    connected: bool
    """Whether the adapter is open."""
    adapter: AdapterStatistics
    ignored: FleetStatistics
    totals: FleetTotals
    house: HouseRecord
    """What all packs that ever were on this bus have counted together."""


class BusCoordinator(DataUpdateCoordinator[BusReadings]):
    """The hub device: adapter, bus and the sums over all packs."""

    config_entry: AlfaSparkConfigEntry

    def __init__(self, hass: HomeAssistant, entry: AlfaSparkConfigEntry, hub: Hub) -> None:
        """Follow the hub; nothing is polled."""
        super().__init__(hass, _LOGGER, config_entry=entry, name="CAN bus")
        self.data = hub.bus_readings
        self.acting = Acting()
        self._hub = hub

    @property
    def packs(self) -> list[PackCoordinator]:
        """The energy packs that are present, in the order of their serials."""
        packs = [pack for pack in self._hub.packs.values() if pack.is_pack and pack.data.present]
        return sorted(packs, key=lambda pack: pack.serial)

    @property
    def hub(self) -> Hub:
        """Who speaks to all packs at once."""
        return self._hub

    @callback
    def async_act_for(self, context: Context) -> None:
        """What changes in any pack from now on is the doing of whom the context names."""
        self.acting.begin(context)
        for pack in self._hub.packs.values():
            pack.async_act_for(context)

    @callback
    def async_follow_hub(self) -> None:
        """Take the hub's readings over and tell the entities."""
        self.data = self._hub.bus_readings
        self.async_update_listeners()

    @override
    async def _async_update_data(self) -> BusReadings:
        return self._hub.bus_readings
