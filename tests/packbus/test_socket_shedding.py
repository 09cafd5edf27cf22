"""Shedding smart sockets: in order, back in reverse, never against their owner, and never for good."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.alfaspark.packbus.socket_shedding import EcoReading, SocketShedding, Step

CALM = EcoReading(is_on=True, loads_limit=False, home_w=500, limit_w=3000)
OVER = replace(CALM, loads_limit=True, home_w=3500)
OFF = EcoReading(is_on=False)
UNKNOWN = EcoReading()

SOCKETS = ("kettle", "oven", "fan")


@dataclass
class Room:
    """Sockets that do what they are asked for, and a clock."""

    shedding: SocketShedding = field(default_factory=lambda: SocketShedding(SOCKETS))
    now_s: float = 1000.0
    is_on: dict[str, bool | None] = field(default_factory=lambda: dict.fromkeys(SOCKETS, True))
    powers_w: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SOCKETS, 0.0))
    deaf: set[str] = field(default_factory=set)
    steps: list[tuple[float, Step]] = field(default_factory=list)

    def run(self, seconds: int, eco: EcoReading) -> list[str]:
        """Let time pass while the pack says the same but for the sockets' powers; return what was done, in short."""
        done = []
        for _ in range(seconds):
            self.now_s += 1
            drawn_w = sum(self.powers_w[socket] for socket in self.powers_w if self.is_on[socket])
            now = eco if eco.home_w is None else replace(eco, home_w=eco.home_w + drawn_w)
            step = self.shedding.follow(self.now_s, now, self.is_on)
            if step is not None:
                self.steps.append((self.now_s, step))
                done.append(f"{'+' if step.on else '-'}{step.socket} {step.reason}")
                if step.socket not in self.deaf:
                    self.is_on[step.socket] = step.on
        return done

    def restart(self) -> None:
        """Lose all but what is stored."""
        self.shedding = SocketShedding.restored_from(self.shedding.order, self.shedding.stored(), self.now_s)


def test_sockets_are_shed_in_order_and_restored_in_reverse() -> None:
    room = Room()
    assert room.run(60, OVER) == ["-kettle loads_limit", "-oven loads_limit", "-fan loads_limit"]
    assert room.shedding.shed == ["kettle", "oven", "fan"]
    assert room.run(300, CALM) == []
    assert room.run(60, CALM) == ["+fan limit_gone", "+oven limit_gone", "+kettle limit_gone"]
    assert room.shedding.shed == []


@pytest.mark.parametrize(("step_s", "between_s"), [(4, 10), (10, 10), (25, 25)])
def test_steps_keep_their_distance(step_s: float, between_s: float) -> None:
    room = Room()
    room.run(120, replace(OVER, step_s=step_s))
    times_s = [time_s for time_s, _ in room.steps]
    assert [later - earlier for earlier, later in pairwise(times_s)] == [between_s] * 2


def test_only_as_many_are_shed_as_are_needed() -> None:
    room = Room()
    assert room.run(9, OVER) == ["-kettle loads_limit"]
    assert room.run(100, CALM) == []


def test_what_is_off_or_not_there_is_passed_over() -> None:
    room = Room(is_on={"kettle": False, "oven": None, "fan": True})
    assert room.run(60, OVER) == ["-fan loads_limit"]
    assert room.run(400, CALM) == ["+fan limit_gone"]
    assert room.is_on["kettle"] is False


@pytest.mark.parametrize("eco", [UNKNOWN, replace(OVER, home_w=None), replace(OVER, limit_w=None)])
def test_nothing_is_shed_while_the_pack_does_not_say_enough(eco: EcoReading) -> None:
    assert Room().run(1000, eco) == []


def test_a_socket_waits_until_it_fits_under_the_limit() -> None:
    room = Room(powers_w={"kettle": 2000, "oven": 0, "fan": 0})
    assert room.run(9, replace(OVER, home_w=1500)) == ["-kettle loads_limit"]
    assert room.run(2000, replace(CALM, home_w=800)) == []  # 800 + 2000 W > 2700 W
    assert room.run(1, replace(CALM, home_w=700)) == ["+kettle limit_gone"]


