"""A real Home Assistant process that runs what a benchmark is about and as little as possible besides."""

from collections.abc import Sequence
import json
from pathlib import Path
import shutil
import sys
import tempfile
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp
from homeassistant import config_entries
from homeassistant.components.mqtt.const import CONFIG_ENTRY_MINOR_VERSION, CONFIG_ENTRY_VERSION
from homeassistant.config_entries import ConfigEntry, ConfigEntryDisabler

from scripts.house.api import Api
from scripts.house.home_assistant import HomeAssistant
from scripts.house.process import Child
from scripts.house.simulator import free_port
from scripts.house.storage import DOMAIN, Installation, write

from .registry import BenchError
from .worker import ROOT

BUILD = ROOT / "build"
_ANSWER_S = 120.0

_CONFIGURATION = """\
homeassistant:
  auth_providers:
    - type: trusted_networks
      trusted_networks: 127.0.0.1
      allow_bypass_login: true

api:
websocket_api:
config:
diagnostics:
alfaspark_probe:

logger:
  default: warning
"""
_RECORDER = """
recorder:
history:
"""


class Instance:
    """Home Assistant with some AlfaSpark entries. Used in `async with`; its folder is gone at the end."""

    def __init__(
        self,
        *,
        adapters: Sequence[str] = (),
        recorder: bool = False,
        disabled: bool = False,
        mqtt_port: int | None = None,
    ) -> None:
        """Choose: a config entry for each adapter URL, disabled or not; a recorder with SQLite; a broker on this machine."""
        BUILD.mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
        self.url = ""
        self.token = ""
        self._recorder = recorder
        self._entries = [_alfaspark_entry(url, disabled=disabled) for url in adapters]
        if mqtt_port is not None:
            self._entries.append(_mqtt_entry(mqtt_port))
        self._home_assistant: HomeAssistant

    @property
    def pid(self) -> int:
        """The process id of Home Assistant."""
        return self._home_assistant.child.pid

    @property
    def entry_ids(self) -> list[str]:
        """The config entries, in the order of the adapters."""
        return [entry.entry_id for entry in self._entries]

    @property
    def database(self) -> Path:
        """The recorder's database."""
        return self.folder / "config" / "home-assistant_v2.db"

    async def __aenter__(self) -> Self:
        """Start it and wait until it runs. Raises HouseError if it does not."""
        config = self.folder / "config"
        installation = Installation(
            config_dir=config,
            port=free_port(),
            integration=ROOT / "custom_components" / DOMAIN,
            adapter_url="",
            time_zone="UTC",
        )
        try:
            self.token = await write(installation)
            (config / "configuration.yaml").write_text(_CONFIGURATION + (_RECORDER if self._recorder else ""))
            (config / "custom_components" / "alfaspark_probe").symlink_to(Path(__file__).parent / "probe")
            self._write_entries(config / ".storage" / config_entries.STORAGE_KEY)
            command: list[str | Path] = [
                sys.executable,
                "-m",
                "homeassistant",
                "--config",
                config,
                "--skip-pip",
                "--log-no-color",
            ]
            child = await Child.start("Home Assistant", command, log=config / "console.log", cwd=config)
            self._home_assistant = HomeAssistant(child, installation, self.token)
            self.url = self._home_assistant.url
            try:
                await self._home_assistant.wait_until_running()
            except BaseException:
                await child.stop()
                raise
        except BaseException as error:
            self._leave(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        await self._home_assistant.child.stop()
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        # The logs stay where something failed.
        if not isinstance(error, Exception):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write_entries(self, file: Path) -> None:
        stored = json.loads(file.read_text())
        stored["data"]["entries"] = [json.loads(json.dumps(entry.as_dict())) for entry in self._entries]
        file.write_text(json.dumps(stored))

    def connect(self) -> Api:
        """A new connection, to be used in `async with`."""
        return self._home_assistant.connect()

    async def diagnostics(self) -> dict[str, Any]:
        """The diagnostics of the first entry, as the owner downloads them. Raises BenchError if there are none."""
        answer = await self._request("GET", f"diagnostics/config_entry/{self._entries[0].entry_id}")
        data: dict[str, Any] = answer["data"]
        return data

    async def collect(self) -> dict[str, int]:
        """Collect its garbage: `rss_bytes` of resident memory and `objects` that are left."""
        answer = await self._request("POST", "services/alfaspark_probe/collect?return_response")
        left: dict[str, int] = answer["service_response"]
        return left

    async def _request(self, method: str, path: str) -> Any:
        headers, timeout = {"Authorization": f"Bearer {self.token}"}, aiohttp.ClientTimeout(total=_ANSWER_S)
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
            session.request(method, f"{self.url}/api/{path}") as response,
        ):
            if response.status != 200:
                raise BenchError(f"{path}: {response.status} {await response.text()}")
            return await response.json(content_type=None)

    async def enabled_keys(self, serial: str) -> dict[str, str]:
        """Entity ids of a pack's enabled entities by what their unique ids say after the serial number."""
        async with self.connect() as api:
            registry = await api.call("config/entity_registry/list")
        return {
            entity["unique_id"].removeprefix(f"{serial}_"): entity["entity_id"]
            for entity in registry
            if entity["platform"] == DOMAIN
            and entity["disabled_by"] is None
            and entity["unique_id"].startswith(f"{serial}_")
        }


def _alfaspark_entry(adapter_url: str, *, disabled: bool) -> ConfigEntry:
    return _entry(
        domain=DOMAIN,
        title=f"CAN adapter {adapter_url.rpartition('/')[2]}",
        data={"interface": "slcan", "device": adapter_url},
        version=1,
        minor_version=1,
        unique_id=f"slcan:{adapter_url}",
        disabled_by=ConfigEntryDisabler.USER if disabled else None,
    )


def _mqtt_entry(port: int) -> ConfigEntry:
    return _entry(
        domain="mqtt",
        title="MQTT",
        data={"broker": "127.0.0.1", "port": port, "discovery": True},
        version=CONFIG_ENTRY_VERSION,
        minor_version=CONFIG_ENTRY_MINOR_VERSION,
        unique_id=None,
        disabled_by=None,
    )


def _entry(**fields: Any) -> ConfigEntry:
    """A new entry as an owner's config flow would make it."""
    return ConfigEntry(
        **fields,
        options={},
        source=config_entries.SOURCE_USER,
        discovery_keys=MappingProxyType({}),
        subentries_data=None,
    )
