"""Does something answer HTTP? Any answer shows power, whatever its status."""

import asyncio
from enum import Enum, auto
from math import inf
from typing import override

from aiohttp import (
    ClientError,
    ClientOSError,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    ServerDisconnectedError,
    SocketTimeoutError,
)

from .model import Result
from .probe_base import Probe, ProbeResult, answered, failed, judge_error, silent
from .probe_names import Names, is_address
from .probe_targets import parse_url


class _Ending(Enum):
    """How a request ended."""

    ANSWERED = auto()
    BROKEN = auto()
    """Something answered, but not HTTP; to another method it may."""
    SILENT = auto()
    """Connected, and no answer."""
    FINAL = auto()
    """Another method meets the same."""


class HttpProbe(Probe):
    """Asks for the head of a URL, or for all of it where the other end cannot do that, and reads no body.

    ALIVE: any status, a redirect (not followed), any certificate; and whatever else only a machine with power does: it
    refuses, resets, closes without an answer, talks something that is no HTTP, fails in the TLS handshake. DOWN: it
    cannot be connected to, or it connects and says nothing, since that is also what a router, a tunnel or a proxy does
    in place of a dead device.
    """

    def __init__(self, target: str, names: Names, session: ClientSession) -> None:
        """Raises TargetError."""
        self._url = parse_url(target)
        super().__init__(self._url.raw_host or "", names)
        self._session = session
        # What is looked up here must not be looked up again there.
        named = not is_address(self.host)
        # Small devices have few connections to give.
        self._headers = {"Connection": "close"}
        if named:
            self._headers["Host"] = self._url.host_port_subcomponent or self.host
        self._server_name = self.host.rstrip(".") if named and self._url.scheme == "https" else None
        self._proven: str | None = None
        """The method that was answered last."""

    @override
    async def _ask(self, address: str, timeout_s: float) -> ProbeResult:
        """HEAD, then GET, within `timeout_s`.

        As long as HEAD was never answered, a silent one is given up after half the time: some devices know GET only.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        broken: ProbeResult | None = None
        for method in ("GET",) if self._proven == "GET" else ("HEAD", "GET"):
            left_s = began_s + timeout_s - loop.time()
            patience_s = left_s / 2 if method == "HEAD" and self._proven is None else left_s
            ending, result = await self._request(method, address, left_s, patience_s)
            if ending is _Ending.ANSWERED:
                self._proven = method
                return result
            if ending is _Ending.BROKEN:
                broken = broken or result
            elif ending is _Ending.FINAL:
                return broken or result
        return broken or silent(began_s)

    async def _request(
        self, method: str, address: str, timeout_s: float, patience_s: float
    ) -> tuple[_Ending, ProbeResult]:
        """Ask once; `patience_s` is how long to wait for the answer once connected."""
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._session.request(
                    method,
                    self._url.with_host(address),
                    headers=self._headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    ssl=False,
                    server_hostname=self._server_name,
                    timeout=ClientTimeout(total=None, sock_read=patience_s, ceil_threshold=inf),
                )
                response.close()
                return _Ending.ANSWERED, answered(began_s, f"HTTP {response.status}")
        except SocketTimeoutError:
            return _Ending.SILENT, silent(began_s)
        except TimeoutError:
            return _Ending.FINAL, silent(began_s)
        except ServerDisconnectedError:
            return _Ending.BROKEN, answered(began_s, "closed without an answer")
        except ClientResponseError:
            return _Ending.BROKEN, answered(began_s, "no HTTP")
        except ClientSSLError as error:
            return _Ending.BROKEN, failed(began_s, *judge_error(error.os_error))
        except ClientOSError as error:
            result = failed(began_s, *judge_error(getattr(error, "os_error", error)))
            return _Ending.BROKEN if result.detail == "reset" else _Ending.FINAL, result
        except (ClientError, ValueError, RuntimeError) as error:
            # This end: a session that is closed, a URL that only aiohttp does not like.
            return _Ending.FINAL, ProbeResult(Result.UNKNOWN, began_s, None, f"not asked: {error}")
