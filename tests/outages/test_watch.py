"""All sources together: Home Assistant's own network, and sources on which others depend."""

import pytest

from custom_components.alfaspark.outages.model import (
    Decision,
    Observation,
    OutageEvent,
    PowerState,
    Result,
    Rule,
    SourceConfig,
)
from custom_components.alfaspark.outages.watch import OutageWatch

from .house import House, checkpoint

AT_ONCE = Rule(failures=1)

# A house whose devices hang on `grid` and are reached through a switch. What is seen at second 100, and what that means.
# The reference of the own network, and `ups` where it powers the switch, were up before.
#
#   network   when the reference is seen, if it is, 5 s later
#   switch    what powers the switch: nothing known (-), the grid itself, or a UPS
#   ups       what the UPS is seen to be, 5 s later: - not at all
OWN_NETWORK = """
  checkpoints      network  switch  ups    grid is   because                 and the watch wants to see

  # Nothing is known of the network: what is seen is believed.
  http1 http2      none     -       -      lost      most_down               nothing

  # It was up: a loss that the network alone tells is believed when the network is seen alive after it.
  http1 http2      -        -       -      suspect   waits_for_network       own_network
  http1 http2      up       -       -      lost      most_down               nothing
  http1 http2      down     -       -      unknown   own_network_lost        nothing
  http1 http2      ?        -       -      lost      most_down               nothing
  mqtt1 mqtt2      -        -       -      suspect   waits_for_network       own_network
  mqtt1 mqtt2      down     -       -      unknown   own_network_lost        nothing

  # What is seen without the network needs none.
  pack1 pack2      -        -       -      lost      most_down               nothing
  pack1 pack2      down     -       -      lost      most_down               nothing
  sense1           down     -       -      lost      grid_not_sensed         nothing
  sense1 http1     down     -       -      lost      grid_not_sensed         nothing
  pack1 http1      -        -       -      lost      most_down               nothing
  entity1 http1    down     -       -      lost      most_down               nothing

  # The grid powers the switch: when it is lost, so is the network.
  http1 http2      -        grid    -      lost      most_down               nothing
  http1 http2      down     grid    -      lost      most_down               nothing

  # A UPS powers the switch: it must be seen alive too.
  http1 http2      -        ups     -      suspect   waits_for_network       own_network ups.http1 ups.http2
  http1 http2      up       ups     -      suspect   waits_for_network       ups.http1 ups.http2
  http1 http2      -        ups     up     suspect   waits_for_network       own_network
  http1 http2      up       ups     up     lost      most_down               nothing
  http1 http2      none     ups     up     lost      most_down               nothing
  http1 http2      up       ups     down   suspect   network_source_suspect  nothing
  http1 http2      none     ups     lost   unknown   network_source_lost     nothing
  http1 http2      down     ups     lost   unknown   own_network_lost        nothing
  pack1 pack2      up       ups     down   lost      most_down               nothing
  pack1 pack2      none     ups     lost   lost      most_down               nothing
"""
ROWS = [row for row in OWN_NETWORK.splitlines()[3:] if row.strip() and not row.strip().startswith("#")]


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[:43].split()) for row in ROWS])
def test_own_network(row: str) -> None:
    checkpoints, network, switch, ups = row[2:19].split(), row[19:28].strip(), row[28:36].strip(), row[36:43].strip()
    state, because, wanted = row[43:53].strip(), row[53:77].strip(), set(row[77:].split()) - {"nothing"}
    house = House()
    house.add("grid", *checkpoints, rule=AT_ONCE, network=None if switch == "-" else switch)
    if switch == "ups":
        house.add("ups", "ups.http1", "ups.http2", rule=AT_ONCE, network="ups")
        house.at(90, ups_http1="up", ups_http2="up")
    if network != "none":
        house.at(90, network="up")
    house.at(95, **dict.fromkeys(checkpoints, "up"))
    house.at(100, **dict.fromkeys(checkpoints, "down" if "mqtt1" not in checkpoints else "gone"))
    if ups in {"up", "down"}:
        house.at(105, ups_http1=ups)
    elif ups == "lost":
        house.at(105, ups_http1="down", ups_http2="down")
    if network not in {"none", "-"}:
        house.at(105, network=network)
    assert house.says() == f"{state} {because}"
    assert house.watch.wants_check() == wanted
    if state == "lost":
        assert house.watch.decision("grid").since_s == 100


@pytest.fixture
def house() -> House:
    """Return a house without a source."""
    return House()


