"""The checkpoints of one source by what they say, counted as they change."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from .checkpoint import CheckpointState
from .model import Kind, Reason, Verdict
from .quorum import Basis, Counts


class Room(Enum):
    """Checkpoints that are weighed together."""

    SENSES = "senses"
    NEAR = "near"
    """Observed without Home Assistant's own network."""
    NETWORK = "network"


OTHERS: Final = (Room.NEAR, Room.NETWORK)
"""All but the senses."""


def room_of(state: CheckpointState) -> Room:
    """Return where a checkpoint belongs."""
    if state.checkpoint.kind is Kind.GRID_SENSE:
        return Room.SENSES
    return Room.NETWORK if state.checkpoint.is_over_network else Room.NEAR


class Tally:
    """What hundreds of checkpoints say, without asking all of them whenever one changes."""

    def __init__(self, up_s: float) -> None:
        """Hold nothing. `up_s`: nothing was seen before."""
        self.checkpoints: dict[str, CheckpointState] = {}
        self.up_s = up_s
        self.down_s = up_s
        """The last evidence of a checkpoint that was up, and of one that was down."""
        self.has_new_down = False
        """Whether one became DOWN since somebody set this to False."""
        self._members: dict[tuple[Room, Verdict], dict[str, CheckpointState]] = {}

    def fill(self, states: Iterable[CheckpointState], now_s: float) -> None:
        """Hold these checkpoints instead, from now on."""
        for state in self.checkpoints.values():
            self._leave(state, state.verdict, now_s)
        self.checkpoints = {state.checkpoint.id: state for state in states}
        self.sort()

    def sort(self) -> None:
        """Put all where they belong: their configuration has changed."""
        self._members = {}
        for state in self.checkpoints.values():
            self._members.setdefault((room_of(state), state.verdict), {})[state.checkpoint.id] = state

    def apply[T](self, state: CheckpointState, change: Callable[[CheckpointState], T], at_s: float) -> T:
        """Change what is known of a checkpoint, at that time, and put it where it belongs. Return what `change` does."""
        verdict, room = state.verdict, room_of(state)
        result = change(state)
        if state.verdict is not verdict:
            del self._members[room, verdict][state.checkpoint.id]
            self._members.setdefault((room, state.verdict), {})[state.checkpoint.id] = state
            self._leave(state, verdict, at_s)
            self.has_new_down = self.has_new_down or state.verdict is Verdict.DOWN
        return result

    def note_evidence(self, state: CheckpointState, at_s: float) -> None:
        """Note that a checkpoint was observed to be as it is."""
        if state.verdict is Verdict.UP:
            self.up_s = max(self.up_s, at_s)
        elif state.verdict is Verdict.DOWN:
            self.down_s = max(self.down_s, at_s)

    def counts(self, *rooms: Room) -> Counts:
        """Count the verdicts in these rooms."""

        def count(verdict: Verdict) -> int:
            return sum(len(self._members.get((room, verdict), ())) for room in rooms)

        return Counts(count(Verdict.UP), count(Verdict.FAILING), count(Verdict.DOWN), count(Verdict.UNKNOWN))

    def untracked(self) -> int:
        """Return how many were never seen alive."""
        return sum(len(self._members.get((room, Verdict.UNTRACKED), ())) for room in Room)

    def mask(self) -> Reason | None:
        """Return why those behind the network prove nothing, if that is so for any that is tracked."""
        return next((state.mask for state in self._members.get((Room.NETWORK, Verdict.UNKNOWN), {}).values()), None)

    def having(self, verdict: Verdict, basis: Basis) -> Iterator[CheckpointState]:
        """Give those of one verdict among the senses or among the others."""
        for room in (Room.SENSES,) if basis is Basis.SENSES else OTHERS:
            yield from self._members.get((room, verdict), {}).values()

    def ids(self, basis: Basis, *verdicts: Verdict) -> tuple[str, ...]:
        """Return the sorted ids of the same."""
        return tuple(sorted(state.checkpoint.id for verdict in verdicts for state in self.having(verdict, basis)))

    def _leave(self, state: CheckpointState, verdict: Verdict, at_s: float) -> None:
        """One that stands until it says otherwise stood until now."""
        if not state.is_steady:
            return
        if verdict is Verdict.UP:
            self.up_s = max(self.up_s, at_s)
        elif verdict is Verdict.DOWN:
            self.down_s = max(self.down_s, at_s)
