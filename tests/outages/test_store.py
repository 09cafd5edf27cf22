"""Files that are damaged, cut, full, read-only, of a newer version or written by somebody who was killed."""

from collections.abc import Callable, Iterator
import errno
import os
from pathlib import Path
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.alfaspark.outages.history import HistoryDamaged, HistoryNewer, HistoryUnwritable, PowerHistory

from .writer import START_S, call

_WRITER = Path(__file__).with_name("writer.py")
_CALLS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outages.db"


def rows(path: Path) -> list[tuple[object, ...]]:
    """All there is in a file."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        found = (
            connection.execute("SELECT * FROM source").fetchall() + connection.execute("SELECT * FROM spans").fetchall()
        )
    connection.close()
    return found


def filled(path: Path, calls: int = _CALLS) -> None:
    """Write what the writer writes."""
    watching(path, calls).close()


def watching(path: Path, calls: int = _CALLS) -> PowerHistory:
    """The same, and go on."""
    history = PowerHistory.open(path)
    history.begin_watching(["grid"], START_S)
    history.end_unobserved("grid", START_S)
    for number in range(calls):
        call(history, number)
    return history


def timeline(history: PowerHistory) -> object:
    return history.timeline("grid", START_S, START_S + 30 * _CALLS), history.seen_alive(), history.sources()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, object]]:
    """A good file, and what is in it."""
    path = tmp_path_factory.mktemp("whole") / "outages.db"
    filled(path)
    history = PowerHistory.open(path)
    yield path.read_bytes(), timeline(history)
    history.close()


def test_a_kill_at_any_moment_leaves_all_that_was_said_to_be_written(tmp_path: Path) -> None:
    """The file holds what was told, and of the call at that moment all or nothing."""
    for kill in range(12):
        path = tmp_path / f"{kill}.db"
        with subprocess.Popen([sys.executable, _WRITER, path, "calls"], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(1 + 7 * kill):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            said = writer.stdout.read().split()
        told = 7 * kill + len(said)
        history = PowerHistory.open(path)
        history.close()
        possible = []
        for calls in (told + 1, told + 2):
            filled(tmp_path / f"{kill}-{calls}.db", calls)
            possible.append(rows(tmp_path / f"{kill}-{calls}.db"))
        assert rows(path) in possible


def test_a_kill_while_a_file_is_made_leaves_none_or_a_whole_one(path: Path) -> None:
    new = path.with_name("outages.db.new")
    new.write_bytes(b"half")
    path.with_name("outages.db.new-journal").write_bytes(b"half")
    PowerHistory.open(path).close()
    assert rows(path) == []
    assert not new.exists()


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_cut_or_changed_file_gives_what_was_written_or_is_kept_aside(
    whole: tuple[bytes, object], data: st.DataObject
) -> None:
    good, expected = whole
    bad = bytearray(good)
    if data.draw(st.booleans(), "cut"):
        del bad[data.draw(st.integers(0, len(good) - 1), "length") :]
    else:
        for _ in range(data.draw(st.integers(1, 3), "flips")):
            bit = data.draw(st.integers(0, 8 * len(good) - 1), "bit")
            bad[bit // 8] ^= 1 << bit % 8
    _check_bad(bytes(bad), expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # SQLite quotes it in its message.
        (b"TABLE source", b"TABLE sourc\xe3"),
        (b"TABLE spans", b"TABLE span2"),
        (b"most_down", b"most_dowm"),
        (b"plug 12", b"plug 1\xff"),
    ],
)
def test_changed_text_is_noticed(whole: tuple[bytes, object], old: bytes, new: bytes) -> None:
    good, expected = whole
    assert old in good
    assert _check_bad(good.replace(old, new, 1), expected)


def test_flipped_bits_all_over_the_file_are_noticed_where_they_matter(whole: tuple[bytes, object]) -> None:
    good, expected = whole
    noticed = 0
    # Among them those of the format (byte 47) and of the index.
    for bit in [376, *range(0, 8 * len(good), 1811)]:
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        noticed += _check_bad(bytes(bad), expected)
    assert noticed > 10


def _check_bad(bad: bytes, expected: object) -> bool:
    """Whether it was noticed; else everything must be there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outages.db"
        path.write_bytes(bad)
        try:
            history = PowerHistory.open(path)
        except HistoryDamaged as error:
            _check_aside(path, error, bad)
            return True
        except HistoryNewer:
            # The bit was one of the version's.
            assert path.read_bytes() == bad
            return True
        try:
            assert timeline(history) == expected
        except HistoryDamaged as error:
            _check_aside(path, error, bad)
            return True
        finally:
            history.close()
        return False


def _check_aside(path: Path, error: HistoryDamaged, bad: bytes) -> None:
    assert not path.exists()
    assert error.moved_to.read_bytes() == bad
    assert error.moved_to.name.startswith("outages.db.damaged-2")
    assert error.moved_to.name in str(error)
    PowerHistory.open(path).close()
    assert error.moved_to.read_bytes() == bad


