"""Makes the pictures of the documents: what an owner sees, of the house as it is; `scripts/screenshots` calls this."""

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import sys

from PIL import Image

from . import HouseError
from .browser import Browser
from .house import ENERGIES, ROOT, House
from .storage import DOMAIN

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000

_PAGE_S = 45.0
_SETTLE_S = 3.0
"""Gauges and graphs draw themselves over a moment."""
_OPEN_S = 1.0
_LIVE_S = 60.0
"""So long the house lives before it is looked at, so that its graphs show something."""
_OUTAGE_S = 100.0
_RESTORED_S = 75.0
"""A restoration counts after a minute."""
_COLORS = 256

# Clicks on what shows a text, through all shadow roots; true once it was there.
_CLICK = """(text => {
  const found = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE && node.textContent.trim() === text) found.push(node.parentElement);
    if (node.nodeType === Node.ELEMENT_NODE && [node.label, node.title].includes(text)) found.push(node);
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  found.at(-1)?.click();
  return found.length > 0;
})"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file in docs/images, and how it comes about."""

    name: str
    size_px: tuple[int, int]
    path: str
    """Behind Home Assistant's address; `{pack}` is the device of the first pack."""
    words: tuple[str, ...]
    """What must be on the page."""
    clicks: tuple[tuple[str, str], ...] = ()
    """Texts to click on one after the other, each with a text that is there after it."""


_ENERGY = Picture("energy", (1280, 1000), "/energy", ("Electricity", "Totals"), (("Previous", "Totals"),))

PICTURES = (
    Picture("dashboard", (1280, 960), "/energy-packs/house", ("The house",)),
    Picture("dashboard-mobile", (390, 844), "/energy-packs/house", ("The house",)),
    Picture("modes", (1280, 1000), "/energy-packs/modes", ("All packs",)),
    Picture("power", (1280, 900), "/energy-packs/power", ("Is the power there?", "Uptime")),
    Picture("device", (1280, 1280), "/config/devices/device/{pack}", ("Sensors", "Controls")),
    _ENERGY,
    Picture(
        "setup-menu",
        (1000, 760),
        f"/config/integrations/dashboard/add?domain={DOMAIN}",
        ("Do you want to set up AlfaSpark?",),
        (("OK", "What shall be added?"),),
    ),
    Picture(
        "setup-serial",
        (1000, 760),
        f"/config/integrations/dashboard/add?domain={DOMAIN}",
        ("Do you want to set up AlfaSpark?",),
        (("OK", "USB or serial adapter (slcan)"), ("USB or serial adapter (slcan)", "Expert settings")),
    ),
    Picture(
        "sockets",
        (1000, 760),
        f"/config/integrations/integration/{DOMAIN}",
        ("Add smart sockets of a pack",),
        (("Add smart sockets of a pack", "Smart sockets that give way"),),
    ),
    Picture(
        "triggers",
        (1000, 900),
        "/config/automation/edit/new",
        ("Add trigger",),
        (("Add trigger", "By type"), ("By type", "AlfaSpark"), ("AlfaSpark", "Mode changed")),
    ),
    Picture(
        "trigger",
        (1000, 900),
        "/config/automation/edit/new",
        ("Add trigger",),
        (
            ("Add trigger", "By type"),
            ("By type", "AlfaSpark"),
            ("AlfaSpark", "Mode changed"),
            ("Grid import limit reached", "Shares"),
        ),
    ),
)


async def _make(house: House, picture: Picture, places: Mapping[str, str]) -> Path:
    """Go there, click, and take the picture. Raises HouseError if something is not on the page or it is too large."""
    file = IMAGES / f"{picture.name}.png"
    async with Browser(*picture.size_px) as browser:
        await browser.open(house.home_assistant.url + picture.path.format(**places))
        await _expect(browser, picture, picture.words)
        for text, then in picture.clicks:
            if not await browser.evaluate(f"{_CLICK}({text!r})"):
                raise HouseError(f"{picture.name}: there is no '{text}' to click on")
            await _expect(browser, picture, (then,))
            # What opens takes a moment to stand still.
            await asyncio.sleep(_OPEN_S)
        await asyncio.sleep(_SETTLE_S)
        await browser.screenshot(file)
    await asyncio.to_thread(_shrink, file)
    if file.stat().st_size > MOST_BYTES:
        raise HouseError(f"{file} has {file.stat().st_size} bytes, more than {MOST_BYTES}")
    return file


async def _expect(browser: Browser, picture: Picture, words: tuple[str, ...]) -> None:
    text = await browser.wait_for_text(words, _PAGE_S)
    if missing := [word for word in words if word not in text]:
        raise HouseError(f"{picture.name}: not on the page after {_PAGE_S:.0f} s: {', '.join(missing)}")


def _shrink(file: Path) -> None:
    """A page has few colors: a palette of them is a third of the size and looks the same."""
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


async def _run(names: list[str]) -> None:
    print("Starting simulated energy packs and Home Assistant ...", flush=True)
    async with House() as house:
        await house.wait_for(ENERGIES)
        await asyncio.sleep(_LIVE_S)
        # The page about it has something to show, and all is well again before the first picture.
        await house.simulator.control(grid=False)
        await asyncio.sleep(_OUTAGE_S)
        await house.simulator.control(grid=True)
        await asyncio.sleep(_RESTORED_S)
        if not names or _ENERGY.name in names:
            # Yesterday and today.
            await house.past
        async with house.home_assistant.connect() as api:
            devices = await api.call("config/device_registry/list")
        first = [DOMAIN, house.simulator.serials[0]]
        places = {"pack": next(device["id"] for device in devices if first in device["identifiers"])}
        for picture in PICTURES:
            if not names or picture.name in names:
                file = await _make(house, picture, places)
                print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB", flush=True)


def main() -> int:
    """Run with the arguments of the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], choices=[picture.name for picture in PICTURES], metavar="NAME"
    )
    try:
        asyncio.run(_run(parser.parse_args().only))
    except HouseError as error:
        print(f"scripts/screenshots: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
