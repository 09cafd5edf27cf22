"""What time the packs are told, by a machine whose clock is not always right."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import CLOCK_MONOTONIC, clock_gettime, monotonic

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.memory import MEMORY
from custom_components.alfaspark.packbus.frames import Command
from custom_components.alfaspark.upkeep import timekeeping
from custom_components.alfaspark.upkeep.timekeeping import TimeKeeper

from .conftest import SERIAL, wait_until
from .peers import STATUS, PeerPack

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR_S, DAY_S = 3600.0, 86_400.0


@dataclass
class Machine:
    """A computer: one clock that runs, and one that is set now and then."""

    steady_s: float = 1000.0
    ahead_s: float = 0.0
    """How much the clock that is set is ahead of the true time."""
    true_s: float = START.timestamp()
    told: list[tuple[float, float]] = field(default_factory=list)
    """When the packs were told, in seconds since the start, and by how much that was ahead of the true time."""
    keeper: TimeKeeper = field(init=False)

    def __post_init__(self) -> None:
        """Start; nothing is told yet."""
        self.keeper = TimeKeeper(self._tell)

    def _tell(self, unix_s: int, _: int) -> None:
        self.told.append((self.true_s - START.timestamp(), unix_s - self.true_s))

    def now(self) -> datetime:
        """Return what the clock says that is set."""
        return datetime.fromtimestamp(self.true_s + self.ahead_s, UTC)

    def run(self, seconds: int) -> list[tuple[float, float]]:
        """Let time pass; return what was told in it."""
        self.told = []
        for _ in range(seconds):
            self.steady_s += 1
            self.true_s += 1
            self.keeper.follow(self.steady_s)
        return self.told


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Have a computer that told the right time a minute ago."""
    machine = Machine()
    monkeypatch.setattr(timekeeping, "_steady_s", lambda: machine.steady_s)
    monkeypatch.setattr("custom_components.alfaspark.upkeep.timekeeping.dt_util.now", machine.now)
    assert machine.run(100) == [(1, 0), (61, 0)]
    return machine


@pytest.mark.parametrize("ahead_s", [DAY_S, 365 * DAY_S, -DAY_S, 61])
def test_a_clock_that_is_wrong_for_moments_is_told_to_nobody(machine: Machine, ahead_s: float) -> None:
    machine.ahead_s = ahead_s
    assert machine.run(60) == []
    machine.keeper.tell(machine.steady_s)  # a pack appeared
    assert machine.told == []
    assert machine.keeper.now() is None
    machine.ahead_s = 0
    assert machine.run(100) == [(161, 0), (221, 0)]


@pytest.mark.parametrize("ahead_s", [DAY_S, -HOUR_S])
def test_a_clock_that_was_put_right_is_told_once_it_stood(
    machine: Machine, ahead_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    machine.ahead_s = ahead_s
    assert machine.run(120) == []
    assert machine.run(70) == [(221, ahead_s), (281, ahead_s)]
    assert [record.getMessage() for record in caplog.records] == [
        f"The clock of this machine jumped by {ahead_s:.0f} s: the packs are told in 2 minutes, if it stays so"
    ]


def test_a_clock_that_jumps_again_has_to_stand_anew(machine: Machine) -> None:
    machine.ahead_s = DAY_S
    assert machine.run(100) == []
    machine.ahead_s = HOUR_S
    assert machine.run(120) == []
    assert machine.run(1) == [(321, HOUR_S)]


def test_a_clock_that_is_slewed_is_followed(machine: Machine) -> None:
    for minute in range(10):
        machine.ahead_s += 30
        assert [ahead_s for _, ahead_s in machine.run(60)] == [30 * (minute + 1)]


def test_a_machine_that_was_suspended_tells_the_time_at_once(machine: Machine) -> None:
    machine.steady_s += 8 * HOUR_S
    machine.true_s += 8 * HOUR_S
    assert machine.run(1) == [(8 * HOUR_S + 101, 0)]


@pytest.mark.parametrize("year", [1970, 2025, 2100])
def test_the_first_time_that_can_be_true_is_told_at_once(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    machine = Machine()
    monkeypatch.setattr(timekeeping, "_steady_s", lambda: machine.steady_s)
    monkeypatch.setattr("custom_components.alfaspark.upkeep.timekeeping.dt_util.now", machine.now)
    machine.ahead_s = datetime(year, 6, 1, tzinfo=UTC).timestamp() - START.timestamp()
    assert machine.run(200) == []
    machine.keeper.tell(machine.steady_s)
    assert machine.told == []
    machine.ahead_s = 0
    assert machine.run(1) == [(201, 0)]


@pytest.mark.usefixtures("integration")
async def test_an_import_is_remembered_for_no_day_that_is_not_certain(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, record = house.runtime_data, hass.data[MEMORY].packs[SERIAL]
    await wait_until(lambda: record.import_today is not None, "for the import")
    before = record.import_today
    assert before is not None
    # As if the clock had gone a day ahead.
    monkeypatch.setattr(timekeeping, "_steady_s", lambda: clock_gettime(CLOCK_MONOTONIC) - DAY_S)
    pack.report(replace(STATUS, grid_import_today_kwh=2.5))
    await wait_until(lambda: hub.packs[SERIAL].data.status.grid_import_today_kwh == 2.5, "for the reading")
    pack.heard.clear()
    hub.time.follow(monotonic() + 60)
    hub._upkeep.follow(monotonic())
    await hass.async_block_till_done(wait_background_tasks=True)
    assert record.import_today == before
    assert Command.SET_TIME not in pack.commands

    monkeypatch.undo()
    await wait_until(lambda: record.import_today != before, "for the import of the right day")
    assert record.import_today is not None
    assert (record.import_today.import_kwh, record.import_today.import_day) == (2.5, before.import_day)
