"""Alerts through Home Assistant's own notifications and mail, to a real mail server."""

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.power_watch.news import PowerEvent
from tests.conftest import wait_until

from .conftest import Watching
from .telling import GRID, MailServer, happen, pass_time, settle, shown, source_id

OWNER = "notify.home_owner"
TEST = "button.power_watch_send_test_alert"


async def _switch(hass: HomeAssistant, action: str) -> None:
    await hass.services.async_call("input_boolean", action, {"entity_id": GRID}, blocking=True)


async def test_loss_and_restoration_are_told(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    assert hass.states.get(OWNER) is not None, hass.states.async_entity_ids("notify")
    entry = await watching({"notify": [OWNER]})
    of_source = f"alfaspark_power_{source_id(entry)}"
    await _switch(hass, "turn_off")
    await wait_until(lambda: mail.mails, "for the mail")
    title, message = shown(hass)[of_source]
    assert title == "Utility: power lost"
    assert message.startswith("Power was lost at ") and message.endswith("Seen by: Grid relay.")
    assert mail.texts == [(title, message)]
    assert mail.mails[0]["To"] == "Owner <owner@example.com>"

    await _switch(hass, "turn_on")
    await wait_until(lambda: len(mail.mails) == 2, "for the second mail")
    title, message = shown(hass)[of_source]
    assert title == "Utility: power is back"
    assert " and came back at " in message
    assert mail.texts[1] == (title, message)


async def test_the_batteries_and_an_estimate_are_told(hass: HomeAssistant, watching: Watching) -> None:
    entry = await watching()
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.RESTORED, now_s - 7500, end_s=now_s - 180, end_is_estimate=True, battery_wh=1234.0)
    await hass.async_block_till_done()
    _, message = shown(hass)[f"alfaspark_power_{source_id(entry)}"]
    assert "while nobody watched: it was away for at least 2 hours 2 minutes." in message
    assert "The batteries gave 1.23 kWh meanwhile." in message


async def test_suspicions_are_told_where_that_is_wished(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": [OWNER]})
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.SUSPECTED, now_s)
    await settle(hass, entry)
    assert shown(hass) == {}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "tell_suspicion": True})
    await hass.async_block_till_done()
    happen(hass, entry, PowerEvent.SUSPECTED, now_s)
    await wait_until(lambda: mail.mails, "for the mail")
    assert [title for title, _ in shown(hass).values()] == ["Utility: is the power lost?"]
    happen(hass, entry, PowerEvent.CLEARED, now_s)
    await wait_until(lambda: len(mail.mails) == 2, "for the second mail")
    assert shown(hass) == {}
    assert mail.subjects == ["Utility: is the power lost?", "Utility: the power is there"]


