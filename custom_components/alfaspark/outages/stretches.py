"""What is open in the record of a source."""

from dataclasses import dataclass

from .quorum import Basis


@dataclass(slots=True)
class Outage:
    """An open outage."""

    start_s: float
    floor_s: float | None
    """Failures from then on are of this outage. None: its start is settled."""
    basis: Basis


@dataclass(slots=True)
class Hole:
    """A stretch in which nothing is known, and what is known about the end of an outage that was open when it began."""

    since_s: float
    outage_end_s: float
    is_estimate: bool


def begun(since_s: float | None, at_s: float) -> float:
    """Return since when something is so that is so at `at_s` too."""
    return at_s if since_s is None else since_s
