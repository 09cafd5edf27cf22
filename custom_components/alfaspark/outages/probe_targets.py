"""What an owner writes to name what is to be checked."""

from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

from yarl import URL

from .probe_names import is_address

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_LONGEST_NAME: Final = 253


class TargetFault(StrEnum):
    """What is wrong with it."""

    HOST = "host"
    PORT = "port"
    SCHEME = "scheme"
    URL = "url"


class TargetError(ValueError):
    """Nothing that can be checked; the text says why."""

    def __init__(self, fault: TargetFault, message: str) -> None:
        """Say what is wrong, for programs and for people."""
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP port of a host."""

    host: str
    port: int


def parse_url(text: str) -> URL:
    """A URL of http or https; what has no scheme is taken as http. Raises TargetError."""
    text = text.strip()
    if any(character.isspace() for character in text):
        raise TargetError(TargetFault.URL, f"There is a space in {text!r}.")
    try:
        url = URL(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError as error:
        raise TargetError(TargetFault.URL, f"{text!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https"):
        raise TargetError(TargetFault.SCHEME, f"{url.scheme}:// is neither http:// nor https://.")
    parse_host(url.raw_host or "")
    if not port:
        raise TargetError(TargetFault.PORT, f"{text!r} has no port from 1 to 65535.")
    return url.with_fragment(None)


def parse_endpoint(text: str) -> Endpoint:
    """`host:port`, `[IPv6 address]:port`. Raises TargetError."""
    host, _, port = text.strip().rpartition(":")
    # At most five digits: a longer number is no port, and may be too long to be read at all.
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise TargetError(TargetFault.PORT, f"{text!r} does not end in a port, like nas.local:22.")
    if ":" in host and not host.startswith("["):
        raise TargetError(TargetFault.HOST, f"An IPv6 address goes in brackets before its port: [{host}]:{port}.")
    return Endpoint(parse_host(host), int(port))


def parse_host(text: str) -> str:
    """A name or an address, without brackets and ready to be looked up. Raises TargetError."""
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if is_address(host):
        return host
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or name.replace(".", "").isdigit():
        raise TargetError(TargetFault.HOST, f"{text!r} is neither the name nor the address of a host.")
    return name
