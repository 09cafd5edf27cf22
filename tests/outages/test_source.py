"""One source over time: hold times, and the start and end of outages."""

import pytest

from custom_components.alfaspark.outages.model import Checkpoint, Kind, PowerState, Rule, SourceConfig

from .house import House

ONE = ("http1",)
THREE = ("http1", "http2", "http3")


@pytest.fixture
def house() -> House:
    """Return a house without a source."""
    return House()


def all_of(ids: tuple[str, ...], word: str) -> dict[str, str]:
    """See the same of all."""
    return dict.fromkeys(ids, word)


def test_nothing_is_known_at_first_and_that_is_told(house: House) -> None:
    house.at(5)
    house.add("grid", *THREE)
    assert house.says() == "unknown nothing_tracked"
    assert house.record() == ["unobserved_began 5"]
    house.at(8, http1="up")
    assert house.says() == "powered most_up"
    assert house.record()[1:] == ["unobserved_ended 5-8"]
    assert house.watch.decision("grid").since_s == 8


def test_an_outage_starts_with_its_first_failure_and_ends_with_the_first_majority(house: House) -> None:
    house.add("grid", *THREE)
    house.at(0, **all_of(THREE, "up"))
    house.at(60, http1="down")
    assert house.says() == "powered most_up"
    house.at(70, http2="down")
    assert house.says() == "suspect some_down"
    house.at(120, http1="down")
    house.at(130, http2="down")
    assert house.says() == "lost most_down"
    decision = house.watch.decision("grid")
    assert (decision.since_s, decision.decided_s) == (60, 130)
    assert (decision.counted, decision.down, decision.up, decision.failing) == (3, 2, 1, 0)
    assert decision.evidence == ("http1", "http2")
    house.at(190, http1="up", http3="up")
    assert house.says() == "lost holding_restoration"
    house.at(249.9, http2="up")
    assert house.says() == "lost holding_restoration"
    house.at(250)
    assert house.says() == "powered most_up"
    assert house.watch.decision("grid").since_s == 190
    assert house.outages() == ["began 60", "ended 60-190"]


def test_one_checkpoint_is_enough(house: House) -> None:
    house.add("grid", *ONE)
    house.at(0, http1="up")
    house.at(60, http1="down")
    assert house.says() == "suspect some_down"
    house.at(120, http1="down")
    assert house.says() == "lost most_down"
    assert house.outages() == ["began 60"]


def test_a_grid_sense_is_believed_at_once_whatever_the_hold(house: House) -> None:
    house.add("grid", "sense1", *THREE, rule=Rule(loss_hold_s=30))
    house.at(0, sense1="up", **all_of(THREE, "up"))
    house.now_s = 100.2
    house.see("sense1", "gone", 100.05)
    assert house.says() == "lost grid_not_sensed"
    assert house.outages() == ["began 100.05"]


def test_a_device_that_was_broken_before_is_not_the_start(house: House) -> None:
    house.add("grid", *THREE)
    house.at(0, **all_of(THREE, "up"))
    for minute in range(1, 100):
        house.at(minute * 60, http1="down", http2="up", http3="up")
        assert house.watch.decision("grid").state is PowerState.POWERED
    house.at(6000, http1="down", http2="down", http3="up")
    house.at(6060, http1="down", http2="down", http3="down")
    assert house.outages() == ["began 6000"]


def test_an_even_split_for_a_week_is_not_the_start(house: House) -> None:
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    house.at(0, pack1="up", pack2="up")
    house.at(60, pack1="down")
    assert house.says() == "suspect even_split"
    house.at(600_000, pack2="down")
    assert house.outages() == ["began 600000"]


def test_silence_of_the_others_is_no_loss_until_something_fails(house: House) -> None:
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    house.at(0, pack1="up", pack2="up")
    house.at(60, pack1="down")
    house.at(5000, pack2="?")
    assert house.says() == "suspect some_down"
    house.at(5060, pack1="down")
    assert house.outages() == ["began 5000"], "what was broken before starts no outage in the past"


