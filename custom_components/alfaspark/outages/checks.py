"""The last checks of each checkpoint, bounded. Worth less than the history, so in a file of their own."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model import Result
from .store import HistoryDamaged, HistoryError, HistoryMoved, HistoryNewer, HistoryUnwritable, Layout, Store

MOST_CHECKS = 2000
"""Kept of each checkpoint."""
_MOST_DETAIL = 200
_RESULTS = tuple(Result)
_LAYOUT = Layout(
    application_id=0x414C5043,  # "ALPC"
    version=1,
    schema="""
CREATE TABLE checkpoint (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE checks (
    checkpoint INTEGER NOT NULL, number INTEGER NOT NULL, at_s REAL NOT NULL, result TEXT NOT NULL, latency_ms REAL,
    detail TEXT NOT NULL, PRIMARY KEY (checkpoint, number)) WITHOUT ROWID;
""",
    # The last checks before a cut of supply may be missing.
    synchronous="NORMAL",
    # It can be large, and what is damaged is found when it is read.
    check_at_open=False,
    # Outages wait behind it meanwhile.
    busy_s=0.5,
)


class ChecksUnwritable(HistoryUnwritable):
    """Only the file of the checks cannot be written or read now. Everything else was done."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a checkpoint."""

    checkpoint_id: str
    at_s: float
    """Unix time."""
    result: Result
    latency_ms: float | None = None
    detail: str = ""
    """At most 200 characters are kept."""


class CheckLog:
    """The file of the checks. A damaged one is moved aside, and a new one begun at once; likewise if it was deleted.

    All but opening and closing raise ChecksUnwritable if that cannot be; then nothing was changed.
    """

    def __init__(self, path: Path, most: int = MOST_CHECKS) -> None:
        """Keep the last `most` checks of each checkpoint. A file that cannot be opened now is opened when it is used."""
        self.path = path
        self.damaged: HistoryDamaged | None = None
        """Says what happened if a damaged file was moved aside."""
        self._most = most
        self._store: Store | None = None
        self._is_closed = False
        with suppress(ChecksUnwritable):
            self._do(lambda store: None)

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        if self._store is not None:
            self._store.close()

    def add(self, checks: Iterable[Check]) -> None:
        """Add checks, oldest first. Cheapest with many at once: each call is one write."""
        rows = list(checks)
        self._do(lambda store: self._add(store, rows))

    def of(self, checkpoint_id: str, from_s: float, to_s: float, limit: int = MOST_CHECKS) -> tuple[Check, ...]:
        """Return the newest `limit` checks in [from_s, to_s), in the order in which they were made."""

        def read(store: Store) -> list[Any]:
            with store.reading() as connection:
                return connection.execute(
                    "SELECT at_s, result, latency_ms, detail FROM checks"
                    " WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?) AND at_s >= ? AND at_s < ?"
                    " ORDER BY number DESC LIMIT ?",
                    (checkpoint_id, from_s, to_s, max(0, limit)),
                ).fetchall()

        return tuple(
            Check(checkpoint_id, at_s, Result(result), latency_ms, detail)
            for at_s, result, latency_ms, detail in reversed(self._do(read))
            if result in _RESULTS
        )

    def purge(self, before_s: float, checkpoint_ids: Iterable[str] | None = None) -> None:
        """Delete what was before; of all checkpoints without ids."""
        ids = None if checkpoint_ids is None else list(checkpoint_ids)

        def purge(store: Store) -> None:
            with store.writing() as connection:
                if ids is None:
                    connection.execute("DELETE FROM checks WHERE at_s < ?", (before_s,))
                    return
                connection.executemany(
                    "DELETE FROM checks WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?) AND at_s < ?",
                    [(id_, before_s) for id_ in ids],
                )

        self._do(purge)

    def forget(self, checkpoint_id: str) -> None:
        """Delete all checks of a checkpoint."""

        def forget(store: Store) -> None:
            with store.writing() as connection:
                connection.execute(
                    "DELETE FROM checks WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?)",
                    (checkpoint_id,),
                )
                connection.execute("DELETE FROM checkpoint WHERE id = ?", (checkpoint_id,))

        self._do(forget)

    def _do[T](self, call: Callable[[Store], T]) -> T:
        """Do it, with a new file if this one is damaged or gone."""
        if self._is_closed:
            raise HistoryError(f"{self.path} is closed")
        try:
            try:
                return call(self._opened())
            except HistoryDamaged as error:
                self.damaged = error
                self._store = None
            except HistoryMoved:
                self._store = None
            return call(self._opened())
        except (HistoryUnwritable, HistoryNewer, HistoryDamaged) as error:
            raise ChecksUnwritable(str(error)) from error

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self.path, _LAYOUT)
        return self._store

    def _add(self, store: Store, rows: list[Check]) -> None:
        with store.writing() as connection:
            ends: dict[str, tuple[int, int]] = {}
            for row in rows:
                if row.checkpoint_id not in ends:
                    connection.execute("INSERT OR IGNORE INTO checkpoint (id) VALUES (?)", (row.checkpoint_id,))
                    ends[row.checkpoint_id] = connection.execute(
                        "SELECT c.number, coalesce((SELECT max(number) FROM checks WHERE checkpoint = c.number), 0)"
                        " FROM checkpoint c WHERE id = ?",
                        (row.checkpoint_id,),
                    ).fetchone()
                checkpoint, last = ends[row.checkpoint_id]
                ends[row.checkpoint_id] = checkpoint, last + 1
                detail = row.detail[:_MOST_DETAIL].encode(errors="replace").decode()
                connection.execute(
                    "INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?)",
                    (checkpoint, last + 1, row.at_s, str(row.result), row.latency_ms, detail),
                )
            connection.executemany(
                "DELETE FROM checks WHERE checkpoint = ? AND number <= ?",
                [(checkpoint, last - self._most) for checkpoint, last in ends.values()],
            )
