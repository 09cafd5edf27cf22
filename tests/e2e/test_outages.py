"""The grid fails: the owner hears of it by e-mail, and reads it back later, whatever became of Home Assistant meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from datetime import datetime
import time
from typing import Any, override

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
import pytest

from scripts.house.api import Api
from scripts.house.house import House
from scripts.house.simulator import free_port

from .conftest import Viewer, eventually

pytestmark = pytest.mark.timeout(240)

SHOWN_S = 3.0
OUTAGE_S = 8.0
DOWN_S = 20.0


class Mailbox(Message):
    """A real mail server on this machine that keeps what it gets."""

    def __init__(self) -> None:
        """Have got nothing yet."""
        super().__init__()
        self.subjects: list[str] = []
        self.texts: list[str] = []

    @override
    def handle_message(self, message: Any) -> None:
        """Keep a mail."""
        self.subjects.append(str(message["Subject"]))
        part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
        self.texts.append(part.get_payload(decode=True).decode())


@pytest.fixture(scope="module")
def mailbox() -> Generator[Mailbox]:
    """Run the mail server."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    box.port = server.port  # type: ignore[attr-defined]
    yield box
    server.stop()


@pytest.fixture(scope="module")
async def house() -> AsyncGenerator[House]:
    """Have a house of its own, because its grid fails and Home Assistant is killed."""
    async with House(past=False) as running:
        yield running


async def flow(api: Api, path: str, handler: object, *answers: dict[str, Any]) -> dict[str, Any]:
    """Fill in the forms of a flow, as a browser does; the last result."""
    result: dict[str, Any] = await api.post(path, {"handler": handler})
    for answer in answers:
        assert result["type"] in ("form", "menu"), result
        result = await api.post(f"{path}/{result['flow_id']}", answer)
    return result


async def entry_of(api: Api, domain: str, subentry_type: str) -> str:
    """The id of the config entry of a domain that has subentries of a type."""
    entries = await api.call("config_entries/get", domain=domain)
    return str(next(entry["entry_id"] for entry in entries if subentry_type in entry["supported_subentry_types"]))


def power(house: House, key: str = "power") -> str:
    """An entity of the utility."""
    assert house.entities.utility is not None
    return house.entities.of(house.entities.utility, key)


async def shows(viewer: Viewer, entity: str, state: str) -> bool:
    return await viewer.states(entity) == [state]


async def test_the_owner_chooses_an_e_mail_address(house: House, api: Api, mailbox: Mailbox) -> None:
    server = {
        "sender": "house@example.org",
        "server": "127.0.0.1",
        "port": mailbox.port,  # type: ignore[attr-defined]
        "encryption": "none",
        "verify_ssl": False,
        "options": {},
    }
    result = await flow(api, "/api/config/config_entries/flow", "smtp", server)
    assert result["type"] == "create_entry", result
    smtp = await entry_of(api, "smtp", "recipient")
    recipient = {"name": "Owner", "recipient": "owner@example.org"}
    result = await flow(api, "/api/config/config_entries/subentries/flow", [smtp, "recipient"], recipient)
    assert result["type"] == "create_entry", result

    async def has_entity() -> bool:
        return any(entity.startswith("notify.") for entity in await api.states())

    await eventually(has_entity, 10, "the recipient is an entity")
    target = next(entity for entity in await api.states() if entity.startswith("notify."))
    watch = await entry_of(api, "alfaspark", "source")
    options = {
        "notify": [target],
        "tell_start": False,
        "tell_suspicion": False,
        "most_per_hour": 20,
        "texts": {},
        "life": {"enabled": False, "port": 1883, "tls": False, "topic": "alfaspark/life"},
    }
    result = await flow(api, "/api/config/config_entries/options/flow", watch, options)
    assert result["type"] == "create_entry", result


async def test_a_restoration_need_not_last_a_minute(house: House, api: Api) -> None:
    watch = await entry_of(api, "alfaspark", "source")
    rule = {"fraction": 50, "failures": 2, "interval_s": 60, "loss_hold_s": 0, "restore_hold_s": 2}
    path = "/api/config/config_entries/subentries/flow"
    begin = await api.post(path, {"handler": [watch, "source"], "subentry_id": house.entities.utility})
    assert begin["type"] == "menu", begin
    for answer in ({"next_step_id": "source"}, {"name": "Utility", "kind": "utility", "rule": rule}):
        result = await api.post(f"{path}/{begin['flow_id']}", answer)
    result = await api.post(f"{path}/{begin['flow_id']}", {"next_step_id": "save"})
    assert result["type"] == "abort", result
    assert result["reason"] == "reconfigure_successful"


async def test_an_outage_is_told_and_remembered(house: House, api: Api, viewer: Viewer, mailbox: Mailbox) -> None:
    assert await viewer.states(power(house)) == ["on"]
    began_s = time.time()
    await house.simulator.control(grid=False)
    await eventually(lambda: shows(viewer, power(house), "off"), SHOWN_S, "the loss is shown")

    async def is_told() -> bool:
        return len(mailbox.subjects) == 1

    await eventually(is_told, 15, "the loss is in the mailbox")
    await asyncio.sleep(max(0.0, began_s + OUTAGE_S - time.time()))
    restored_s = time.time()
    await house.simulator.control(grid=True)
    await eventually(lambda: shows(viewer, power(house), "on"), 15, "the restoration is shown")

    async def is_told_again() -> bool:
        return len(mailbox.subjects) == 2

    await eventually(is_told_again, 15, "the restoration is in the mailbox")
    assert [subject for subject in mailbox.subjects if "Utility" not in subject] == []
    assert "lost" in mailbox.texts[0]
    assert house.entities.names[house.simulator.serials[0]] in " ".join(mailbox.texts)
    (outage,) = await outages(house, api)
    assert abs(seconds(outage["start"]) - began_s) < 1.5
    assert abs(seconds(outage["end"]) - restored_s) < 3


async def test_a_restart_in_the_middle_is_a_hole_in_one_outage(house: House, viewer: Viewer) -> None:
    began_s = time.time()
    await house.simulator.control(grid=False)
    await eventually(lambda: shows(viewer, power(house), "off"), SHOWN_S, "the loss is shown")
    await asyncio.sleep(2)
    await house.restart_home_assistant(kill=True, meanwhile=asyncio.sleep(DOWN_S))
    async with house.home_assistant.connect() as api:
        again = Viewer(house, api)
        await eventually(lambda: shows(again, power(house), "off"), 30, "the outage goes on")
        restored_s = time.time()
        await house.simulator.control(grid=True)
        await eventually(lambda: shows(again, power(house), "on"), 15, "the restoration is shown")
        _, outage = await outages(house, api)
        assert abs(seconds(outage["start"]) - began_s) < 1.5
        assert abs(seconds(outage["end"]) - restored_s) < 3


async def outages(house: House, api: Api) -> list[dict[str, Any]]:
    """What Home Assistant remembers, oldest first."""
    devices = await api.call("config/device_registry/list")
    device = next(device["id"] for device in devices if ["alfaspark", house.entities.utility] in device["identifiers"])
    answer = await api.call(
        "call_service",
        domain="alfaspark",
        service="get_outages",
        service_data={"device_id": device},
        return_response=True,
    )
    (source,) = answer["response"]["sources"]
    found: list[dict[str, Any]] = source["outages"]
    return found


def seconds(iso: str) -> float:
    """Unix time of an ISO 8601 time."""
    return datetime.fromisoformat(iso).timestamp()
