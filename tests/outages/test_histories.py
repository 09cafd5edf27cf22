"""Random histories: the outage engine against a plain reference, and what must hold whatever happens."""

from itertools import pairwise

from hypothesis import given, settings, strategies as st

from custom_components.alfaspark.outages.model import (
    Checkpoint,
    Decision,
    OutageEvent,
    OutageEventKind as EventKind,
    PowerState,
    Rule,
    SourceConfig,
    Verdict,
)

from .house import KINDS, House
from .reference import STALE_AFTER_S, Reference, Seen

IDS = ("sense1", "sense2", "http1", "http2", "http3", "pack1", "pack2")
COUNTED = (Verdict.UP, Verdict.FAILING, Verdict.DOWN)
# Holds and stale times end on different last digits, so that no two things happen in the same moment.
RULES = st.builds(
    Rule,
    fraction=st.sampled_from([0.0, 0.3, 0.5, 0.75]),
    failures=st.integers(1, 3),
    interval_s=st.sampled_from([30, 60]),
    loss_hold_s=st.sampled_from([0, 32]),
    restore_hold_s=st.sampled_from([0, 61]),
)


@st.composite
def pasts(draw: st.DrawFn) -> tuple[tuple[str, ...], list[Seen]]:
    """Draw checkpoints and what is seen of them: long calm, outages of most of them, silence."""
    ids = tuple(draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=5, unique=True)))
    at_s, seen = 0, []
    for mood in draw(st.lists(st.sampled_from(["calm", "out", "mixed"]), min_size=1, max_size=7)):
        words = {
            "calm": ["up"] * 9 + ["down"],
            "out": ["down", "gone", "down", "up"],
            "mixed": ["up", "down", "gone", "?"],
        }
        for id_ in draw(st.lists(st.sampled_from(ids), min_size=1, max_size=8)):
            at_s += draw(st.sampled_from([10, 10, 10, 20, 30, 60, 200]))
            seen.append(Seen(at_s, id_, draw(st.sampled_from(words[mood]))))
    return ids, seen


def config(ids: tuple[str, ...], rule: Rule) -> SourceConfig:
    """Return a source whose polled checkpoints become stale off the grid of times."""
    kinds = {id_: KINDS[id_.rstrip("0123456789")] for id_ in ids}
    return SourceConfig(
        "grid",
        rule,
        tuple(Checkpoint(id_, kind, STALE_AFTER_S if id_.startswith("http") else None) for id_, kind in kinds.items()),
    )


@settings(max_examples=400, deadline=None)
@given(pasts(), RULES)
def test_the_engine_says_what_the_rules_say(past: tuple[tuple[str, ...], list[Seen]], rule: Rule) -> None:
    ids, seen = past
    reference = Reference(rule, ids, seen)
    reference.tell()
    house = House()
    house.configure(config(ids, rule))
    by_time = {each.at_s: each for each in seen}
    for at_s, state in reference.states:
        house.at(at_s, **({by_time[at_s].id: by_time[at_s].word} if at_s in by_time else {}))
        assert (at_s, house.watch.decision("grid").state) == (at_s, state)
    assert house.record() == reference.record


@settings(max_examples=200, deadline=None)
@given(pasts(), RULES)
def test_when_time_is_told_late_the_record_is_the_same(past: tuple[tuple[str, ...], list[Seen]], rule: Rule) -> None:
    ids, seen = past
    prompt, late = House(), House()
    prompt.configure(config(ids, rule))
    late.configure(config(ids, rule))
    for each in seen:
        while (deadline_s := prompt.watch.next_deadline_s()) is not None and deadline_s < each.at_s:
            prompt.at(deadline_s)
        prompt.at(each.at_s, **{each.id: each.word})
        late.now_s = each.at_s
        late.see(each.id, each.word, each.at_s)
    while (deadline_s := prompt.watch.next_deadline_s()) is not None:
        prompt.at(deadline_s)
    late.at(prompt.now_s + 10_000)
    assert late.record() == prompt.record()
    assert late.says() == prompt.says()


@settings(max_examples=200, deadline=None)
@given(pasts(), RULES, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_what_the_newest_say(
    past: tuple[tuple[str, ...], list[Seen]], rule: Rule, chance: object
) -> None:
    """Everything is heard at once, shuffled and twice: each checkpoint says what its newest observation says."""
    ids, seen = past
    shuffled = [*seen, *seen]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    house = House()
    house.configure(config(ids, rule))
    house.now_s = seen[-1].at_s
    for each in shuffled:
        house.see(each.id, each.word, each.at_s)
    newest = {each.id: each for each in seen}
    for id_, view in house.watch.verdicts("grid").items():
        assert (view.last is None) == (id_ not in newest)
        if view.last is None:
            continue
        assert view.last.at_s == newest[id_].at_s
        is_stale = id_.startswith("http") and house.now_s >= view.last.at_s + STALE_AFTER_S
        if view.seen_alive and not is_stale:
            allowed = {
                "up": {Verdict.UP},
                "down": {Verdict.FAILING, Verdict.DOWN},
                "gone": {Verdict.DOWN},
                "?": {Verdict.UNKNOWN},
            }
            assert view.verdict in allowed[newest[id_].word]
    in_order = House()
    in_order.configure(config(ids, rule))
    for each in seen:
        in_order.at(each.at_s, **{each.id: each.word})
        in_order.see(each.id, each.word, each.at_s)
    once = House()
    once.configure(config(ids, rule))
    for each in seen:
        once.at(each.at_s, **{each.id: each.word})
    assert in_order.record() == once.record()
    assert in_order.decisions == once.decisions


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 5, 20, 60, 200]),
        st.sampled_from(["see", "see", "see", "see", "see", "network", "pause", "resume", "configure", "rule"]),
        st.sampled_from(["g.sense1", "g.http1", "g.http2", "g.mqtt1", "g.pack1", "u.http1", "u.entity1", "s.ping1"]),
        st.sampled_from(["up", "up", "down", "down", "gone", "?"]),
        st.sampled_from([0, 0, 0, 3, 40]),
    ),
    max_size=60,
)
NETWORKS = st.fixed_dictionaries({id_: st.sampled_from([None, "g", "u", "s"]) for id_ in "gus"})


