"""A source that goes on and off is told a few times, then in one message, and its last state is always told."""

from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st
from pytest_homeassistant_custom_component.common import MockConfigEntry, flush_store

from custom_components.alfaspark.power_watch.alerts.alert import Alert, AlertKind
from custom_components.alfaspark.power_watch.alerts.limit import QUIET_S, WINDOW_S, AlertLimit
from custom_components.alfaspark.power_watch.alerts.queue import STORE
from custom_components.alfaspark.power_watch.news import PowerEvent
from tests.conftest import wait_until

from .conftest import Watching
from .telling import MailServer, happen, pass_time, settle

LOST, RESTORED, SUSPECTED, CLEARED = AlertKind.LOST, AlertKind.RESTORED, AlertKind.SUSPECTED, AlertKind.CLEARED
OWNER = "notify.home_owner"


def _alert(kind: AlertKind, at_s: float) -> Alert:
    return Alert(kind, "a", "a", at_s, at_s, at_s if kind is RESTORED else None, is_on=kind is not LOST)


def test_the_limit_holds_back_and_tells_once_it_is_quiet() -> None:
    limit = AlertLimit(2)
    assert limit.lets_through(_alert(LOST, 0), 0)
    assert limit.lets_through(_alert(RESTORED, 10), 10)
    for at_s in range(20, 100, 20):
        assert not limit.lets_through(_alert(LOST, at_s), at_s)
        assert not limit.lets_through(_alert(RESTORED, at_s + 10), at_s + 10)
    assert limit.due_s == 90 + QUIET_S
    told = limit.release(690)
    assert told is not None
    assert (told.kind, told.losses, told.start_s, told.is_on, told.end_s) == (AlertKind.FLAPPED, 5, 0, True, 90)
    assert limit.release(691) is None


def test_what_goes_on_is_told_at_least_every_hour() -> None:
    limit = AlertLimit(1)
    assert limit.lets_through(_alert(LOST, 0), 0)
    for at_s in range(10, 3610, 60):
        assert not limit.lets_through(_alert(RESTORED, at_s), at_s)
        assert not limit.lets_through(_alert(LOST, at_s + 10), at_s + 10)
    assert limit.due_s == 10 + WINDOW_S
    told = limit.release(3610)
    assert told is not None
    assert (told.kind, told.losses, told.is_on, told.end_s) == (AlertKind.FLAPPED, 61, False, None)


def test_one_that_was_held_alone_is_told_as_it_is() -> None:
    limit = AlertLimit(1)
    assert limit.lets_through(_alert(LOST, 0), 0)
    assert not limit.lets_through(_alert(RESTORED, 10), 10)
    assert limit.release(610) == _alert(RESTORED, 10)


def test_an_hour_later_everything_is_told_again() -> None:
    limit = AlertLimit(1)
    assert limit.lets_through(_alert(LOST, 0), 0)
    assert not limit.lets_through(_alert(RESTORED, 3599), 3599)
    limit.release(4199)
    assert not limit.lets_through(_alert(LOST, 4200), 4200)
    limit.release(4800)
    assert limit.lets_through(_alert(LOST, 8400), 8400)


def test_suspicions_alone_are_no_outages() -> None:
    limit = AlertLimit(1)
    assert limit.lets_through(_alert(SUSPECTED, 0), 0)
    for at_s in (1, 2, 3):
        assert not limit.lets_through(_alert(CLEARED, at_s), at_s)
        assert not limit.lets_through(_alert(SUSPECTED, at_s), at_s)
    told = limit.release(603)
    assert told is not None and told.kind is SUSPECTED


@given(
    most=st.integers(1, 5),
    pauses_s=st.lists(st.floats(0.1, 5000), min_size=1, max_size=60),
)
def test_the_last_state_is_always_told_and_not_too_often(most: int, pauses_s: list[float]) -> None:
    limit = AlertLimit(most)
    now_s, is_on, told, direct_s = 0.0, True, list[Alert](), list[float]()
    for pause_s in pauses_s:
        if limit.due_s is not None and limit.due_s <= now_s + pause_s:
            due_s = limit.due_s
            assert due_s <= now_s + QUIET_S
            released = limit.release(due_s)
            assert released is not None
            told.append(released)
        now_s += pause_s
        is_on = not is_on
        alert = _alert(RESTORED if is_on else LOST, now_s)
        if limit.lets_through(alert, now_s):
            told.append(alert)
            direct_s.append(now_s)
    if limit.due_s is not None:
        released = limit.release(limit.due_s)
        assert released is not None
        told.append(released)
    assert told[-1].is_on is is_on
    for begin_s in direct_s:
        assert sum(begin_s <= at_s < begin_s + WINDOW_S for at_s in direct_s) <= most


async def test_a_source_that_flaps(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching, hass_storage: dict[str, Any]
) -> None:
    entry = await watching({"notify": [OWNER], "most_per_hour": 2})
    now_s = dt_util.utcnow().timestamp()
    for lost_s in (now_s, now_s + 10, now_s + 20):
        happen(hass, entry, PowerEvent.LOST, lost_s)
        happen(hass, entry, PowerEvent.RESTORED, lost_s, end_s=lost_s + 5)
    queue = entry.runtime_data.alerts.queue
    await settle(hass, entry)
    assert len(mail.mails) == 2 and not queue.waiting(OWNER)
    await flush_store(queue._store)
    assert [alert["losses"] for alert in hass_storage[STORE]["data"]["held"]] == [3]
    # As if it had been held for as long as that takes.
    (limit,) = entry.runtime_data.alerts._limits.values()
    limit._held = [replace(alert, at_s=alert.at_s - QUIET_S) for alert in limit._held]
    await pass_time(hass, QUIET_S + 1)
    await settle(hass, entry)
    assert len(mail.mails) == 3
    title, message = mail.texts[2]
    assert title == "Utility: power comes and goes"
    assert message.startswith("Power went off 3 times since ")
    assert "Now it is on, since " in message
    assert "could not be delivered" not in message


async def test_what_was_held_back_is_told_after_a_restart(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": [OWNER], "most_per_hour": 1})
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.LOST, now_s)
    happen(hass, entry, PowerEvent.RESTORED, now_s, end_s=now_s + 5)
    await wait_until(lambda: mail.mails, "for the mail")
    await hass.config_entries.async_reload(entry.entry_id)
    await wait_until(lambda: len(mail.mails) == 2, "for the second mail")
    assert mail.subjects == ["Utility: power lost", "Utility: power is back"]
