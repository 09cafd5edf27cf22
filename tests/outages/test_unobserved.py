"""One source over time: stretches in which nothing is known, and outages from before Home Assistant started."""

import pytest

from .house import House

ONE = ("http1",)


@pytest.fixture
def house() -> House:
    """Return a house without a source."""
    return House()


def test_power_that_nobody_sees_any_more_is_unknown_since_the_last_that_was_seen(house: House) -> None:
    house.add("grid", *ONE)
    house.at(0, http1="up")
    house.at(60, http1="up")
    assert house.watch.next_deadline_s() == 210
    house.at(209)
    assert house.says() == "powered most_up"
    house.at(210)
    assert house.says() == "unknown all_unknown"
    assert house.watch.decision("grid").since_s == 60
    house.at(500, http1="up")
    assert house.record()[2:] == ["unobserved_began 60", "unobserved_ended 60-500"]
    assert house.outages() == []


def test_what_is_event_driven_was_seen_until_it_fell_silent(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(9000, sense1="?")
    assert house.record()[2:] == ["unobserved_began 9000"]


def test_an_outage_goes_on_over_a_stretch_in_which_nobody_saw(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(500, sense1="?")
    assert house.says() == "unknown all_unknown"
    assert house.watch.outage_since_s("grid") == 100
    house.at(900, sense1="gone")
    assert house.says() == "lost grid_not_sensed"
    assert house.watch.decision("grid").since_s == 100
    house.at(1000, sense1="up")
    house.at(1060)
    assert house.record()[2:] == ["began 100", "unobserved_began 500", "unobserved_ended 500-900", "ended 100-1000"]


def test_an_outage_that_ended_while_nobody_saw(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(500, sense1="?")
    house.at(900, sense1="up")
    assert house.says() == "unknown holding_restoration", "it is not said to be lost again"
    house.at(960)
    assert house.says() == "powered grid_sensed"
    assert house.record()[2:] == ["began 100", "unobserved_began 500", "ended 100-~500", "unobserved_ended 500-900"]
    assert house.watch.decision("grid").since_s == 900
    house.at(970, sense1="gone")
    assert house.outages()[2:] == ["began 970"]


def test_nobody_saw_any_more_while_the_restoration_was_held(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.at(100, sense1="gone")
    house.at(480, sense1="up")
    house.at(500, sense1="?")
    house.at(800, sense1="up")
    house.at(810, sense1="?")
    house.at(900, sense1="up")
    house.at(960)
    assert house.record()[2:] == ["began 100", "unobserved_began 500", "ended 100-480", "unobserved_ended 500-900"]


def test_after_a_stretch_in_which_nobody_saw_one_failure_is_not_lost_again(house: House) -> None:
    house.add("grid", *ONE)
    house.at(0, http1="up")
    house.at(60, http1="down")
    house.at(120, http1="down")
    house.at(500, http1="down")
    assert house.says() == "suspect some_down"
    house.at(560, http1="down")
    assert house.says() == "lost most_down"
    assert house.record()[2:] == ["began 60", "unobserved_began 120", "unobserved_ended 120-500"]


def test_an_outage_from_an_earlier_life_goes_on(house: House) -> None:
    house.now_s = 10
    house.add("grid", *ONE)
    house.watch.restore("grid", -3000, ["http1"], evidence_s=-200)
    assert house.says() == "unknown all_unknown"
    house.at(11, http1="down")
    assert house.says() == "suspect some_down"
    house.at(71, http1="down")
    assert house.says() == "lost most_down"
    assert house.watch.decision("grid").since_s == -3000
    assert house.record() == ["unobserved_began 10", "unobserved_ended 10-11"]
    house.at(131, http1="up")
    house.at(191)
    assert house.outages() == ["ended -3000-131"]


@pytest.mark.parametrize(("evidence_s", "end"), [(-200, "-200"), (None, "10"), (-9000, "-3000"), (99, "10")])
def test_an_outage_from_an_earlier_life_ended_in_between(house: House, evidence_s: float | None, end: str) -> None:
    house.now_s = 10
    house.add("grid", "sense1")
    house.watch.restore("grid", -3000, [], evidence_s)
    house.at(11, sense1="up")
    assert house.says() == "unknown holding_restoration"
    house.at(71)
    assert house.record()[1:] == [f"ended -3000-~{end}", "unobserved_ended 10-11"]


def test_an_open_outage_cannot_be_restored_into_what_was_observed(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.watch.restore("grid", None, ["sense1"])
    with pytest.raises(ValueError, match="was observed before"):
        house.watch.restore("grid", -5, [])


def test_the_record_may_learn_when_the_outage_began_that_goes_on(house: House) -> None:
    house.add("grid", "sense1")
    house.at(0, sense1="up")
    house.watch.date_outage("grid", -500, 1)
    assert house.says() == "powered grid_sensed", "there is none"
    house.at(100, sense1="?")
    house.at(900, sense1="gone")
    assert house.watch.decision("grid").since_s == 900
    house.watch.date_outage("grid", 300, 901)
    assert house.says() == "lost grid_not_sensed"
    assert house.watch.decision("grid").since_s == house.watch.outage_since_s("grid") == 300
    house.watch.date_outage("grid", 700, 902)
    assert house.watch.decision("grid").since_s == 700
    house.at(1000, sense1="up")
    house.at(1060)
    assert house.record()[2:] == ["unobserved_began 100", "unobserved_ended 100-900", "began 900", "ended 700-1000"]