def test_a_measured_power_is_not_believed_for_ever() -> None:
    room = Room(powers_w={"kettle": 2000, "oven": 0, "fan": 0})
    room.run(9, replace(OVER, home_w=1500))
    assert room.run(3580, replace(CALM, home_w=800)) == []
    assert room.run(20, replace(CALM, home_w=800)) == ["+kettle limit_gone"]


def test_a_socket_of_unknown_power_is_tried_but_not_above_the_limit() -> None:
    room = Room(SocketShedding.restored_from(SOCKETS, [{"socket": "oven", "power_w": None}], 1000))
    room.is_on["oven"] = False
    assert room.run(1000, replace(CALM, home_w=2800)) == []
    assert room.run(1, replace(CALM, home_w=2700)) == ["+oven limit_gone"]


def test_a_limit_that_comes_and_goes_restores_nothing() -> None:
    room = Room()
    room.run(60, OVER)
    for _ in range(10):
        assert room.run(299, CALM) == []
        assert room.run(2, OVER) == []


def test_readings_that_are_missing_for_a_moment_do_not_begin_the_wait_anew() -> None:
    room = Room()
    room.run(60, OVER)
    assert room.run(150, CALM) + room.run(100, UNKNOWN) == []
    assert room.run(60, CALM)[0] == "+fan limit_gone"


def test_eco_that_is_turned_off_gives_all_back_one_by_one() -> None:
    room = Room()
    room.run(60, OVER)
    assert room.run(25, OFF) == ["+fan eco_off", "+oven eco_off", "+kettle eco_off"]


def test_a_pack_that_is_lost_gives_the_house_its_power_back() -> None:
    room = Room()
    room.run(60, OVER)
    assert room.run(600, UNKNOWN) == []
    assert room.run(25, UNKNOWN) == ["+fan pack_lost", "+oven pack_lost", "+kettle pack_lost"]


def test_a_restart_forgets_nothing_that_matters() -> None:
    room = Room(powers_w={"kettle": 0, "oven": 0, "fan": 2000})
    room.run(60, replace(OVER, home_w=1500))
    room.restart()
    assert room.run(599, UNKNOWN) == []
    assert room.run(400, replace(CALM, home_w=800)) == []
    assert room.run(60, replace(CALM, home_w=700)) == ["+fan limit_gone", "+oven limit_gone", "+kettle limit_gone"]


def test_a_socket_that_its_owner_switched_on_is_left_alone_until_the_limit_was_gone() -> None:
    room = Room()
    room.run(60, OVER)
    room.is_on["oven"] = True
    assert room.run(60, OVER) == []
    assert room.shedding.shed == ["kettle", "fan"]
    room.is_on["oven"] = False
    assert room.run(400, CALM) == ["+fan limit_gone", "+kettle limit_gone"]
    assert room.is_on["oven"] is False
    room.is_on["oven"] = True
    assert "-oven loads_limit" in room.run(60, OVER)


def test_a_socket_that_a_restart_of_home_assistant_switched_on_is_shed_again() -> None:
    room = Room()
    room.run(60, OVER)
    room.restart()
    room.is_on["kettle"] = True  # at the first look
    room.is_on["oven"] = None  # the radio is not up yet
    assert room.run(1, OVER) == ["-kettle loads_limit"]
    room.is_on["oven"] = True
    assert room.run(30, OVER) == ["-oven loads_limit"]
    room.is_on["fan"] = True  # its owner, after it was seen off
    assert room.run(60, OVER) == []
    assert room.run(400, CALM) == ["+oven limit_gone", "+kettle limit_gone"]


def test_a_socket_that_comes_back_on_after_a_loss_of_its_supply_is_shed_again() -> None:
    room = Room()
    room.run(60, OVER)
    room.is_on["kettle"] = None
    assert room.run(20, OVER) == []
    room.is_on["kettle"] = True
    assert room.run(20, OVER) == ["-kettle loads_limit"]
    assert room.shedding.shed == ["oven", "fan", "kettle"]


def test_a_socket_that_failed_and_comes_back_on_is_left_alone() -> None:
    """One that starts anew instead of switching off would be shed for ever."""
    room = Room(deaf={"kettle"})
    room.run(2, OVER)
    room.is_on["kettle"] = None
    assert room.run(60, OVER) == ["-oven loads_limit", "-fan loads_limit"]
    assert room.shedding.problems == {"kettle"}
    room.is_on["kettle"] = True
    assert room.run(60, OVER) == []


