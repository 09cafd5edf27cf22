"""Config flow: which CAN adapter, does it open, and is a pack heard on its bus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, override

from can.interfaces import VALID_INTERFACES
from homeassistant.components import usb
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_DEVICE, CONF_HOST, CONF_NAME, CONF_PORT
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    SerialPortSelector,
    TextSelector,
)
from homeassistant.helpers.service_info.usb import UsbServiceInfo
from homeassistant.helpers.typing import UNDEFINED
import probatio

from .const import (
    CONF_BITRATE,
    CONF_CHANNEL,
    CONF_INTERFACE,
    CONF_OPTIONS,
    DEFAULT_BITRATE_BPS,
    DOMAIN,
    INTERFACE_SLCAN,
    INTERFACE_SOCKETCAN,
    POWER_WATCH,
)
from .entries import is_power_watch, loaded_hubs
from .hub import AlfaSparkConfigEntry, adapter_config
from .packbus.adapter import AdapterConfig, AdapterError
from .packbus.survey import Survey, survey
from .power_watch.options_flow import PowerWatchOptionsFlow
from .power_watch.setup import SUBENTRY_SOURCE, utility
from .power_watch.source_flow import SourceSubentryFlow
from .sockets.keeper import SUBENTRY_SOCKETS
from .sockets.subentry_flow import SocketsSubentryFlow

_NETWORK_INTERFACES = Path("/sys/class/net")
_ARPHRD_CAN = "280"
"""Type of a CAN network interface (linux/if_arp.h)."""

_SOCKET = "socket://"
_ADVANCED = "advanced"
_MENU = ["serial", "network", "socketcan", "other"]

_PORT = NumberSelector(NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX))
_BITRATE = NumberSelector(
    NumberSelectorConfig(min=10_000, max=1_000_000, mode=NumberSelectorMode.BOX, unit_of_measurement="bit/s")
)
_ADVANCED_SECTION = section(
    probatio.Schema({probatio.Required(CONF_BITRATE, default=DEFAULT_BITRATE_BPS): _BITRATE}), {"collapsed": True}
)
_EXPERT_SECTION = section(
    probatio.Schema(
        {
            probatio.Required(CONF_BITRATE, default=DEFAULT_BITRATE_BPS): _BITRATE,
            probatio.Optional(CONF_OPTIONS, default={}): ObjectSelector(),
        }
    ),
    {"collapsed": True},
)

_SERIAL_SCHEMA = probatio.Schema(
    {probatio.Required(CONF_DEVICE): SerialPortSelector(), probatio.Required(_ADVANCED): _ADVANCED_SECTION}
)
_NETWORK_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Required(CONF_PORT): _PORT,
        probatio.Required(_ADVANCED): _ADVANCED_SECTION,
    }
)
_OTHER_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_INTERFACE): SelectSelector(
            SelectSelectorConfig(
                options=sorted(VALID_INTERFACES - {INTERFACE_SLCAN, INTERFACE_SOCKETCAN}),
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        probatio.Required(CONF_CHANNEL): TextSelector(),
        probatio.Required(_ADVANCED): _EXPERT_SECTION,
    }
)


def _socketcan_schema(interfaces: list[str]) -> probatio.Schema:
    """Offer the CAN network interfaces that the machine has; one that is not up yet may be typed."""
    selector = SelectSelector(
        SelectSelectorConfig(options=interfaces, mode=SelectSelectorMode.DROPDOWN, custom_value=True)
    )
    return probatio.Schema({probatio.Required(CONF_CHANNEL): selector})


def _can_network_interfaces() -> list[str]:
    """Return the names of the machine's CAN network interfaces. Reads files."""
    return sorted(
        path.parent.name
        for path in _NETWORK_INTERFACES.glob("*/type")
        if path.read_text(encoding="ascii").strip() == _ARPHRD_CAN
    )


def _title(config: AdapterConfig) -> str:
    """Name the entry by what the owner knows the adapter by: its port, address or interface."""
    name = config.channel.rpartition("/")[2]
    kind = "" if config.interface in (INTERFACE_SLCAN, INTERFACE_SOCKETCAN) else f"{config.interface} "
    return f"CAN adapter {kind}{name}"


def _network_url(host: str, port: float) -> str:
    host = host.strip()
    return f"{_SOCKET}[{host}]:{port:.0f}" if ":" in host else f"{_SOCKET}{host}:{port:.0f}"


