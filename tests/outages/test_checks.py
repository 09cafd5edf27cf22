"""The last checks of each checkpoint."""

from collections.abc import Iterator
from pathlib import Path
import tempfile

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.model import Result

T = 1_750_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outages.db"


@pytest.fixture
def history(path: Path) -> Iterator[PowerHistory]:
    opened = PowerHistory(path, most_checks=5)
    yield opened
    opened.close()


def check(number: int, checkpoint: str = "plug", result: Result = Result.ALIVE) -> Check:
    return Check(checkpoint, T + number, result, number / 2, f"answer {number}")


def test_they_come_back_as_they_were(history: PowerHistory) -> None:
    checks = [check(1), Check("plug", T + 2.5, Result.DOWN, None, "no route to host"), check(3, "nas")]
    history.add_checks(checks)
    assert history.checks("plug", T, T + 10) == tuple(checks[:2])
    assert history.checks("nas", T, T + 10) == (checks[2],)
    assert history.checks("plug", T + 2, T + 2.5) == ()
    assert history.checks("plug", T, T + 10, 1) == (checks[1],)
    assert history.checks("plug", T, T + 10, 0) == ()
    assert history.checks("unheard of", T, T + 10) == ()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=12), max_size=6))
def test_the_newest_of_each_are_kept_whatever_the_clock_says(batches: list[list[tuple[str, int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = PowerHistory(Path(folder) / "outages.db", most_checks=5)
        added = [[check(at, checkpoint) for checkpoint, at in batch] for batch in batches]
        for batch in added:
            history.add_checks(batch)
        for checkpoint in "abc":
            expected = [row for batch in added for row in batch if row.checkpoint_id == checkpoint][-5:]
            assert list(history.checks(checkpoint, T, T + 100)) == expected
        assert history.seen_alive() == {row.checkpoint_id for batch in added for row in batch}
        history.close()


def test_who_was_seen_alive_is_remembered_for_ever(history: PowerHistory, path: Path) -> None:
    history.add_checks([check(1), check(1, "nas", Result.DOWN), check(1, "tv", Result.UNKNOWN)])
    history.add_checks([check(number, "plug", Result.DOWN) for number in range(20)])
    history.purge(None, T + 1000)
    history.close()
    again = PowerHistory.open(path)
    assert again.seen_alive() == {"plug"}
    again.forget_checkpoint("plug")
    assert again.seen_alive() == set()
    again.close()


def test_they_are_purged_and_forgotten(history: PowerHistory) -> None:
    history.add_checks([check(number, name) for number in (1, 2, 3) for name in ("plug", "nas")])
    history.purge(None, T + 2)
    assert [row.at_s for row in history.checks("plug", T, T + 10)] == [T + 2, T + 3]
    history.forget_checkpoint("plug")
    assert history.checks("plug", T, T + 10) == ()
    assert len(history.checks("nas", T, T + 10)) == 2
    history.add_checks([check(4)])
    assert len(history.checks("plug", T, T + 10)) == 1


def test_what_a_server_says_is_cut_and_made_text(history: PowerHistory) -> None:
    history.add_checks([Check("plug", T, Result.ALIVE, 1.0, "\ud800" + "x" * 1000)])
    (row,) = history.checks("plug", T, T + 1)
    assert row.detail == "?" + "x" * 199


def test_a_damaged_file_is_kept_aside_and_costs_only_checks(history: PowerHistory, path: Path) -> None:
    history.begin_watching(["grid"], T)
    history.begin_outage("grid", T + 10)
    history.add_checks([check(1)])
    history.close()
    file = path.with_name("outages-checks.db")
    junk = b"no database" * 1000
    file.write_bytes(junk)
    again = PowerHistory.open(path)
    assert again.damaged_checks is not None
    assert again.damaged_checks.moved_to.read_bytes() == junk
    assert len(again.outages("grid", T, T + 100)) == 1
    assert again.seen_alive() == {"plug"}
    again.add_checks([check(2)])
    assert again.checks("plug", T, T + 10) == (check(2),)
    again.close()


@pytest.mark.parametrize("is_reading", [False, True])
def test_damage_that_is_found_later_costs_only_checks(history: PowerHistory, path: Path, *, is_reading: bool) -> None:
    history.add_checks([check(1)])
    history.close()
    again = PowerHistory.open(path)
    file = path.with_name("outages-checks.db")
    data = bytearray(file.read_bytes())
    # All pages but the first, which opening read.
    data[4096:] = b"\x55" * (len(data) - 4096)
    file.write_bytes(data)
    if is_reading:
        assert again.checks("plug", T, T + 10) == ()
    again.add_checks([check(2)])
    assert again.damaged_checks is not None
    assert again.damaged_checks.moved_to.read_bytes() == data
    assert again.checks("plug", T, T + 10) == (check(2),)
    again.close()
