"""The record of the power watch on a disk that is full, damaged or too new."""

from dataclasses import replace
from pathlib import Path
import sqlite3

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.packbus.frames import GridState
from custom_components.alfaspark.power_watch.record import FILE
from tests.conftest import state, wait_until
from tests.peers import STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

POWER = "binary_sensor.utility"
ISSUES = ("history_damaged", "history_unwritable", "history_newer")


def _issues(hass: HomeAssistant) -> set[str]:
    registry = ir.async_get(hass)
    return {issue for issue in ISSUES if registry.async_get_issue(DOMAIN, issue) is not None}


def _file(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", FILE))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the history will be."""
    (tmp_path / ".storage").mkdir()
    return tmp_path / ".storage" / FILE


@pytest.fixture
def damaged(file: Path) -> bytes:
    """Have a history that is none."""
    content = b"SQLite format 3\0" + bytes(range(256)) * 20
    file.write_bytes(content)
    return content


@pytest.fixture
def newer(file: Path) -> bytes:
    """Have a history of a later version."""
    PowerHistory.open(file).close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    return file.read_bytes()


async def _lose_power(hass: HomeAssistant, pack: PeerPack) -> None:
    await wait_until(lambda: state(hass, POWER) == "on", "for power")
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss")


async def _outages(watch: MockConfigEntry) -> int | None:
    (source_id,) = watch.subentries
    found = await watch.runtime_data.record.async_read(lambda history: len(history.outages(source_id, 0, 4e9)))
    assert found is None or isinstance(found, int)
    return found


async def test_a_damaged_history_is_kept_aside_and_a_new_one_begun(
    hass: HomeAssistant, house: MockConfigEntry, damaged: bytes, watch: MockConfigEntry, pack: PeerPack
) -> None:
    file = _file(hass)
    assert _issues(hass) == {"history_damaged"}
    (kept,) = file.parent.glob(f"{FILE}.damaged-*")
    assert kept.read_bytes() == damaged
    await _lose_power(hass, pack)
    assert await _outages(watch) == 1


async def test_a_history_that_is_damaged_while_it_is_open_is_begun_anew_in_the_middle_of_an_outage(
    hass: HomeAssistant, house: MockConfigEntry, file: Path, watch: MockConfigEntry, pack: PeerPack
) -> None:
    await _lose_power(hass, pack)
    assert await _outages(watch) == 1
    file.write_bytes(b"x" * 8192)
    await watch.runtime_data.record.async_change(lambda history: history.heartbeat(0.0))
    await watch.runtime_data.record.async_written()
    assert _issues(hass) == {"history_damaged"}
    assert len(list(file.parent.glob(f"{FILE}.damaged-*"))) == 1
    assert await _outages(watch) == 1, "it goes on, and the new history knows of it"


async def test_a_history_of_a_newer_version_is_left_alone(
    hass: HomeAssistant, house: MockConfigEntry, newer: bytes, watch: MockConfigEntry, pack: PeerPack
) -> None:
    assert _issues(hass) == {"history_newer"}
    await _lose_power(hass, pack)
    assert await _outages(watch) is None
    assert _file(hass).read_bytes() == newer


async def test_what_happens_while_the_file_is_locked_is_written_later(
    hass: HomeAssistant, house: MockConfigEntry, file: Path, watch: MockConfigEntry, pack: PeerPack
) -> None:
    await wait_until(lambda: state(hass, POWER) == "on", "for power")
    await watch.runtime_data.record.async_written()
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    pack.report(replace(STATUS, grid=GridState.ABSENT))
    await wait_until(lambda: state(hass, POWER) == "off", "for the loss, which needs no disk")
    await watch.runtime_data.record.async_written()
    assert _issues(hass) == {"history_unwritable"}
    lock.execute("ROLLBACK")
    lock.close()
    assert await _outages(watch) == 1
    assert _issues(hass) == set()
