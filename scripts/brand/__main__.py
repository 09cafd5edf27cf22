"""Render the drawings into custom_components/alfaspark/brand, in the sizes that Home Assistant's brands rules ask for."""

import asyncio
import base64
from pathlib import Path

from scripts.house.browser import Browser

_HERE = Path(__file__).parent
_TARGET = _HERE.parents[1] / "custom_components/alfaspark/brand"

# For light and for dark backgrounds.
_COLOURS = {
    "": "--body: #0f5c6e; --spark: #f5a800; --text: #12333c",
    "dark_": "--body: #3fb6cc; --spark: #ffc533; --text: #eef6f8",
}
_ICON_PX = (256, 256)
_LOGO_PX = (660, 160)
# In the logo the name starts right of the mark, both on one base line.
_NAME_X_PX, _NAME_Y_PX, _NAME_HEIGHT_PX = 176, 36, 124


def _page(size_px: tuple[int, int], scale: int, colours: str) -> str:
    """A page that is nothing but the drawing."""
    width, height = size_px
    mark = (_HERE / "mark.svg").read_text().replace("<svg ", f'<svg width="{height}" height="{height}" ')
    name = (_HERE / "wordmark.svg").read_text()
    name = name.replace(
        "<svg ", f'<svg x="{_NAME_X_PX}" y="{_NAME_Y_PX}" height="{_NAME_HEIGHT_PX}" width="{width - _NAME_X_PX}" '
    )
    drawing = mark + name if size_px == _LOGO_PX else mark
    return (
        f'<!doctype html><body style="margin: 0; {colours}">'
        f'<svg viewBox="0 0 {width} {height}" width="{width * scale}" height="{height * scale}">{drawing}</svg>'
    )


async def _render() -> None:
    for name, (width, height) in {"icon": _ICON_PX, "logo": _LOGO_PX}.items():
        for scale, suffix in ((1, ""), (2, "@2x")):
            async with Browser(width * scale, height * scale) as browser:
                for theme, colours in _COLOURS.items():
                    page = _page((width, height), scale, colours)
                    await browser.open(f"data:text/html;base64,{base64.b64encode(page.encode()).decode()}")
                    await asyncio.sleep(0.3)
                    await browser.screenshot(_TARGET / f"{theme}{name}{suffix}.png", transparent=True)


if __name__ == "__main__":
    asyncio.run(_render())
