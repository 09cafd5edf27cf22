"""What packs tell of the past: what one can vouch for, what cannot be, and how several are weighed."""

from typing import Any

import pytest

from custom_components.alfaspark.outages.spans import Span, SpanKind
from custom_components.alfaspark.packbus.grid_losses import GridLossRecord
from custom_components.alfaspark.power_watch.pack_losses import Account, weighed
from tests.conftest import SERIAL

type Told = tuple[int | None, int | None, bool]
"""A loss as a pack tells it: start, duration, whether it goes on."""


def account(
    *losses: Told,
    serial: str = SERIAL,
    vouches_since_s: float | None = 0.0,
    read_s: float = 1000.0,
    has_grid: bool = False,
) -> Account:
    records = [
        GridLossRecord(start, duration, is_going_on=going_on, number=number)
        for number, (start, duration, going_on) in enumerate(losses)
    ]
    return Account(serial, f"sense of {serial}", records, read_s, vouches_since_s, has_grid)


def short(span: Span) -> str:
    begin, end = ("~" if is_estimate else "" for is_estimate in (span.start_is_estimate, span.end_is_estimate))
    return f"{span.kind} {begin}{span.start_s:.0f}-{end}{span.end_s:.0f}"


def told(
    *losses: Told, vouches_since_s: float | None = 0.0, read_s: float = 1000.0, has_grid: bool = False
) -> list[str]:
    """What a pack with these losses says, in short."""
    spans = list(account(*losses, vouches_since_s=vouches_since_s, read_s=read_s, has_grid=has_grid).spans())
    assert {span.filled_from for span in spans} <= {SERIAL}
    return [short(span) for span in spans]


def test_a_pack_vouches_only_for_what_it_can() -> None:
    assert told() == ["powered 0-1000"]
    assert told(vouches_since_s=None) == []
    assert told((100, 50, False), vouches_since_s=400) == ["lost 100-150", "powered 400-1000"]
    assert told((900, None, True)) == ["lost 900-1000", "powered 0-1000"]
    assert told((100, None, False)) == ["lost 100-~101", "powered 0-1000"]


def test_what_is_before_the_oldest_of_all_that_fit_is_unknown() -> None:
    many = [(100 + 10 * number, 5, False) for number in range(32)]
    assert told(*many)[-1] == "powered 100-1000"
    assert told(*many[1:])[-1] == "powered 0-1000"
    assert told(*many, vouches_since_s=500)[-1] == "powered 500-1000"


def test_a_loss_of_unknown_time_may_have_been_at_any_time() -> None:
    # Of a boot that never had the time: not of this one.
    assert told((None, 20, False)) == ["powered 0-1000"]
    # It may have gone on into this boot.
    assert told((None, None, False)) == []
    assert told((None, None, True)) == []
    assert told((None, None, False), (300, 10, False)) == ["lost 300-310", "powered 300-1000"]


@pytest.mark.parametrize(
    ("losses", "has_grid", "said"),
    [
        # It ends after it was read; a clock may be a minute ahead.
        ([(700, 8_388_606, False)], False, ["powered 0-700"]),
        ([(700, 359, False)], False, ["lost 700-1059", "powered 0-1000"]),
        ([(700, 361, False)], False, ["powered 0-700"]),
        ([(-5000, 8_388_606, False)], False, []),
        # It begins after it was read.
        ([(2**32 - 1, 5, False)], False, ["powered 0-1000"]),
        # It goes on though the grid is there, or though another one began after it.
        ([(100, 50, False), (700, None, True)], True, ["lost 100-150", "powered 0-700"]),
        ([(600, None, True), (700, 50, False)], False, ["lost 700-750", "powered 0-600"]),
        ([(100, 50, False), (700, None, True)], False, ["lost 100-150", "lost 700-1000", "powered 0-1000"]),
    ],
)
def test_what_cannot_be_is_left_out(losses: list[Told], has_grid: bool, said: list[str]) -> None:
    assert told(*losses, has_grid=has_grid) == said