def _form_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the owner had entered for an entry, for whichever form asks."""
    config = adapter_config(data)
    values: dict[str, Any] = {
        CONF_INTERFACE: config.interface,
        _ADVANCED: {CONF_BITRATE: config.bitrate_bps, CONF_OPTIONS: dict(config.options)},
    }
    if config.interface == INTERFACE_SLCAN and config.channel.startswith(_SOCKET):
        host, _, port = config.channel.removeprefix(_SOCKET).rpartition(":")
        values |= {CONF_HOST: host.strip("[]"), CONF_PORT: int(port)}
    elif config.interface == INTERFACE_SLCAN:
        values[CONF_DEVICE] = config.channel
    else:
        values[CONF_CHANNEL] = config.channel
    return values


class AlfaSparkConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds or changes a CAN adapter."""

    VERSION = 1

    _retry: tuple[str, probatio.Schema, dict[str, Any], dict[str, Any]]
    """Arguments of the try that heard no pack."""
    _frames_heard = 0
    _discovered: UsbServiceInfo

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Offer power sources to the power watch, lists of smart sockets to adapters."""
        if is_power_watch(config_entry):
            return {SUBENTRY_SOURCE: SourceSubentryFlow}
        return {SUBENTRY_SOCKETS: SocketsSubentryFlow}

    @classmethod
    @callback
    @override
    def async_supports_options_flow(cls, config_entry: ConfigEntry) -> bool:
        """Offer options of the power watch; an adapter has none."""
        return is_power_watch(config_entry)

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Ask whom the power watch is to tell what."""
        return PowerWatchOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what kind of adapter it is; there is one power watch, which needs none."""
        has_watch = any(is_power_watch(entry) for entry in self._async_current_entries())
        return self.async_show_menu(step_id="user", menu_options=_MENU if has_watch else [*_MENU, POWER_WATCH])

    async def async_step_power_watch(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Watch the power, with or without a pack."""
        await self.async_set_unique_id(POWER_WATCH, raise_on_progress=False)
        self._abort_if_unique_id_configured(error="power_watch_exists")
        return self.async_create_entry(title="Power watch", data={}, subentries=[utility()])

    async def async_step_system(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Watch the power, because the first pack was heard."""
        return await self.async_step_power_watch()

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask the same of an entry that exists: the adapter may have been replaced by another kind."""
        return self.async_show_menu(step_id="reconfigure", menu_options=_MENU)

    async def async_step_serial(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the port of a serial or USB adapter."""
        if user_input is None:
            return self._show_form("serial", _SERIAL_SCHEMA)
        device = user_input[CONF_DEVICE].strip()
        if device.startswith("esphome"):
            return self._show_form("serial", _SERIAL_SCHEMA, user_input, {CONF_DEVICE: "esphome"})
        if device.startswith("/dev/"):
            # A name that survives unplugging.
            device = await self.hass.async_add_executor_job(usb.get_serial_by_id, device)
        data = {
            CONF_INTERFACE: INTERFACE_SLCAN,
            CONF_DEVICE: device,
            CONF_BITRATE: int(user_input[_ADVANCED][CONF_BITRATE]),
        }
        return await self._try("serial", _SERIAL_SCHEMA, user_input, data)

    async def async_step_network(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the address of an slcan adapter in the network."""
        if user_input is None:
            return self._show_form("network", _NETWORK_SCHEMA)
        data = {
            CONF_INTERFACE: INTERFACE_SLCAN,
            CONF_DEVICE: _network_url(user_input[CONF_HOST], user_input[CONF_PORT]),
            CONF_BITRATE: int(user_input[_ADVANCED][CONF_BITRATE]),
        }
        return await self._try("network", _NETWORK_SCHEMA, user_input, data)

    async def async_step_socketcan(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the CAN network interface."""
        schema = _socketcan_schema(await self.hass.async_add_executor_job(_can_network_interfaces))
        if user_input is None:
            return self._show_form("socketcan", schema)
        data = {CONF_INTERFACE: INTERFACE_SOCKETCAN, CONF_CHANNEL: user_input[CONF_CHANNEL].strip()}
        return await self._try("socketcan", schema, user_input, data)

    async def async_step_other(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for any other adapter, in python-can's terms."""
        if user_input is None:
            return self._show_form("other", _OTHER_SCHEMA)
        options = user_input[_ADVANCED][CONF_OPTIONS]
        if not isinstance(options, dict) or not all(isinstance(value, str | int | float) for value in options.values()):
            return self._show_form("other", _OTHER_SCHEMA, user_input, {"base": "options"})
        data = {
            CONF_INTERFACE: user_input[CONF_INTERFACE],
            CONF_CHANNEL: user_input[CONF_CHANNEL].strip(),
            CONF_BITRATE: int(user_input[_ADVANCED][CONF_BITRATE]),
            CONF_OPTIONS: options,
        }
        return await self._try("other", _OTHER_SCHEMA, user_input, data)

    @override
    async def async_step_usb(self, discovery_info: UsbServiceInfo) -> ConfigFlowResult:
        """Take note of a USB adapter that was plugged in."""
        discovery_info.device = await self.hass.async_add_executor_job(usb.get_serial_by_id, discovery_info.device)
        await self.async_set_unique_id(f"{INTERFACE_SLCAN}:{discovery_info.device}")
        self._abort_if_unique_id_configured()
        self._discovered = discovery_info
        self.context["title_placeholders"] = {CONF_NAME: discovery_info.description or discovery_info.device}
        return await self.async_step_usb_confirm()

    async def async_step_usb_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether the adapter that was plugged in is on the packs' bus: it is not touched before."""
        if user_input is None:
            return self._show_form("usb_confirm", probatio.Schema({}))
        data = {CONF_INTERFACE: INTERFACE_SLCAN, CONF_DEVICE: self._discovered.device}
        return await self._try("usb_confirm", probatio.Schema({}), user_input, data)

    async def async_step_no_pack(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say that no pack was heard, and let the owner choose."""
        return self.async_show_menu(
            step_id="no_pack",
            menu_options=["listen_again", "finish"],
            description_placeholders={"frames": str(self._frames_heard)},
        )

    async def async_step_listen_again(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Listen for packs once more."""
        return await self._try(*self._retry)

    async def async_step_finish(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go on without a pack: they appear when they are heard."""
        return self._finish(self._retry[-1])

    async def _try(
        self, step_id: str, schema: probatio.Schema, user_input: dict[str, Any], data: dict[str, Any]
    ) -> ConfigFlowResult:
        """Open the adapter and listen; finish if a pack is heard, else say so and let the owner choose."""
        config = adapter_config(data)
        unique_id = f"{config.interface}:{config.channel}"
        await self.async_set_unique_id(unique_id, raise_on_progress=False)
        if self.source != SOURCE_RECONFIGURE or unique_id != self._get_reconfigure_entry().unique_id:
            self._abort_if_unique_id_configured()
        try:
            found = await self._survey_paused(config)
        except AdapterError as error:
            return self._show_form(step_id, schema, user_input, {"base": str(error.reason)}, str(error))
        if owner := self._owner_of(found.serials):
            return self.async_abort(reason="same_bus", description_placeholders={"title": owner.title})
        if found.serials:
            return self._finish(data)
        self._retry = (step_id, schema, user_input, data)
        self._frames_heard = found.frames
        return await self.async_step_no_pack()

    def _owner_of(self, serials: frozenset[str]) -> AlfaSparkConfigEntry | None:
        """Return the entry of another adapter that hears one of these packs now: it is on this very bus."""
        for hub in loaded_hubs(self.hass):
            entry = hub.bus.config_entry
            if self.source == SOURCE_RECONFIGURE and entry.entry_id == self._get_reconfigure_entry().entry_id:
                continue
            packs = hub.fleet.packs
            if any(serial in packs and packs[serial].present for serial in serials):
                return entry
        return None

    async def _survey_paused(self, config: AdapterConfig) -> Survey:
        """Survey; an entry that is being reconfigured lets go of its adapter meanwhile, which may be the same."""
        if self.source != SOURCE_RECONFIGURE:
            return await survey(config)
        entry = self._get_reconfigure_entry()
        paused = entry.state in (ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY)
        if paused:
            await self.hass.config_entries.async_unload(entry.entry_id)
        try:
            return await survey(config)
        finally:
            if paused:
                await self.hass.config_entries.async_setup(entry.entry_id)

    def _finish(self, data: dict[str, Any]) -> ConfigFlowResult:
        title = _title(adapter_config(data))
        if self.source != SOURCE_RECONFIGURE:
            return self.async_create_entry(title=title, data=data)
        entry = self._get_reconfigure_entry()
        has_own_title = entry.title != _title(adapter_config(entry.data))
        return self.async_update_reload_and_abort(
            entry, unique_id=self.unique_id, title=UNDEFINED if has_own_title else title, data=data
        )

    def _show_form(
        self,
        step_id: str,
        schema: probatio.Schema,
        user_input: dict[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        problem: str = "",
    ) -> ConfigFlowResult:
        """Show a form with what was entered, in this try or for the entry that is being reconfigured."""
        if user_input is None and self.source == SOURCE_RECONFIGURE:
            user_input = _form_values(self._get_reconfigure_entry().data)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"problem": problem, **self.context.get("title_placeholders", {})},
        )
