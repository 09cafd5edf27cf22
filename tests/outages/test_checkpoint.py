"""One checkpoint: what it says after what was seen of it."""

import pytest

from custom_components.alfaspark.outages.checkpoint import CheckpointState
from custom_components.alfaspark.outages.model import Checkpoint, Kind, Observation, Reason, Result, Rule

from .house import RESULTS


def polled(failures: int = 2, *, soft: bool = True) -> CheckpointState:
    """Make a checkpoint whose observations are worth something for 150 s."""
    return CheckpointState(Checkpoint("http", Kind.HTTP, 150, soft), failures)


def see(state: CheckpointState, word: str, at_s: float) -> bool:
    """See something of it."""
    return state.observe(Observation(state.checkpoint.id, RESULTS[word], at_s))


def verdict_of(state: CheckpointState) -> str:
    """Return what it says now."""
    return state.verdict


# Every minute, one observation.
@pytest.mark.parametrize(
    ("failures", "seen", "verdict", "down_since_s"),
    [
        (2, "", "untracked", None),
        (2, "down down down", "untracked", 0),  # never seen alive
        (2, "gone", "untracked", 0),
        (2, "?", "untracked", None),
        (2, "up", "up", None),
        (2, "up down", "failing", 60),
        (2, "up down down", "down", 60),
        (2, "up down down down", "down", 60),
        (2, "up down up down", "failing", 180),
        (2, "up down ? down", "failing", 180),  # not in a row
        (2, "up down down up", "up", None),
        (2, "up gone", "down", 60),
        (2, "up gone down", "down", 60),
        (2, "up down gone", "down", 60),
        (2, "up ?", "unknown", None),
        (2, "up down down ?", "unknown", None),
        (1, "up down", "down", 60),
        (3, "up down down", "failing", 60),
        (3, "up down down down", "down", 60),
        (2, "down down up down", "failing", 180),  # tracked from when it was seen alive
    ],
)
def test_verdict(failures: int, seen: str, verdict: str, down_since_s: float | None) -> None:
    state = polled(failures)
    for minute, word in enumerate(seen.split()):
        assert see(state, word, minute * 60)
    assert (state.verdict, state.view.down_since_s) == (verdict, down_since_s)


def test_what_is_not_soft_counts_from_the_start() -> None:
    state = polled(soft=False)
    assert verdict_of(state) == "unknown"
    see(state, "gone", 0)
    assert verdict_of(state) == "down"
    assert not state.view.seen_alive


def test_what_was_seen_alive_in_an_earlier_life_is_tracked() -> None:
    state = polled()
    state.restore_seen_alive()
    assert verdict_of(state) == "unknown"
    see(state, "down", 0)
    assert verdict_of(state) == "failing"


def test_an_observation_becomes_stale_and_a_failure_before_is_not_in_a_row() -> None:
    state = polled()
    see(state, "up", 0)
    see(state, "down", 60)
    assert state.stale_at_s == 210
    state.expire()
    assert (verdict_of(state), state.view.down_since_s) == ("unknown", None)
    see(state, "down", 400)
    assert (verdict_of(state), state.view.down_since_s) == ("failing", 400)


def test_what_is_event_driven_is_never_stale() -> None:
    state = CheckpointState(Checkpoint("sense", Kind.GRID_SENSE, None), 2)
    see(state, "up", 0)
    assert state.stale_at_s is None
    assert state.is_steady


def test_older_ones_and_repeated_ones_are_dropped() -> None:
    state = polled()
    see(state, "up", 0)
    assert see(state, "down", 60)
    assert not see(state, "down", 60), "one failure that is heard twice is one"
    assert not see(state, "up", 59)
    assert verdict_of(state) == "failing"
    assert see(state, "up", 60), "of two at the same moment the later one stands"
    assert verdict_of(state) == "up"


def test_paused_until_told_otherwise() -> None:
    state = polled()
    state.pause(True)
    assert verdict_of(state) == "paused"
    see(state, "up", 0)
    assert verdict_of(state) == "paused"
    state.pause(False)
    assert verdict_of(state) == "up"


def test_failures_while_the_network_is_in_doubt_prove_nothing() -> None:
    state = polled()
    see(state, "up", 0)
    see(state, "down", 60)
    state.set_mask(Reason.OWN_NETWORK_LOST, 90)
    assert verdict_of(state) == "unknown"
    see(state, "down", 120)
    state.set_mask(None, 130)
    assert verdict_of(state) == "unknown", "nothing is known until it is seen again"
    see(state, "gone", 125)
    assert verdict_of(state) == "unknown", "that check began before the network was back"
    see(state, "down", 180)
    assert (verdict_of(state), state.view.down_since_s) == ("failing", 180)


def test_what_is_not_reached_over_the_network_any_more_counts() -> None:
    state = polled()
    see(state, "up", 0)
    state.set_mask(Reason.OWN_NETWORK_LOST, 10)
    see(state, "gone", 20)
    state.set_mask(None, 20)
    see(state, "down", 20)
    assert verdict_of(state) == "unknown", "it failed when the network was not yet back"
    state.set_mask(Reason.OWN_NETWORK_LOST, 30)
    see(state, "up", 40)
    state.replace(Checkpoint("http", Kind.HTTP, 150, over_network=False), 2)
    assert verdict_of(state) == "up"


def test_to_be_alive_while_the_network_is_in_doubt_is_worth_something_afterwards() -> None:
    state = polled()
    state.set_mask(Reason.OWN_NETWORK_LOST, 0)
    assert verdict_of(state) == "untracked"
    see(state, "up", 10)
    assert verdict_of(state) == "unknown"
    state.set_mask(None, 20)
    assert verdict_of(state) == "up"


@pytest.mark.parametrize(
    ("seen", "failures", "verdict"),
    [
        ("up down", 1, "down"),
        ("up down down", 3, "failing"),
        ("up gone", 3, "down"),
        ("up", 1, "up"),
        ("?", 1, "untracked"),
    ],
)
def test_a_changed_rule_judges_what_was_seen(seen: str, failures: int, verdict: str) -> None:
    state = polled()
    for minute, word in enumerate(seen.split()):
        see(state, word, minute * 60)
    state.replace(Checkpoint("http", Kind.HTTP, 100), failures)
    assert state.verdict == verdict


def test_view_shows_the_last_observation() -> None:
    state = polled()
    last = Observation("http", Result.ALIVE, 5, 12.5, "200 OK")
    state.observe(last)
    assert (state.view.last, state.view.seen_alive) == (last, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fraction": 1.0},
        {"fraction": -0.1},
        {"fraction": float("nan")},
        {"failures": 0},
        {"interval_s": 0},
        {"interval_s": float("inf")},
        {"loss_hold_s": -1},
        {"restore_hold_s": float("nan")},
    ],
)
def test_a_rule_by_which_nothing_or_all_is_an_outage_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"is not in|less than 1|not above 0|below 0"):
        Rule(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "over_network", "expected"),
    [
        (Kind.HTTP, None, True),
        (Kind.PING, None, True),
        (Kind.TCP, None, True),
        (Kind.MQTT, None, True),
        (Kind.ENTITY, None, False),
        (Kind.PRESENCE, None, False),
        (Kind.GRID_SENSE, None, False),
        (Kind.ENTITY, True, True),
        (Kind.MQTT, False, False),
    ],
)
def test_what_is_reached_over_the_network(kind: Kind, over_network: bool | None, expected: bool) -> None:
    assert Checkpoint("x", kind, 150, True, over_network).is_over_network is expected
