"""The last checks of each checkpoint, bounded. Worth less than the history, so in a file of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .model import Result
from .store import HistoryDamaged, Layout, Store

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
)


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
    """The file of the checks. A damaged one is moved aside, and a new one begun at once."""

    def __init__(self, path: Path, most: int = MOST_CHECKS) -> None:
        """Open the file or make it; keep the last `most` checks of each checkpoint.

        Raises HistoryNewer, HistoryUnwritable.
        """
        self.path = path
        self.damaged: HistoryDamaged | None = None
        """Says what happened if a damaged file was moved aside."""
        self._most = most
        self._store = self._open()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def add(self, checks: Iterable[Check]) -> None:
        """Add checks, oldest first. Cheapest with many at once: each call is one write.

        Raises HistoryUnwritable; then none was added.
        """
        rows = list(checks)
        try:
            self._add(rows)
        except HistoryDamaged as error:
            self._begin_anew(error)
            self._add(rows)

    def of(self, checkpoint_id: str, from_s: float, to_s: float, limit: int = MOST_CHECKS) -> tuple[Check, ...]:
        """Return the newest `limit` checks in [from_s, to_s), in the order in which they were made."""
        try:
            with self._store.reading() as connection:
                rows = connection.execute(
                    "SELECT at_s, result, latency_ms, detail FROM checks"
                    " WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?) AND at_s >= ? AND at_s < ?"
                    " ORDER BY number DESC LIMIT ?",
                    (checkpoint_id, from_s, to_s, max(0, limit)),
                ).fetchall()
        except HistoryDamaged as error:
            self._begin_anew(error)
            return ()
        return tuple(
            Check(checkpoint_id, at_s, Result(result), latency_ms, detail)
            for at_s, result, latency_ms, detail in reversed(rows)
            if result in _RESULTS
        )

    def purge(self, before_s: float, checkpoint_ids: Iterable[str] | None = None) -> None:
        """Delete what was before; of all checkpoints without ids."""
        with self._store.writing() as connection:
            if checkpoint_ids is None:
                connection.execute("DELETE FROM checks WHERE at_s < ?", (before_s,))
                return
            connection.executemany(
                "DELETE FROM checks WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?) AND at_s < ?",
                [(id_, before_s) for id_ in checkpoint_ids],
            )

    def forget(self, checkpoint_id: str) -> None:
        """Delete all checks of a checkpoint."""
        with self._store.writing() as connection:
            connection.execute(
                "DELETE FROM checks WHERE checkpoint = (SELECT number FROM checkpoint WHERE id = ?)", (checkpoint_id,)
            )
            connection.execute("DELETE FROM checkpoint WHERE id = ?", (checkpoint_id,))

    def _open(self) -> Store:
        try:
            return Store(self.path, _LAYOUT)
        except HistoryDamaged as error:
            self.damaged = error
            return Store(self.path, _LAYOUT)

    def _begin_anew(self, error: HistoryDamaged) -> None:
        self._store = self._open()
        self.damaged = error

    def _add(self, rows: list[Check]) -> None:
        with self._store.writing() as connection:
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
