"""What hassfest and HACS do not see, or see only elsewhere: the rules that manifest, brand and HACS files keep."""

import json
from pathlib import Path
import struct

from homeassistant.components.usb import USBDevice, usb_device_matches_matcher
import pytest

from custom_components.alfaspark import config_flow

INTEGRATION = Path(config_flow.__file__).parent
REPOSITORY = Path(__file__).parents[1]
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text())
HACS = json.loads((REPOSITORY / "hacs.json").read_text())

HACS_KEYS = {
    "content_in_root",
    "country",
    "filename",
    "hacs",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "render_readme",
    "zip_release",
}
"""All that HACS knows."""


def test_manifest() -> None:
    assert list(MANIFEST)[:2] == ["domain", "name"]
    assert list(MANIFEST)[2:] == sorted(list(MANIFEST)[2:])
    assert {"codeowners", "documentation", "issue_tracker", "version", "iot_class", "integration_type"} <= set(MANIFEST)
    assert MANIFEST["codeowners"]
    assert MANIFEST["quality_scale"] == "platinum"
    assert all("==" in requirement for requirement in MANIFEST["requirements"])
    for matcher in MANIFEST["usb"]:
        assert matcher["vid"] == matcher["vid"].upper()
        assert matcher["pid"] == matcher["pid"].upper()
        # A chip's own numbers say nothing of what is built with it.
        assert matcher["description"] == matcher["description"].lower() != "*"


@pytest.mark.parametrize(
    ("vid", "pid", "description"),
    [
        ("AD50", "60C4", "CANtact dev"),
        ("AD50", "60C4", "CANable b158aa7 github.com/normaldotcom/canable-fw.git"),
        ("16D0", "117E", "CANable2 b158aa7 github.com/normaldotcom/canable2.git"),
    ],
)
def test_slcan_adapters_are_matched(vid: str, pid: str, description: str) -> None:
    def is_matched(device_description: str) -> bool:
        device = USBDevice(
            device="/dev/ttyACM0",
            vid=vid,
            pid=pid,
            serial_number="1",
            manufacturer="x",
            description=device_description,
        )
        return any(usb_device_matches_matcher(device, matcher) for matcher in MANIFEST["usb"])

    assert is_matched(description)
    assert not is_matched("Modem")


def test_hacs_takes_the_repository() -> None:
    assert "name" in HACS
    assert set(HACS) <= HACS_KEYS
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text()
    assert (
        len([folder for folder in (REPOSITORY / "custom_components").iterdir() if (folder / "manifest.json").exists()])
        == 1
    )


@pytest.mark.parametrize("dark", ["", "dark_"])
@pytest.mark.parametrize(("name", "least_px"), [("icon", 256), ("icon@2x", 512), ("logo", 128), ("logo@2x", 256)])
def test_brand_images(dark: str, name: str, least_px: int) -> None:
    data = (INTEGRATION / "brand" / f"{dark}{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width_px, height_px = struct.unpack(">II", data[16:24])
    assert min(width_px, height_px) >= least_px
    if "icon" in name:
        assert (width_px, height_px) == (least_px, least_px)