def test_checks_that_stand_still_are_no_loss(house: House) -> None:
    """One device is broken, and its last result is the last to become stale."""
    house.add("grid", *THREE)
    house.at(0, **all_of(THREE, "up"))
    house.at(60, http1="down", http2="up", http3="up")
    house.at(121, http1="down")
    house.at(1000)
    assert [decision.state for _, decision in house.decisions][-2:] == ["suspect", "unknown"]
    assert house.outages() == []


def test_silence_of_other_senses_is_no_loss_until_one_fails(house: House) -> None:
    house.add("grid", "sense1", "sense2")
    house.at(0, sense1="up", sense2="up")
    house.at(60, sense1="gone")
    house.at(70, sense2="?")
    assert house.says() == "suspect senses_disagree"
    house.at(71, sense1="gone")
    assert house.says() == "lost grid_not_sensed"
    assert house.outages() == ["began 60"]


def test_an_earlier_failure_that_is_heard_later_moves_the_start(house: House) -> None:
    house.add("grid", "mqtt1", "mqtt2", "http1")
    house.at(0, mqtt1="up", mqtt2="up", http1="up")
    house.at(90, http1="down")
    house.at(100, mqtt1="gone", mqtt2="gone")
    assert house.says() == "lost most_down"
    house.at(150, http1="down")
    assert house.outages() == ["began 100", "moved 90"]
    assert house.watch.decision("grid").since_s == 90


def test_a_loss_is_held(house: House) -> None:
    house.add("grid", "pack1", rule=Rule(loss_hold_s=30, failures=1))
    house.at(0, pack1="up")
    house.at(100, pack1="down")
    assert house.says() == "suspect holding_loss"
    house.at(129, pack1="up")
    assert house.says() == "powered most_up"
    house.at(200, pack1="down")
    assert house.watch.next_deadline_s() == 230
    house.at(230)
    assert house.says() == "lost most_down"
    assert house.outages() == ["began 200"]


