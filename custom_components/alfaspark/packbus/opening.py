"""Opening a CAN adapter, and what to tell the owner when that fails."""

from collections.abc import Iterator
from dataclasses import dataclass
import errno
import socket
from typing import Any
from urllib.parse import SplitResult, urlsplit

import can

from .adapter_terms import AdapterConfig, AdapterError, AdapterFault
from .slcan import BulkSlcanBus, NoAdapterAnswersError


@dataclass(frozen=True, slots=True)
class _Explanation:
    fault: AdapterFault
    advice: str
    """With a place for the channel."""
    codes: frozenset[int] = frozenset()
    kinds: tuple[type[BaseException], ...] = ()


# The first that fits any error of the chain; the most telling come first.
_EXPLANATIONS = (
    _Explanation(
        AdapterFault.NO_ANSWER,
        "{} opens, but no CAN adapter answers there: check that it is the right port and that the adapter runs slcan "
        "firmware, then unplug it and plug it in again.",
        kinds=(NoAdapterAnswersError,),
    ),
    _Explanation(
        AdapterFault.PERMISSION,
        "{} may not be opened: add the user that runs this program to the group dialout, or, in a container, pass the "
        "device into it.",
        codes=frozenset({errno.EACCES, errno.EPERM}),
    ),
    _Explanation(
        AdapterFault.NOT_FOUND,
        "The host in {} is not known: check its name.",
        kinds=(socket.gaierror,),
    ),
    _Explanation(
        AdapterFault.NOT_FOUND,
        "Nothing answers at {}: check the address, that the device is switched on, and that its port is open.",
        codes=frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT}),
        kinds=(TimeoutError,),
    ),
    _Explanation(
        AdapterFault.NOT_FOUND,
        "{} does not exist: plug the CAN adapter in, or choose another one.",
        codes=frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR}),
    ),
    _Explanation(
        AdapterFault.BUSY,
        "{} is used by another program: stop that program, or choose another adapter.",
        codes=frozenset({errno.EBUSY, errno.EAGAIN}),
    ),
    _Explanation(
        AdapterFault.UNSUPPORTED,
        "{} is no serial port: choose another one.",
        codes=frozenset({errno.ENOTTY, errno.EISDIR}),
    ),
    _Explanation(
        AdapterFault.UNSUPPORTED,
        "{} cannot be used, because this system knows no CAN network interfaces: use a serial (slcan) adapter.",
        codes=frozenset({errno.EAFNOSUPPORT}),
    ),
)


def open_bus(config: AdapterConfig) -> can.BusABC:
    """Open the adapter. Blocks for up to some seconds, imports python-can's interface: never in the event loop.

    Raises AdapterError.
    """
    options: dict[str, Any] = dict(config.options)
    try:
        if config.interface == "slcan":
            _refuse_unusable_address(config.channel)
            return BulkSlcanBus(config.channel, bitrate=config.bitrate_bps, **options)
        # Not from python-can's own configuration files: what is opened is what the owner chose here.
        return can.Bus(
            interface=config.interface,
            channel=config.channel,
            bitrate=config.bitrate_bps,
            ignore_config=True,
            **options,
        )
    except AdapterError:
        raise
    except Exception as error:  # interfaces raise what their drivers raise
        raise explain(error, config) from error


def _refuse_unusable_address(channel: str) -> None:
    url = urlsplit(channel)
    if url.scheme.startswith("esphome"):
        raise AdapterError(
            AdapterFault.UNSUPPORTED,
            f"A serial port that ESPHome shares ({channel}) cannot be used: plug the CAN adapter into this machine, or "
            "share it over the network as a plain TCP port and enter socket://host:port.",
        )
    if "://" in channel:
        usable = url.scheme == "rfc2217" or (url.scheme == "socket" and _has_host_and_port(url))
    else:
        usable = bool(channel)
    if not usable:
        raise AdapterError(
            AdapterFault.UNSUPPORTED,
            f'"{channel}" is no address of a CAN adapter: enter a serial device such as /dev/ttyACM0, or '
            "socket://host:port.",
        )


def _has_host_and_port(url: SplitResult) -> bool:
    try:
        return bool(url.hostname and url.port)
    except ValueError:  # no number, or beyond 65535
        return False


def explain(error: Exception, config: AdapterConfig) -> AdapterError:
    """Turn what python-can, pyserial or the system raised on opening into a fault and a sentence for the owner."""
    causes = list(_causes(error))
    codes = {_code(cause) for cause in causes}
    for explanation in _EXPLANATIONS:
        if codes & explanation.codes or any(isinstance(cause, explanation.kinds) for cause in causes):
            return AdapterError(explanation.fault, explanation.advice.format(config.channel))
    if isinstance(error, (NotImplementedError, TypeError, ValueError)):
        return AdapterError(
            AdapterFault.UNSUPPORTED,
            f"The CAN interface {config.interface} cannot be used with {config.channel}: {error}. Choose another kind "
            "of adapter, or correct its options.",
        )
    return AdapterError(
        AdapterFault.FAILED,
        f"The CAN adapter {config.channel} cannot be opened ({error}): unplug it, plug it in again and retry.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    # pyserial buries the system's error in the context of its own.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    # termios.error is no OSError, though it carries the number as its first argument.
    if type(error).__module__ == "termios" and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return None
