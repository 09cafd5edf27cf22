"""One power source over time: evidence and hold times to a state, and the record of its outages."""

from collections.abc import Callable, Iterable, Mapping

from .checkpoint import CheckpointState
from .model import (
    Checkpoint,
    Decision,
    Observation,
    OutageEvent,
    OutageEventKind,
    PowerState,
    Reason,
    SourceConfig,
    Verdict,
)
from .quorum import Basis, Counts, Evidence, weigh
from .stretches import Hole, Outage, begun
from .tally import OTHERS, Room, Tally, room_of

type Doubt = Callable[[float], Reason | None]
"""Given when the network checkpoints said that a source is lost: why they are not to be believed (yet)."""

_NOTHING = weigh(Counts(), Counts(), 0.5)


class Source:
    """Decides for one source.

    What changes it is handed in with `at_s`, when that was true, and `now_s`. `timer_s` is when to `settle` again.

    An outage starts with the first failure of those that made it. That is not the earliest `down_since_s` of whatever is
    down: of three devices one may have been broken for a week. It is the first failure within one interval before most
    were failing, as all that hang on the source are checked once in that time, and never before the source was last
    known to be something else.
    """

    def __init__(
        self,
        config: SourceConfig,
        paused_ids: Iterable[str],
        now_s: float,
        *,
        doubt: Doubt,
        on_change: Callable[[str, Decision, Decision | None], None],
        on_outage: Callable[[OutageEvent], None],
    ) -> None:
        """Know nothing since `now_s`, and say so."""
        self.id = config.id
        self.timer_s: float | None = None
        self.queued_s: float | None = None
        """The first of the deadlines that somebody waits for. The caller's."""
        self._rule = config.rule
        self._tally = Tally(now_s)
        self._seen_alive: set[str] = set()
        """Checkpoints that were seen alive in an earlier life, also those that come later."""
        self._doubt = doubt
        self._on_change = on_change
        self._on_outage = on_outage
        self._evidence = _NOTHING
        self._turned_s = now_s
        """When the evidence last changed; the next four: since when it is so without a break."""
        self._known_since_s: float | None = None
        self._failing_since_s: float | None = None
        self._lost_since_s: float | None = None
        self._restores_since_s: float | None = None
        self._has_failed = False
        """Whether something failed that says, or as it said, that it is lost."""
        self._boundary_s = now_s
        """What was before is in the record and stays as it is."""
        self._outage: Outage | None = None
        self._hole: Hole | None = None
        self._decision: Decision | None = None
        self._open_hole(None, _NOTHING.reason)
        self.configure(config, paused_ids, now_s)

    @property
    def decision(self) -> Decision:
        """What is known now."""
        assert self._decision is not None
        return self._decision

    @property
    def untracked(self) -> int:
        """How many were never seen alive."""
        return self._tally.untracked()

    @property
    def checkpoints(self) -> Mapping[str, CheckpointState]:
        """All of them by id."""
        return self._tally.checkpoints

    @property
    def outage_since_s(self) -> float | None:
        """Start of the outage that is open; it may be unknown at present whether it goes on."""
        return None if self._outage is None else self._outage.start_s

    @property
    def lost_since_s(self) -> float | None:
        """When the checkpoints began to say that it is lost."""
        return self._lost_since_s

    @property
    def is_waiting(self) -> bool:
        """Whether it is lost as soon as the network is seen alive."""
        return self.decision.reason is Reason.WAITS_FOR_NETWORK

    def tracked_ids(self) -> set[str]:
        """Return the checkpoints that count, or would if they were fresh."""
        ignored = (Verdict.UNTRACKED, Verdict.PAUSED)
        return {id_ for id_, state in self.checkpoints.items() if state.verdict not in ignored}

    def was_alive_after(self, since_s: float) -> bool:
        """Whether a checkpoint was seen alive after that, or is up and would have said otherwise."""
        return any(
            state.is_steady or (state.alive_s is not None and state.alive_s > since_s)
            for basis in Basis
            for state in self._tally.having(Verdict.UP, basis)
        )

    def configure(self, config: SourceConfig, paused_ids: Iterable[str], now_s: float) -> None:
        """Take a configuration; go on with the checkpoints that stay and are of the same kind."""
        self._rule = config.rule
        known = self.checkpoints
        self._tally.fill([self._configured(known.get(item.id), item) for item in config.checkpoints], now_s)
        for id_ in set(paused_ids) & self.checkpoints.keys():
            self.checkpoints[id_].pause(True)
        self._tally.sort()
        self.settle(now_s, now_s)

    def restore(
        self, outage_since_s: float | None, evidence_s: float | None, seen_alive: Iterable[str], now_s: float
    ) -> None:
        """Go on from a record, before the first evidence. Raises ValueError if an open outage comes too late."""
        self._seen_alive.update(seen_alive)
        for id_ in self._seen_alive & self.checkpoints.keys():
            self._tally.apply(self.checkpoints[id_], CheckpointState.restore_seen_alive, now_s)
        if outage_since_s is not None:
            if self._hole is None or self._known_since_s is not None or self._outage is not None:
                raise ValueError(f"{self.id} was observed before its open outage was restored")
            start_s = min(outage_since_s, self._hole.since_s)
            end_s = self._hole.since_s if evidence_s is None else max(start_s, min(evidence_s, self._hole.since_s))
            self._hole.outage_end_s = end_s
            self._outage = Outage(start_s, None, Basis.OTHERS)
        self.settle(now_s, now_s)

    def date_outage(self, start_s: float, now_s: float) -> None:
        """Take the start of the open outage from a record that knows it better."""
        if self._outage is not None:
            self._outage.start_s, self._outage.floor_s = min(start_s, now_s), None
            self.settle(now_s, now_s)

    def observe(self, state: CheckpointState, observation: Observation, now_s: float) -> bool:
        """Take an observation, not of the future; return False if it is not new."""
        verdict = state.verdict
        if not self._tally.apply(state, lambda known: known.observe(observation), observation.at_s):
            return False
        self._tally.note_evidence(state, observation.at_s)
        failed = state if state.verdict is Verdict.DOWN else None
        is_awaited = failed is not None and self._lost_since_s is not None and not self._has_failed
        if state.verdict is not verdict or is_awaited:
            self.settle(observation.at_s, now_s, failed)
        return True

    def expire(self, state: CheckpointState, at_s: float, now_s: float) -> None:
        """Let what a checkpoint said be worth nothing from `at_s` on."""
        self._tally.apply(state, CheckpointState.expire, at_s)
        self.settle(at_s, now_s)

    def pause(self, checkpoint_id: str, paused: bool, now_s: float) -> None:
        """Count a checkpoint no more, or again."""
        self._tally.apply(self.checkpoints[checkpoint_id], lambda known: known.pause(paused), now_s)
        self.settle(now_s, now_s)

    def set_mask(self, mask: Reason | None, at_s: float, now_s: float) -> None:
        """Let the checkpoints that are reached over the network prove nothing from now on, or something again."""
        masked = [item for item in self.checkpoints.values() if room_of(item) is Room.NETWORK and item.mask is not mask]
        for state in masked:
            self._tally.apply(state, lambda known: known.set_mask(mask, at_s), at_s)
        if masked:
            self.settle(at_s, now_s)

    def settle(self, at_s: float, now_s: float, failed: CheckpointState | None = None) -> None:
        """Decide anew. Calls `on_outage`, then `on_change` if the decision is not what it was.

        failed: what was now seen to be down.
        """
        at_s = min(max(at_s, self._turned_s), now_s)
        evidence = self._weigh()
        if evidence != self._evidence:
            self._turn(evidence, at_s)
        if self._lost_since_s is None:
            self._has_failed = False
        elif failed is not None and (room_of(failed) is Room.SENSES) is (evidence.basis is Basis.SENSES):
            self._has_failed = True
        before, (state, reason, since_s) = self._decision, self._conclude(at_s)
        if before is not None and before.state is state and state in (PowerState.POWERED, PowerState.SUSPECT):
            since_s = before.since_s
        decided_s = before.decided_s if before is not None and before.state is state else now_s
        counts = self._tally.counts(*Room)
        numbers = (counts.counted, counts.down, counts.up, counts.failing)
        decision = Decision(state, reason, min(since_s, now_s), decided_s, *numbers, self._speakers(state))
        if decision != before:
            self._decision = decision
            self._on_change(self.id, decision, before)

    def _configured(self, state: CheckpointState | None, checkpoint: Checkpoint) -> CheckpointState:
        if state is None or state.checkpoint.kind is not checkpoint.kind:
            state = CheckpointState(checkpoint, self._rule.failures)
            if checkpoint.id in self._seen_alive:
                state.restore_seen_alive()
            return state
        state.pause(False)
        state.replace(checkpoint, self._rule.failures)
        return state

    def _weigh(self) -> Evidence:
        tally = self._tally
        return weigh(tally.counts(Room.SENSES), tally.counts(*OTHERS), self._rule.fraction, tally.mask())

    def _turn(self, evidence: Evidence, at_s: float) -> None:
        """Note that the evidence is another since `at_s`."""
        restored_s = self._restores_since_s
        self._evidence, self._turned_s = evidence, at_s
        is_known = evidence.state is not PowerState.UNKNOWN
        self._known_since_s = begun(self._known_since_s, at_s) if is_known else None
        self._failing_since_s = begun(self._failing_since_s, at_s) if evidence.is_failing else None
        self._lost_since_s = begun(self._lost_since_s, at_s) if evidence.state is PowerState.LOST else None
        self._restores_since_s = begun(restored_s, at_s) if evidence.restores else None
        if not is_known and self._hole is None:
            self._open_hole(restored_s, evidence.reason)

    def _conclude(self, at_s: float) -> tuple[PowerState, Reason, float]:
        """Return the state, why, and since when; keep the record."""
        self.timer_s = None
        evidence = self._evidence
        if self._known_since_s is None:
            assert self._hole is not None
            return PowerState.UNKNOWN, evidence.reason, self._hole.since_s
        doubt = self._doubt_of_loss(at_s)
        if self._outage is not None:
            if not self._is_restored(at_s):
                return self._conclude_outage(self._outage, doubt)
            self._end_outage(self._outage)
        if self._hole is not None:
            self._close_hole(self._known_since_s)
        if self._lost_since_s is not None and doubt is None:
            self._outage = self._begin_outage()
            return PowerState.LOST, evidence.reason, self._outage.start_s
        state = evidence.state if doubt is None else PowerState.SUSPECT
        if state is PowerState.POWERED and self._restores_since_s is not None:
            return state, evidence.reason, max(self._restores_since_s, self._boundary_s)
        return state, doubt or evidence.reason, self._turned_s

    def _conclude_outage(self, outage: Outage, doubt: Reason | None) -> tuple[PowerState, Reason, float]:
        """Return the same for an outage that is not over.

        After a stretch in which nothing was known it is not said to be lost again before that is known anew.
        """
        evidence = self._evidence
        if self._lost_since_s is not None:
            if self._hole is not None:
                if doubt is not None:
                    return PowerState.SUSPECT, doubt, self._turned_s
                self._close_hole(self._first_failure(self._boundary_floor_s()))
            elif outage.floor_s is not None and outage.basis is evidence.basis and self._tally.has_new_down:
                self._move(outage, self._first_failure(outage.floor_s))
            self._tally.has_new_down = False
            return PowerState.LOST, evidence.reason, outage.start_s
        if self._restores_since_s is not None:
            reason = Reason.HOLDING_RESTORATION
        else:
            reason = evidence.reason if evidence.state is PowerState.SUSPECT else Reason.NOT_ENOUGH_UP
        if self._hole is None:
            return PowerState.LOST, reason, outage.start_s
        if self._restores_since_s is not None:
            return PowerState.UNKNOWN, reason, self._hole.since_s
        return PowerState.SUSPECT, reason, self._turned_s

    def _doubt_of_loss(self, at_s: float) -> Reason | None:
        """Return why evidence of a loss does not count yet.

        Silence is no loss. When the checks stand still, their results become stale one by one, and the last may be that
        of a device that has been broken for long. So something must fail when, or after, most that speak are down.
        """
        if self._lost_since_s is None:
            return None
        is_sensed = self._evidence.basis is Basis.SENSES
        if not self._has_failed:
            return Reason.SENSES_DISAGREE if is_sensed else Reason.SOME_DOWN
        if is_sensed:
            return None
        near = weigh(Counts(), self._tally.counts(Room.NEAR), self._rule.fraction)
        if near.state is not PowerState.LOST and (doubt := self._doubt(self._lost_since_s)) is not None:
            return doubt
        return self._held(self._lost_since_s, self._rule.loss_hold_s, at_s, Reason.HOLDING_LOSS)

    def _is_restored(self, at_s: float) -> bool:
        since_s = self._restores_since_s
        if since_s is None:
            return False
        return self._held(since_s, self._rule.restore_hold_s, at_s, Reason.HOLDING_RESTORATION) is None

    def _held(self, since_s: float, hold_s: float, at_s: float, reason: Reason) -> Reason | None:
        until_s = since_s + hold_s
        if until_s <= at_s:
            return None
        self.timer_s = until_s
        return reason

    def _boundary_floor_s(self) -> float:
        """Return when the first failure of an outage that is declared now can have been."""
        assert self._failing_since_s is not None
        assert self._known_since_s is not None
        known_s = self._known_since_s if self._hole is not None else self._boundary_s
        return max(self._failing_since_s - self._rule.interval_s, known_s, self._boundary_s)

    def _first_failure(self, floor_s: float) -> float:
        """Return the first failure, from `floor_s` on, of what is down; not after most were down."""
        assert self._failing_since_s is not None
        assert self._lost_since_s is not None
        failed = (state.down_since_s for state in self._tally.having(Verdict.DOWN, self._evidence.basis))
        latest_s = max(self._failing_since_s, floor_s)
        first_s = min((at_s for at_s in failed if at_s is not None and at_s >= floor_s), default=latest_s)
        return min(first_s, max(self._lost_since_s, floor_s))

    def _speakers(self, state: PowerState) -> tuple[str, ...]:
        """Return those who speak for a state."""
        evidence = self._evidence
        if PowerState.UNKNOWN in (state, evidence.state):
            return ()
        match state:
            case PowerState.POWERED:
                basis = Basis.SENSES if self._tally.counts(Room.SENSES).counted else Basis.OTHERS
                return self._tally.ids(basis, Verdict.UP)
            case PowerState.LOST:
                return self._tally.ids(evidence.basis, Verdict.DOWN)
            case _:
                return self._tally.ids(evidence.basis, Verdict.DOWN, Verdict.FAILING)

    def _begin_outage(self) -> Outage:
        floor_s = self._boundary_floor_s()
        outage = Outage(self._first_failure(floor_s), floor_s, self._evidence.basis)
        self._tally.has_new_down = False
        self._tell(OutageEventKind.BEGAN, outage.start_s, None, self._speakers(PowerState.LOST))
        return outage

    def _move(self, outage: Outage, start_s: float) -> None:
        if start_s < outage.start_s:
            outage.start_s = start_s
            self._tell(OutageEventKind.MOVED, start_s, None, self._speakers(PowerState.LOST))

    def _end_outage(self, outage: Outage) -> None:
        """End an outage with the first evidence of power, or where nobody looked any more."""
        assert self._restores_since_s is not None
        end_s, is_estimate = self._restores_since_s, False
        if self._hole is not None:
            end_s, is_estimate = self._hole.outage_end_s, self._hole.is_estimate
        speakers = self._speakers(PowerState.POWERED)
        self._tell(OutageEventKind.ENDED, outage.start_s, max(end_s, outage.start_s), speakers, is_estimate)
        self._outage = None
        self._boundary_s = max(self._boundary_s, outage.start_s, end_s)
        if self._hole is not None:
            self._close_hole(self._restores_since_s)

    def _open_hole(self, restored_s: float | None, reason: Reason) -> None:
        """Know nothing since the last evidence. An outage that was ending has ended then, if it has."""
        since_s = self._tally.up_s
        if self._outage is not None:
            since_s = (
                self._tally.down_s if restored_s is None else max(self._tally.up_s, self._tally.down_s, restored_s)
            )
            self._outage.floor_s = None
            self._boundary_s = max(self._boundary_s, self._outage.start_s)
        since_s = min(max(since_s, self._boundary_s), self._turned_s)
        end_s = since_s if restored_s is None else restored_s
        self._hole = Hole(since_s, end_s, is_estimate=restored_s is None)
        self._tell(OutageEventKind.UNOBSERVED_BEGAN, since_s, None, (), reason=reason)

    def _close_hole(self, end_s: float) -> None:
        assert self._hole is not None
        end_s = max(end_s, self._hole.since_s)
        speakers = self._speakers(self._evidence.state)
        self._tell(OutageEventKind.UNOBSERVED_ENDED, self._hole.since_s, end_s, speakers)
        self._boundary_s = max(self._boundary_s, end_s)
        self._hole = None

    def _tell(
        self,
        kind: OutageEventKind,
        start_s: float,
        end_s: float | None,
        evidence: tuple[str, ...],
        is_estimate: bool = False,
        *,
        reason: Reason | None = None,
    ) -> None:
        reason = self._evidence.reason if reason is None else reason
        self._on_outage(OutageEvent(kind, self.id, start_s, end_s, is_estimate, evidence, reason))