def test_a_restoration_that_does_not_last_is_the_same_outage(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(200, sense1="up")
    assert house.watch.next_deadline_s() == 260
    house.at(230, sense1="gone")
    assert house.says() == "lost grid_not_sensed"
    house.at(270)
    assert house.says() == "lost grid_not_sensed"
    house.at(300, sense1="up")
    house.at(360)
    assert house.says() == "powered grid_sensed"
    assert house.outages() == ["began 100", "ended 100-300"]


def test_an_even_split_ends_no_outage(house: House) -> None:
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    house.at(0, pack1="up", pack2="up")
    house.at(10, pack1="down", pack2="down")
    house.at(100, pack1="up")
    house.at(1000)
    assert house.says() == "lost even_split"
    house.at(1010, pack2="up")
    house.at(1070)
    assert house.outages() == ["began 10", "ended 10-1010"]


def test_more_than_the_fraction_must_be_up_again(house: House) -> None:
    ids = tuple(f"pack{number}" for number in range(10))
    house.add("grid", *ids, rule=Rule(failures=1, fraction=0.7))
    house.at(0, **all_of(ids, "up"))
    house.at(10, **all_of(ids, "down"))
    house.at(100, **all_of(ids[:7], "up"))
    house.at(1000)
    assert house.says() == "lost not_enough_up"
    house.at(1100, pack7="up")
    house.at(1160)
    assert house.says() == "powered most_up"
    assert house.outages() == ["began 10", "ended 10-1100"]


def test_with_the_grid_sensed_again_the_outage_is_over_before_the_devices_have_started(house: House) -> None:
    house.add("grid", "sense1", *THREE)
    house.at(0, sense1="up", **all_of(THREE, "up"))
    house.at(60, sense1="gone", **all_of(THREE, "down"))
    house.at(120, **all_of(THREE, "down"))
    house.at(150, sense1="up")
    assert house.says() == "lost holding_restoration"
    house.at(210)
    assert house.says() == "suspect checkpoints_disagree"
    house.at(215, **all_of(THREE, "up"))
    assert house.says() == "powered grid_sensed"
    assert house.outages() == ["began 60", "ended 60-150"]
    assert [event.evidence for event in house.events][-1] == ("sense1",)


def test_one_sense_whose_circuit_stays_off_does_not_keep_the_outage_open(house: House) -> None:
    senses = ("sense1", "sense2", "sense3")
    house.add("grid", *senses)
    house.at(0, **all_of(senses, "up"))
    house.at(50, **all_of(senses, "gone"))
    house.at(100, sense1="up", sense2="up")
    house.at(160)
    assert house.says() == "suspect senses_disagree"
    assert house.outages() == ["began 50", "ended 50-100"]


def test_without_hold_times_all_is_at_once(house: House) -> None:
    house.add("grid", "sense1", rule=Rule(restore_hold_s=0))
    house.at(0, sense1="up")
    house.at(1, sense1="gone")
    house.at(2, sense1="up")
    assert house.says() == "powered grid_sensed"
    assert house.outages() == ["began 1", "ended 1-2"]


def test_what_was_seen_alive_in_an_earlier_life_counts_also_when_it_is_added_later(house: House) -> None:
    house.add("grid")
    house.watch.restore("grid", None, ["pack1"])
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    house.at(0, pack1="down", pack2="down")
    assert house.says() == "lost most_down"
    assert house.watch.decision("grid").counted == 1


def test_replacing_a_source_keeps_what_is_known_of_checkpoints_that_stay(house: House) -> None:
    house.add("grid", "http1", "http2")
    house.at(0, http1="up", http2="up")
    house.at(60, http1="down", http2="down")
    house.add("grid", "http1", "http3")
    assert house.says() == "suspect some_down"
    assert list(house.watch.verdicts("grid")) == ["http1", "http3"]
    house.change_rule("grid", Rule(failures=1))
    assert house.says() == "suspect some_down", "nothing has failed since"
    house.at(65, http1="down")
    assert house.outages() == ["began 60"]
    house.at(70, http2="up")
    assert house.says() == "lost most_down", "it belongs to nothing any more"


def test_a_shorter_time_to_become_stale_counts_at_once(house: House) -> None:
    house.add("grid", "http1")
    house.at(0, http1="up")
    assert house.watch.next_deadline_s() == 150
    house.configure(SourceConfig("grid", Rule(), (Checkpoint("http1", Kind.HTTP, 20),)))
    assert house.watch.next_deadline_s() == 20
    house.at(20)
    assert house.says() == "unknown all_unknown"


def test_pausing_takes_a_checkpoint_out(house: House) -> None:
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    house.at(0, pack1="up", pack2="up")
    house.at(10, pack1="down")
    assert house.says() == "suspect even_split"
    house.watch.pause("pack1", True, 11)
    assert house.says() == "powered most_up"
    house.add("grid", "pack1", "pack2", rule=Rule(failures=1))
    assert house.watch.verdicts("grid")["pack1"].verdict == "paused"
    house.watch.pause("pack2", True, 12)
    assert house.says() == "unknown nothing_tracked"
    house.watch.pause("pack2", False, 13)
    house.watch.pause("pack1", False, 13)
    assert house.says() == "suspect even_split"


def test_a_late_tick_changes_nothing_but_when_it_is_told(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(200, sense1="up")
    house.now_s = 400
    house.see("sense1", "gone", 400)
    assert house.outages() == ["began 100", "ended 100-200", "began 400"]


def test_a_late_frame_from_within_the_hold_is_heard(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(200, sense1="up")
    house.now_s = 400
    house.see("sense1", "gone", 250)
    assert house.outages() == ["began 100"]
    assert house.says() == "lost grid_not_sensed"


@pytest.mark.parametrize("at_s", [1e9, float("inf"), float("nan")])
def test_what_is_seen_in_the_future_is_seen_now(house: House, at_s: float) -> None:
    house.add("grid", "sense1")
    house.at(5)
    house.see("sense1", "up", at_s)
    assert house.watch.decision("grid").since_s == 5
    last = house.watch.verdicts("grid")["sense1"].last
    assert last is not None and last.at_s == 5


def test_what_is_not_known_is_ignored(house: House) -> None:
    house.add("grid", "sense1")
    house.at(1, sense9="gone")
    assert house.says() == "unknown nothing_tracked"
