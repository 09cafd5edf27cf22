"""What cannot be delivered waits, becomes fewer, survives a restart, and is delivered in order."""

from typing import Any

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.power_watch.alerts.alert import Alert, AlertKind, gathered, with_pending
from custom_components.alfaspark.power_watch.alerts.queue import STORE, async_send
from custom_components.alfaspark.power_watch.alerts.texts import Text, time_words
from custom_components.alfaspark.power_watch.news import PowerEvent
from tests.conftest import wait_until

from .conftest import Watching
from .telling import MailServer, happen, pass_time, power_watch, settle, source_id

OWNER = "notify.home_owner"


async def test_an_outage_while_offline_is_one_message(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": [OWNER]})
    await mail.stop()
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.LOST, now_s - 3600, evidence=("Router",))
    await settle(hass, entry)
    assert [alert.kind for alert in entry.runtime_data.alerts.queue.waiting(OWNER)] == [AlertKind.LOST]
    happen(hass, entry, PowerEvent.RESTORED, now_s - 3600, end_s=now_s, evidence=("Router",))
    await settle(hass, entry)
    await mail.start()
    await pass_time(hass, 31)
    await wait_until(lambda: mail.mails, "for the mail")
    ((title, message),) = mail.texts
    assert title == "Utility: power is back"
    now = dt_util.now()
    came_back = f"{time_words(now_s - 3600, now)} and came back at {time_words(now_s, now)}"
    assert message == f"Power was lost at {came_back}, after 1 hour. Seen by: Router."
    await settle(hass, entry)
    assert entry.runtime_data.alerts.queue.waiting(OWNER) == ()


async def test_what_is_delivered_late_says_when_it_was_to_be_told(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching, hass_storage: dict[str, Any]
) -> None:
    now_s = dt_util.utcnow().timestamp()
    old = Alert(AlertKind.LOST, "a", "Utility", now_s - 590, now_s - 600)
    stored = {"pending": {OWNER: [old.as_dict()]}, "held": []}
    hass_storage[STORE] = {"version": 1, "minor_version": 1, "key": STORE, "data": stored}
    await watching({"notify": [OWNER]})
    await wait_until(lambda: mail.mails, "for the mail")
    now = dt_util.now()
    assert mail.texts[0][1] == (
        f"Power was lost at {time_words(now_s - 600, now)}.\n\n"
        f"This was to be told at {time_words(now_s - 590, now)} but could not be delivered then."
    )


async def test_retries_back_off_and_begin_anew_with_a_restoration(
    hass: HomeAssistant,
    mail_entry: MockConfigEntry,
    mail: MailServer,
    watching: Watching,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = await watching({"notify": [OWNER]})
    target = entry.runtime_data.alerts.queue._targets
    await mail.stop()
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.LOST, now_s)
    await settle(hass, entry)
    waits = []
    for _ in range(9):
        waits.append(target[OWNER].retry_s)
        await pass_time(hass, 1000)
        await settle(hass, entry)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900, 900]
    assert caplog.text.count(" does not take alerts") == caplog.text.count("Owner does not take alerts") == 1
    happen(hass, entry, PowerEvent.RESTORED, now_s, end_s=now_s + 1)
    await settle(hass, entry)
    assert target[OWNER].retry_s == 30


async def test_what_waits_survives_a_restart(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching, hass_storage: dict[str, Any]
) -> None:
    entry = await watching({"notify": [OWNER]})
    await mail.stop()
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.RESTORED, now_s - 100, end_s=now_s - 50)
    happen(hass, entry, PowerEvent.LOST, now_s, evidence=("Router", "Freezer"))
    await settle(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert len(hass_storage[STORE]["data"]["pending"][OWNER]) == 2
    await mail.start()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: len(mail.mails) == 2, "for the mails")
    assert mail.subjects == ["Utility: power is back", "Utility: power lost"]
    assert "Seen by: Router, Freezer." in mail.texts[1][1]


