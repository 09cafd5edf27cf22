"""Constants of the AlfaSpark integration."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "alfaspark"
MANUFACTURER: Final = "AlfaSpark"

POWER_WATCH: Final = "power_watch"
"""Unique id of the config entry that is the power watch; there is one in an installation."""

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
)
"""Of a CAN adapter."""
WATCH_PLATFORMS: Final = (Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SENSOR)
"""Of the power watch."""

# Config entry data. A serial or network slcan adapter is kept under Home Assistant's own `device` key, where the usb
# integration looks for ports that are in use; any other adapter is named by its `channel`.
CONF_INTERFACE: Final = "interface"
CONF_CHANNEL: Final = "channel"
CONF_BITRATE: Final = "bitrate"
CONF_OPTIONS: Final = "options"

INTERFACE_SLCAN: Final = "slcan"
INTERFACE_SOCKETCAN: Final = "socketcan"

DEFAULT_BITRATE_BPS: Final = 500_000