def test_a_socket_that_its_owner_switched_off_stays_off() -> None:
    room = Room()
    room.run(60, OVER)
    room.shedding.turned_off_by_hand("fan")
    room.shedding.turned_off_by_hand("lamp")
    assert room.run(400, CALM) == ["+oven limit_gone", "+kettle limit_gone"]


def test_a_socket_that_does_not_obey_is_skipped_and_tried_again_another_time() -> None:
    room = Room(deaf={"kettle"})
    assert room.run(30, OVER) == ["-kettle loads_limit"]
    assert room.run(60, OVER) == ["-oven loads_limit", "-fan loads_limit"]
    assert room.shedding.problems == {"kettle"}
    room.deaf.clear()
    room.run(400, CALM)
    assert room.run(9, OVER) == ["-kettle loads_limit"]
    assert room.shedding.problems == set()


def test_a_socket_that_cannot_be_asked_costs_no_time() -> None:
    room = Room(deaf=set(SOCKETS))
    assert room.run(1, OVER) == ["-kettle loads_limit"]
    room.shedding.failed(room.now_s, "kettle")
    room.shedding.failed(room.now_s, "lamp")
    assert room.run(1, OVER) == ["-oven loads_limit"]
    assert room.shedding.shed == ["oven"]


def test_a_socket_that_vanishes_while_it_is_shed_is_ours_when_it_comes_back_off() -> None:
    room = Room()
    room.run(1, OVER)
    room.is_on["kettle"] = None
    room.run(60, CALM)
    assert room.shedding.problems == {"kettle"}
    room.is_on["kettle"] = False
    assert room.run(400, CALM) == ["+kettle limit_gone"]
    assert room.run(1, CALM) == []
    assert room.shedding.problems == set()


def test_a_socket_that_cannot_be_restored_is_asked_again_each_minute() -> None:
    room = Room()
    room.run(60, OVER)
    room.deaf = {"fan"}
    assert room.run(340, CALM) == ["+fan limit_gone", "+oven limit_gone"]
    assert room.run(15, CALM) == ["+kettle limit_gone"]
    assert room.run(240, CALM) == ["+fan limit_gone"] * 3
    room.deaf = set()
    assert room.run(95, CALM) == ["+fan limit_gone"]
    assert room.shedding.shed == []


def test_the_last_one_that_is_not_there_does_not_keep_the_others_waiting() -> None:
    room = Room()
    room.run(60, OVER)
    room.is_on["fan"] = None
    assert room.run(400, CALM) == ["+oven limit_gone", "+kettle limit_gone"]
    room.is_on["fan"] = False
    assert room.run(20, CALM) == ["+fan limit_gone"]


@pytest.mark.parametrize("eco", [OVER, UNKNOWN])
def test_a_socket_that_is_not_chosen_any_more_is_restored_whatever_the_pack_says(eco: EcoReading) -> None:
    room = Room()
    room.run(60, OVER)
    room.shedding.order = ("kettle", "fan")
    assert room.run(20, eco) == ["+oven not_chosen"]


