"""All power sources together: what hangs on what, Home Assistant's own network, and what is to be done when."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from itertools import count

from .checkpoint import CheckpointState
from .model import NETWORK, CheckpointView, Decision, Observation, OutageEvent, PowerState, Reason, SourceConfig
from .source import Source


class OutageWatch:
    """Decides for all power sources. Reads no clock: every call brings the time, monotonic seconds.

    What happens depends on when observations were true, not on when `tick` is called; call it at `next_deadline_s` so
    that what time alone decides (hold times, stale observations) is told in time.

    Own network. While its reference is down, what is reached over the network proves nothing; likewise while the source
    that powers the network (`network_source_id`) is lost. A loss that only the network tells is believed once the
    network was seen alive after it: after the failure that made it a loss, as a network that comes and goes would
    otherwise be taken for a source that is lost. `wants_check` says what to look at now for that. A source that powers
    the network itself is exempt: when it is lost, so is the network. A source that depends on itself over others has no
    such dependency.
    """

    def __init__(
        self,
        on_change: Callable[[str, Decision, Decision | None], None],
        on_outage: Callable[[OutageEvent], None],
    ) -> None:
        """Watch nothing yet.

        on_change: called with the id of a source, its decision and the one before (None: it is new) whenever anything
            in the decision has changed, counts too.
        on_outage: called before that for what changes the record. Both may call the watch.
        """
        self._tell_change = on_change
        self._tell_outage = on_outage
        self._told: deque[Callable[[], None]] = deque()
        self._is_telling = False
        self._now_s = float("-inf")
        self._configs: dict[str, SourceConfig] = {}
        self._sources: dict[str, Source] = {}
        self._network_source: dict[str, Source] = {}
        """Of the sources that have one that counts: not itself, no circle."""
        self._dependents: dict[str, list[Source]] = {}
        self._owners: dict[str, tuple[Source, ...]] = {}
        """Of each checkpoint: those that it belongs to."""
        self._paused: set[str] = set()
        self._network: bool | None = None
        """None: there is no reference that was up."""
        self._network_at_s = float("-inf")
        self._network_alive_s = float("-inf")
        self._order = count()
        self._deadlines: list[tuple[float, int, Source, CheckpointState | None]] = []

    def set_source(self, config: SourceConfig, now_s: float) -> None:
        """Watch a source, or go on with a changed one; what is known of checkpoints that stay is kept.

        A checkpoint may belong to several sources. Of a new source nothing is known, and that is an unobserved stretch
        from now on.
        """
        self._pass(now_s)
        self._configs[config.id] = config
        if config.id in self._sources:
            self._sources[config.id].configure(config, self._paused, now_s)
        else:
            doubt = partial(self._doubt, config.id)
            self._sources[config.id] = Source(
                config,
                self._paused,
                now_s,
                doubt=doubt,
                on_change=self._queue_change,
                on_outage=self._queue_outage,
            )
        self._relate(now_s)

    def remove_source(self, source_id: str, now_s: float | None = None) -> None:
        """Watch a source no more. Nothing is told of it: an outage that is open is the caller's to close or forget.

        Raises KeyError if there is none.
        """
        now_s = self._now_s if now_s is None else now_s
        self._pass(now_s)
        del self._sources[source_id], self._configs[source_id]
        self._relate(now_s)

    def restore(
        self,
        source_id: str,
        open_outage_since_s: float | None,
        seen_alive: Iterable[str],
        evidence_s: float | None = None,
    ) -> None:
        """Go on from a record: after `set_source`, before the first observation.

        open_outage_since_s: start of an outage of which no end is known. It is in the past, and may be below 0.
        seen_alive: ids of checkpoints that were seen alive in an earlier life, also of some that come later.
        evidence_s: when the last life last knew something: such an outage ended then, if the power is there now. None:
            when this watch began.

        Raises KeyError if there is no such source, ValueError if it is too late for an open outage.
        """
        source = self._sources[source_id]
        source.restore(open_outage_since_s, evidence_s, seen_alive, self._now_s)
        self._spread(source, self._now_s)
        self._deliver()

    def date_outage(self, source_id: str, start_s: float, now_s: float) -> None:
        """Take from the record when the open outage began: somebody remembers what nobody watched.

        Earlier than was known, or later, where the power was back meanwhile. No OutageEvent tells it, for the record
        knows. Without an open outage nothing happens. Raises KeyError if there is no such source.
        """
        self._pass(now_s)
        self._sources[source_id].date_outage(start_s, now_s)
        self._spread(self._sources[source_id], now_s)
        self._deliver()

    def pause(self, checkpoint_id: str, paused: bool, now_s: float) -> None:
        """Count a checkpoint no more, or again, in all sources; also one that comes later."""
        self._pass(now_s)
        if paused is (checkpoint_id in self._paused):
            self._deliver()
            return
        if paused:
            self._paused.add(checkpoint_id)
        else:
            self._paused.discard(checkpoint_id)
        for source in self._owners.get(checkpoint_id, ()):
            source.pause(checkpoint_id, paused, now_s)
            self._spread(source, now_s)
        self._deliver()

    def observe(self, observation: Observation, now_s: float) -> None:
        """Take what was seen of a checkpoint; of one that is not known (any more), ignore it."""
        owners = self._owners.get(observation.checkpoint_id)
        if owners is None:
            return
        self._now_s = max(self._now_s, now_s)
        if not observation.at_s <= now_s:
            observation = replace(observation, at_s=now_s)
        self._run(observation.at_s)
        for source in owners:
            state = source.checkpoints[observation.checkpoint_id]
            before = source.decision
            if source.observe(state, observation, now_s):
                self._queue(state.stale_at_s, source, state)
                if source.decision is not before:
                    self._spread(source, observation.at_s)
                self._settle_waiting(self._dependents.get(source.id, ()))
        self._pass(now_s)
        self._deliver()

    def observe_network(self, up: bool | None, at_s: float, now_s: float) -> None:
        """Take what is known of the reference of Home Assistant's own network.

        It counts once it was up. None: there is none (any more), and nothing waits for it.
        """
        at_s = min(at_s, now_s)
        if at_s < self._network_at_s or (self._network is None and not up):
            return
        self._now_s = max(self._now_s, now_s)
        self._run(at_s)
        self._network_at_s = at_s
        was_down, self._network = self._network is False, up
        if up:
            self._network_alive_s = at_s
        if was_down != (up is False):
            for source in list(self._sources.values()):
                self._mask(source, at_s)
        self._settle_waiting(list(self._sources.values()))
        self._pass(now_s)
        self._deliver()

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        self._pass(now_s)
        self._deliver()

    def next_deadline_s(self) -> float | None:
        """Return when to call `tick` next; None: when something was observed."""
        while self._deadlines:
            deadline_s, order, source, state = heappop(self._deadlines)
            if self._is_due(deadline_s, source, state):
                heappush(self._deadlines, (deadline_s, order, source, state))
                return deadline_s
        return None

    def wants_check(self) -> set[str]:
        """Return the ids of checkpoints, and NETWORK, that are to be checked now so that a loss can be believed."""
        wanted: set[str] = set()
        for source in self._sources.values():
            if source.is_waiting and source.lost_since_s is not None:
                if self._waits_for_reference(source.id, source.lost_since_s):
                    wanted.add(NETWORK)
                if self._waits_for_source(source.id, source.lost_since_s):
                    wanted |= self._network_source[source.id].tracked_ids()
        return wanted

    def decision(self, source_id: str) -> Decision:
        """Return what is known of a source. Raises KeyError if there is none."""
        return self._sources[source_id].decision

    def outage_since_s(self, source_id: str) -> float | None:
        """Return the start of the open outage of a source, also while it is unknown whether it goes on.

        Raises KeyError if there is no such source.
        """
        return self._sources[source_id].outage_since_s

    def untracked(self, source_id: str) -> int:
        """Return how many checkpoints of a source were never seen alive. Raises KeyError if there is none."""
        return self._sources[source_id].untracked

    def verdicts(self, source_id: str) -> Mapping[str, CheckpointView]:
        """Return the checkpoints of a source by id. Raises KeyError if there is none."""
        return {id_: state.view for id_, state in self._sources[source_id].checkpoints.items()}

    def _queue_change(self, source_id: str, decision: Decision, before: Decision | None) -> None:
        self._told.append(partial(self._tell_change, source_id, decision, before))

    def _queue_outage(self, event: OutageEvent) -> None:
        self._told.append(partial(self._tell_outage, event))

    def _deliver(self) -> None:
        """Tell in the order in which it happened, also what happens because somebody was told."""
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._told:
                self._told.popleft()()
        finally:
            self._is_telling = False

    def _pass(self, now_s: float) -> None:
        """Do what is due until now."""
        self._now_s = max(self._now_s, now_s)
        self._run(now_s)

    def _run(self, until_s: float) -> None:
        """Do what is due until then, in order."""
        while self._deadlines and self._deadlines[0][0] <= until_s:
            deadline_s, _, source, state = heappop(self._deadlines)
            if not self._is_due(deadline_s, source, state):
                continue
            if state is not None:
                state.queued_s = None
                source.expire(state, deadline_s, self._now_s)
            else:
                source.queued_s = None
                source.settle(deadline_s, self._now_s)
            self._spread(source, deadline_s)

    def _is_due(self, deadline_s: float, source: Source, state: CheckpointState | None) -> bool:
        """Whether a deadline that was taken from the queue is one; else put it off to when it is, if ever."""
        queued = source if state is None else state
        if queued.queued_s != deadline_s:
            return False  # an earlier one was put in its place
        due_s = None
        if self._sources.get(source.id) is source:
            if state is None:
                due_s = source.timer_s
            elif source.checkpoints.get(state.checkpoint.id) is state:
                due_s = state.stale_at_s
        if due_s == deadline_s:
            return True
        queued.queued_s = None
        if due_s is not None:
            self._queue(due_s, source, state)
        return False

    def _queue(self, due_s: float | None, source: Source, state: CheckpointState | None) -> None:
        """Have a deadline of a source, or of one of its checkpoints, among all. What is due later is put off then."""
        queued = source if state is None else state
        if due_s is not None and (queued.queued_s is None or due_s < queued.queued_s):
            queued.queued_s = due_s
            heappush(self._deadlines, (due_s, next(self._order), source, state))

    def _relate(self, at_s: float) -> None:
        """Find out anew what belongs to what."""
        self._network_source = {
            id_: self._sources[network_id]
            for id_ in self._sources
            if (network_id := self._configs[id_].network_source_id) in self._sources
            and network_id is not None
            and not self._leads_to(network_id, id_)
        }
        self._dependents = {}
        for id_, network_source in self._network_source.items():
            self._dependents.setdefault(network_source.id, []).append(self._sources[id_])
        owners: dict[str, list[Source]] = {}
        for source in self._sources.values():
            for id_, state in source.checkpoints.items():
                owners.setdefault(id_, []).append(source)
                self._queue(state.stale_at_s, source, state)
        self._owners = {id_: tuple(sources) for id_, sources in owners.items()}
        for source in list(self._sources.values()):
            self._mask(source, at_s)
            source.settle(at_s, self._now_s)
            self._spread(source, at_s)
        self._pass(self._now_s)
        self._deliver()

    def _leads_to(self, from_id: str | None, to_id: str) -> bool:
        """Whether the network of one source hangs on another, over any number of sources."""
        passed: set[str] = set()
        while from_id is not None and from_id in self._configs and from_id not in passed:
            if from_id == to_id:
                return True
            passed.add(from_id)
            from_id = self._configs[from_id].network_source_id
        return False

    def _powers_network(self, source_id: str) -> bool:
        return self._configs[source_id].network_source_id == source_id

    def _mask(self, source: Source, at_s: float) -> None:
        """Let the network checkpoints of a source count, or not."""
        network_source = self._network_source.get(source.id)
        mask = None
        if self._network is False and not self._powers_network(source.id):
            mask = Reason.OWN_NETWORK_LOST
        elif network_source is not None and network_source.decision.state is PowerState.LOST:
            mask = Reason.NETWORK_SOURCE_LOST
        before = source.decision
        source.set_mask(mask, at_s, self._now_s)
        if source.decision is not before:
            self._spread(source, at_s)

    def _spread(self, source: Source, at_s: float) -> None:
        """Let what became of a source have its effect on those whose network it powers. There are no circles."""
        self._queue(source.timer_s, source, None)
        for dependent in self._dependents.get(source.id, ()):
            self._mask(dependent, at_s)
            before = dependent.decision
            dependent.settle(at_s, self._now_s)
            if dependent.decision is not before:
                self._spread(dependent, at_s)

    def _settle_waiting(self, sources: Iterable[Source]) -> None:
        for source in sources:
            if source.is_waiting:
                source.settle(self._now_s, self._now_s)
                self._spread(source, self._now_s)

    def _doubt(self, source_id: str, lost_since_s: float) -> Reason | None:
        """Return why a loss that only the network tells, since then, is not to be believed."""
        network_source = self._network_source.get(source_id)
        if network_source is not None and network_source.decision.state is PowerState.SUSPECT:
            return Reason.NETWORK_SOURCE_SUSPECT
        if self._waits_for_reference(source_id, lost_since_s) or self._waits_for_source(source_id, lost_since_s):
            return Reason.WAITS_FOR_NETWORK
        return None

    def _waits_for_reference(self, source_id: str, lost_since_s: float) -> bool:
        return (
            self._network is not None
            and not self._powers_network(source_id)
            and not self._network_alive_s > lost_since_s
        )

    def _waits_for_source(self, source_id: str, lost_since_s: float) -> bool:
        network_source = self._network_source.get(source_id)
        if network_source is None or network_source.was_alive_after(lost_since_s):
            return False
        return bool(network_source.tracked_ids())