async def test_a_notify_entity_that_is_back_gets_what_waits_at_once(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    """An unavailable one would be left out without a word."""
    entry = await watching({"notify": [OWNER]})
    await hass.config_entries.async_unload(mail_entry.entry_id)
    state = hass.states.get(OWNER)
    assert state is not None and state.state == STATE_UNAVAILABLE
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await settle(hass, entry)
    assert mail.mails == []
    await hass.config_entries.async_setup(mail_entry.entry_id)
    await wait_until(lambda: mail.mails, "for the mail")
    assert mail.subjects == ["Utility: power lost"]


async def test_one_that_fails_does_not_keep_another_waiting(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": ["notify.mum", OWNER]})
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await wait_until(lambda: mail.mails, "for the mail")
    assert len(entry.runtime_data.alerts.queue.waiting("notify.mum")) == 1
    hass.config_entries.async_update_entry(entry, options={"notify": [OWNER]})
    await settle(hass, entry)
    assert entry.runtime_data.alerts.queue.waiting("notify.mum") == ()


WHOLE = Alert(AlertKind.LOST, "1", "Utility", 10.0, 9.0)


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ([], ()),
        ({"pending": [1], "held": {}}, ()),
        ({"pending": {OWNER: 3}, "held": [None]}, ()),
        ({"pending": {OWNER: [{"kind": "lost"}, {"kind": "of what"}, WHOLE.as_dict()]}, "held": "x"}, (WHOLE,)),
        ({"pending": {}, "held": [WHOLE.as_dict()]}, (WHOLE,)),
    ],
)
async def test_a_damaged_file_costs_only_what_is_damaged(
    hass: HomeAssistant, watching: Watching, hass_storage: dict[str, Any], stored: Any, kept: tuple[Alert, ...]
) -> None:
    hass_storage[STORE] = {"version": 1, "minor_version": 1, "key": STORE, "data": stored}
    entry = await watching({"notify": [OWNER]})
    assert entry.runtime_data.alerts.queue.waiting(OWNER) == kept


async def test_a_file_of_a_newer_version_is_left_alone(
    hass: HomeAssistant, enable_custom_integrations: None, tmp_path: Any, hass_storage: dict[str, Any]
) -> None:
    hass.config.config_dir = str(tmp_path)
    newer = {"version": 9, "minor_version": 1, "key": STORE, "data": {"pending": {}, "held": []}}
    hass_storage[STORE] = dict(newer)
    entry = power_watch({"notify": [OWNER]})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await settle(hass, entry)
    assert len(entry.runtime_data.alerts.queue.waiting(OWNER)) == 1
    await hass.config_entries.async_unload(entry.entry_id)
    assert hass_storage[STORE] == newer


def _alert(kind: AlertKind, start_s: float, end_s: float | None = None, source: str = "a", **more: Any) -> Alert:
    return Alert(kind, source, source, end_s or start_s, start_s, end_s, is_on=kind is not AlertKind.LOST, **more)


LOST, RESTORED, SUSPECTED, CLEARED, FLAPPED, STARTED = (
    AlertKind.LOST,
    AlertKind.RESTORED,
    AlertKind.SUSPECTED,
    AlertKind.CLEARED,
    AlertKind.FLAPPED,
    AlertKind.STARTED,
)


@pytest.mark.parametrize(
    ("come", "wait"),
    [
        # What each kind makes outdated.
        ([(LOST, 1)], [(LOST, 1)]),
        ([(LOST, 1), (RESTORED, 1, 2)], [(RESTORED, 1)]),
        ([(LOST, 2), (RESTORED, 1, 3)], [(RESTORED, 1)]),
        ([(RESTORED, 1, 2), (LOST, 3)], [(RESTORED, 1), (LOST, 3)]),
        ([(SUSPECTED, 1), (CLEARED, 2)], []),
        ([(CLEARED, 2)], [(CLEARED, 2)]),
        ([(CLEARED, 2), (SUSPECTED, 3)], [(SUSPECTED, 3)]),
        ([(SUSPECTED, 1), (LOST, 1)], [(LOST, 1)]),
        ([(SUSPECTED, 1), (LOST, 1), (RESTORED, 1, 2)], [(RESTORED, 1)]),
        # Few of one source.
        ([(RESTORED, 1, 2), (RESTORED, 3, 4), (RESTORED, 5, 6)], [(RESTORED, 1), (RESTORED, 3), (RESTORED, 5)]),
        ([(RESTORED, 1, 2), (RESTORED, 3, 4), (RESTORED, 5, 6), (LOST, 7)], [(FLAPPED, 1)]),
        ([(STARTED, 1), (STARTED, 2)], [(STARTED, 2)]),
    ],
)
def test_what_waits_becomes_fewer(
    come: list[tuple[AlertKind, float] | tuple[AlertKind, float, float]], wait: list[tuple[AlertKind, float]]
) -> None:
    pending: list[Alert] = [_alert(LOST, 0.0, source="b")]
    for alert in come:
        pending = with_pending(pending, _alert(*alert))
    assert [(alert.kind, alert.start_s) for alert in pending if alert.source_id == "a"] == wait
    assert [alert.source_id for alert in pending].count("b") == 1