@dataclass
class House:
    """A home with a pack whose eco has nothing left to shed but sockets, and a careless owner."""

    shedding: SocketShedding
    now_s: float = 0.0
    base_w: float = 500.0
    eco_is_on: bool = True
    is_heard: bool = True
    position: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SOCKETS, True))
    lost: set[str] = field(default_factory=set)
    """Sockets out of reach; they keep their position."""
    deaf: set[str] = field(default_factory=set)
    ours: list[str] = field(default_factory=list)
    """Sockets that were shed and neither restored nor touched: what may be restored."""
    excused: set[str] = field(default_factory=set)
    """Sockets that were deaf or switched on by hand, and may be passed over."""
    last_step_s: float = -1000.0
    step_s: float = 10.0

    POWER_W = 900.0
    LIMIT_W = 3000.0

    def eco(self) -> EcoReading:
        """Return what the pack says."""
        if not self.is_heard:
            return UNKNOWN
        home_w = self.base_w + self.POWER_W * sum(self.position.values())
        over = self.eco_is_on and home_w > self.LIMIT_W
        return EcoReading(self.eco_is_on, over, home_w, self.LIMIT_W, step_s=self.step_s)

    def shown(self, socket: str) -> bool | None:
        """Return what a socket says of itself."""
        return None if socket in self.lost else self.position[socket]

    def tick(self) -> None:
        """Let a second pass, and judge what is done in it."""
        self.now_s += 1
        eco = self.eco()
        step = self.shedding.follow(self.now_s, eco, {socket: self.shown(socket) for socket in SOCKETS})
        if step is None:
            return
        assert self.now_s - self.last_step_s >= self.step_s
        self.last_step_s = self.now_s
        assert self.shown(step.socket) is not step.on
        if step.on:
            assert step.socket in self.ours
            later = self.ours[self.ours.index(step.socket) + 1 :]
            assert all(socket in self.lost | self.shedding.problems for socket in later)
        else:
            assert eco.loads_limit
            earlier = self.shedding.order[: self.shedding.order.index(step.socket)]
            assert all(self.shown(socket) is not True or socket in self.excused for socket in earlier)
        if step.socket in self.deaf:
            self.excused.add(step.socket)
        else:
            self.position[step.socket] = step.on
            (self.ours.remove if step.on else self.ours.append)(step.socket)

    def touch(self, socket: str, on: bool) -> None:
        """Have the owner switch a socket by hand, where Home Assistant sees it."""
        if socket in self.lost:
            return
        self.position[socket] = on
        if on:
            self.excused.add(socket)
        if socket in self.ours:
            self.ours.remove(socket)
        if not on:
            self.shedding.turned_off_by_hand(socket)
        self.tick()


_EVENTS = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 900)),
    st.tuples(st.just("base"), st.sampled_from([100.0, 1500.0, 2500.0, 4000.0])),
    st.tuples(st.just("on"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("off"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("deaf"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("obeys"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("lost"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("found"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("eco"), st.booleans()),
    st.tuples(st.just("heard"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
)


def _let_happen(house: House, event: str, value: object) -> None:
    match event, value:
        case "pass", int(seconds):
            for _ in range(seconds):
                house.tick()
        case "base", float(base_w):
            house.base_w = base_w
        case (("on" | "off"), str(socket)):
            house.touch(socket, event == "on")
        case "deaf", str(socket):
            house.deaf.add(socket)
        case "obeys", str(socket):
            house.deaf.discard(socket)
        case "lost", str(socket):
            house.lost.add(socket)
        case "found", str(socket):
            house.lost.discard(socket)
        case "eco", bool(on):
            house.eco_is_on = on
        case "heard", bool(heard):
            house.is_heard = heard
        case "restart", _:
            house.shedding = SocketShedding.restored_from(SOCKETS, house.shedding.stored(), house.now_s)
            house.last_step_s = -1000.0


@settings(max_examples=80, deadline=None)
@given(st.lists(_EVENTS, max_size=40), st.sampled_from([10.0, 30.0]))
def test_whatever_happens(events: list[tuple[str, object]], step_s: float) -> None:
    house = House(SocketShedding(SOCKETS), step_s=step_s)
    for event, value in events:
        _let_happen(house, event, value)
        assert set(house.ours) <= set(house.shedding.shed)
    # In the end there is power enough, and everything that was shed and not touched is on again.
    house.base_w, house.is_heard, house.deaf, house.lost = 100.0, True, set(), set()
    for _ in range(4500):
        house.tick()
    assert house.ours == []
    assert house.shedding.shed == []


@settings(max_examples=40, deadline=None)
@given(st.lists(_EVENTS, max_size=25), st.sampled_from(["heard", "eco"]))
def test_power_comes_back_without_the_pack_and_without_eco(events: list[tuple[str, object]], what: str) -> None:
    house = House(SocketShedding(SOCKETS))
    for event, value in events:
        _let_happen(house, event, value)
    house.deaf, house.lost = set(), set()
    house.is_heard, house.eco_is_on = what == "eco", what == "heard"
    for _ in range(800):
        house.tick()
    assert house.shedding.shed == []