def test_every_value_that_is_changed_is_noticed(path: Path, whole: tuple[bytes, object]) -> None:
    """SQLite itself does not."""
    changes = [
        "UPDATE spans SET start_s = start_s + 1 WHERE number = 5",
        "UPDATE spans SET end_s = end_s - 0.001 WHERE number = 5",
        "UPDATE spans SET kind = 'powered' WHERE number = 5",
        "UPDATE spans SET end_is_estimate = 1 - end_is_estimate WHERE number = 5",
        "UPDATE spans SET evidence = '[]' WHERE kind = 'lost'",
        "UPDATE spans SET source = 2",
        "UPDATE source SET watched_since_s = watched_since_s + 1",
        "UPDATE source SET heartbeat_s = heartbeat_s - 1",
    ]
    for change in changes[:5] + changes[6:]:
        path.write_bytes(whole[0])
        with sqlite3.connect(path) as connection:
            assert connection.execute(change).rowcount
        connection.close()
        with pytest.raises(HistoryDamaged, match="was changed"):
            timeline(PowerHistory.open(path))


def test_damaged_files_never_replace_each_other(path: Path) -> None:
    for number in range(5):
        path.write_bytes(b"junk %d" % number)
        with pytest.raises(HistoryDamaged):
            PowerHistory.open(path)
    kept = sorted(file.read_bytes() for file in path.parent.iterdir())
    assert kept == [b"junk %d" % number for number in range(5)]


def test_a_journal_without_its_file_is_kept_aside(path: Path) -> None:
    journal = path.with_name("outages.db-journal")
    journal.write_bytes(b"whatever")
    with pytest.raises(HistoryDamaged) as caught:
        PowerHistory.open(path)
    assert caught.value.moved_to.read_bytes() == b"whatever"
    PowerHistory.open(path).close()


def test_a_file_of_somebody_else_is_kept_aside(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE states (id)")
    other.close()
    with pytest.raises(HistoryDamaged, match="something else"):
        PowerHistory.open(path)


def test_a_file_of_a_newer_version_stays_as_it_is(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    data = path.read_bytes()
    with pytest.raises(HistoryNewer, match="newer version"):
        PowerHistory.open(path)
    assert path.read_bytes() == data


def _no_more_pages(history: PowerHistory) -> Callable[[], None]:
    with history._store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def more() -> None:
        with history._store.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")

    return more


def _no_larger_files(history: PowerHistory) -> Callable[[], None]:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    size = history._store.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _only_reading(history: PowerHistory) -> Callable[[], None]:
    def only(reading: int) -> None:
        with history._store.reading() as connection:
            connection.execute(f"PRAGMA query_only = {reading}")

    only(1)
    return lambda: only(0)


def _locked(history: PowerHistory) -> Callable[[], None]:
    with history._store.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(history._store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other.close


@pytest.mark.parametrize("hinder", [_no_more_pages, _no_larger_files, _only_reading, _locked])
def test_a_call_that_cannot_be_written_changes_nothing_and_can_be_made_again(
    path: Path, hinder: Callable[[PowerHistory], Callable[[], None]]
) -> None:
    history = watching(path)
    undo = hinder(history)
    number, before, refused = _CALLS, None, None
    try:
        # A full disk is met some calls later.
        while number < 20 * _CALLS:
            before = None if hinder is _locked else rows(path)
            call(history, number)
            number += 1
    except HistoryUnwritable as error:
        refused = error
    finally:
        undo()
    assert "outages.db" in str(refused)
    assert before in (None, rows(path))
    for later in range(number, number + 12):
        call(history, later)
    history.close()
    path_without = path.with_name("without.db")
    filled(path_without, number + 12)
    assert rows(path) == rows(path_without)


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnwritable, match=os.strerror(errno.ENOENT)):
        PowerHistory.open(tmp_path / "none" / "outages.db")


def test_a_folder_and_a_file_without_permission_are_clear_errors() -> None:
    user = 65_534 if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "outages.db"
        folder.chmod(0o555)
        outcomes = [_as_user(path, user)]
        folder.chmod(0o755)
        filled(path)
        for file in folder.iterdir():
            file.chmod(0o444)
        data = path.read_bytes()
        folder.chmod(0o555)
        outcomes.append(_as_user(path, user))
        folder.chmod(0o755)
        assert path.read_bytes() == data
    assert "Permission denied" in outcomes[0]
    assert "readonly" in outcomes[1]
    assert all(outcome.startswith("unwritable: ") for outcome in outcomes)


def _as_user(path: Path, user: int | None) -> str:
    done = subprocess.run(
        [sys.executable, _WRITER, path, "one"], user=user, check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout
