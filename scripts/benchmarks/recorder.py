"""What Home Assistant's recorder writes of simulated packs, beside what it would write if every set were written."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
import sqlite3
import time

from custom_components.alfaspark.packbus.frames import TELEMETRY, Function

from .instance import Instance
from .readings import READINGS, Value, values_of
from .registry import BenchError, Result
from .simulated import simulated_packs

_PACKS = 12
_SETTLE_S = 75.0
_MEASURE_S = 300.0
"""With 12 packs one hour of a pack; every heartbeat of 60 s comes five times, and the five-minute statistics once."""
_COMMITTED_S = 12.0
_SETS_PER_HOUR = 1800
_MORNING = "2026-06-21T09:00:00+01:00"
_KEYS = frozenset(reading.key for reading in READINGS)


class Observer:
    """One more client of the bus, which counts the states that a host would write that writes every set."""

    def __init__(self, url: str) -> None:
        """Name an slcan adapter behind a TCP port. Nothing is connected yet."""
        self.changes: Counter[str] = Counter()
        """By key, over all packs: how many sets told another value than the one before."""
        host, _, port = url.rpartition("/")[2].partition(":")
        self._address = (host, int(port))
        self._last: dict[tuple[int, str], Value] = {}

    async def run(self) -> None:
        """Listen until cancelled."""
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(b"S6\rO\r")
            while True:
                line = (await reader.readuntil(b"\r")).strip(b"\a\r")
                if line[:1] == b"t" and len(line) == 21:
                    self._take(int(line[1:4], 16), bytes.fromhex(line[5:].decode()))
        finally:
            writer.close()

    def _take(self, can_id: int, data: bytes) -> None:
        node, function = can_id & 0x7F, can_id & ~0x7F
        if (kind := TELEMETRY.get(Function(function))) is None:
            return
        for key, value in values_of([kind.decode(data)]).items():
            # Home Assistant itself drops a state that is the same again.
            if self._last.get((node, key)) != value:
                self._last[node, key] = value
                self.changes[key] += 1


async def run() -> Result:
    """Let simulated packs live for some minutes of a morning in real time."""
    async with (
        simulated_packs(_PACKS, seed=1, start=_MORNING) as simulator,
        Instance(adapters=[simulator.slcan_url], recorder=True) as instance,
    ):
        observer = Observer(simulator.slcan_url)
        observing = asyncio.create_task(observer.run())
        await asyncio.sleep(_SETTLE_S)
        keys = {
            entity_id: key
            for serial in simulator.serials
            for key, entity_id in (await instance.enabled_keys(serial)).items()
        }
        began_s, began_bytes, naive = time.time(), _size_bytes(instance.database), observer.changes.copy()
        await asyncio.sleep(_MEASURE_S)
        ended_s, grown_bytes, naive = (
            time.time(),
            _size_bytes(instance.database) - began_bytes,
            observer.changes - naive,
        )
        if observing.done():
            raise BenchError("the simulator ended the connection of the observer")
        observing.cancel()
        with suppress(asyncio.CancelledError):
            await observing
        await asyncio.sleep(_COMMITTED_S)
        rows = _rows(instance.database, began_s, ended_s)
    return _result(keys, rows, naive, grown_bytes)


def _result(keys: Mapping[str, str], rows: Mapping[str, int], naive: Mapping[str, int], grown_bytes: int) -> Result:
    pack_hours = _PACKS * _MEASURE_S / 3600
    ours = Counter[str]()
    for entity_id, count in rows.items():
        if (key := keys.get(entity_id)) is not None:
            ours[key] += count
    compared = _KEYS & set(keys.values())
    ours_compared, naive_rows = sum(ours[key] for key in compared), sum(naive.get(key, 0) for key in compared)
    every_set = len(compared) * _SETS_PER_HOUR
    return Result(
        {
            "recorder_rows_ratio": ours_compared / naive_rows,
            "recorder_rows_vs_every_set": ours_compared / pack_hours / every_set,
            "recorder_rows_per_pack_hour": ours.total() / pack_hours,
            "recorder_bytes_per_pack_hour": grown_bytes / pack_hours,
        },
        [
            f"{_PACKS} simulated packs for {_MEASURE_S:.0f} s; rows of a pack and hour, of {len(compared)} readings of the set:",
            (
                f"  written {ours_compared / pack_hours:.0f}, naive {naive_rows / pack_hours:.0f} "
                f"({every_set} if Home Assistant did not drop a state that is the same again)"
            ),
            "  most rows: " + _most(ours, pack_hours),
            "  most rows, naive: " + _most(naive, pack_hours),
        ],
    )


def _most(rows: Mapping[str, int], pack_hours: float) -> str:
    return ", ".join(f"{key} {count / pack_hours:.0f}" for key, count in Counter(rows).most_common(6))


def _size_bytes(database: Path) -> int:
    """Size of what was committed, whether or not it has left the write-ahead log."""
    with closing(_open(database)) as connection:
        return int(_one(connection, "PRAGMA page_count")) * int(_one(connection, "PRAGMA page_size"))


def _rows(database: Path, began_s: float, ended_s: float) -> dict[str, int]:
    """Rows of states by entity id, of a span of Unix time."""
    with closing(_open(database)) as connection:
        query = (
            "SELECT states_meta.entity_id, COUNT(*) FROM states JOIN states_meta USING (metadata_id) "
            "WHERE last_updated_ts >= ? AND last_updated_ts < ? GROUP BY states_meta.entity_id"
        )
        return dict(connection.execute(query, (began_s, ended_s)).fetchall())


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def _one(connection: sqlite3.Connection, query: str) -> int | str:
    row: Sequence[int | str] = connection.execute(query).fetchone()
    return row[0]
