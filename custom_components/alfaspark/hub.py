"""The hub: one CAN adapter with the packs on its bus."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import logging
from time import monotonic
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_DEVICE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import CONF_BITRATE, CONF_CHANNEL, CONF_INTERFACE, CONF_OPTIONS, DEFAULT_BITRATE_BPS, DOMAIN, MANUFACTURER
from .coordinator import BusCoordinator, BusReadings, PackCoordinator
from .helpers import command_failed
from .packbus.adapter import AdapterConfig, AdapterError, AdapterStatistics, CanAdapter, ReceivedFrame
from .packbus.client import Client, CommandError
from .packbus.fleet import Fleet
from .packbus.frames import CommandFrame, DeviceType, FrameError, Response
from .packbus.pack import PROTOCOL_VERSION, READING_TIMEOUT_S, Pack

__all__ = ["AdapterError", "AdapterStatistics", "AlfaSparkConfigEntry", "Hub", "adapter_config"]

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)
_SET_TIME_INTERVAL = timedelta(seconds=60)

_MODELS = {DeviceType.ENERGY_PACK: "Energy-Pack", DeviceType.ENERGY_GATEWAY: "Energy-Gateway"}

type AlfaSparkConfigEntry = ConfigEntry[Hub]


def adapter_config(data: Mapping[str, Any]) -> AdapterConfig:
    """Return the adapter that config entry data names."""
    return AdapterConfig(
        interface=data[CONF_INTERFACE],
        channel=data[CONF_DEVICE] if CONF_DEVICE in data else data[CONF_CHANNEL],
        bitrate_bps=data.get(CONF_BITRATE, DEFAULT_BITRATE_BPS),
        options=data.get(CONF_OPTIONS, {}),
    )


class Hub:
    """Owns the adapter, the fleet and the client; knows when what they say is news for whom.

    Everything here runs in the event loop.
    """

    def __init__(self, hass: HomeAssistant, entry: AlfaSparkConfigEntry) -> None:
        """Prepare; nothing is opened yet."""
        self.config = adapter_config(entry.data)
        self.packs: dict[str, PackCoordinator] = {}
        """The packs of this entry, by serial."""
        self.fleet = Fleet(
            on_appeared=self._pack_appeared,
            on_restarted=self._pack_restarted,
            on_response=self._response_received,
        )
        self._hass = hass
        self._entry = entry
        self._adapter = CanAdapter(self.config, on_frames=self._frames_received, on_state=self._adapter_state_changed)
        self._client = Client(self._adapter, self.fleet)
        self._connected_since_s = 0.0
        self._silent: set[str] = set()
        self._elsewhere: set[str] = set()
        self._pack_listeners: list[Callable[[PackCoordinator], None]] = []
        self.bus = BusCoordinator(hass, entry, self)

    async def async_open(self) -> None:
        """Open the adapter, ask who is there and keep going until the entry is unloaded. Raises AdapterError."""
        await self._adapter.open()
        self._entry.async_on_unload(self.async_close)
        self._connected_since_s = monotonic()
        self._hub_device_id = (
            dr.async_get(self._hass)
            .async_get_or_create(
                config_entry_id=self._entry.entry_id,
                identifiers={(DOMAIN, self._entry.entry_id)},
                manufacturer=MANUFACTURER,
                model=self.config.interface,
                translation_key="hub",
            )
            .id
        )
        for unsubscribe in (
            async_track_time_interval(self._hass, self._tick, _TICK, cancel_on_shutdown=True),
            async_track_time_interval(self._hass, self._set_time, _SET_TIME_INTERVAL, cancel_on_shutdown=True),
            self._hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._stop),
        ):
            self._entry.async_on_unload(unsubscribe)
        self.bus.async_follow_hub()
        self._greet()

    async def async_close(self) -> None:
        """Close the adapter. Harmless when it is closed."""
        await self._adapter.close()

    async def _stop(self, _: Event) -> None:
        await self.async_close()

    @property
    def connected(self) -> bool:
        """Whether the adapter is open, so that readings are news and commands arrive."""
        return self._adapter.connected

    @property
    def bus_readings(self) -> BusReadings:
        """The bus and everything on it now."""
        return BusReadings(
            connected=self.connected,
            adapter=self._adapter.statistics,
            ignored=replace(self.fleet.statistics),
            totals=self.fleet.totals,
        )

    async def async_command(self, pack: Pack, command: CommandFrame) -> None:
        """Send a command to a pack and wait until it accepted. Raises HomeAssistantError with the reason if not."""
        try:
            await self._client.request(pack, command)
        except (CommandError, AdapterError) as error:
            raise command_failed(self.packs[pack.serial].name, error) from error

    @callback
    def async_on_pack(self, listener: Callable[[PackCoordinator], None]) -> CALLBACK_TYPE:
        """Call the listener for each pack of this entry, now and whenever one appears; return how to stop that."""
        for coordinator in self.packs.values():
            listener(coordinator)
        self._pack_listeners.append(listener)
        return lambda: self._pack_listeners.remove(listener)

    @callback
    def async_remove_pack(self, serial: str) -> bool:
        """Forget a pack that is gone or was not heard since the start; return False if that is not so."""
        if serial == self._entry.entry_id:
            return False
        if serial in self.fleet.packs:
            if self.fleet.packs[serial].present:
                return False
            self.fleet.remove(serial)
        self.packs.pop(serial, None)
        self._silent.discard(serial)
        return True

    @callback
    def _frames_received(self, received: Sequence[ReceivedFrame]) -> None:
        """Take one batch of frames; each entity that it concerns hears of it once."""
        changed: set[str] = set()
        for frame in received:
            if (pack := self.fleet.receive(frame)) is not None:
                changed.add(pack.serial)
        self._update(changed)

    @callback
    def _response_received(self, pack: Pack, response: Response) -> None:
        self._client.feed(pack, response)

    @callback
    def _adapter_state_changed(self, connected: bool, why: str | None) -> None:
        """Say once that the adapter is lost or back, and let all entities know."""
        if connected:
            _LOGGER.info("CAN adapter %s is back", self.config.channel)
            self._connected_since_s = monotonic()
            self.fleet.forget_nodes()
            self._greet()
        else:
            _LOGGER.warning("The CAN bus is lost. %s", why)
        self._update(self.packs)
        self.bus.async_follow_hub()

    @callback
    def _tick(self, _: datetime) -> None:
        """Once a second: what is too old is dropped, whoever is unknown is asked for."""
        now_s = monotonic()
        self._update({pack.serial for pack in self.fleet.expire(now_s)})
        self._log_silence(now_s)
        for serial in tuple(self._elsewhere):
            self._adopt(self.fleet.packs[serial])
        if self.connected and self.fleet.take_who_request(now_s):
            self._send(self._client.who(), "who")
        self.bus.async_follow_hub()

    def _update(self, serials: Iterable[str]) -> None:
        for serial in serials:
            if (coordinator := self.packs.get(serial)) is not None:
                coordinator.async_update_listeners()

    def _log_silence(self, now_s: float) -> None:
        """Say once that a pack fell silent or is back.

        While the adapter is lost nobody can be heard, and after it is back packs get the time of a reading to speak.
        """
        listening = self.connected and now_s - self._connected_since_s > READING_TIMEOUT_S
        for serial, coordinator in self.packs.items():
            if coordinator.available and serial in self._silent:
                self._silent.remove(serial)
                _LOGGER.info("%s is heard again", coordinator.name)
            elif not coordinator.available and listening and serial not in self._silent:
                self._silent.add(serial)
                _LOGGER.warning("%s is not heard any more: check its supply and its CAN cable", coordinator.name)

    @callback
    def _pack_appeared(self, pack: Pack) -> None:
        self._adopt(pack)
        self._tell_time()

    @callback
    def _pack_restarted(self, pack: Pack) -> None:
        if pack.serial in self.packs:
            # It may have restarted into another firmware.
            self._register(pack)
        self._tell_time()

    def _adopt(self, pack: Pack) -> None:
        """Make device and entities of a pack, unless it belongs to another adapter's entry already."""
        if pack.serial in self.packs:
            self._register(pack)
            return
        if (owner := self._other_owner(pack.serial)) is not None:
            if pack.serial not in self._elsewhere:
                self._elsewhere.add(pack.serial)
                _LOGGER.warning(
                    "Pack %s is heard on CAN adapter %s too, but belongs to %s: remove its device there to have it here",
                    pack.serial, self.config.channel, owner.title,
                )  # fmt: skip
            return
        self._elsewhere.discard(pack.serial)
        self._register(pack)
        coordinator = PackCoordinator(self._hass, self._entry, self, pack)
        self.packs[pack.serial] = coordinator
        for listener in tuple(self._pack_listeners):
            listener(coordinator)

    def _other_owner(self, serial: str) -> ConfigEntry | None:
        """Return the other entry whose device the pack is, if any: the first adapter that heard it keeps it."""
        registry = dr.async_get(self._hass)
        for entry in self._hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False):
            if registry.async_get_device_by_identifier((DOMAIN, serial), entry.entry_id) is not None:
                return None if entry is self._entry else entry
        return None

    def _register(self, pack: Pack) -> None:
        """Register or update the pack's device, and tell the owner if its protocol is another one."""
        dr.async_get(self._hass).async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={(DOMAIN, pack.serial)},
            manufacturer=MANUFACTURER,
            model=_MODELS[pack.device_type],
            serial_number=pack.serial,
            sw_version=pack.firmware_version,
            translation_key=pack.device_type.name.lower(),
            translation_placeholders={"serial": pack.serial[-4:].upper()},
            via_device_id=self._hub_device_id,
        )
        issue_id = f"protocol_version_{pack.serial}"
        if pack.speaks_our_protocol:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
            return
        self._entry.async_on_unload(partial(ir.async_delete_issue, self._hass, DOMAIN, issue_id))
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key="protocol_version",
            translation_placeholders={
                "serial": pack.serial,
                "firmware": pack.firmware_version,
                "theirs": str(pack.protocol_version),
                "ours": str(PROTOCOL_VERSION),
            },
        )

    def _greet(self) -> None:
        """Ask who is there and say what time it is."""
        self._send(self._client.who(), "who")
        self._tell_time()

    @callback
    def _set_time(self, _: datetime) -> None:
        if self.connected:
            self._tell_time()

    def _tell_time(self) -> None:
        """Tell all packs the time, in the zone that Home Assistant is set to."""
        now = dt_util.now()
        utc_offset = now.utcoffset() or timedelta()
        self._send(self._client.set_time(int(now.timestamp()), utc_offset // timedelta(minutes=1)), "set time")

    def _send(self, sending: Coroutine[Any, Any, None], what: str) -> None:
        """Send in the background what is repeated anyway when it gets lost."""

        async def send() -> None:
            try:
                await sending
            except (AdapterError, FrameError) as error:
                # Down, which was said once already; or this machine's clock was never set.
                _LOGGER.debug("Could not send %s: %s", what, error)

        self._entry.async_create_background_task(self._hass, send(), f"{DOMAIN} {what}")