_A, _B = (100, 100, False), (150, 100, False)


@pytest.mark.parametrize(
    ("fraction", "packs", "said"),
    [
        (0.5, [], []),
        (0.5, [{}], ["powered 0-1000"]),
        (0.5, [{"losses": [_A]}], ["powered 0-100", "lost 100-200", "powered 200-1000"]),
        # Two: half is not more than half.
        (0.5, [{"losses": [_A]}, {}], ["powered 0-100", "powered 200-1000"]),
        (
            0.5,
            [{"losses": [_A]}, {"losses": [_B]}],
            ["powered 0-100", "lost ~150-~200", "powered 250-1000"],
        ),
        # Three, of which one is enough for nothing, and two are.
        (0.5, [{"losses": [_A]}, {}, {}], ["powered 0-1000"]),
        (
            0.5,
            [{"losses": [_A]}, {"losses": [_B]}, {}],
            ["powered 0-150", "lost 150-200", "powered 200-1000"],
        ),
        # One that cannot vouch speaks where it had a loss, and nowhere else.
        (0.5, [{"losses": [_A], "vouches_since_s": None}], ["lost 100-200"]),
        (
            0.5,
            [{"losses": [_A], "vouches_since_s": None}, {"vouches_since_s": 150}],
            ["lost 100-~150", "powered 200-1000"],
        ),
        (
            0.5,
            [{"losses": [_A]}, {"losses": [_A], "vouches_since_s": None}, {}],
            ["powered 0-100", "lost 100-200", "powered 200-1000"],
        ),
        (0.5, [{"losses": [_A]}, {"vouches_since_s": None}], ["powered 0-100", "lost 100-200", "powered 200-1000"]),
        # The owner's share.
        (0.0, [{"losses": [_A]}, {}, {}], ["powered 0-100", "lost 100-200", "powered 200-1000"]),
        (0.3, [{"losses": [_A]}, {}, {}], ["powered 0-100", "lost 100-200", "powered 200-1000"]),
        (0.7, [{"losses": [_A]}, {}, {}], ["powered 0-100", "powered 200-1000"]),
        (0.7, [{"losses": [_A]}, {"losses": [_A]}, {}], ["powered 0-100", "powered 200-1000"]),
        # An end that is not known; overlapping losses of one pack are one voice.
        (0.5, [{"losses": [(100, None, False)]}], ["powered 0-100", "lost 100-~101", "powered 101-1000"]),
        (0.5, [{"losses": [_A, _B]}, {}, {}], ["powered 0-1000"]),
        (0.5, [{"losses": [_A, _B]}], ["powered 0-100", "lost 100-250", "powered 250-1000"]),
        # Read one after the other: the last one does not decide about the moments between.
        (
            0.5,
            [{"read_s": 900.0}, {"read_s": 950.0}, {"losses": [(700, None, True)]}],
            ["powered 0-900"],
        ),
    ],
)  # fmt: skip
def test_packs_are_weighed_as_what_they_sense_live(
    fraction: float, packs: list[dict[str, Any]], said: list[str]
) -> None:
    accounts = [
        account(*given.get("losses", ()), serial=f"{number}", **{key: given[key] for key in given if key != "losses"})
        for number, given in enumerate(packs)
    ]
    assert [short(span) for span in weighed(accounts, fraction)] == said


def test_evidence_is_who_said_lost() -> None:
    accounts = [
        account(_A, serial="1"),
        account(_B, serial="2"),
        account(serial="3"),
        account((120, 60, False), serial="4"),
    ]
    (lost,) = [span for span in weighed(accounts, 0.4) if span.kind is SpanKind.LOST]
    assert (lost.start_s, lost.end_s) == (120, 200)
    assert lost.evidence == ("sense of 1", "sense of 4", "sense of 2")
    assert lost.filled_from == "1"
