"""The record of the power watch whose file comes late, cannot be written, goes away or holds what nobody foresaw."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
import sqlite3
from time import time

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages import history as history_module
from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import HistoryUnwritable, PowerHistory
from custom_components.alfaspark.outages.model import Result
from custom_components.alfaspark.outages.schema import HISTORY
from custom_components.alfaspark.outages.spans import Outage
from custom_components.alfaspark.power_watch import record_queue
from custom_components.alfaspark.power_watch.record import FILE
from tests.conftest import state, wait_until

from .entities import plug, seen_by, show, source_device, subentry_id

pytestmark = pytest.mark.usefixtures("integration")

DEVICES = ("kitchen", "freezer", "hall")
POWER = "binary_sensor.shed"
HOUR_S = 3600
WHOLE_S = 5.0
"""Nothing here takes longer."""


@pytest.fixture
def sources() -> list[ConfigSubentryData]:
    """One source that three devices show."""
    return [seen_by("Shed", *DEVICES)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only a moment for somebody else's lock."""
    monkeypatch.setattr(history_module, "HISTORY", replace(HISTORY, busy_s=0.1))


@pytest.fixture
def file(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return where the history is; nothing is there yet."""
    hass.config.config_dir = str(tmp_path)
    (tmp_path / ".storage").mkdir()
    return tmp_path / ".storage" / FILE


@pytest.fixture
def source_id(watch_entry: MockConfigEntry) -> str:
    return subentry_id(watch_entry, "Shed")


class Past:
    """An outage that was a minute old when Home Assistant died, an hour ago."""

    def __init__(self, file: Path, source_id: str) -> None:
        """Write it."""
        self.died_s = time() - HOUR_S
        self.lost_s = self.died_s - 60
        history = PowerHistory.open(file)
        history.begin_watching([source_id], self.died_s - 180)
        history.end_unobserved(source_id, self.died_s - 180)
        history.add_checks(
            Check(f"{source_id}/entity:{plug(name)}", self.died_s - 170, Result.ALIVE) for name in DEVICES
        )
        history.begin_outage(source_id, self.lost_s, "most_down")
        history.heartbeat(self.died_s)
        history.close()


@pytest.fixture
def past(file: Path, source_id: str) -> Past:
    return Past(file, source_id)


@pytest.fixture
def lock(file: Path) -> Iterator[Callable[[Path], sqlite3.Connection]]:
    """Lock a file as somebody who copies it; it is released with a rollback, or at the end."""
    held: list[sqlite3.Connection] = []

    def take(path: Path = file) -> sqlite3.Connection:
        held.append(sqlite3.connect(path, isolation_level=None))
        held[-1].execute("BEGIN EXCLUSIVE")
        return held[-1]

    yield take
    for connection in held:
        connection.close()


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def power(hass: HomeAssistant, *, is_there: bool) -> None:
    """Have all devices show whether there is power, and the watch believe it."""
    await show(hass, **dict.fromkeys(DEVICES, "on" if is_there else "unavailable"))
    await wait_until(lambda: state(hass, POWER) == ("on" if is_there else "off"), "for the watch to see it")


async def outages(entry: MockConfigEntry, source_id: str) -> tuple[Outage, ...] | None:
    found = await entry.runtime_data.record.async_read(lambda history: history.outages(source_id, 0, 4e9))
    assert found is None or isinstance(found, tuple)
    return found


def issues(hass: HomeAssistant) -> set[str]:
    return {issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN and issue.startswith("history_")}


def in_file(file: Path) -> list[str]:
    """Return what is written, whoever else has it open."""
    connection = sqlite3.connect(file)
    kinds = [kind for (kind,) in connection.execute("SELECT kind FROM spans ORDER BY start_s")]
    connection.close()
    return kinds


async def live_through_an_outage(hass: HomeAssistant) -> None:
    await power(hass, is_there=False)
    await power(hass, is_there=True)


def judge_past_and_one(found: tuple[Outage, ...] | None, past: Past) -> None:
    """The outage from before ended in the hour that nobody watched; the new one is another."""
    assert found is not None
    before, now = found
    assert (before.start_s, before.end_s, before.end_is_estimate) == (past.lost_s, past.died_s, True)
    assert before.lost_s == pytest.approx(60)
    assert now.end_s is not None
    assert now.start_s > past.died_s + HOUR_S - 1
    assert now.lost_s < WHOLE_S


async def test_an_outage_that_was_over_when_the_file_came_late_does_not_go_on(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    past: Past,
    source_id: str,
    lock: Callable[..., sqlite3.Connection],
) -> None:
    held = lock()
    await start(hass, watch_entry)
    assert issues(hass) == {"history_unwritable"}
    await power(hass, is_there=True)
    held.execute("ROLLBACK")
    await watch_entry.runtime_data.record.async_written()
    assert issues(hass) == set()
    await live_through_an_outage(hass)
    judge_past_and_one(await outages(watch_entry, source_id), past)


async def test_what_is_opened_but_cannot_be_written_is_tried_again_as_a_whole(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    past: Past,
    source_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(history: PowerHistory, *_: object) -> None:
        raise HistoryUnwritable("disk is full")

    with monkeypatch.context() as full:
        full.setattr(PowerHistory, "begin_watching", refuse)
        await start(hass, watch_entry)
        assert issues(hass) == {"history_unwritable"}
        await power(hass, is_there=True)
        assert await outages(watch_entry, source_id) is None
    await watch_entry.runtime_data.record.async_written()
    await live_through_an_outage(hass)
    judge_past_and_one(await outages(watch_entry, source_id), past)


async def test_an_outage_that_goes_on_when_the_file_comes_late_is_the_same(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    past: Past,
    source_id: str,
    file: Path,
) -> None:
    await start(hass, watch_entry)
    await show(hass, **dict.fromkeys(DEVICES, "unavailable"))
    await wait_until(lambda: state(hass, POWER) == "off", "for the watch to see it")
    # The same file comes back in the middle of it, as from a backup.
    await watch_entry.runtime_data.record.async_written()
    copy = file.read_bytes()
    file.unlink()
    file.write_bytes(copy)
    await watch_entry.runtime_data.record.async_change(lambda history: history.heartbeat(time()))
    await power(hass, is_there=True)
    found = await outages(watch_entry, source_id)
    assert found is not None
    (outage,) = found
    assert outage.start_s == past.lost_s
    assert outage.end_s == pytest.approx(time(), abs=WHOLE_S)


async def test_checks_that_cannot_be_written_hold_no_outage_up(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    file: Path,
    lock: Callable[..., sqlite3.Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    source_id = subentry_id(watch_entry, "Shed")
    await start(hass, watch_entry)
    await power(hass, is_there=True)
    record = watch_entry.runtime_data.record
    held = lock(file.with_name(f"{file.stem}-checks{file.suffix}"))
    for _ in range(3):
        record.flush_checks()
        await record.async_written()
    # Also what is about both files.
    await record.async_change(lambda history: history.purge(source_id, 0.0, [f"{source_id}/entity:{plug('hall')}"]))
    await power(hass, is_there=False)
    await record.async_written()
    assert in_file(file)[-1] == "lost"
    assert issues(hass) == set()
    assert caplog.text.count("checks are not kept") == 1
    held.execute("ROLLBACK")
    record.flush_checks()
    kept = await record.async_read(lambda history: history.checks(f"{source_id}/entity:{plug('hall')}", 0.0, 4e9))
    assert [check.result for check in kept] == [Result.UNKNOWN, Result.ALIVE, Result.DOWN], (
        "none is lost, and none there twice"
    )


async def test_a_file_of_checks_that_cannot_be_opened_costs_only_checks(
    hass: HomeAssistant, watch_entry: MockConfigEntry, source_id: str, file: Path
) -> None:
    file.with_name(f"{file.stem}-checks{file.suffix}").mkdir()
    await start(hass, watch_entry)
    await power(hass, is_there=True)
    watch_entry.runtime_data.record.flush_checks()
    await live_through_an_outage(hass)
    assert len(await outages(watch_entry, source_id) or ()) == 1
    assert issues(hass) == set()


async def test_a_file_that_is_deleted_is_begun_anew_and_the_owner_told(
    hass: HomeAssistant, watch_entry: MockConfigEntry, source_id: str, file: Path
) -> None:
    await start(hass, watch_entry)
    await power(hass, is_there=True)
    await watch_entry.runtime_data.record.async_written()
    file.unlink()
    file.with_name(f"{file.stem}-checks{file.suffix}").unlink()
    await power(hass, is_there=False)
    await wait_until(lambda: issues(hass) == {"history_gone"}, "for the owner to be told")
    found = await outages(watch_entry, source_id)
    assert found is not None
    assert [outage.end_s for outage in found] == [None]
    watch_entry.runtime_data.record.flush_checks()
    checks = await watch_entry.runtime_data.record.async_read(
        lambda history: history.checks(f"{source_id}/entity:{plug('hall')}", 0.0, 4e9)
    )
    assert checks[-1].result is Result.DOWN
    await hass.config_entries.async_unload(watch_entry.entry_id)
    assert list(file.parent.glob("*damaged*")) == []
    assert in_file(file)[-2:] == ["lost", "unobserved"] or in_file(file)[-1] == "lost"


async def test_an_error_that_nobody_foresaw_costs_one_change(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    source_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(history: PowerHistory) -> None:
        raise OverflowError("too much")

    await start(hass, watch_entry)
    await power(hass, is_there=True)
    record = watch_entry.runtime_data.record
    await record.async_change(fail)
    assert caplog.text.count("OverflowError: too much") == 1
    assert [await record.async_read(fail) for _ in range(3)] == [None] * 3
    assert caplog.text.count("OverflowError: too much") == 2
    await live_through_an_outage(hass)
    assert len(await outages(watch_entry, source_id) or ()) == 1
    assert await hass.config_entries.async_unload(watch_entry.entry_id)
    assert "never retrieved" not in caplog.text
    # These are what it is about.
    caplog.clear()


async def test_what_is_too_much_to_be_held_is_heartbeats_not_outages(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    source_id: str,
    lock: Callable[..., sqlite3.Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_queue, "_MOST_PENDING", 12)
    await start(hass, watch_entry)
    await power(hass, is_there=True)
    record = watch_entry.runtime_data.record
    await record.async_written()
    held = lock()
    await live_through_an_outage(hass)
    now_s = hass.loop.time()
    for minute in range(30):
        record.tick(now_s + 60 * minute)
    held.execute("ROLLBACK")
    found = await outages(watch_entry, source_id)
    assert found is not None
    assert [outage.end_s is not None for outage in found] == [True]


async def test_a_file_whose_tables_are_gone_is_put_aside(
    hass: HomeAssistant,
    watch_entry: MockConfigEntry,
    source_id: str,
    file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await start(hass, watch_entry)
    await power(hass, is_there=True)
    await watch_entry.runtime_data.record.async_written()
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE spans")
    connection.close()
    with pytest.raises(HomeAssistantError) as told:
        await hass.services.async_call(
            DOMAIN,
            "get_outages",
            {"device_id": source_device(hass, watch_entry, "Shed").id},
            True,
            return_response=True,
        )
    assert told.value.translation_key == "history_unreadable"
    await live_through_an_outage(hass)
    await watch_entry.runtime_data.record.async_written()
    assert issues(hass) == {"history_damaged"}
    assert len(list(file.parent.glob(f"{FILE}.damaged-*"))) == 1
    assert await outages(watch_entry, source_id) is not None
    assert await hass.config_entries.async_unload(watch_entry.entry_id)
    caplog.clear()
