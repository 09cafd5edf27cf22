"""Outages, timelines and checks of many sources as one text or file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path
from typing import Final

from custom_components.alfaspark.outages.export import (
    CHECK_COLUMNS,
    OUTAGE_COLUMNS,
    SPAN_COLUMNS,
    Row,
    check_row,
    csv_lines,
    json_pieces,
    outage_row,
    span_row,
)
from custom_components.alfaspark.outages.history import PowerHistory

CONTENTS: Final = {"outages": OUTAGE_COLUMNS, "timeline": SPAN_COLUMNS, "checks": CHECK_COLUMNS}
FORMATS: Final = ("csv", "json")


class ExportTooLargeError(Exception):
    """It has more characters than are wanted."""


@dataclass(slots=True, kw_only=True)
class Export:
    """What is exported of a history, once. Blocks: for the executor."""

    content: str
    """One of CONTENTS."""
    form: str
    """One of FORMATS."""
    sources: Mapping[str, str]
    """Names by id."""
    checkpoints: Mapping[str, str]
    """Names by id, of checks."""
    bounds_s: tuple[float, float]
    """Begin and end, Unix seconds."""
    zone: tzinfo
    rows_written: int = field(default=0, init=False)

    def text(self, history: PowerHistory, most: int) -> str:
        """Return all of it. Raises ExportTooLargeError for more than `most` characters."""
        taken, length = [], 0
        for piece in self._pieces(history):
            length += len(piece)
            if length > most:
                raise ExportTooLargeError
            taken.append(piece)
        return "".join(taken)

    def write(self, history: PowerHistory, path: Path) -> Path:
        """Write a file as a whole or not at all, in place of one of the same name; return it. Raises OSError."""
        path.parent.mkdir(exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        try:
            with new.open("w", encoding="utf-8", newline="") as file:
                file.writelines(self._pieces(history))
            return new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def _pieces(self, history: PowerHistory) -> Iterator[str]:
        rows = self._counted(self._rows(history))
        return csv_lines(CONTENTS[self.content], rows) if self.form == "csv" else json_pieces(rows)

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.rows_written += 1
            yield row

    def _rows(self, history: PowerHistory) -> Iterator[Row]:
        from_s, to_s = self.bounds_s
        if self.content == "checks":
            for checkpoint_id, name in self.checkpoints.items():
                for check in history.checks(checkpoint_id, from_s, to_s):
                    yield check_row(replace(check, checkpoint_id=name), self.zone)
        elif self.content == "outages":
            for source_id, name in self.sources.items():
                for outage in history.outages(source_id, from_s, to_s):
                    yield outage_row(name, replace(outage, evidence=_keys(outage.evidence)), self.zone)
        else:
            since_s = {row.id: row.watched_since_s for row in history.sources()}
            for source_id, name in self.sources.items():
                # Before that there is nothing to tell.
                for span in history.timeline(source_id, max(from_s, since_s.get(source_id, from_s)), to_s):
                    yield span_row(name, replace(span, evidence=_keys(span.evidence)), self.zone)


def _keys(checkpoint_ids: Iterable[str]) -> tuple[str, ...]:
    """Return what tells checkpoints of one source from each other: kind and target, without spaces between them."""
    return tuple(checkpoint_id.partition("/")[2] for checkpoint_id in checkpoint_ids)