def test_the_network_must_be_seen_after_the_failure_that_made_it_a_loss(house: House) -> None:
    house.add("grid", "http1")
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(65, network="up")
    house.at(120, http1="down")
    assert house.says() == "suspect waits_for_network"
    house.at(121, network="down")
    assert house.says() == "unknown own_network_lost"
    assert house.outages() == []


def test_to_be_seen_in_the_same_moment_is_not_after_it(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="up")
    house.at(60, http1="down", network="up")
    assert house.says() == "suspect waits_for_network"


def test_a_network_that_comes_back_proves_nothing_about_what_failed_before(house: House) -> None:
    house.add("grid", "http1")
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(120, http1="down", network="down")
    house.at(130, network="up")
    assert house.says() == "unknown all_unknown"
    house.at(131, http1="down")
    assert house.says() == "suspect some_down"
    house.at(191, http1="down", network="up")
    house.at(192, network="up")
    assert house.outages() == ["began 131"]


def test_while_it_waited_nothing_was_known_if_it_was_the_network(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(100, network="down")
    assert house.record()[2:] == ["unobserved_began 0"]


def test_the_end_of_an_outage_waits_for_nothing(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(61, network="up")
    house.at(120, http1="up")
    house.at(180)
    assert house.outages() == ["began 60", "ended 60-120"]


def test_an_open_outage_is_unknown_while_the_network_is_down_and_waits_again_afterwards(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(61, network="up")
    house.at(120, http1="down")
    house.at(130, network="down")
    assert house.says() == "unknown own_network_lost"
    house.at(300, network="up")
    house.at(310, http1="down")
    assert house.says() == "suspect waits_for_network"
    house.at(311, network="up")
    assert house.says() == "lost most_down"
    assert house.record()[2:] == ["began 60", "unobserved_began 120", "unobserved_ended 120-310"]


def test_a_reference_that_was_never_up_counts_for_nothing(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="down")
    assert house.says() == "powered most_up"
    house.at(60, http1="down")
    assert house.says() == "lost most_down"


def test_older_news_of_the_network_is_dropped(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE)
    house.at(0, http1="up", network="up")
    house.at(50, network="up")
    house.see("network", "down", 40)
    assert house.says() == "powered most_up"


def test_a_loss_that_was_believed_is_still_held(house: House) -> None:
    house.add("grid", "http1", rule=Rule(failures=1, loss_hold_s=30))
    house.at(0, http1="up", network="up")
    house.at(60, http1="down")
    house.at(61, network="up")
    assert house.says() == "suspect holding_loss"
    house.at(90)
    assert house.says() == "lost most_down"


def test_a_ups_that_is_in_doubt_meanwhile_stops_a_held_loss(house: House) -> None:
    house.add("ups", "ups.entity1")
    house.add("grid", "http1", rule=Rule(failures=1, loss_hold_s=30), network="ups")
    house.at(0, http1="up", ups_entity1="up")
    house.at(60, http1="down")
    assert house.says() == "suspect holding_loss", "what is event-driven and up is alive"
    house.at(80, ups_entity1="down")
    house.at(90)
    assert house.says() == "suspect network_source_suspect"
    house.at(100, ups_entity1="up")
    assert house.says() == "lost most_down"


def test_a_ups_of_which_nothing_is_tracked_is_not_waited_for(house: House) -> None:
    house.add("ups", "ups.http1")
    house.add("grid", "http1", rule=AT_ONCE, network="ups")
    house.at(0, http1="up")
    house.at(60, http1="down")
    assert house.says() == "lost most_down"


def test_what_hangs_on_a_ups_is_known_again_when_that_is_back(house: House) -> None:
    house.add("ups", "ups.pack1", rule=Rule(failures=1, restore_hold_s=10))
    house.add("grid", "http1", rule=AT_ONCE, network="ups")
    house.at(0, http1="up", ups_pack1="up")
    house.at(60, ups_pack1="down")
    assert house.says() == "unknown network_source_lost"
    house.at(100, ups_pack1="up", http1="up")
    assert house.says() == "unknown network_source_lost"
    house.at(110)
    assert house.says() == "powered most_up"


def test_removing_a_source_frees_those_that_hang_on_it(house: House) -> None:
    house.add("ups", "ups.pack1", rule=AT_ONCE)
    house.add("grid", "http1", rule=AT_ONCE, network="ups")
    house.at(0, http1="up", ups_pack1="up")
    house.at(60, ups_pack1="down")
    house.watch.remove_source("ups", 61)
    assert house.says() == "powered most_up"
    with pytest.raises(KeyError):
        house.watch.decision("ups")
    house.at(70, ups_pack1="up")


def test_a_source_comes_after_the_one_that_hangs_on_it(house: House) -> None:
    house.add("grid", "http1", rule=AT_ONCE, network="ups")
    house.at(0, http1="up")
    house.add("ups", "ups.pack1", rule=AT_ONCE)
    house.at(10, ups_pack1="up")
    house.at(20, ups_pack1="down")
    assert house.says() == "unknown network_source_lost"


@pytest.mark.parametrize(
    ("networks", "hangs"),
    [
        ({"a": "b", "b": None}, {"a"}),
        ({"a": "b", "b": "a"}, set()),
        ({"a": "b", "b": "c", "c": "a"}, set()),
        ({"a": "b", "b": "c", "c": "b"}, {"a"}),
        ({"a": "b", "b": "b"}, {"a"}),
        ({"a": "a", "b": None}, set()),
        ({"a": "nobody", "b": None}, set()),
    ],
)
def test_a_circle_is_no_dependency(house: House, networks: dict[str, str | None], hangs: set[str]) -> None:
    """One source after the other is lost by its pack: which are unknown then, that only the network shows?"""
    for id_, network in networks.items():
        house.add(id_, f"{id_}.http1", rule=AT_ONCE, network=network)
    house.at(0, **{f"{id_}_http1": "up" for id_ in networks})
    for id_ in sorted(networks.keys() - {"a"}):
        house.at(10, **{f"{id_}_http1": "down"})
    unknown = {id_ for id_ in networks if house.watch.decision(id_).state is PowerState.UNKNOWN}
    assert unknown == hangs


def test_a_chain_of_three(house: House) -> None:
    house.add("a", "a.http1", rule=AT_ONCE, network="b")
    house.add("b", "b.http1", rule=AT_ONCE, network="c")
    house.add("c", "c.pack1", rule=AT_ONCE)
    house.at(0, a_http1="up", b_http1="up", c_pack1="up")
    house.at(10, c_pack1="down")
    assert [house.says(each) for each in "abc"] == ["powered most_up", "unknown network_source_lost", "lost most_down"]


def test_a_checkpoint_of_two_sources_tells_both(house: House) -> None:
    house.add("grid", "sense1")
    house.add("street", "sense1")
    house.at(0, sense1="up")
    house.at(10, sense1="gone")
    assert house.says("grid") == house.says("street") == "lost grid_not_sensed"


def test_who_is_told_may_ask_and_go_on() -> None:
    told: list[tuple[str, str]] = []

    def changed(source_id: str, decision: Decision, before: Decision | None) -> None:
        told.append((source_id, decision.state))
        if source_id == "a" and decision.state is PowerState.LOST:
            watch.observe(Observation("b.sense1", Result.DOWN_AT_ONCE, 11), 11)

    def happened(event: OutageEvent) -> None:
        told.append((event.source_id, event.kind))

    watch = OutageWatch(changed, happened)
    for id_ in "ab":
        watch.set_source(SourceConfig(id_, Rule(), (checkpoint(f"{id_}.sense1"),)), 0)
        watch.observe(Observation(f"{id_}.sense1", Result.ALIVE, 1), 1)
    del told[:]
    watch.observe(Observation("a.sense1", Result.DOWN_AT_ONCE, 10), 10)
    assert told == [("a", "began"), ("a", "lost"), ("b", "began"), ("b", "lost")]


def test_one_that_fails_to_listen_loses_nothing_of_what_follows() -> None:
    told: list[str] = []

    def changed(source_id: str, decision: Decision, before: Decision | None) -> None:
        if decision.state is PowerState.LOST:
            raise RuntimeError("the listener's own defect")
        told.append(decision.state)

    watch = OutageWatch(changed, lambda event: None)
    watch.set_source(SourceConfig("grid", Rule(restore_hold_s=0), (checkpoint("sense1"),)), 0)
    watch.observe(Observation("sense1", Result.ALIVE, 1), 1)
    with pytest.raises(RuntimeError, match="own defect"):
        watch.observe(Observation("sense1", Result.DOWN_AT_ONCE, 2), 2)
    watch.observe(Observation("sense1", Result.ALIVE, 3), 3)
    assert told == ["unknown", "powered", "powered"]


def test_hundreds_of_checkpoints_of_one_source(house: House) -> None:
    """Hundreds of one source, all of which fail and come back: deadlines do not pile up."""
    ids = [f"http{number}" for number in range(600)]
    house.add("grid", *ids)
    for minute in range(30):
        for number, id_ in enumerate(ids):
            house.now_s = minute * 60 + number / 20
            house.see(id_, "down" if 10 <= minute < 20 else "up", house.now_s)
    house.at(1800)
    assert house.outages() == ["began 600", "ended 600-1215"]
    assert len(house.watch._deadlines) <= len(ids) + 2