async def test_the_owners_words(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    words = {"lost": "Strom weg: {{ source }}\nseit {{ start.strftime('%H:%M') }} ({{ evidence | join }})"}
    entry = await watching({"notify": [OWNER], "texts": words})
    now_s = dt_util.utcnow().timestamp()
    happen(hass, entry, PowerEvent.LOST, now_s, evidence=("a", "b"))
    await wait_until(lambda: mail.mails, "for the mail")
    assert mail.texts == [("Strom weg: Utility", f"seit {dt_util.now():%H:%M} (ab)")]


async def test_words_that_fail_are_replaced_and_told_once(
    hass: HomeAssistant, watching: Watching, caplog: pytest.LogCaptureFixture, issue_registry: ir.IssueRegistry
) -> None:
    entry = await watching({"texts": {"lost": "{{ sauce }}"}})
    for _ in range(2):
        happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
        await hass.async_block_till_done()
    assert [title for title, _ in shown(hass).values()] == ["Utility: power lost"]
    issue = issue_registry.async_get_issue(DOMAIN, "alert_text_failed_lost")
    assert issue is not None and issue.translation_placeholders is not None
    assert "sauce" in issue.translation_placeholders["error"]
    assert caplog.text.count("The text of alerts lost fails") == 1

    hass.config_entries.async_update_entry(entry, options={"texts": {}})
    await hass.async_block_till_done()
    assert issue_registry.async_get_issue(DOMAIN, "alert_text_failed_lost") is None


async def _start_home_assistant(hass: HomeAssistant) -> None:
    await hass.async_start()
    await hass.async_block_till_done()
    await pass_time(hass, 16)


async def test_the_start_is_told_when_the_sources_are_known(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    hass.set_state(CoreState.not_running)
    await watching({"notify": [OWNER]})
    assert mail.mails == []
    await _start_home_assistant(hass)
    await wait_until(lambda: mail.mails, "for the mail")
    assert mail.texts == [("Power watch has started", "Utility: powered")]
    assert shown(hass) == {"alfaspark_power_start": mail.texts[0]}


async def test_an_outage_at_the_start_is_shown_even_if_the_start_is_not_told(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    hass.set_state(CoreState.not_running)
    entry = await watching({"notify": [OWNER], "tell_start": False})
    await _switch(hass, "turn_off")
    await wait_until(lambda: mail.mails, "for the mail")
    # As after a restart in an outage, of which there is no news.
    entry.runtime_data.alerts._shown.clear()
    entry.runtime_data.alerts._dismiss(source_id(entry))
    await _start_home_assistant(hass)
    assert shown(hass) == {f"alfaspark_power_{source_id(entry)}": mail.texts[0]}
    assert len(mail.mails) == 1


async def test_a_reload_is_no_start(hass: HomeAssistant, watching: Watching) -> None:
    await watching()
    await pass_time(hass, 16)
    assert shown(hass) == {}


async def test_the_button_sends_a_test(
    hass: HomeAssistant, mail_entry: MockConfigEntry, mail: MailServer, watching: Watching
) -> None:
    entry = await watching({"notify": [OWNER]})
    await hass.services.async_call("button", "press", {"entity_id": TEST}, blocking=True)
    assert mail.subjects == ["Power watch: test alert"]
    assert "alfaspark_power_test" in shown(hass)

    await mail.stop()
    hass.config_entries.async_update_entry(entry, options={"notify": [OWNER, "notify.nobody"]})
    with pytest.raises(
        HomeAssistantError, match=r"by (?!notify)[^:]*Owner: .+ notify\.nobody: there is no such entity"
    ):
        await hass.services.async_call("button", "press", {"entity_id": TEST}, blocking=True)


async def test_a_notify_entity_that_is_gone_is_a_repair(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant,
    mail_entry: MockConfigEntry,
    mail: MailServer,
    watching: Watching,
    entity_registry: er.EntityRegistry,
    issue_registry: ir.IssueRegistry,
) -> None:
    """The owner is asked before it is needed; what was for it is delivered when it is there."""
    entry = await watching({"notify": ["notify.mum"]})
    issue = issue_registry.async_get_issue(DOMAIN, "alert_target_missing_notify.mum")
    assert issue is not None and issue.translation_placeholders == {"target": "notify.mum"}
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await settle(hass, entry)
    entity_registry.async_update_entity(OWNER, new_entity_id="notify.mum")
    await wait_until(lambda: mail.mails, "for the mail")
    assert mail.subjects == ["Utility: power lost"]
    assert issue_registry.async_get_issue(DOMAIN, "alert_target_missing_notify.mum") is None


async def test_removal_leaves_nothing(hass: HomeAssistant, watching: Watching, hass_storage: dict[str, object]) -> None:
    entry = await watching({"notify": ["notify.mum"]})
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await hass.async_block_till_done()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass) == {}
    assert "alfaspark_alerts" not in hass_storage
    assert ir.async_get(hass).issues.keys() & {(DOMAIN, "alert_target_missing_notify.mum")} == set()


async def test_a_removed_source_is_told_no_more(hass: HomeAssistant, watching: Watching) -> None:
    entry = await watching({"notify": ["notify.mum"]})
    happen(hass, entry, PowerEvent.LOST, dt_util.utcnow().timestamp())
    await hass.async_block_till_done()
    assert len(entry.runtime_data.alerts.queue.waiting("notify.mum")) == 1
    hass.config_entries.async_remove_subentry(entry, source_id(entry))
    await hass.async_block_till_done()
    assert shown(hass) == {}
    assert entry.runtime_data.alerts.queue.waiting("notify.mum") == ()
