"""The sign of life on a real broker, as another house sees it."""

from collections.abc import Generator
from pathlib import Path
import socket
import subprocess
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from tests.conftest import wait_until

from .broker import Broker
from .conftest import Watching
from .telling import pass_time

TOPIC = "houses/ours"


@pytest.fixture
def broker(socket_enabled: None, tmp_path: Path) -> Generator[Broker]:
    """Have a broker that everybody may come to."""
    running = Broker(tmp_path)
    running.start()
    yield running
    running.stop()


def _options(port: int, **more: Any) -> dict[str, Any]:
    return {"life": {"enabled": True, "host": "127.0.0.1", "port": port, "topic": TOPIC, "tls": False, **more}}


def _sockets(entry: MockConfigEntry) -> Any:
    return entry.runtime_data.alerts.life._client


async def test_it_is_said_at_once_and_every_minute(hass: HomeAssistant, broker: Broker, watching: Watching) -> None:
    await hass.async_add_executor_job(broker.listen, TOPIC)
    await watching(_options(broker.port))
    await wait_until(lambda: broker.payloads == ["online"], "for the first")
    await pass_time(hass, 61)
    await wait_until(lambda: broker.payloads == ["online", "online"], "for the next")


async def test_the_broker_says_it_when_the_house_goes_dark(
    hass: HomeAssistant, broker: Broker, watching: Watching
) -> None:
    await hass.async_add_executor_job(broker.listen, TOPIC)
    entry = await watching(_options(broker.port))
    await wait_until(lambda: broker.payloads == ["online"], "for life")
    # The connection breaks without a word, as it does when the power goes.
    _sockets(entry).socket().shutdown(socket.SHUT_RDWR)
    await wait_until(lambda: broker.payloads[1:2] == ["offline"], "for the will")
    await wait_until(lambda: broker.payloads == ["online", "offline", "online"], "for life again")


async def test_a_stop_is_no_alarm(hass: HomeAssistant, broker: Broker, watching: Watching) -> None:
    await hass.async_add_executor_job(broker.listen, TOPIC)
    entry = await watching(_options(broker.port))
    await wait_until(lambda: broker.payloads == ["online"], "for life")
    assert await hass.config_entries.async_unload(entry.entry_id)
    await wait_until(lambda: broker.payloads == ["online", "stopped"], "for the good-bye")
    # A late listener hears the truth.
    await hass.async_add_executor_job(broker.listen, TOPIC)
    await wait_until(lambda: broker.heard[-1] == ("stopped", True), "for what was retained")


async def test_options_are_followed(hass: HomeAssistant, broker: Broker, watching: Watching) -> None:
    await hass.async_add_executor_job(broker.listen, "houses/#")
    entry = await watching({})
    assert _sockets(entry) is None
    hass.config_entries.async_update_entry(entry, options=_options(broker.port))
    await wait_until(lambda: broker.payloads == ["online"], "for life")
    hass.config_entries.async_update_entry(entry, options=_options(broker.port, topic="houses/other"))
    await wait_until(lambda: broker.payloads == ["online", "stopped", "online"], "for life elsewhere")
    hass.config_entries.async_update_entry(entry, options={})
    await wait_until(lambda: broker.payloads[3:] == ["stopped"], "for the end")
    await wait_until(lambda: _sockets(entry) is None, "for the end of its client")


async def test_a_broker_that_is_away_is_found_later(
    hass: HomeAssistant,
    broker: Broker,
    watching: Watching,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await hass.async_add_executor_job(broker.stop)
    entry = await watching(_options(broker.port))
    await wait_until(lambda: "cannot be published" in caplog.text, "for the warning")
    assert issue_registry.async_get_issue(DOMAIN, "life_unreachable") is None
    await pass_time(hass, 601)
    issue = issue_registry.async_get_issue(DOMAIN, "life_unreachable")
    assert issue is not None and issue.translation_placeholders is not None
    assert "refused" in issue.translation_placeholders["error"]
    assert issue.translation_placeholders["broker"] == f"127.0.0.1:{broker.port}"
    await hass.async_add_executor_job(broker.start)
    await wait_until(lambda: _sockets(entry).is_connected(), "for the connection")
    await wait_until(lambda: "published again" in caplog.text, "for the word")
    assert issue_registry.async_get_issue(DOMAIN, "life_unreachable") is None
    assert caplog.text.count("cannot be published") == 1


@pytest.fixture
def guarded(socket_enabled: None, tmp_path: Path) -> Generator[Broker]:
    """Have a broker that asks who comes."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "house", "secret"], check=True, capture_output=True)
    running = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}", "user root")
    running.start()
    yield running
    running.stop()


async def test_the_password_is_used_and_a_wrong_one_is_a_repair(
    hass: HomeAssistant, guarded: Broker, watching: Watching, issue_registry: ir.IssueRegistry
) -> None:
    entry = await watching(_options(guarded.port, username="house", password="guess"))
    await wait_until(lambda: issue_registry.async_get_issue(DOMAIN, "life_refused"), "for the repair")
    await hass.async_add_executor_job(guarded.listen, TOPIC, ("house", "secret"))
    hass.config_entries.async_update_entry(entry, options=_options(guarded.port, username="house", password="secret"))
    await wait_until(lambda: guarded.payloads == ["online"], "for life")
    assert issue_registry.async_get_issue(DOMAIN, "life_refused") is None


async def test_a_broker_without_tls_is_refused_where_that_is_asked(
    hass: HomeAssistant, broker: Broker, watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    await hass.async_add_executor_job(broker.listen, TOPIC)
    await watching(_options(broker.port, tls=True))
    await wait_until(lambda: "cannot be published" in caplog.text, "for the warning")
    assert broker.payloads == []
