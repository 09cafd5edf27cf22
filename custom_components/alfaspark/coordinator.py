"""Coordinators: hand what the hub heard on the bus to the entities, and the entities' commands to the bus."""

from dataclasses import dataclass
import logging
from typing import TYPE_CHECKING, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .packbus.fleet import FleetStatistics, FleetTotals
from .packbus.frames import CommandFrame, DeviceType
from .packbus.pack import Pack

if TYPE_CHECKING:
    from .hub import AdapterStatistics, AlfaSparkConfigEntry, Hub

_LOGGER = logging.getLogger(__name__)

_NAMES = {DeviceType.ENERGY_PACK: "Energy pack", DeviceType.ENERGY_GATEWAY: "Energy gateway"}


class PackCoordinator(DataUpdateCoordinator[Pack]):
    """One energy pack or gateway. Its data is the fleet's living Pack; the hub says when something in it changed."""

    config_entry: AlfaSparkConfigEntry

    def __init__(self, hass: HomeAssistant, entry: AlfaSparkConfigEntry, hub: Hub, pack: Pack) -> None:
        """Follow a pack; nothing is polled."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=f"{_NAMES[pack.device_type]} {pack.serial[-4:].upper()}"
        )
        self.data = pack
        self._hub = hub

    @property
    def serial(self) -> str:
        """Serial number, 12 lower-case hexadecimal digits."""
        return self.data.serial

    @property
    def available(self) -> bool:
        """Whether the pack can be heard. A gateway sends nothing but its presence while it is not master."""
        pack = self.data
        heard = pack.available if pack.device_type is DeviceType.ENERGY_PACK else pack.present
        return heard and self._hub.connected

    async def async_command(self, command: CommandFrame) -> None:
        """Send a command and wait until the pack accepted it. Raises HomeAssistantError with the reason if not."""
        await self._hub.async_command(self.data, command)

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


class BusCoordinator(DataUpdateCoordinator[BusReadings]):
    """The hub device: adapter, bus and the sums over all packs."""

    config_entry: AlfaSparkConfigEntry

    def __init__(self, hass: HomeAssistant, entry: AlfaSparkConfigEntry, hub: Hub) -> None:
        """Follow the hub; nothing is polled."""
        super().__init__(hass, _LOGGER, config_entry=entry, name="CAN bus")
        self.data = hub.bus_readings
        self._hub = hub

    @callback
    def async_follow_hub(self) -> None:
        """Take the hub's readings over and tell the entities."""
        self.data = self._hub.bus_readings
        self.async_update_listeners()

    @override
    async def _async_update_data(self) -> BusReadings:
        return self._hub.bus_readings
