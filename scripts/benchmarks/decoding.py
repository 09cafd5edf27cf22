"""Processor time that decoding the frames of a telemetry set takes, alone in a process that does nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
import time

from cantools.database import load_file
from cantools.database.can import Database

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet

from .packs import function_of, packs_of
from .registry import BenchError
from .worker import ROOT

_SETS = 4000
_PERIOD_S = 2.0
_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class DecodingCost:
    """Seconds of processor time a set of five frames; the best of some rounds."""

    cantools_s: float
    codec_s: float
    """The generated codec: frames to typed objects."""
    fleet_s: float
    """Codec, whose frame it is, and whether it can be true."""


def decoding_cost() -> DecodingCost:
    """Decode the same frames in three ways."""
    database = load_file(ROOT / "custom_components/alfaspark/packbus/alfaspark.dbc")
    assert isinstance(database, Database)
    pack = packs_of(1)[0]
    received = []
    for number in range(_SETS):
        pack.advance(_PERIOD_S * number)
        received += [
            ReceivedFrame(function_of(frame) | pack.node, False, frame.encode(), _PERIOD_S * number)
            for frame in pack.telemetry_set()
        ]

    def by_cantools() -> None:
        for frame in received:
            database.decode_message(frame.can_id & ~0x7F, frame.data)

    def by_codec() -> None:
        for frame in received:
            frames.TELEMETRY[frames.Function(frame.can_id & ~0x7F)].decode(frame.data)

    def by_fleet() -> None:
        fleet = Fleet()
        for can_id, data, extended in pack.introduce():
            fleet.receive(ReceivedFrame(can_id, extended, data, 0.0))
        for frame in received:
            fleet.receive(frame)
        if fleet.statistics.implausible or not fleet.packs[pack.serial].battery:
            raise BenchError(f"the fleet did not take the sets: {fleet.statistics}")

    return DecodingCost(*(_best_s(decode) / _SETS for decode in (by_cantools, by_codec, by_fleet)))


def _best_s(decode: Callable[[], None]) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began_s = time.process_time()
        decode()
        rounds.append(time.process_time() - began_s)
    return min(rounds)
