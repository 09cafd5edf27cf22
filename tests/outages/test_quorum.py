"""The table of cases: what grid senses and other checkpoints say, and what that means."""

from fractions import Fraction

from hypothesis import given, strategies as st
import pytest

from custom_components.alfaspark.outages.model import PowerState, Reason
from custom_components.alfaspark.outages.quorum import Counts, enough, weigh

# U up, F failing (not yet often enough in a row), D down, ? unknown; - none at all.
# "ends" tells whether this ends an outage, if it holds.
TABLE = """
  senses  others      fraction   state     because                 ends

  # Nothing to go by.
  -       -           0.5        unknown   nothing_tracked         no
  -       ????        0.5        unknown   all_unknown             no
  ?       -           0.5        unknown   all_unknown             no

  # One checkpoint.
  -       U           0.5        powered   most_up                 yes
  -       F           0.5        suspect   some_down               no
  -       D           0.5        lost      most_down               no
  -       D???        0.5        lost      most_down               no

  # Two, and even splits.
  -       UF          0.5        suspect   some_down               no
  -       UD          0.5        suspect   even_split              no
  -       FD          0.5        suspect   some_down               no
  -       DD          0.5        lost      most_down               no
  -       UUDD        0.5        suspect   even_split              no
  -       UUDD?       0.5        suspect   even_split              no

  # More: more than half must be down.
  -       UUD         0.5        powered   most_up                 yes
  -       UUF         0.5        powered   most_up                 yes
  -       UFD         0.5        suspect   some_down               no
  -       UFF         0.5        suspect   some_down               no
  -       UDD         0.5        lost      most_down               no
  -       FDD         0.5        lost      most_down               no
  -       UUUDD       0.5        powered   most_up                 yes
  -       UUDDD       0.5        lost      most_down               no

  # Other fractions: more than that share is down; and up, for the end.
  -       UUUUD       0.0        lost      most_down               no
  -       UUUUF       0.0        suspect   some_down               no
  -       UUUUU       0.0        powered   most_up                 yes
  -       UUUUD       0.2        suspect   even_split              no
  -       UUUDD       0.2        lost      most_down               no
  -       UUUDDDDDDD  0.7        suspect   even_split              no
  -       UUDDDDDDDD  0.7        lost      most_down               no
  -       UUUUUDDDDD  0.7        powered   most_up                 no
  -       UUUUUUUDDD  0.7        powered   most_up                 no
  -       UUUUUUUUDD  0.7        powered   most_up                 yes

  # A grid sense needs no quorum and outranks the rest.
  U       -           0.5        powered   grid_sensed             yes
  D       -           0.5        lost      grid_not_sensed         no
  D       UUUUU       0.5        lost      grid_not_sensed         no
  U       UUUDD       0.5        powered   grid_sensed             yes
  U       UUDD        0.5        powered   grid_sensed             yes
  U       FFFF        0.5        powered   grid_sensed             yes
  U       UUDDD       0.5        suspect   checkpoints_disagree    yes
  U       D           0.5        suspect   checkpoints_disagree    yes
  F       UUU         0.5        suspect   senses_disagree         no

  # Several senses.
  UUU     -           0.5        powered   grid_sensed             yes
  UUD     -           0.5        suspect   senses_disagree         yes
  UUF     -           0.5        suspect   senses_disagree         yes
  UD      UUU         0.5        suspect   senses_disagree         no
  UD      DDD         0.5        suspect   senses_disagree         no
  UDD     UUU         0.5        lost      grid_not_sensed         no
  DD      -           0.5        lost      grid_not_sensed         no
  D??     -           0.5        lost      grid_not_sensed         no
  UDDD    -           0.75       suspect   senses_disagree         no

  # Senses that say nothing leave it to the others.
  ??      UUD         0.5        powered   most_up                 yes
  ??      UDD         0.5        lost      most_down               no
  ?       F           0.5        suspect   some_down               no
"""
ROWS = [row.split() for row in TABLE.splitlines()[3:] if row.strip() and not row.strip().startswith("#")]


def counts(letters: str) -> Counts:
    """Return how many of each there are."""
    return Counts(letters.count("U"), letters.count("F"), letters.count("D"), letters.count("?"))


@pytest.mark.parametrize(
    ("senses", "others", "fraction", "state", "because", "ends"), ROWS, ids=[" ".join(row[:3]) for row in ROWS]
)
def test_table(*, senses: str, others: str, fraction: str, state: str, because: str, ends: str) -> None:
    evidence = weigh(counts(senses), counts(others), float(fraction))
    assert (evidence.state, evidence.reason) == (state, because)
    assert evidence.restores == (ends == "yes")


@pytest.mark.parametrize("mask", [Reason.OWN_NETWORK_LOST, Reason.NETWORK_SOURCE_LOST])
def test_when_only_the_network_is_lost_that_is_the_reason(mask: Reason) -> None:
    assert weigh(Counts(), counts("???"), 0.5, mask).reason is mask
    assert weigh(Counts(), counts("???"), 0.5, mask).state is PowerState.UNKNOWN
    assert weigh(counts("U"), counts("???"), 0.5, mask).reason is Reason.GRID_SENSED
    assert weigh(Counts(), counts("U??"), 0.5, mask).reason is Reason.MOST_UP


@given(st.integers(0, 2000), st.integers(0, 99))
def test_more_than_a_fraction_is_exactly_that(counted: int, percent: int) -> None:
    needed = enough(counted, percent / 100)
    assert needed > Fraction(percent, 100) * counted >= needed - 1


LETTERS = st.text("UFD?", max_size=12)


@given(LETTERS, LETTERS, st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.99]))
def test_lost_is_never_said_without_enough_that_are_down(senses: str, others: str, fraction: float) -> None:
    evidence = weigh(counts(senses), counts(others), fraction)
    known = senses.replace("?", "") or others.replace("?", "")
    assert (evidence.state is PowerState.UNKNOWN) == (not known)
    assert (evidence.state is PowerState.LOST) == (known.count("D") > fraction * len(known) + 1e-6)
    assert not (evidence.state is PowerState.LOST and evidence.restores)
    assert evidence.is_failing or evidence.state is not PowerState.LOST
    if evidence.restores:
        assert known.count("U") > fraction * len(known)
    if evidence.state is PowerState.POWERED:
        assert "U" in known
