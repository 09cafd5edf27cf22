"""The house's sign of life on an MQTT broker that the owner names, so that another house alerts when this one goes dark.

The broker itself says `offline` for this house when it hears nothing more of it, by a will.
"""

import asyncio
from datetime import datetime, timedelta
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util.ssl import create_client_context

from custom_components.alfaspark.const import DOMAIN

from .alerts.options import LifeOptions

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_LOGGER = logging.getLogger(__name__)

ONLINE: Final = "online"
OFFLINE: Final = "offline"
"""Said by the broker."""
STOPPED: Final = "stopped"
"""Home Assistant was stopped or restarted by somebody: no reason to be alarmed, unless it stays away."""

_EVERY = timedelta(seconds=60)
_KEEPALIVE_S = 30
_LONGEST_PAUSE_S = 60
"""Between two tries to connect."""
_FAREWELL_S = 2.0
_UNREACHABLE_S = 600.0
"""The owner is asked to look when the broker cannot be reached for so long."""

_REFUSED: Final = "life_refused"
_UNREACHABLE: Final = "life_unreachable"


class Life:
    """Publishes the sign of life. The client has a thread of its own; what waits runs in the executor."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Publish nothing yet."""
        self._hass = hass
        self._entry = entry
        self._options: LifeOptions | None = None
        self._client: Client | None = None
        self._turn = asyncio.Lock()
        self._cancel_interval: CALLBACK_TYPE | None = None
        self._cancel_unreachable: CALLBACK_TYPE | None = None
        self._is_told = False
        """Whether the log says that it does not work."""
        self._error = ""

    @callback
    def async_follow(self, options: LifeOptions | None) -> None:
        """Publish by these options from now on; not at all with None."""
        if options != self._options:
            self._options = options
            # Not the entry's own task: one that is cancelled while it opens a client would leave its thread behind.
            self._hass.async_create_background_task(self._async_apply(options), f"{DOMAIN} sign of life")

    async def async_stop(self) -> None:
        """Say good-bye and publish nothing any more."""
        self._options = None
        await self._async_apply(None)

    async def _async_apply(self, options: LifeOptions | None) -> None:
        async with self._turn:
            if self._cancel_interval is not None:
                self._cancel_interval()
                self._cancel_interval = None
            self._solved()
            if (client := self._client) is not None:
                self._client = None
                await self._hass.async_add_executor_job(_close, client)
            if options is None or options != self._options:
                return
            self._expect()
            self._client = await self._hass.async_add_executor_job(self._open, options)
            self._cancel_interval = async_track_time_interval(
                self._hass, self._publish, _EVERY, cancel_on_shutdown=True
            )

    def _open(self, options: LifeOptions) -> Client:
        """Begin to connect. Reads files; runs in the executor."""
        # Imported here: Home Assistant loads this module before it has installed what it requires.
        from paho.mqtt.client import Client  # noqa: PLC0415
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

        # The same name each time: the broker lets go of an old connection at once, and cannot say `offline` for it later.
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"{DOMAIN}-{self._entry.entry_id[-8:]}")
        client.user_data_set(options)
        if options.username:
            client.username_pw_set(options.username, options.password)
        if options.tls:
            client.tls_set_context(create_client_context())
        client.will_set(options.topic, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.connect_async(options.host, options.port, _KEEPALIVE_S)
        client.loop_start()
        return client

    async def _publish(self, _: datetime) -> None:
        client, options = self._client, self._options
        if client is not None and options is not None and client.is_connected():
            await self._hass.async_add_executor_job(client.publish, options.topic, ONLINE, 0, True)

    # In the client's thread:

    def _on_connect(self, client: Client, options: LifeOptions, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._hass.loop.call_soon_threadsafe(self._refused, options, str(reason))
            return
        client.publish(options.topic, ONLINE, qos=1, retain=True)
        self._hass.loop.call_soon_threadsafe(self._connected, options)

    def _on_connect_fail(self, client: Client, options: LifeOptions) -> None:
        error = sys.exception()
        self._hass.loop.call_soon_threadsafe(self._failed, options, str(error or "unknown"))

    def _on_disconnect(self, client: Client, options: LifeOptions, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._hass.loop.call_soon_threadsafe(self._failed, options, str(reason))

    # In the event loop again:

    @callback
    def _connected(self, options: LifeOptions) -> None:
        if options is self._options:
            if self._is_told:
                _LOGGER.info("The sign of life is published again on %s", options.host)
            self._solved()

    @callback
    def _refused(self, options: LifeOptions, reason: str) -> None:
        if options is self._options:
            self._warn(options, reason)
            self._ask(_REFUSED, options)

    @callback
    def _failed(self, options: LifeOptions, error: str) -> None:
        if options is self._options:
            self._warn(options, error)
            self._expect()

    def _warn(self, options: LifeOptions, error: str) -> None:
        """Say once that it does not work."""
        self._error = error
        if not self._is_told:
            self._is_told = True
            _LOGGER.warning("The sign of life cannot be published on %s: %s", options.host, error)

    def _expect(self) -> None:
        """Ask the owner to look if there is no connection for long."""

        @callback
        def ask(_: datetime) -> None:
            self._cancel_unreachable = None
            if self._options is not None:
                self._ask(_UNREACHABLE, self._options)

        if self._cancel_unreachable is None:
            self._cancel_unreachable = async_call_later(self._hass, _UNREACHABLE_S, ask)

    def _ask(self, issue: str, options: LifeOptions) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=issue,
            translation_placeholders={"broker": f"{options.host}:{options.port}", "error": self._error},
        )

    def _solved(self) -> None:
        self._is_told = False
        if self._cancel_unreachable is not None:
            self._cancel_unreachable()
            self._cancel_unreachable = None
        for issue in (_REFUSED, _UNREACHABLE):
            ir.async_delete_issue(self._hass, DOMAIN, issue)


def _close(client: Client) -> None:
    """Say good-bye, so that the broker does not say `offline`, and end the thread. Runs in the executor."""
    options: LifeOptions = client.user_data_get()
    if client.is_connected():
        try:
            client.publish(options.topic, STOPPED, qos=1, retain=True).wait_for_publish(_FAREWELL_S)
        except (RuntimeError, ValueError) as error:
            _LOGGER.debug("The broker did not take the good-bye: %s", error)
    client.disconnect()
    client.loop_stop()
