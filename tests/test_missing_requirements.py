"""Before Home Assistant has installed what the integration requires, which it does anew after each update of its container.

It sets automations up at the same time, and loads triggers and conditions for them without waiting. An automation whose
trigger cannot be loaded then stays off until it is reloaded.
"""

from pathlib import Path
import re
import subprocess
import sys
import textwrap

import pytest

REPOSITORY = Path(__file__).parents[1]

NOT_INSTALLED = """
import asyncio, sys
from importlib.abc import MetaPathFinder

class NotInstalled(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in ("can", "paho", "serial"):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)

sys.meta_path.insert(0, NotInstalled())
"""


def run(program: str) -> str:
    """Run a program in a Python that has nothing of what is required; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", NOT_INSTALLED + textwrap.dedent(program)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("helper", "validate"),
    [
        ("trigger", 'trigger.async_validate_trigger_config(hass, [{"platform": "alfaspark.pack_gone"}])'),
        ("condition", 'condition.async_validate_condition_config(hass, {"condition": "alfaspark.is_gone"})'),
    ],
)
def test_automations_are_valid(tmp_path: Path, helper: str, validate: str) -> None:
    (tmp_path / "custom_components").symlink_to(REPOSITORY / "custom_components")
    told = run(f"""
        from homeassistant import loader
        from homeassistant.core import HomeAssistant
        from homeassistant.helpers import {helper}

        async def main():
            hass = HomeAssistant({str(tmp_path)!r})
            loader.async_setup(hass)
            await {helper}.async_setup(hass)
            print(await {validate})
            await hass.async_stop(force=True)

        asyncio.run(main())
    """)
    assert "alfaspark." in told


def test_an_adapter_says_what_is_missing() -> None:
    assert run("""
        from custom_components.alfaspark.packbus.adapter import AdapterConfig, AdapterError, CanAdapter

        async def main():
            adapter = CanAdapter(AdapterConfig("virtual", "x"), on_frames=print, on_state=print)
            try:
                await adapter.open()
            except AdapterError as error:
                print(error.reason, error)

        asyncio.run(main())
    """) == (
        "failed The CAN adapter x cannot be opened, because python-can is not installed or is damaged "
        "(No module named 'can')."
    )


def test_no_module_loads_the_ping_library_at_once() -> None:
    """Home Assistant's own core needs icmplib today and so cannot start without it; nobody promises that."""
    modules = (REPOSITORY / "custom_components").rglob("*.py")
    loading = [path.name for path in modules if re.search(r"(?m)^(import|from) icmplib", path.read_text())]
    assert loading == []