def test_gathered_messages_count_outages_and_end_as_it_is() -> None:
    pending: list[Alert] = []
    for start_s in range(0, 20, 2):
        pending = with_pending(pending, _alert(LOST, start_s))
        pending = with_pending(pending, _alert(RESTORED, start_s, start_s + 1))
    assert sum(alert.losses for alert in pending) == 10
    assert (pending[0].kind, pending[0].start_s) == (FLAPPED, 0)
    assert (pending[-1].is_on, pending[-1].end_s) == (True, 19)
    pending = with_pending(with_pending(pending, _alert(RESTORED, 30, 31)), _alert(LOST, 40))
    assert sum(alert.losses for alert in pending) == 12
    assert (pending[-1].is_on, pending[-1].end_s) == (False, None)


def test_a_summary_that_counts_from_before_replaces_what_it_counts() -> None:
    summary = _alert(FLAPPED, 1, 9, losses=4)
    assert with_pending([_alert(RESTORED, 1, 2), _alert(LOST, 3)], summary) == [summary]
    assert gathered(_alert(FLAPPED, 1, 5, losses=3), summary) == summary


def test_alerts_of_many_sources_stay_in_order() -> None:
    pending: list[Alert] = []
    for source in "abc":
        pending = with_pending(pending, _alert(LOST, ord(source), source=source))
    assert [alert.source_id for alert in pending] == ["a", "b", "c"]
    pending = with_pending(pending, _alert(RESTORED, ord("a"), 200.0, source="a"))
    assert [alert.source_id for alert in pending] == ["b", "c", "a"]


def test_alerts_are_stored_whole() -> None:
    alert = _alert(RESTORED, 1.5, 3.0, evidence=("x", "y"), battery_wh=12.5, end_is_estimate=True)
    assert Alert.from_dict(alert.as_dict()) == alert
    started = Alert(STARTED, "", "", 1.0, 1.0, sources=(("Utility", "powered"),))
    assert Alert.from_dict(started.as_dict()) == started


async def test_what_is_on_its_way_is_not_taken_back(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    """A suspicion that was sent already is cleared by a message of its own."""
    entry = await watching({"notify": [OWNER], "tell_suspicion": True})
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.SUSPECTED, now_s)
    happen(hass, entry, PowerEvent.CLEARED, now_s)
    await wait_until(lambda: len(mail.mails) == 2, "for the mails")
    assert source_id(entry) not in mail.subjects
    assert mail.subjects == ["Utility: is the power lost?", "Utility: the power is there"]


async def test_what_was_not_taken_becomes_fewer_too(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": [OWNER], "tell_suspicion": True})
    await mail.stop()
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.SUSPECTED, now_s)
    happen(hass, entry, PowerEvent.CLEARED, now_s)
    assert len(entry.runtime_data.alerts.queue.waiting(OWNER)) == 2
    await settle(hass, entry)
    assert entry.runtime_data.alerts.queue.waiting(OWNER) == ()


async def test_one_that_knows_no_titles_gets_it_in_the_message(hass: HomeAssistant) -> None:
    calls: list[dict[str, Any]] = []
    hass.services.async_register("notify", "send_message", lambda call: calls.append(dict(call.data)))
    hass.states.async_set("notify.plain", "unknown")
    hass.states.async_set("notify.titled", "unknown", {"supported_features": 1})
    for target in ("notify.plain", "notify.titled"):
        await async_send(hass, target, Text("Title", "Words"))
    assert calls == [
        {"entity_id": "notify.plain", "message": "Title\nWords"},
        {"entity_id": "notify.titled", "message": "Words", "title": "Title"},
    ]
