"""The history: what it keeps of what happened, through restarts, clocks and packs that remember."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import sqlite3
import tempfile

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.alfaspark.outages import history as history_module
from custom_components.alfaspark.outages.checks import MOST_CHECKS
from custom_components.alfaspark.outages.history import GAP_S, MOST_SPANS, HistoryError, PowerHistory
from custom_components.alfaspark.outages.schema import HISTORY
from custom_components.alfaspark.outages.spans import Span, SpanKind
from custom_components.alfaspark.outages.statistics import statistics

from .seconds import seconds_of

T = 1_750_000_000
SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Thousands of writes would wait for it; what it keeps after a crash is for test_store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "HISTORY", replace(HISTORY, synchronous="OFF"))
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outages.db"


@pytest.fixture
def history(path: Path) -> Iterator[PowerHistory]:
    opened = PowerHistory.open(path)
    opened.begin_watching(["grid"], T)
    opened.end_unobserved("grid", T)
    yield opened
    opened.close()


def seconds(history: PowerHistory, to: int, start: int = 0) -> str:
    return seconds_of(history.timeline("grid", T + start, T + to), T + start, T + to)


def lost(start: int, end: int, by: str | None = "pack") -> Span:
    return Span(SpanKind.LOST, T + start, T + end, filled_from=by)


def powered(start: int, end: int) -> Span:
    return Span(SpanKind.POWERED, T + start, T + end, filled_from="pack")


class House:
    """Says to a history what happens, as the engine does, and counts every second itself."""

    def __init__(self, path: Path) -> None:
        """Begin to watch."""
        self.path = path
        self.state = "+"
        self.seconds = ""
        self.outages: list[list[int | None]] = []
        self.now = 0
        self._heartbeat = 0
        self._told = 0
        self._hole = 0
        self._is_open = False
        self.history = PowerHistory.open(path)
        self.history.begin_watching(["grid"], T)
        self.history.end_unobserved("grid", T)

    def live(self, length: int) -> None:
        """Let time go by, with a heartbeat every minute."""
        self.seconds += self.state * length
        for at in range(self.now + 1, self.now + length + 1):
            if at % 60 == 0:
                self.history.heartbeat(T + at)
                self._heartbeat = at
        self.now += length

    def become(self, state: str) -> None:
        """The engine decides."""
        now = T + self.now
        if state == self.state:
            return
        if self.state == "?" and state == "-":
            self.history.end_unobserved("grid", now)
            if not self._is_open:
                self._begin(now)
        elif self.state == "?":
            if self._is_open:
                self.history.end_outage("grid", T + self._hole, end_is_estimate=True)
                self.outages[-1][1] = self._hole
                self._is_open = False
            self.history.end_unobserved("grid", now)
        elif state == "-":
            self._begin(now)
        elif state == "?":
            self.history.begin_unobserved("grid", now)
            self._hole = self.now
        else:
            self.history.end_outage("grid", now)
            self.outages[-1][1] = self.now
            self._is_open = False
        self.state, self._told = state, self.now

    def crash(self, away: int) -> None:
        """Nobody stops the watch, and it comes back after a while."""
        self.history.close()
        hole = max(self._heartbeat, self._told)
        self.seconds = (self.seconds[:hole] if self.state != "?" else self.seconds).ljust(self.now + away, "?")
        self.now += away
        if self.state != "?":
            self._hole = hole
        self.history = PowerHistory.open(self.path)
        resumed = self.history.begin_watching(["grid"], T + self.now)["grid"]
        assert (resumed.outage is not None) == self._is_open
        if resumed.outage is not None:
            assert resumed.outage.start_s == T + (self.outages[-1][0] or 0)
        self.state, self._heartbeat, self._told = "?", self.now, self.now

    def _begin(self, now: int) -> None:
        self.history.begin_outage("grid", now)
        self.outages.append([self.now, None])
        self._is_open = True


@SLOWLY
@given(
    st.lists(
        st.tuples(st.sampled_from(["+", "-", "?", "crash"]), st.integers(0, 400)),
        max_size=14,
    )
)
def test_every_second_is_what_it_was(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "outages.db")
        for what, length in events:
            if what == "crash":
                house.crash(length)
            else:
                house.become(what)
                house.live(length)
        history, now = house.history, house.now
        assert seconds(history, now) == house.seconds
        history.stop_watching(["grid"], T + now)
        found = history.outages("grid", T - 1, T + now + 1)
        assert [[outage.start_s - T, outage.end_s and outage.end_s - T] for outage in found] == house.outages
        figures = statistics(history.timeline("grid", T, T + now), T, T + now)
        assert (figures.up_s, figures.down_s) == (house.seconds.count("+"), house.seconds.count("-"))
        assert [outage.lost_s for outage in found] == [
            house.seconds[start:end].count("-") for start, end in house.outages
        ]
        # The same after it was closed and opened.
        history.close()
        again = PowerHistory.open(house.path)
        assert again.outages("grid", T - 1, T + now + 1) == found
        for cut in (now // 3, now // 2):
            assert seconds_of(again.timeline("grid", T, T + cut), T, T + cut).count("-") == house.seconds[:cut].count(
                "-"
            )
        again.close()


def test_an_outage_has_its_evidence_and_reason(history: PowerHistory) -> None:
    history.begin_outage("grid", T + 60, "most_down", ["plug a", "plug b"])
    history.move_outage("grid", T + 50, "most_down", ["plug a", "plug b", "plug c"])
    history.heartbeat(T + 70)
    (open_,) = history.outages("grid", T, T + 1000)
    assert (open_.start_s, open_.end_s, open_.lost_s) == (T + 50, None, 20)
    history.end_outage("grid", T + 100)
    (outage,) = history.outages("grid", T, T + 1000)
    assert outage.evidence == ("plug a", "plug b", "plug c")
    assert (outage.reason, outage.duration_s, outage.end_is_estimate) == ("most_down", 50, False)


def test_what_is_told_twice_is_written_once(history: PowerHistory) -> None:
    for _ in range(2):
        history.begin_outage("grid", T + 10)
    for _ in range(2):
        history.begin_unobserved("grid", T + 20)
    for _ in range(2):
        history.end_outage("grid", T + 15)
    for _ in range(2):
        history.end_unobserved("grid", T + 30)
    for _ in range(2):
        history.end_outage("grid", T + 35)
    assert seconds(history, 40) == "+" * 10 + "-" * 5 + "+" * 5 + "?" * 10 + "+" * 10


def test_an_outage_goes_on_over_a_restart(history: PowerHistory, path: Path) -> None:
    history.begin_outage("grid", T + 10)
    history.heartbeat(T + 60)
    history.close()
    again = PowerHistory.open(path)
    resumed = again.begin_watching(["grid"], T + 100)["grid"]
    assert resumed.outage is not None
    assert (resumed.outage.start_s, resumed.outage.end_s, resumed.last_evidence_s) == (T + 10, None, T + 60)
    again.end_unobserved("grid", T + 110)
    again.end_outage("grid", T + 150)
    (outage,) = again.outages("grid", T, T + 200)
    assert (outage.start_s, outage.end_s, outage.lost_s, outage.unobserved_s) == (T + 10, T + 150, 90, 50)
    assert seconds(again, 160) == "+" * 10 + "-" * 50 + "?" * 50 + "-" * 40 + "+" * 10
    again.close()


def test_an_outage_that_was_over_after_a_restart_ended_in_the_hole(history: PowerHistory, path: Path) -> None:
    history.begin_outage("grid", T + 10)
    history.heartbeat(T + 60)
    history.close()
    again = PowerHistory.open(path)
    again.begin_watching(["grid"], T + 100)
    again.end_outage("grid", T + 60, end_is_estimate=True)
    again.end_unobserved("grid", T + 110)
    # A new one at once is another one.
    again.begin_outage("grid", T + 110)
    first, second = again.outages("grid", T, T + 200)
    assert (first.end_s, first.end_is_estimate, first.duration_s) == (T + 60, True, 50)
    assert (second.start_s, second.start_is_estimate, second.end_s) == (T + 110, True, None)
    again.close()


def test_nothing_is_known_before_the_watch_and_after_the_last_heartbeat(history: PowerHistory) -> None:
    history.heartbeat(T + 60)
    assert seconds(history, 1000, -100) == "?" * 100 + "+" * (60 + int(GAP_S)) + "?" * (940 - int(GAP_S))
    history.stop_watching(["grid"], T + 90)
    assert seconds(history, 1000) == "+" * 90 + "?" * 910


def test_a_source_that_was_not_watched_for_a_while_has_a_hole(history: PowerHistory) -> None:
    history.begin_watching(["ups"], T)
    history.stop_watching(["grid"], T + 50)
    for at in range(60, 1000, 60):
        history.heartbeat(T + at)
    history.begin_watching(["grid"], T + 1000)
    history.end_unobserved("grid", T + 1010)
    history.heartbeat(T + 1020)
    assert seconds(history, 1020) == "+" * 50 + "?" * 960 + "+" * 10


def test_a_leap_of_the_clock_forwards_was_observed_by_nobody(history: PowerHistory) -> None:
    history.heartbeat(T + 60)
    history.begin_outage("grid", T + 70)
    history.heartbeat(T + 120)
    history.heartbeat(T + 4000)
    history.end_outage("grid", T + 4010)
    history.heartbeat(T + 4060)
    assert seconds(history, 4060) == "+" * 70 + "-" * 50 + "?" * 3880 + "-" * 10 + "+" * 50
    (outage,) = history.outages("grid", T, T + 5000)
    assert (outage.lost_s, outage.unobserved_s) == (60, 3880)


def test_a_leap_that_an_outage_sees_first_is_a_hole_too(history: PowerHistory) -> None:
    history.heartbeat(T + 60)
    history.begin_outage("grid", T + 70)
    history.end_outage("grid", T + 4010)
    history.begin_outage("grid", T + 8000)
    history.heartbeat(T + 8010)
    assert seconds(history, 8010) == "+" * 70 + "?" * 3940 + "+" * 0 + "?" * 3990 + "-" * 10
    assert len(history.outages("grid", T, T + 9000)) == 2


def test_a_leap_forwards_that_is_taken_back_leaves_nothing(history: PowerHistory) -> None:
    history.heartbeat(T + 60)
    history.heartbeat(T + 100_000_000)
    history.heartbeat(T + 120)
    history.begin_outage("grid", T + 130)
    history.heartbeat(T + 100_000_000)
    history.heartbeat(T + 180)
    history.end_outage("grid", T + 200)
    history.heartbeat(T + 240)
    assert [(outage.start_s - T, outage.end_s) for outage in history.outages("grid", T, T + 1000)] == [(130, T + 200)]
    # From the last heartbeat before the leap to the first after it nobody can tell.
    assert seconds(history, 240) == "+" * 60 + "?" * 60 + "+" * 10 + "?" * 50 + "-" * 20 + "+" * 40


@pytest.mark.parametrize("is_lost", [False, True])
def test_leap_upon_leap_is_taken_back(history: PowerHistory, *, is_lost: bool) -> None:
    history.heartbeat(T + 60)
    if is_lost:
        history.begin_outage("grid", T + 70)
    for leap in (100_000_000, 200_000_000, 300_000_000):
        history.heartbeat(T + leap)
    history.heartbeat(T + 120)
    if is_lost:
        history.end_outage("grid", T + 130)
    history.heartbeat(T + 140)
    expected = "+" * 70 + "?" * 50 + "-" * 10 + "+" * 10 if is_lost else "+" * 60 + "?" * 60 + "+" * 20
    assert seconds(history, 140) == expected
    assert len(history.outages("grid", T, T + 1e9)) == is_lost


def test_a_clock_set_back_gives_no_negative_time_and_none_twice(history: PowerHistory) -> None:
    history.begin_outage("grid", T + 1000)
    history.end_outage("grid", T + 1100)
    history.heartbeat(T + 1200)
    # An hour back.
    history.heartbeat(T - 2400)
    history.begin_outage("grid", T - 2300)
    history.end_outage("grid", T - 2250, start_s=T - 2300)
    history.begin_outage("grid", T - 2200)
    history.end_outage("grid", T - 2190)
    lengths = [(outage.start_s - T, outage.duration_s) for outage in history.outages("grid", T, T + 5000)]
    assert lengths == [(1000, 100), (1100, 50), (1150, 0)]


def test_a_clock_set_during_an_outage_does_not_change_its_length(history: PowerHistory) -> None:
    for offset in (-40, 25):
        at = T + (250 if offset > 0 else 100)
        history.heartbeat(at - 10)
        history.begin_outage("grid", at)
        history.end_outage("grid", at + 60 + offset, start_s=at + offset)
    assert [outage.duration_s for outage in history.outages("grid", T, T + 5000)] == [60, 60]


def test_a_clock_that_is_behind_at_the_start_costs_only_what_nobody_saw(history: PowerHistory, path: Path) -> None:
    history.begin_outage("grid", T + 10)
    history.end_outage("grid", T + 20)
    history.heartbeat(T + 60)
    history.close()
    again = PowerHistory.open(path)
    again.begin_watching(["grid"], T - 86_400)
    again.end_unobserved("grid", T - 86_390)
    again.heartbeat(T - 86_340)
    again.heartbeat(T + 7200)
    assert seconds(again, 7200) == "+" * 10 + "-" * 10 + "+" * 40 + "?" * 7140
    again.close()


DAY = 86_400


def beats(history: PowerHistory, start: int, end: int) -> None:
    """Watch for a while."""
    for at in range(start, end + 1, 60):
        history.heartbeat(T + at)


@pytest.mark.parametrize("leap", [400, DAY, 4 * 365 * DAY])
@pytest.mark.parametrize("is_seen_first_by_the_end", [False, True])
def test_a_clock_set_forwards_in_an_outage_makes_it_no_longer(
    history: PowerHistory, *, leap: int, is_seen_first_by_the_end: bool
) -> None:
    beats(history, 60, 600)
    history.begin_outage("grid", T + 610)
    beats(history, 660, 900)
    if not is_seen_first_by_the_end:
        beats(history, 960 + leap, 1140 + leap)
    history.end_outage("grid", T + leap + 1150, start_s=T + leap + 610)
    beats(history, leap + 1200, leap + 1500)
    (outage,) = history.outages("grid", T, T + 1e10)
    # As the alert says it, which goes by the clock of the end.
    assert (outage.start_s, outage.end_s) == (T + leap + 610, T + leap + 1150)
    assert (outage.duration_s, outage.lost_s, outage.unobserved_s) == (540, 540, 0)
    figures = statistics(history.timeline("grid", T, T + leap + 1500), T, T + leap + 1500)
    assert (figures.up_s, figures.down_s, figures.unobserved_s) == (610 + 350, 540, leap)
    assert (figures.count, figures.longest_s) == (1, 540)


def test_a_clock_set_forwards_after_a_restart_in_an_outage_makes_it_no_longer(
    history: PowerHistory, path: Path
) -> None:
    history.begin_outage("grid", T + 10)
    beats(history, 60, 300)
    history.close()
    again = PowerHistory.open(path)
    again.begin_watching(["grid"], T + 400)
    again.end_unobserved("grid", T + 410)
    beats(again, 460, 580)
    beats(again, 640 + DAY, 760 + DAY)
    again.end_outage("grid", T + DAY + 770, start_s=T + DAY + 10)
    (outage,) = again.outages("grid", T, T + 1e10)
    assert (outage.start_s, outage.duration_s, outage.lost_s, outage.unobserved_s) == (T + DAY + 10, 760, 650, 110)
    again.close()


@pytest.mark.parametrize("was_lost", [False, True])
def test_a_clock_that_was_ahead_before_a_restart_costs_nothing_later(
    history: PowerHistory, path: Path, caplog: pytest.LogCaptureFixture, *, was_lost: bool
) -> None:
    ahead = 4 * 365 * DAY
    beats(history, 60, 600)
    beats(history, ahead + 660, ahead + 960)
    if was_lost:
        history.begin_outage("grid", T + ahead + 970)
        history.end_outage("grid", T + ahead + 1060, start_s=T + ahead + 970)
        beats(history, ahead + 1080, ahead + 1200)
    history.close()
    again = PowerHistory.open(path)
    again.begin_watching(["grid"], T + 2000)
    again.end_unobserved("grid", T + 2010)
    assert caplog.text.count("the clock was ahead") == 1
    beats(again, 2060, 3000)
    again.begin_outage("grid", T + 3010)
    beats(again, 3060, 3600)
    again.end_outage("grid", T + 3610, start_s=T + 3010)
    beats(again, 3660, 4000)
    found = [(outage.start_s - T, outage.duration_s) for outage in again.outages("grid", T, T + 1e10)]
    # Back to when it was, to a minute.
    assert found == [(910, 90), (3010, 600)][not was_lost :]
    figures = statistics(again.timeline("grid", T, T + 3960), T, T + 3960)
    assert figures.down_s == 600 + 90 * was_lost
    assert figures.unobserved_s == 2010 - (1140 if was_lost else 900)
    assert caplog.text.count("the clock was ahead") == 1
    again.close()


def test_a_clock_that_is_ahead_at_a_start_and_set_right_costs_nothing_later(history: PowerHistory, path: Path) -> None:
    beats(history, 60, 600)
    history.close()
    again = PowerHistory.open(path)
    # It is 700 in truth.
    again.begin_watching(["grid"], T + 9 * DAY + 700)
    again.end_unobserved("grid", T + 9 * DAY + 710)
    again.begin_outage("grid", T + 9 * DAY + 800)
    again.end_outage("grid", T + 9 * DAY + 860, start_s=T + 9 * DAY + 800)
    again.heartbeat(T + 9 * DAY + 900)
    beats(again, 900, 1200)
    again.begin_outage("grid", T + 1210)
    again.end_outage("grid", T + 1240, start_s=T + 1210)
    assert [(outage.start_s - T, outage.duration_s) for outage in again.outages("grid", T, T + 1e10)] == [
        (800, 60),
        (1210, 30),
    ]
    assert seconds(again, 1240).count("?") == 110
    again.close()


def test_a_clock_that_is_far_behind_at_a_start_moves_nothing_that_lasted(history: PowerHistory, path: Path) -> None:
    beats(history, 60, 600)
    beats(history, 5000, 5000 + 2 * DAY)
    history.begin_outage("grid", T + 2 * DAY + 5010)
    history.end_outage("grid", T + 2 * DAY + 5020, start_s=T + 2 * DAY + 5010)
    before = history.outages("grid", T, T + 1e10)
    history.close()
    again = PowerHistory.open(path)
    # In the middle of a stretch that nobody watched, long ago.
    again.begin_watching(["grid"], T + 1000)
    again.heartbeat(T + 1060)
    assert again.outages("grid", T, T + 1e10) == before
    again.close()


CLOCK = st.lists(
    st.tuples(
        st.sampled_from(["begin", "move", "end", "end with start", "unknown", "known", "beat", "restart"]),
        st.integers(-3000, 3000),
    ),
    max_size=25,
)


@SLOWLY
@given(CLOCK)
def test_whatever_the_clock_does_spans_are_in_order_and_the_time_is_covered_once(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outages.db"
        history = PowerHistory.open(path)
        history.begin_watching(["grid"], T)
        at = T
        for what, step in steps:
            at += step
            match what:
                case "begin":
                    history.begin_outage("grid", at)
                case "move":
                    history.move_outage("grid", at)
                case "end":
                    history.end_outage("grid", at, end_is_estimate=step % 2 == 0)
                case "end with start":
                    history.end_outage("grid", at, start_s=at - abs(step))
                case "unknown":
                    history.begin_unobserved("grid", at)
                case "known":
                    history.end_unobserved("grid", at)
                case "beat":
                    history.heartbeat(at)
                case "restart":
                    history.close()
                    history = PowerHistory.open(path)
                    history.begin_watching(["grid"], at)
            # Fails where spans overlap or leave a gap.
            from_s, to_s = T - 80_000, T + 160_000
            line = seconds_of(history.timeline("grid", from_s, to_s), from_s, to_s)
            figures = statistics(history.timeline("grid", from_s, to_s), from_s, to_s)
            assert figures.down_s == line.count("-")
            assert all((outage.duration_s or 0) >= 0 for outage in history.outages("grid", from_s, to_s))
        history.close()


@SLOWLY
@given(
    st.text(alphabet="+-?", min_size=1, max_size=40),
    st.lists(st.tuples(st.sampled_from("+-"), st.integers(-10, 400), st.integers(0, 200)), max_size=6),
)
def test_packs_fill_only_what_nobody_observed(minutes: str, told: list[tuple[str, int, int]]) -> None:
    step = 10
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "outages.db")
        for state in minutes:
            house.become(state)
            house.live(step)
        # A hole that is not over is left alone.
        house.become("+")
        house.live(step)
        before = seconds(house.history, house.now)
        spans = [(lost if state == "-" else powered)(start, start + length) for state, start, length in told]
        expected = list(before)
        for second, known in enumerate(before):
            states = {state for state, start, length in told if start <= second < start + length}
            if known == "?" and states:
                expected[second] = "-" if "-" in states else "+"
        filled_s = house.history.fill("grid", spans)
        after = seconds(house.history, house.now)
        assert after == "".join(expected)
        assert filled_s == before.count("?") - after.count("?")
        assert house.history.fill("grid", spans) == 0
        assert seconds(house.history, house.now) == after
        house.history.close()


def hole(history: PowerHistory, *, was_lost: bool, is_lost: bool) -> None:
    """Ten seconds powered, ten powered or lost, a hole of 100, ten powered or lost, powered."""
    if was_lost:
        history.begin_outage("grid", T + 10)
    history.begin_unobserved("grid", T + 20)
    if was_lost and not is_lost:
        history.end_outage("grid", T + 20, end_is_estimate=True)
    history.end_unobserved("grid", T + 120)
    if is_lost:
        if not was_lost:
            history.begin_outage("grid", T + 120)
        history.end_outage("grid", T + 130)


@pytest.mark.parametrize(
    ("was_lost", "is_lost", "told", "expected"),
    [
        (True, True, [], [(10, 130)]),
        # It came back in between, a pack says so.
        (True, True, [powered(0, 200)], [(10, 20), (120, 130)]),
        (True, True, [lost(0, 200)], [(10, 130)]),
        (True, True, [lost(0, 50)], [(10, 50), (120, 130)]),
        (True, True, [lost(40, 60)], [(10, 20), (40, 60), (120, 130)]),
        (True, False, [lost(0, 50)], [(10, 50)]),
        (True, False, [lost(0, 50), powered(50, 300)], [(10, 50)]),
        (True, False, [lost(0, 300)], [(10, 120)]),
        (False, True, [lost(60, 130)], [(60, 130)]),
        (False, True, [lost(60, 130), powered(0, 60)], [(60, 130)]),
        (False, False, [lost(30, 40), lost(50, 60)], [(30, 40), (50, 60)]),
        # Two packs that remember the same loss.
        (False, False, [lost(30, 40, "a"), lost(31, 41, "b")], [(30, 41)]),
    ],
)
def test_what_packs_remember_joins_and_parts_outages(
    history: PowerHistory, *, was_lost: bool, is_lost: bool, told: list[Span], expected: list[tuple[int, int]]
) -> None:
    hole(history, was_lost=was_lost, is_lost=is_lost)
    history.fill("grid", told)
    found = history.outages("grid", T, T + 1000)
    assert [(outage.start_s - T, (outage.end_s or 0) - T) for outage in found] == expected


def test_who_told_it_is_kept(history: PowerHistory) -> None:
    hole(history, was_lost=False, is_lost=False)
    history.fill("grid", [lost(30, 40, "pack a0b1")])
    (outage,) = history.outages("grid", T, T + 1000)
    assert outage.filled_from == "pack a0b1"


@pytest.mark.parametrize(
    "told",
    [
        Span(SpanKind.LOST, T, None, filled_from="pack"),
        Span(SpanKind.LOST, T, T + 10),
        Span(SpanKind.UNOBSERVED, T, T + 10, filled_from="pack"),
        Span(SpanKind.LOST, T + 10, T, filled_from="pack"),
        Span(SpanKind.LOST, float("nan"), T, filled_from="pack"),
    ],
)
def test_nonsense_is_not_filled_in(history: PowerHistory, told: Span) -> None:
    hole(history, was_lost=False, is_lost=False)
    with pytest.raises(ValueError):
        history.fill("grid", [lost(30, 40), told])
    assert history.outages("grid", T, T + 1000) == ()


@pytest.mark.parametrize("at_s", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_time_is_refused(history: PowerHistory, at_s: float) -> None:
    for call in (history.begin_outage, history.end_outage, history.begin_unobserved, history.end_unobserved):
        with pytest.raises(ValueError):
            call("grid", at_s)
    with pytest.raises(ValueError):
        history.heartbeat(at_s)
    assert seconds(history, 100) == "+" * 100


def test_outages_of_a_range_are_whole_and_the_newest(history: PowerHistory) -> None:
    for number in range(20):
        history.begin_outage("grid", T + 100 * number + 10)
        history.end_outage("grid", T + 100 * number + 30)
        history.heartbeat(T + 100 * number + 40)
    starts = [outage.start_s - T for outage in history.outages("grid", T + 120, T + 411)]
    assert starts == [110, 210, 310, 410]
    assert [outage.start_s - T for outage in history.outages("grid", T + 130, T + 410)] == [210, 310]
    assert [outage.start_s - T for outage in history.outages("grid", T, T + 5000, 2)] == [1810, 1910]
    assert history.outages("grid", T, T + 5000, 0) == ()
    assert {outage.duration_s for outage in history.outages("grid", T + 120, T + 411)} == {20}


@SLOWLY
@given(st.text(alphabet="+-?", min_size=1, max_size=40), st.integers(-5, 45), st.integers(0, 45), st.integers(1, 5))
def test_outages_of_a_range_are_those_of_all_that_touch_it(minutes: str, start: int, length: int, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "outages.db")
        for state in minutes:
            house.become(state)
            house.live(1)
        house.history.heartbeat(T + house.now)
        everything = house.history.outages("grid", T - 10, T + 1000)
        from_s, to_s = T + start, T + start + length
        expected = [
            outage for outage in everything if outage.start_s < to_s and (outage.end_s is None or outage.end_s > from_s)
        ]
        assert list(house.history.outages("grid", from_s, to_s, limit)) == expected[-limit:] * (length > 0)
        house.history.close()


def test_purging_forgets_what_was_before(history: PowerHistory) -> None:
    for start in (10, 100, 200):
        history.begin_outage("grid", T + start)
        history.end_outage("grid", T + start + 50)
    history.heartbeat(T + 300)
    history.purge("grid", T + 120)
    assert seconds(history, 300) == "?" * 100 + "-" * 50 + "+" * 50 + "-" * 50 + "+" * 50
    # Not the future.
    history.purge(None, T + 10_000)
    assert seconds(history, 310) == "?" * 300 + "+" * 10
    history.begin_outage("grid", T + 305)
    history.purge(None, T + 10_000)
    (outage,) = history.outages("grid", T, T + 10_000)
    assert (outage.start_s, outage.end_s) == (T + 305, None)


def test_a_source_is_forgotten_with_all_of_its_own(history: PowerHistory) -> None:
    history.begin_watching(["ups"], T)
    history.end_unobserved("ups", T)
    for source in ("grid", "ups"):
        history.begin_outage(source, T + 10)
    history.describe_source("ups", "The UPS", "ups")
    history.forget_source("grid")
    history.forget_source("grid")
    assert [(source.id, source.name, source.kind) for source in history.sources()] == [("ups", "The UPS", "ups")]
    with pytest.raises(KeyError):
        history.begin_outage("grid", T + 20)
    history.begin_watching(["grid"], T + 30)
    assert history.outages("grid", T, T + 100) == ()
    assert len(history.outages("ups", T, T + 100)) == 1


def test_the_oldest_stretches_go_first(path: Path) -> None:
    history = PowerHistory(path, most_spans=10)
    history.begin_watching(["grid", "ups"], T)
    for source in ("grid", "ups"):
        history.end_unobserved(source, T)
    for number in range(25):
        history.begin_outage("grid", T + 10 * number)
        history.end_outage("grid", T + 10 * number + 5)
    history.begin_outage("ups", T + 5)
    history.heartbeat(T + 250)
    assert [outage.start_s - T for outage in history.outages("grid", T, T + 1000)] == list(range(150, 250, 10))
    # Where they were nothing is known any more; it is not called powered.
    assert seconds(history, 250) == "?" * 145 + "+" * 5 + "-----+++++" * 10
    assert len(history.outages("ups", T, T + 1000)) == 1
    history.close()


def test_a_copy_of_the_file_alone_is_whole(history: PowerHistory, path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "backup" / "outages.db"
    copy.parent.mkdir()
    for number in range(50):
        history.begin_outage("grid", T + 10 * number)
        history.end_outage("grid", T + 10 * number + 5)
    copy.write_bytes(path.read_bytes())
    restored = PowerHistory.open(copy)
    assert restored.outages("grid", T, T + 1000) == history.outages("grid", T, T + 1000)
    assert len(restored.outages("grid", T, T + 1000)) == 50
    restored.close()


def test_others_can_read_it_meanwhile(history: PowerHistory, path: Path) -> None:
    history.begin_outage("grid", T + 10)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT kind, start_s, end_s FROM spans").fetchall() == [("lost", T + 10, None)]
    other.close()


def test_what_is_closed_says_so(history: PowerHistory) -> None:
    history.close()
    history.close()
    for call in (history.heartbeat, lambda _: history.timeline("grid", T, T + 1)):
        with pytest.raises(HistoryError, match="closed"):
            call(T)


def test_it_is_bounded_by_default() -> None:
    assert (MOST_SPANS, MOST_CHECKS) == (100_000, 2000)
