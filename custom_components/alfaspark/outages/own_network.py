"""Is this machine's own network there? What Linux says of its link, and whether the default gateway answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
import sys
from typing import Final

from .model import Result
from .ping_probe import Pinger
from .probe_base import ProbeResult, first_alive
from .tcp_probe import knock

_UP: Final = 0x1
_GATEWAY: Final = 0x2
_REJECT: Final = 0x200
"""Flags of routes."""
_PORTS: Final = (80, 443, 53)
"""Where a gateway that answers no ping answers, if only with a refusal."""
_PING_SHARE: Final = 0.4
"""Of the time of a check."""


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """What the system says of its network."""

    has_link: bool | None
    """Whether an interface that leads out has a link. None: this system does not say."""
    gateways: tuple[str, ...] = ()
    """Addresses of default gateways, the preferred ones first; one of IPv6 has its interface behind a %."""


@dataclass(frozen=True, slots=True)
class _Route:
    interface: str
    gateway: str | None
    metric: int


def read_own_network(root: Path = Path("/")) -> OwnNetwork:
    """Read it from /sys and /proc of Linux. Blocks for moments: call it in a thread."""
    interfaces = _interfaces(root / "sys/class/net")
    if not interfaces:
        return OwnNetwork(None)
    routes = [route for route in _routes(root / "proc/net") if route.interface in interfaces]
    # Where a way out is known, only that counts: bridges of containers are up whatever happens to the cable.
    leading = {route.interface for route in routes} or {
        name for name, (folder, _) in interfaces.items() if not _is_inside(folder)
    }
    return OwnNetwork(
        any(interfaces[name][1] for name in leading),
        tuple(dict.fromkeys(route.gateway for route in sorted(routes, key=lambda it: it.metric) if route.gateway)),
    )


type RunInThread = Callable[[Callable[[Path], OwnNetwork], Path], Awaitable[OwnNetwork]]
"""Such as `hass.async_add_executor_job`."""


async def check_network(
    run_in_thread: RunInThread = asyncio.to_thread,
    *,
    pinger: Pinger | None = None,
    timeout_s: float = 5.0,
    root: Path = Path("/"),
) -> bool | None:
    """Whether this machine's own network works: True, False, or None where nothing can tell. See `probe_network`."""
    result = (await probe_network(run_in_thread, pinger=pinger, timeout_s=timeout_s, root=root)).result
    return None if result is Result.UNKNOWN else result is Result.ALIVE


async def probe_network(
    run_in_thread: RunInThread = asyncio.to_thread,
    *,
    pinger: Pinger | None = None,
    timeout_s: float = 5.0,
    root: Path = Path("/"),
) -> ProbeResult:
    """Ask the default gateway, as the witness that this machine's own network works.

    ALIVE: a gateway answers. DOWN: there is no link, or no gateway answers. UNKNOWN: there is none to ask.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    network = await run_in_thread(read_own_network, root)
    if network.has_link is False:
        return ProbeResult(Result.DOWN, began_s, None, "no link")
    if not network.gateways:
        return ProbeResult(Result.UNKNOWN, began_s, None, "no gateway")
    pinger = pinger or Pinger()
    left_s = max(0.0, began_s + timeout_s - loop.time())
    return await first_alive([check_gateway(address, pinger, left_s) for address in network.gateways])


async def check_gateway(address: str, pinger: Pinger, timeout_s: float) -> ProbeResult:
    """Ping an address; if that finds no life, knock at the ports that gateways have. A refusal is an answer."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    pinged = await pinger.ping(address, timeout_s * _PING_SHARE)
    if pinged.result is Result.ALIVE:
        return pinged
    left_s = max(0.0, began_s + timeout_s - loop.time())
    knocked = await first_alive([knock(address, port, left_s) for port in _PORTS])
    # That this process may not ping is no answer, so what the ports say counts.
    return pinged if knocked.result is Result.UNKNOWN and pinged.result is Result.DOWN else knocked


def _interfaces(folder: Path) -> dict[str, tuple[Path, bool]]:
    """All but loopback: where the system tells of it, and whether it has a link."""
    if sys.platform != "linux":
        return {}
    try:
        return {path.name: (path, _has_link(path)) for path in folder.iterdir() if path.name != "lo" and path.is_dir()}
    except OSError:
        return {}


def _has_link(folder: Path) -> bool:
    # Tunnels and some drivers do not know their state. The carrier of one that is switched off cannot be read.
    return _text(folder / "operstate") in ("up", "unknown") and _text(folder / "carrier") == "1"


def _is_inside(folder: Path) -> bool:
    """Whether it leads to containers on this machine only: a bridge, or what is plugged into one."""
    return (folder / "bridge").exists() or (folder / "brport").exists()


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _routes(folder: Path) -> list[_Route]:
    """Default routes; what cannot be read or understood is left out."""
    found = []
    for name, parse in (("route", _route_v4), ("ipv6_route", _route_v6)):
        for line in _text(folder / name).splitlines():
            try:
                route = parse(line.split())
            except IndexError, ValueError:
                continue  # the headline
            if route is not None:
                found.append(route)
    return found


def _route_v4(fields: list[str]) -> _Route | None:
    interface, destination, gateway, flags, _, _, metric, mask = fields[:8]
    if int(destination, 16) or int(mask, 16) or not _leads_out(int(flags, 16)):
        return None
    # The kernel prints the four bytes as one number of this machine's byte order.
    address = IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder))
    return _Route(interface, str(address) if int(flags, 16) & _GATEWAY else None, int(metric))


def _route_v6(fields: list[str]) -> _Route | None:
    destination, prefix, _, _, gateway, metric, _, _, flags, interface = fields
    if int(destination, 16) or int(prefix, 16) or not _leads_out(int(flags, 16)):
        return None
    address = IPv6Address(bytes.fromhex(gateway))
    named = f"{address}%{interface}" if address.is_link_local else str(address)
    return _Route(interface, named if int(flags, 16) & _GATEWAY else None, int(metric, 16))


def _leads_out(flags: int) -> bool:
    return bool(flags & _UP) and not flags & _REJECT
