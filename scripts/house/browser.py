"""A headless Chromium, driven over the DevTools protocol."""

import asyncio
import base64
from collections.abc import Sequence
import contextlib
import json
import os
from pathlib import Path
import shutil
import tempfile
from types import TracebackType
from typing import Any, Self

import aiohttp

from . import HouseError
from .process import Child

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last four keep it from looking for its maker's servers.
_FLAGS = (
    "--headless",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_START_S = 30.0
_ANSWER_S = 30.0

# The texts that the page shows, through all shadow roots.
_PAGE_TEXT = """(() => {
  const texts = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) texts.push(node.textContent.trim());
    if (node.tagName === "STYLE" || node.tagName === "SCRIPT") return;
    if (node.tagName === "HUI-ERROR-CARD" || node.tagName === "HUI-WARNING") texts.push("ERROR CARD");
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  if (document.body) walk(document.body);
  return texts.join("\\n");
})()"""

# Clicks the first button with a label, through all shadow roots; returns whether there is one.
_CLICK = """(label => {
  const find = node => {
    if (node.localName.endsWith("button") && node.label === label) return node;
    for (const child of [...(node.shadowRoot ? node.shadowRoot.children : []), ...node.children]) {
      const found = find(child);
      if (found) return found;
    }
    return null;
  };
  const found = find(document.documentElement);
  if (found) found.click();
  return Boolean(found);
})(%s)"""


class Browser:
    """One window. Used in `async with`; ends the browser and removes its profile at the end."""

    def __init__(self, width_px: int, height_px: int) -> None:
        """Set the size of the window."""
        self._size = (width_px, height_px)
        self._profile = Path(tempfile.mkdtemp(prefix="alfaspark-browser-"))
        self._last_id = 0
        self._page = ""
        self._child: Child
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        """Start the browser. Raises HouseError if there is none or it does not come up."""
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise HouseError("missing: Chromium. Install with: sudo apt install chromium")
        # Chromium's sandbox refuses to work for root.
        flags = (*_FLAGS, "--no-sandbox") if os.geteuid() == 0 else _FLAGS
        size = "--window-size={},{}".format(*self._size)
        self._child = await Child.start(
            "Chromium",
            [program, *flags, size, f"--user-data-dir={self._profile}", "about:blank"],
            log=self._profile / "chromium.log",
            cwd=self._profile,
        )
        self._session = aiohttp.ClientSession()
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the browser."""
        await self._socket.close()
        await self._close()

    async def _close(self) -> None:
        await self._session.close()
        await self._child.stop(grace_s=5)
        shutil.rmtree(self._profile, ignore_errors=True)

    async def _connect(self) -> None:
        announcement = self._profile / "DevToolsActivePort"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                while not (announcement.exists() and len(announcement.read_text().split()) == 2):
                    if not self._child.running:
                        raise self._child.death()
                    await asyncio.sleep(0.1)
        if not announcement.exists():
            raise HouseError(f"Chromium did not start within {_START_S:.0f} s:\n{self._child.tail()}")
        port, path = announcement.read_text().split()
        self._socket = await self._session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._page = attached["sessionId"]
        width, height = self._size
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def _call(self, method: str, **parameters: Any) -> Any:
        self._last_id += 1
        request: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if self._page:
            request["sessionId"] = self._page
        await self._socket.send_json(request)
        async with asyncio.timeout(_ANSWER_S):
            while True:
                message = await self._socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise HouseError(f"Chromium closed the connection:\n{self._child.tail()}")
                answer = message.json()
                if answer.get("id") == self._last_id:
                    break
        if "error" in answer:
            raise HouseError(f"Chromium refuses {method}: {answer['error']['message']}")
        return answer["result"]

    async def open(self, url: str) -> None:
        """Go to a page; returns before it is complete."""
        await self._call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page. Raises HouseError if it throws."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise HouseError(f"In the page: {json.dumps(answer['exceptionDetails'])[:500]}")
        return answer["result"].get("value")

    async def click(self, label: str) -> None:
        """Click the first button with this label. Raises HouseError if there is none."""
        if not await self.evaluate(_CLICK % json.dumps(label)):
            raise HouseError(f"In the page: there is no button '{label}'")

    async def wait_for_text(self, words: Sequence[str], within_s: float) -> str:
        """All that the page shows as text, once all of the words are in it; after that time as much as there is."""
        text = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not all(word in text for word in words):
                    await asyncio.sleep(0.5)
                    # While the page moves on, to log in for one, there is nothing to read it from.
                    with contextlib.suppress(HouseError):
                        text = str(await self.evaluate(_PAGE_TEXT))
        return text

    async def screenshot(self, file: Path, *, transparent: bool = False) -> None:
        """Write what the window shows into a PNG file; `transparent` where the page has no background."""
        background = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}} if transparent else {}
        await self._call("Emulation.setDefaultBackgroundColorOverride", **background)
        answer = await self._call("Page.captureScreenshot", format="png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(answer["data"]))
