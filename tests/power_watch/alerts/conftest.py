"""What tests of the power watch stand on."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any

from homeassistant.components import camera  # noqa: F401 - mail imports it, and it misses a library of the machine
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .telling import MailServer, power_watch

type Watching = Callable[..., Coroutine[Any, Any, MockConfigEntry]]


@pytest.fixture
async def mail(socket_enabled: None) -> AsyncGenerator[MailServer]:
    """Have a mail server that can be reached."""
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def mail_entry(hass: HomeAssistant, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> MockConfigEntry:
    """Have Home Assistant's mail, with an owner who is `notify.home_owner`."""
    monkeypatch.setattr("socket.getfqdn", lambda *_: "house.example.com")  # tests look no names up
    entry = MockConfigEntry(
        domain="smtp",
        title="Home",
        data={
            "server": "127.0.0.1",
            "port": mail.port,
            "encryption": "none",
            "sender": "home@example.com",
            "verify_ssl": False,
        },
        subentries_data=[
            ConfigSubentryData(data={}, subentry_type="recipient", title="Owner", unique_id="owner@example.com")
        ],
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.fixture
async def watching(hass: HomeAssistant, integration: None, tmp_path: Path) -> AsyncGenerator[Watching]:
    """Watch the power; the one source is on when that begins."""
    hass.config.config_dir = str(tmp_path)
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"grid": {"initial": True}}})
    entries: list[MockConfigEntry] = []

    async def watch(options: dict[str, Any] | None = None, *sources: ConfigSubentryData) -> MockConfigEntry:
        entry = power_watch(options, *sources)
        entry.add_to_hass(hass)
        entries.append(entry)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        return entry

    yield watch
    for entry in entries:
        if hass.config_entries.async_get_entry(entry.entry_id) is not None:
            await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
