"""The hub: one CAN adapter with the packs on its bus."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from time import monotonic, time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_DEVICE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval

from .const import CONF_BITRATE, CONF_CHANNEL, CONF_INTERFACE, CONF_OPTIONS, DEFAULT_BITRATE_BPS, DOMAIN
from .coordinator import BusCoordinator, BusReadings, PackCoordinator
from .devices import disown_pack, other_owner, owned_serials, register_hub, register_pack
from .helpers import broadcast_failed, check_parameter_order, command_failed, no_pack, pack_absent
from .memory import MEMORY, PackRecord
from .packbus import frames
from .packbus.adapter import AdapterConfig, AdapterError, AdapterStatistics, CanAdapter, ReceivedFrame
from .packbus.client import BroadcastIncomplete, Client, CommandError, CommandTimeout, CommandUnsupported
from .packbus.energy import PackEnergy
from .packbus.events import EVENTFUL, is_gone
from .packbus.fleet import Fleet
from .packbus.frames import AnnounceFlagSet, CommandFrame, FrameError, Mode, Response
from .packbus.pack import PROTOCOL_VERSION, READING_TIMEOUT_S, Pack
from .packbus.parameters import Parameter
from .packbus.settings import Window
from .upkeep.rounds import Upkeep
from .upkeep.timekeeping import TimeKeeper

__all__ = ["AdapterError", "AdapterStatistics", "AlfaSparkConfigEntry", "Hub", "adapter_config"]

_LOGGER = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)
_LATE_TICK_S = 3.0

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
        """The packs of this entry, by serial; those that were not heard since the start, too."""
        self.fleet = Fleet(
            on_appeared=self._pack_appeared,
            on_restarted=self._pack_restarted,
            on_response=self._response_received,
            on_energy=self._energy_counted,
            on_grid_loss=lambda pack, loss: self.client.feed_grid_loss(pack, loss),  # noqa: PLW0108 - made below
        )
        self._hass = hass
        self._entry = entry
        self._memory = hass.data[MEMORY]
        self._adapter = CanAdapter(self.config, on_frames=self._frames_received, on_state=self._adapter_state_changed)
        self.client = Client(self._adapter, self.fleet)
        self.time = TimeKeeper(self._tell_time)
        """What time it is, as far as that is known."""
        self._upkeep = Upkeep(self)
        self._connected_since_s = 0.0
        self._ticked_s = monotonic()
        self._silent: set[str] = set()
        self._elsewhere: set[str] = set()
        self._pack_listeners: list[Callable[[PackCoordinator], None]] = []
        self.bus = BusCoordinator(hass, entry, self)

    async def async_open(self) -> None:
        """Open the adapter, ask who is there and keep going until the entry is unloaded. Raises AdapterError."""
        await self._adapter.open()
        self._entry.async_on_unload(self.async_close)
        self._connected_since_s = monotonic()
        self._hub_device_id = register_hub(self._hass, self._entry, self.config.interface)
        for unsubscribe in (
            async_track_time_interval(self._hass, self._tick, _TICK, cancel_on_shutdown=True),
            self._hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._stop),
            self._memory.async_before_save(self._note_last_known),
        ):
            self._entry.async_on_unload(unsubscribe)
        self._recall()
        self.bus.async_follow_hub()
        self._greet()

    async def async_close(self) -> None:
        """Close the adapter and write down what shall be remembered. Harmless when it is closed."""
        await self._adapter.close()
        self._note_last_known()
        await self._memory.async_save()

    async def _stop(self, _: Event) -> None:
        await self.async_close()

    @property
    def connected(self) -> bool:
        """Whether the adapter is open, so that readings are news and commands arrive."""
        return self._adapter.connected

    def is_gone(self, pack: Pack) -> bool | None:
        """Whether a pack was not heard for 120 s; None while nobody has listened for so long."""
        return is_gone(pack, self._connected_since_s, monotonic()) if self.connected else None

    @property
    def bus_readings(self) -> BusReadings:
        """The bus and everything on it now."""
        return BusReadings(
            connected=self.connected,
            adapter=self._adapter.statistics,
            ignored=replace(self.fleet.statistics),
            totals=self.fleet.totals,
            house=self._memory.house(self._entry.entry_id),
        )

    async def async_request(self, pack: Pack, command: CommandFrame) -> Response:
        """Send a command to a pack and return the accepting answer. Raises CommandError and AdapterError."""
        return await self.client.request(pack, command)

    async def _broadcast(self, command: CommandFrame) -> tuple[set[str], list[HomeAssistantError]]:
        """Send a command to all packs at once; return who accepted, by serial, and why the others did not."""
        problems: list[HomeAssistantError] = []
        try:
            accepted = set(await self.client.broadcast(command))
        except BroadcastIncomplete as incomplete:
            accepted = incomplete.responses.keys() - incomplete.refused.keys()
            silent = [CommandTimeout(pack, command, "it does not answer") for pack in incomplete.missing]
            errors: list[CommandError] = [*silent, *incomplete.refused.values()]
            problems += [command_failed(self._name(error.pack.serial), error) for error in errors]
        except AdapterError as error:
            raise command_failed(self._entry.title, error) from error
        for pack in self.packs.values():
            if pack.is_pack and not pack.data.present:
                problems.append(pack_absent(pack.name))
            elif pack.is_pack and not pack.data.speaks_our_protocol:
                problems.append(command_failed(pack.name, CommandUnsupported(pack.data, command, "")))
        if not accepted and not problems:
            raise no_pack()
        return accepted, problems

    def _name(self, serial: str) -> str:
        return self.packs[serial].name if serial in self.packs else serial

    async def async_set_mode_of_all(self, mode: Mode, on: bool) -> None:
        """Turn a mode of all packs on or off and wait until they show it.

        Raises HomeAssistantError that names every pack which refused, did not answer or is not there, and why. The others
        have carried it out.
        """
        accepted, problems = await self._broadcast(frames.SetMode(mode=mode, on=on))
        packs = [self.packs[serial] for serial in accepted & self.packs.keys()]
        await asyncio.gather(*(pack.async_shown(lambda data: data.has_mode(mode) is on) for pack in packs))
        self._settle(problems)

    async def async_set_parameter_of_all(self, parameter: Parameter, value: int) -> None:
        """Set a parameter of all packs, in whole counts of its unit. Raises like `async_set_mode_of_all`."""
        check_parameter_order(((pack.name, pack.settings.parameters) for pack in self.bus.packs), parameter, value)
        self._settle(await self._set_of_all(frames.SetParameter(index=parameter, value=value), parameter, value))

    async def async_set_windows_of_all(self, windows: Mapping[int, Window]) -> None:
        """Put windows into slots (0..7) of all packs. Raises like `async_set_mode_of_all`."""
        problems: list[HomeAssistantError] = []
        for slot, window in windows.items():
            problems += await self._set_of_all(window.command(slot), slot, window.value)
        self._settle(problems)

    async def _set_of_all(self, command: CommandFrame, item: Parameter | int, value: int) -> list[HomeAssistantError]:
        accepted, problems = await self._broadcast(command)
        for serial in accepted & self.packs.keys():
            self.packs[serial].take_setting(item, value)
        return problems

    def _settle(self, problems: Sequence[HomeAssistantError]) -> None:
        """Show what all packs have now. Raises HomeAssistantError if there were problems."""
        self.bus.async_follow_hub()
        if problems:
            # A pack that did not answer may have done it.
            self._upkeep.read_again(self.packs)
            raise broadcast_failed(problems)

    @callback
    def async_on_pack(self, listener: Callable[[PackCoordinator], None]) -> CALLBACK_TYPE:
        """Call the listener for each pack of this entry, now and whenever one appears; return how to stop that."""
        for coordinator in self.packs.values():
            listener(coordinator)
        self._pack_listeners.append(listener)
        return lambda: self._pack_listeners.remove(listener)

    @callback
    def async_remove_pack(self, serial: str) -> bool:
        """Forget a pack that is gone or was not heard since the start; return False if that is not so.

        Its totals are kept, in case it comes back.
        """
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
                if frame.can_id & ~0x7F in EVENTFUL and pack.serial in self.packs:
                    self.packs[pack.serial].async_note_events()
        self._update(changed)

    @callback
    def _response_received(self, pack: Pack, response: Response) -> None:
        self.client.feed(pack, response)
        self._upkeep.overhear(pack, response)

    @callback
    def _energy_counted(self, pack: Pack, energy: frames.Energy) -> None:
        """Add what a counter moved on to the pack's totals, and to the sums over all packs."""
        if (coordinator := self.packs.get(pack.serial)) is None:
            return
        known = coordinator.energy.total_wh(energy.counter) is not None
        step = coordinator.energy.take(energy, time())
        if known:
            self._memory.house(self._entry.entry_id).energy.add(energy.counter, step.added_wh)
        if step.gap is not None:
            coordinator.note_gap(step.gap)
            self._memory.save_soon()
        else:
            self._memory.save_later()

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
        is_late = now_s - self._ticked_s >= _LATE_TICK_S
        self._ticked_s = now_s
        if is_late:
            # What the packs said meanwhile may not have been read yet: nobody is called silent before the next tick.
            return
        self._update({pack.serial for pack in self.fleet.expire(now_s)})
        for coordinator in self.packs.values():
            coordinator.async_follow_events()
        self._log_silence(now_s)
        for serial in tuple(self._elsewhere):
            self._adopt(self.fleet.packs[serial])
        if self.connected:
            self.time.follow(now_s)
            self._upkeep.follow(now_s)
            if self.fleet.take_who_request(now_s):
                self.send(self.client.who(), "who")
        self.bus.async_follow_hub()

    def _update(self, serials: Iterable[str]) -> None:
        for serial in serials:
            if (coordinator := self.packs.get(serial)) is not None:
                coordinator.async_follow_pack()

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

    def _recall(self) -> None:
        """Have the entities of packs that are known from earlier, so that their totals and last values can be seen."""
        for serial in owned_serials(self._hass, self._entry) & self._memory.packs.keys():
            record = self._memory.packs[serial]
            major, minor, patch = record.firmware
            announce = frames.Announce(
                device_type=record.device_type,
                fw_major=major,
                fw_minor=minor,
                fw_patch=patch,
                boot_id=record.boot_id,
                master=0,
                flags=AnnounceFlagSet(0),
                protocol_version=PROTOCOL_VERSION,
            )
            self._adopt(self.fleet.recall(serial, announce))

    @callback
    def _pack_appeared(self, pack: Pack) -> None:
        self._adopt(pack)
        self._upkeep.read_again([pack.serial])
        self.time.tell(monotonic())

    @callback
    def _pack_restarted(self, pack: Pack) -> None:
        if pack.serial in self.packs:
            # It may have restarted into another firmware.
            self._register(pack)
            self._upkeep.read_again([pack.serial])
        self.time.tell(monotonic())

    def _adopt(self, pack: Pack) -> None:
        """Make device and entities of a pack, unless it belongs to another adapter's entry already."""
        if pack.serial in self.packs:
            self._register(pack)
            return
        if (owner := other_owner(self._hass, self._entry, pack.serial)) is not None:
            if pack.serial not in self._elsewhere:
                disown_pack(self._hass, self._entry, pack.serial)
                self._elsewhere.add(pack.serial)
                _LOGGER.warning(
                    "Pack %s is heard on CAN adapter %s too, but belongs to %s: remove its device there to have it here",
                    pack.serial, self.config.channel, owner.title,
                )  # fmt: skip
            return
        self._elsewhere.discard(pack.serial)
        record = self._register(pack)
        coordinator = PackCoordinator(self._hass, self._entry, self, pack, record)
        self.packs[pack.serial] = coordinator
        for listener in tuple(self._pack_listeners):
            listener(coordinator)

    def _note_last_known(self) -> None:
        for coordinator in self.packs.values():
            coordinator.note_last_known()

    def _register(self, pack: Pack) -> PackRecord:
        """Register or update the pack's device and its record; return that."""
        is_new = pack.serial not in owned_serials(self._hass, self._entry)
        register_pack(self._hass, self._entry, pack, self._hub_device_id)
        announce = pack.announce
        firmware = (announce.fw_major, announce.fw_minor, announce.fw_patch)
        if (record := self._memory.packs.get(pack.serial)) is None:
            # Of a pack whose record was lost, statistics may know already what it has counted.
            energy = PackEnergy(from_now=not is_new)
            record = PackRecord(pack.device_type, firmware, pack.boot_id, energy=energy)
            self._memory.packs[pack.serial] = record
        record.device_type, record.firmware = pack.device_type, firmware
        record.take_boot(pack.boot_id)
        self._memory.save_later()
        return record

    def _greet(self) -> None:
        """Ask who is there and say what time it is."""
        self.send(self.client.who(), "who")
        self.time.tell(monotonic())

    def _tell_time(self, unix_s: int, utc_offset_min: int) -> None:
        self.send(self.client.set_time(unix_s, utc_offset_min), "set time")

    def send(self, sending: Coroutine[Any, Any, Any], what: str) -> None:
        """Send in the background what is repeated anyway when it gets lost."""

        async def send() -> None:
            try:
                await sending
            except (AdapterError, CommandError, FrameError) as error:
                # Down, which was said once already; not there at the moment; or this machine's clock was never set.
                _LOGGER.debug("Could not send %s: %s", what, error)

        self._entry.async_create_background_task(self._hass, send(), f"{DOMAIN} {what}")
