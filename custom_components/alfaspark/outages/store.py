"""A SQLite file that survives crashes, is never overwritten when damaged, and says clearly what is wrong with it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import os
from pathlib import Path
import sqlite3
from typing import Any, NoReturn
import zlib

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_OUR_FAULT = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_RANGE}


class HistoryError(Exception):
    """Something is wrong with the history; the text says what."""


class HistoryUnwritable(HistoryError):  # noqa: N818
    """The file cannot be written or read now (disk full, read-only, locked). Nothing was changed; try again."""


class HistoryMoved(HistoryUnwritable):
    """The file was deleted, moved or replaced while it was open. Open the same path again."""


class HistoryNewer(HistoryError):  # noqa: N818
    """The file was written by a newer version: it is left as it is."""


class HistoryDamaged(HistoryError):  # noqa: N818
    """The file is damaged and was moved aside, as `moved_to`. Open the same path again for a new history."""

    def __init__(self, path: Path, moved_to: Path, why: str) -> None:
        """Say which file it was, where it is now and what is wrong with it."""
        super().__init__(f"{path} is damaged ({why}); it is kept as {moved_to.name}")
        self.moved_to = moved_to


class BadRowError(Exception):
    """A row is not what was written."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file has to look like."""

    application_id: int
    version: int
    schema: str
    synchronous: str = "FULL"
    check_at_open: bool = True
    """Whether the whole file is checked when it is opened: milliseconds a megabyte."""
    busy_s: float = 5.0
    """So long somebody else may lock it."""


def seal(*fields: object) -> int:
    """Return a checksum of the fields of a row: SQLite does not notice a flipped bit in a value."""
    return zlib.crc32(repr(fields).encode())


class Store:
    """One open file. One thread at a time; which one does not matter."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Open the file; make it if there is none.

        Raises HistoryDamaged, HistoryNewer, HistoryUnwritable.
        """
        self.path = path
        self._layout = layout
        self._connection: sqlite3.Connection | None = None
        with self._translated(is_opening=True):
            if not path.exists():
                self._make()
            elif not path.stat().st_size:
                # Files are made under another name: an empty one was cut.
                self.give_up("it is empty")
            self._connection = self._connect(path)
            self._check(self._connection)

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        if self._connection is not None:
            # An error here concerns nothing that was committed.
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to read with. Raises as opening does."""
        with self._translated():
            yield self._open_connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for a block that is written as a whole or not at all. Raises as opening does."""
        with self._translated():
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    def give_up(self, why: str) -> NoReturn:
        """Close the file, move it aside and raise HistoryDamaged."""
        self.close()
        raise HistoryDamaged(self.path, self._move_aside(), why)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise HistoryError(f"{self.path} is closed")
        return self._connection

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._layout.busy_s,
            isolation_level=None,
            check_same_thread=False,
        )
        # What is no text is found by its checksum; reading it must not fail before.
        connection.text_factory = _text
        connection.execute("PRAGMA cell_size_check = ON")
        # The file alone is whole between two writes: a backup that copies it needs nothing else.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute(f"PRAGMA synchronous = {self._layout.synchronous}")
        return connection

    def _make(self) -> None:
        journal = _journal(self.path)
        if journal.exists() and journal.stat().st_size:
            # SQLite would roll it back into the new file. An empty one stays of every file that was deleted.
            self.give_up("only its journal is there")
        new = self.path.with_name(f"{self.path.name}.new")
        for leftover in (new, _journal(new)):
            leftover.unlink(missing_ok=True)
        new.touch()
        with closing(self._connect(new)) as connection:
            connection.executescript(f"BEGIN; {self._layout.schema} COMMIT;")
            connection.execute(f"PRAGMA application_id = {self._layout.application_id}")
            connection.execute(f"PRAGMA user_version = {self._layout.version}")
        _journal(new).unlink(missing_ok=True)
        new.rename(self.path)
        _sync_folder(self.path.parent)

    def _check(self, connection: sqlite3.Connection) -> None:
        if _pragma(connection, "application_id") != self._layout.application_id:
            self.give_up("it is something else")
        if (version := _pragma(connection, "user_version")) > self._layout.version:
            self.close()
            raise HistoryNewer(f"{self.path} was written by a newer version ({version})")
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(self._layout.schema)
            if version != self._layout.version or _tables(connection) != _tables(model):
                self.give_up("its tables are others")
        if self._layout.check_at_open:
            # Also whether the indices lead to the rows.
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                self.give_up(found)

    @contextmanager
    def _translated(self, *, is_opening: bool = False) -> Iterator[None]:
        """Say what an error means. What opening asks never fails on a file that is whole."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in _DAMAGED or (is_opening and code in _OUR_FAULT and self.path.exists()):
                self.give_up(str(error))
            if code in _OUR_FAULT:
                raise
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_DBMOVED:
                self.close()
                raise HistoryMoved(f"{self.path} was deleted, moved or replaced while it was open") from error
            raise HistoryUnwritable(f"{self.path}: {error}") from error
        except BadRowError as error:
            self.give_up(f"{error} was changed")
        except UnicodeDecodeError as error:
            # Of a message of SQLite that quotes what is damaged.
            self.give_up(str(error.object))
        except OSError as error:
            raise HistoryUnwritable(f"{self.path}: {error.strerror}") from error

    def _move_aside(self) -> Path:
        mark = f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        number = 1
        while True:
            suffix = mark if number == 1 else f"{mark}-{number}"
            moves = [(old, old.with_name(f"{old.name}.{suffix}")) for old in (self.path, _journal(self.path))]
            if not any(new.exists() for _, new in moves):
                break
            number += 1
        for old, new in moves:
            if old.exists():
                old.rename(new)
        _sync_folder(self.path.parent)
        return next(new for _, new in moves if new.exists())


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _tables(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()


def _sync_folder(folder: Path) -> None:
    """Have the names of files survive a cut of supply."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
