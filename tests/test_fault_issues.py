"""Repair issues come with the faults that an owner can do something about, and go with them."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark import fault_issues
from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import FaultCode, Function

from .conftest import SERIAL, Clock, wait_until
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration")

WELDED = f"fault_open_relay_current_2_{SERIAL}"
BMS_LOST = f"fault_bms_lost_0_{SERIAL}"


def say_fault(pack: PeerPack, code: FaultCode, active: bool, argument: int = 0) -> None:
    pack.say(Function.FAULT, frames.Fault(code, active, argument).encode())


async def test_a_welded_relay_is_told_at_once_with_its_circuit(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, issue_registry: ir.IssueRegistry
) -> None:
    say_fault(pack, FaultCode.OPEN_RELAY_CURRENT, True, argument=2)
    await wait_until(lambda: issue_registry.async_get_issue(DOMAIN, WELDED), "for the issue")
    issue = issue_registry.async_get_issue(DOMAIN, WELDED)
    assert issue is not None
    assert issue.translation_placeholders == {"pack": "Energy pack E4F5", "channel": "load 1"}
    say_fault(pack, FaultCode.OPEN_RELAY_CURRENT, False, argument=2)
    await wait_until(lambda: not issue_registry.async_get_issue(DOMAIN, WELDED), "for its end")


async def test_a_fault_that_passes_is_not_told(
    hass: HomeAssistant,
    house: MockConfigEntry,
    pack: PeerPack,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say_fault(pack, FaultCode.BMS_LOST, True)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.faults, "for the fault")
    assert issue_registry.async_get_issue(DOMAIN, BMS_LOST) is None
    say_fault(pack, FaultCode.BMS_LOST, False)
    await wait_until(lambda: not house.runtime_data.packs[SERIAL].data.faults, "for its end")
    # The next one counts from its own beginning.
    monkeypatch.setitem(fault_issues._HOLD_S, FaultCode.BMS_LOST, 0.2)
    say_fault(pack, FaultCode.BMS_LOST, True)
    await wait_until(lambda: house.runtime_data.packs[SERIAL].data.faults, "for the fault")
    assert issue_registry.async_get_issue(DOMAIN, BMS_LOST) is None

    def is_told() -> bool:
        pack.report()
        return issue_registry.async_get_issue(DOMAIN, BMS_LOST) is not None

    await wait_until(is_told, "for the issue")


async def test_what_an_owner_can_do_nothing_about_is_no_issue(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, issue_registry: ir.IssueRegistry
) -> None:
    for code in set(FaultCode) - set(fault_issues._HOLD_S):
        say_fault(pack, code, True)
    count = len(FaultCode) - len(fault_issues._HOLD_S)
    await wait_until(lambda: len(house.runtime_data.packs[SERIAL].data.faults) == count, "for the faults")
    assert [issue for domain, issue in issue_registry.issues if domain == DOMAIN and issue.startswith("fault")] == []


async def test_a_silent_pack_keeps_its_issue_until_it_is_gone(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, issue_registry: ir.IssueRegistry, clock: Clock
) -> None:
    say_fault(pack, FaultCode.OPEN_RELAY_CURRENT, True, argument=2)
    await wait_until(lambda: issue_registry.async_get_issue(DOMAIN, WELDED), "for the issue")
    await clock.advance(30)
    assert issue_registry.async_get_issue(DOMAIN, WELDED) is not None
    await clock.advance(100)
    assert issue_registry.async_get_issue(DOMAIN, WELDED) is None


async def test_issues_go_with_the_adapter(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, issue_registry: ir.IssueRegistry
) -> None:
    say_fault(pack, FaultCode.STORAGE_FAILED, True)
    issue_id = f"fault_storage_failed_0_{SERIAL}"
    await wait_until(lambda: issue_registry.async_get_issue(DOMAIN, issue_id), "for the issue")
    await hass.config_entries.async_unload(house.entry_id)
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