@settings(max_examples=500, deadline=None)
@given(STEPS, RULES, RULES, NETWORKS)
def test_what_must_hold_whatever_happens(
    steps: list[tuple[int, str, str, str, int]], rule: Rule, other_rule: Rule, networks: dict[str, str | None]
) -> None:
    house = House()
    members = {
        "g": ("g.sense1", "g.http1", "g.http2", "g.mqtt1", "g.pack1"),
        "u": ("u.http1", "u.entity1"),
        "s": ("s.ping1",),
    }
    rules = dict.fromkeys(members, rule)
    for id_, ids in members.items():
        house.add(id_, *ids, rule=rule, network=networks[id_])
    for wait_s, what, id_, word, late_s in steps:
        house.at(house.now_s + wait_s)
        source_id = id_[0]
        match what:
            case "see":
                house.see(id_, word, house.now_s - late_s)
            case "network":
                house.see("network", "down" if word == "gone" else word, house.now_s - late_s)
            case "pause" | "resume":
                house.watch.pause(id_, what == "pause", house.now_s)
            case "configure":
                kept = tuple(each for each in members[source_id] if each != id_ or word == "up")
                house.add(source_id, *kept, rule=rules[source_id], network=networks[source_id])
            case "rule":
                rules[source_id] = other_rule
                house.change_rule(source_id, other_rule)
        for each in members:
            check_decision(house, each)
    house.at(house.now_s + 10_000)
    deadline_s = house.watch.next_deadline_s()
    assert deadline_s is None or deadline_s > house.now_s
    for each in members:
        check_told(house, each, [decision for told_id, decision in house.decisions if told_id == each])
        check_record([event for event in house.events if event.source_id == each], house.watch.decision(each))


def check_decision(house: House, source_id: str) -> None:
    """What is decided fits what the checkpoints say now."""
    decision = house.watch.decision(source_id)
    verdicts = {id_: view.verdict for id_, view in house.watch.verdicts(source_id).items()}
    values = list(verdicts.values())
    assert decision.up == values.count(Verdict.UP)
    assert decision.down == values.count(Verdict.DOWN)
    assert decision.failing == values.count(Verdict.FAILING)
    assert decision.counted == sum(verdict in COUNTED for verdict in values)
    if not decision.counted:
        assert decision.state is PowerState.UNKNOWN
    assert decision.since_s <= decision.decided_s <= house.now_s
    for id_ in decision.evidence:
        allowed = {
            PowerState.POWERED: (Verdict.UP,),
            PowerState.LOST: (Verdict.DOWN,),
            PowerState.SUSPECT: (Verdict.DOWN, Verdict.FAILING),
            PowerState.UNKNOWN: (),
        }
        assert verdicts[id_] in allowed[decision.state]
    for view in house.watch.verdicts(source_id).values():
        if view.verdict is Verdict.DOWN:
            assert view.seen_alive and view.last is not None and view.down_since_s is not None
            assert view.down_since_s <= view.last.at_s


def check_told(house: House, source_id: str, told: list[Decision]) -> None:
    """Every change is told, in order; nothing is called lost without enough that are down."""
    assert told[-1] == house.watch.decision(source_id)
    assert all(before.decided_s <= after.decided_s for before, after in pairwise(told))
    for before, after in pairwise(told):
        if after.state is PowerState.LOST and before.state is not PowerState.LOST:
            assert after.down >= 1
            assert after.reason in ("most_down", "grid_not_sensed")
            assert after.evidence
        if before.state is PowerState.LOST and after.state in (PowerState.POWERED, PowerState.SUSPECT):
            assert after.up >= 1


def check_record(events: list[OutageEvent], decision: Decision) -> None:
    """Outages and unobserved stretches come in turn, do not overlap with their like, and end after their begin."""
    outage: float | None = None
    hole: float | None = None
    ended_s = hole_ended_s = float("-inf")
    for event in events:
        assert event.end_s is None or event.start_s <= event.end_s
        match event.kind:
            case EventKind.BEGAN:
                assert outage is None and hole is None, "an outage is not declared while nothing is known"
                assert event.start_s >= max(ended_s, hole_ended_s)
                outage = event.start_s
            case EventKind.MOVED:
                assert outage is not None and max(ended_s, hole_ended_s) <= event.start_s < outage
                outage = event.start_s
            case EventKind.ENDED:
                assert event.start_s == outage and event.end_s is not None
                assert not event.end_is_estimate or event.end_s == hole
                assert hole is None or event.end_s <= hole
                outage, ended_s = None, event.end_s
            case EventKind.UNOBSERVED_BEGAN:
                assert hole is None and event.start_s >= max(ended_s, hole_ended_s, outage or 0)
                hole = event.start_s
            case EventKind.UNOBSERVED_ENDED:
                assert event.start_s == hole and event.end_s is not None
                hole, hole_ended_s = None, event.end_s
    assert (hole is not None) >= (decision.state is PowerState.UNKNOWN)
    if decision.state is PowerState.LOST:
        assert (outage, hole) == (decision.since_s, None)
    if decision.state is PowerState.POWERED:
        assert (outage, hole) == (None, None)
