"""What alerts are tested with: a power watch whose source a test switches, and a mail server on loopback."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
import email
from email.message import EmailMessage
from email.policy import default
import socket
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.outages.model import Kind, Reason
from custom_components.alfaspark.power_watch.news import PowerEvent, PowerNews, tell
from custom_components.alfaspark.power_watch.setup import CheckpointSetup, SourceKind
from tests.conftest import wait_until

GRID = "input_boolean.grid"
RULE = {"failures": 1, "interval_s": 5.0, "restore_hold_s": 0.0}
"""Decides at once."""


def source(title: str = "Utility", entity_id: str = GRID) -> ConfigSubentryData:
    """Return a power source that is there while an entity is on."""
    checkpoint = CheckpointSetup(Kind.ENTITY, entity_id, "Grid relay", options={"down_states": ["off"]})
    return ConfigSubentryData(
        data={"kind": SourceKind.OTHER.value, "rule": RULE, "checkpoints": [checkpoint.as_dict()]},
        subentry_type="source",
        title=title,
        unique_id=None,
    )


def power_watch(options: Mapping[str, Any] | None = None, *sources: ConfigSubentryData) -> MockConfigEntry:
    """Return the config entry of a power watch; with one source, unless others are given."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Power watch",
        unique_id=POWER_WATCH,
        options=dict(options or {}),
        subentries_data=sources or (source(),),
    )


def source_id(entry: MockConfigEntry, title: str = "Utility") -> str:
    """Return the id of a source."""
    found: str = next(id_ for id_, subentry in entry.subentries.items() if subentry.title == title)
    return found


def happen(hass: HomeAssistant, entry: MockConfigEntry, event: PowerEvent, start_s: float, **more: Any) -> None:
    """Have something happen to the first source, without an engine that has decided it."""
    source_of = next(iter(entry.subentries.values()))
    tell(hass, PowerNews(source_of.subentry_id, source_of.title, event, Reason.MOST_DOWN, start_s, **more))


def shown(hass: HomeAssistant) -> dict[str, tuple[str | None, str]]:
    """Return title and message of what Home Assistant shows, by id."""
    notifications = persistent_notification._async_get_or_create_notifications(hass)
    return {id_: (each["title"], each["message"]) for id_, each in notifications.items()}


async def settle(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until all that can be delivered is delivered."""
    await hass.async_block_till_done()
    targets = entry.runtime_data.alerts.queue._targets
    await wait_until(lambda: not any(target.is_sending for target in targets.values()), "for the delivery")


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    """Let time pass in one leap."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


class MailServer:
    """A mail server on loopback, that can be out of reach for a while."""

    def __init__(self) -> None:
        """Have a port and no mail."""
        self.mails: list[EmailMessage] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Be reached."""
        make = lambda: SMTP(self, hostname="localhost")  # noqa: E731
        self._server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Be out of reach."""
        if self._server is not None:
            self._server.close()
            self._server.close_clients()
            self._server = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, EmailMessage, policy=default))
        return "250 OK"

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Subjects and texts, in order."""
        return [(mail["Subject"], mail.get_content().replace("\r\n", "\n").strip()) for mail in self.mails]

    @property
    def subjects(self) -> list[str]:
        """Subjects, in order."""
        return [mail["Subject"] for mail in self.mails]
