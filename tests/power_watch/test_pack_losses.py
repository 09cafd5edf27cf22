"""Stretches in which nobody watched are filled from what packs remember."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.memory import MEMORY, Memory, PackRecord
from custom_components.alfaspark.outages.checks import Check
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.model import Result as Seen
from custom_components.alfaspark.outages.spans import Outage, SpanKind
from custom_components.alfaspark.outages.statistics import PowerStatistics, statistics
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, Command, DeviceType, GridLoss, GridState, Result
from custom_components.alfaspark.power_watch import pack_losses
from custom_components.alfaspark.power_watch.record import FILE
from custom_components.alfaspark.power_watch.watch import PowerWatch
from tests.conftest import SERIAL, state, wait_until
from tests.packbus.test_simulator import joined, simulated
from tests.peers import STATUS, PeerBus, PeerPack

POWER = "binary_sensor.utility"
BOOT = 0x1234
HOUR = 3600
OTHER = "a0b1c2d30102"
THIRD = "a0b1c2d30103"

LOST, POWERED, UNOBSERVED = SpanKind.LOST, SpanKind.POWERED, SpanKind.UNOBSERVED

pytestmark = pytest.mark.usefixtures("integration")


class Past:
    """A watch that ended an hour ago: the power was there, or not, for the two minutes before."""

    def __init__(self, entry: MockConfigEntry, path: Path) -> None:
        """Begin now."""
        self.end_s = float(int(time()))
        self.begin_s = self.end_s - HOUR
        (self.source_id,) = entry.subentries
        self._path = path

    def write(self, *, lost_since_s: float | None = None) -> None:
        """Write the history of the last run."""
        self._path.parent.mkdir(exist_ok=True)
        history = PowerHistory.open(self._path)
        history.begin_watching([self.source_id], self.begin_s - 120)
        history.end_unobserved(self.source_id, self.begin_s - 120)
        if lost_since_s is not None:
            history.begin_outage(self.source_id, lost_since_s, "grid_not_sensed")
        sense = f"{self.source_id}/grid_sense:{SERIAL}"
        history.add_checks([Check(sense, self.begin_s - 120, Seen.ALIVE)])
        history.stop_watching([self.source_id], self.begin_s)
        history.close()

    def lost(self, start_min: int, minutes: int | None, number: int = 1, *, going_on: bool = False) -> GridLoss:
        """A loss so many minutes after the watch ended."""
        duration_s = None if minutes is None else minutes * 60
        return GridLoss(int(self.begin_s) + start_min * 60, duration_s, going_on=going_on, number=number)


def pack_record(boot_id: int, since_s: float) -> dict[str, Any]:
    return PackRecord(DeviceType.ENERGY_PACK, (1, 2, 3), boot_id, stored_boot_since_s=since_s).as_dict()


type Remember = Callable[..., None]


@pytest.fixture
def remember(hass_storage: dict[str, Any]) -> Remember:
    """Say in which boots the packs were when Home Assistant knew them last."""

    def remember(boots: dict[str, int], since_s: float) -> None:
        packs = {serial: pack_record(boot_id, since_s) for serial, boot_id in boots.items()}
        hass_storage[DOMAIN] = {"version": 1, "minor_version": 1, "key": DOMAIN, "data": {"packs": packs}}

    return remember


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_losses, "_WAITS_S", (0.1, 0.2, 0.3, 0.4))


@pytest.fixture
def past(hass: HomeAssistant, watch_entry: MockConfigEntry, tmp_path: Path, remember: Remember) -> Past:
    """Home Assistant was off for an hour; the pack is in the boot that it was in."""
    hass.config.config_dir = str(tmp_path)
    made = Past(watch_entry, tmp_path / ".storage" / FILE)
    remember({SERIAL: BOOT}, made.begin_s - HOUR)
    return made


type Start = Callable[[], AbstractAsyncContextManager[PowerWatch]]


@pytest.fixture
def start(hass: HomeAssistant, watch_entry: MockConfigEntry, entry: MockConfigEntry) -> Start:
    """Start Home Assistant: the adapter and the power watch."""

    @asynccontextmanager
    async def start() -> AsyncGenerator[PowerWatch]:
        # The first entry of an integration sets up all that there are.
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        yield watch_entry.runtime_data
        for each in (watch_entry, entry):
            await hass.config_entries.async_unload(each.entry_id)
        await hass.async_block_till_done()

    return start


async def heard(hass: HomeAssistant, entry: MockConfigEntry, *packs: PeerPack, shown: str = "on") -> None:
    await wait_until(lambda: {pack.serial for pack in packs} <= entry.runtime_data.packs.keys(), "for the packs")
    for pack in packs:
        pack.report()
    await wait_until(lambda: state(hass, POWER) == shown, f"for {shown}")


async def timeline(watch: PowerWatch, past: Past) -> list[tuple[SpanKind, int, int]]:
    """Stretches of the hour, whole seconds after it began; the last one ends when Home Assistant was there again."""
    spans = await watch.record.async_read(
        lambda history: history.timeline(past.source_id, past.begin_s, past.begin_s + HOUR)
    )
    assert spans is not None
    found: list[tuple[SpanKind, int, int]] = []
    for span in spans:
        assert span.end_s is not None
        begin_s, end_s = round(span.start_s - past.begin_s), round(span.end_s - past.begin_s)
        if found and found[-1][0] is span.kind:
            begin_s = found.pop()[1]
        found.append((span.kind, begin_s, end_s))
    return found


async def outages(watch: PowerWatch, past: Past) -> tuple[Outage, ...]:
    found = await watch.record.async_read(lambda history: history.outages(past.source_id, 0, time()))
    assert found is not None
    return found


async def figures(watch: PowerWatch, past: Past) -> PowerStatistics:
    spans = await watch.record.async_read(
        lambda history: history.timeline(past.source_id, past.begin_s, past.begin_s + HOUR)
    )
    assert spans is not None
    return statistics(spans, past.begin_s, past.begin_s + HOUR)


async def settled(watch: PowerWatch) -> None:
    """Wait until nobody is asked any more."""
    await wait_until(lambda: not watch._pack_losses._tasks, "for the packs to be asked")


async def test_a_loss_while_home_assistant_was_off_is_an_outage_and_the_rest_was_powered(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.grid_losses = [past.lost(20, 10)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 1200), (LOST, 1200, 1800), (POWERED, 1800, 3600)]
        (outage,) = await outages(watch, past)
        assert (outage.start_s, outage.duration_s) == (past.begin_s + 1200, 600)
        assert (outage.start_is_estimate, outage.end_is_estimate) == (False, False)
        assert outage.filled_from == SERIAL
        assert outage.evidence == (f"{past.source_id}/grid_sense:{SERIAL}",)
        counted = await figures(watch, past)
        assert (counted.count, counted.down_s, counted.up_s) == (1, 600, 3000)
        assert counted.uptime_pct == pytest.approx(100 * 5 / 6)
        await wait_until(lambda: state(hass, "sensor.utility_last_outage") != "unknown", "for the figures")
        assert float(state(hass, "sensor.utility_last_outage_duration")) == 10

        # Asked again, it says the same: nothing is counted twice, and nothing is left to ask for.
        asked = pack.commands.count(Command.READ_GRID_LOSSES)
        watch._pack_losses._settled.clear()
        watch._pack_losses.async_follow(past.source_id)
        await settled(watch)
        assert await figures(watch, past) == counted
        assert pack.commands.count(Command.READ_GRID_LOSSES) == asked == 1


async def test_a_pack_that_restarted_meanwhile_vouches_for_nothing_but_its_losses(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.boot_id = BOOT + 1
    pack.grid_losses = [past.lost(10, None, 1), past.lost(20, 10, 2)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        spans = await timeline(watch, past)
        assert spans == [
            (UNOBSERVED, 0, 600),
            (LOST, 600, 601),
            (UNOBSERVED, 601, 1200),
            (LOST, 1200, 1800),
            (UNOBSERVED, 1800, 3600),
        ]
        first, second = await outages(watch, past)
        assert (first.start_s, first.end_is_estimate) == (past.begin_s + 600, True)
        assert (second.duration_s, second.end_is_estimate) == (600, False)

        # It tells nothing new: nobody asks it again and again.
        pack.report(replace(STATUS, grid=GridState.UNKNOWN))
        await wait_until(lambda: state(hass, POWER) == "unknown", "for a sense that does not know")
        asked = pack.commands.count(Command.READ_GRID_LOSSES)
        for _ in range(2):
            watch._pack_losses.async_follow(past.source_id)
            await settled(watch)
        assert pack.commands.count(Command.READ_GRID_LOSSES) == asked == 1


async def test_a_loss_that_goes_on_began_while_nobody_listened(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.grid_losses = [past.lost(40, None, going_on=True)]
    pack.status = replace(STATUS, grid=GridState.ABSENT)
    async with start() as watch:
        await heard(hass, entry, pack, shown="off")
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 2400), (LOST, 2400, 3600)]
        (outage,) = await outages(watch, past)
        assert (outage.start_s, outage.end_s, outage.start_is_estimate) == (past.begin_s + 2400, None, False)
        since_s = watch.record.unix_s(watch.decision(past.source_id).since_s)
        assert since_s == pytest.approx(past.begin_s + 2400, abs=0.2)

        pack.report(replace(STATUS, grid=GridState.PRESENT))
        await wait_until(lambda: state(hass, POWER) == "on", "for the end")
        shown = hass.states.get("event.utility_outage")
        assert shown is not None
        assert shown.attributes["duration_s"] == pytest.approx(1200, abs=20)
        (outage,) = await outages(watch, past)
        assert outage.start_s == past.begin_s + 2400
        assert outage.duration_s == pytest.approx(1200, abs=20)
        assert not outage.end_is_estimate


async def test_an_outage_over_the_hour_was_two_if_the_power_was_back_between(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write(lost_since_s=past.begin_s - 60)
    pack.grid_losses = [past.lost(-1, 11, 1), past.lost(50, None, 2, going_on=True)]
    pack.status = replace(STATUS, grid=GridState.ABSENT)
    async with start() as watch:
        await heard(hass, entry, pack, shown="off")
        await settled(watch)
        assert await timeline(watch, past) == [(LOST, 0, 600), (POWERED, 600, 3000), (LOST, 3000, 3600)]
        first, second = await outages(watch, past)
        assert (first.start_s, first.duration_s, first.end_is_estimate) == (past.begin_s - 60, 660, False)
        assert (second.start_s, second.end_s) == (past.begin_s + 3000, None)
        since_s = watch.record.unix_s(watch.decision(past.source_id).since_s)
        assert since_s == pytest.approx(past.begin_s + 3000, abs=0.2)
        pack.report(replace(STATUS, grid=GridState.PRESENT))
        await wait_until(lambda: state(hass, POWER) == "on", "for the end")
        _, second = await outages(watch, past)
        assert (second.start_s, second.end_is_estimate) == (past.begin_s + 3000, False)
        assert second.duration_s == pytest.approx(600, abs=20)


async def test_an_outage_that_ended_meanwhile_ended_then(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write(lost_since_s=past.begin_s - 60)
    pack.grid_losses = [past.lost(-1, 11)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        (outage,) = await outages(watch, past)
        assert (outage.start_s, outage.duration_s, outage.end_is_estimate) == (past.begin_s - 60, 660, False)
        assert await timeline(watch, past) == [(LOST, 0, 600), (POWERED, 600, 3600)]


async def test_where_half_of_the_packs_say_lost_nobody_knows(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pack: PeerPack,
    peers: PeerBus,
    past: Past,
    start: Start,
    remember: Remember,
) -> None:
    remember({SERIAL: BOOT, OTHER: BOOT}, past.begin_s - HOUR)
    past.write()
    other = peers.add(OTHER, 13)
    pack.grid_losses = [past.lost(10, 10)]
    other.grid_losses = [past.lost(15, 10, 77)]
    async with start() as watch:
        await heard(hass, entry, pack, other)
        await settled(watch)
        assert await timeline(watch, past) == [
            (POWERED, 0, 600),
            (UNOBSERVED, 600, 900),
            (LOST, 900, 1200),
            (UNOBSERVED, 1200, 1500),
            (POWERED, 1500, 3600),
        ]
        (outage,) = await outages(watch, past)
        assert (outage.start_is_estimate, outage.end_is_estimate) == (True, True)
        assert set(outage.evidence) == {f"{past.source_id}/grid_sense:{serial}" for serial in (SERIAL, OTHER)}


async def test_one_pack_of_three_whose_breaker_is_off_makes_no_outage(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pack: PeerPack,
    peers: PeerBus,
    past: Past,
    start: Start,
    remember: Remember,
) -> None:
    remember({SERIAL: BOOT, OTHER: BOOT, THIRD: BOOT}, past.begin_s - 40 * 24 * HOUR)
    past.write()
    others = peers.add(OTHER, 13), peers.add(THIRD, 14)
    pack.grid_losses = [past.lost(-30 * 24 * 60, None, going_on=True)]
    pack.status = replace(STATUS, grid=GridState.ABSENT)
    async with start() as watch:
        await wait_until(lambda: {SERIAL, OTHER, THIRD} <= entry.runtime_data.packs.keys(), "for the packs")
        for each in (*others, pack):
            each.report()
        await wait_until(lambda: state(hass, "sensor.utility_reason") == "senses_disagree", "for what they sense")
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 3600)]
        assert [outage for outage in await outages(watch, past) if outage.start_s < past.end_s] == []


async def test_the_pack_that_is_heard_first_does_not_decide_alone(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pack: PeerPack,
    peers: PeerBus,
    past: Past,
    start: Start,
    remember: Remember,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pack_losses, "_WAITS_S", (0.1, 2.0, 2.1, 2.2))
    remember({SERIAL: BOOT, OTHER: BOOT}, past.begin_s - HOUR)
    past.write()
    pack.grid_losses = [past.lost(20, 10)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await asyncio.sleep(0.5)
        other = peers.add(OTHER, 13)
        other.introduce()
        await heard(hass, entry, other)
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 1200), (UNOBSERVED, 1200, 1800), (POWERED, 1800, 3600)]


async def test_a_pack_that_is_gone_is_not_waited_for_twice(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start, remember: Remember
) -> None:
    remember({SERIAL: BOOT, OTHER: BOOT}, past.begin_s - HOUR)
    past.write()
    pack.grid_losses = [past.lost(20, 10)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 1200), (LOST, 1200, 1800), (POWERED, 1800, 3600)]


async def test_a_pack_that_says_two_things_at_once_is_asked_again_and_then_known_until_there(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.grid_losses = [past.lost(10, 10, 255), past.lost(40, None, 0, going_on=True)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert await timeline(watch, past) == [
            (POWERED, 0, 600),
            (LOST, 600, 1200),
            (POWERED, 1200, 2400),
            (UNOBSERVED, 2400, 3600),
        ]
        assert pack.commands.count(Command.READ_GRID_LOSSES) == 4


async def test_two_losses_of_one_number_are_both_told(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.grid_losses = [past.lost(10, 1, 5), past.lost(20, 1, 5)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert [span for span in await timeline(watch, past) if span[0] is not POWERED] == [
            (LOST, 600, 660),
            (LOST, 1200, 1260),
        ]
        assert pack.commands.count(Command.READ_GRID_LOSSES) == 1


async def test_firmware_that_keeps_no_losses_is_asked_once(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.answers[Command.READ_GRID_LOSSES] = Result.UNKNOWN_COMMAND, 0
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert await timeline(watch, past) == [(UNOBSERVED, 0, 3600)]
        assert pack.commands.count(Command.READ_GRID_LOSSES) == 1


async def test_a_pack_is_asked_again_until_it_knows_the_time(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.flags = AnnounceFlagSet.BMS_ONLINE
    pack.grid_losses = [GridLoss(None, 60, going_on=False, number=1)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await wait_until(lambda: state(hass, "sensor.utility_reason") == "grid_sensed")
        assert Command.READ_GRID_LOSSES not in pack.commands
        pack.flags |= AnnounceFlagSet.CLOCK_VALID
        pack.grid_losses = [past.lost(20, 1)]
        pack.announce()
        await settled(watch)
        assert await timeline(watch, past) == [(POWERED, 0, 1200), (LOST, 1200, 1260), (POWERED, 1260, 3600)]


async def test_a_pack_without_a_clock_tells_what_it_knows_and_vouches_for_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.flags = AnnounceFlagSet.BMS_ONLINE
    pack.grid_losses = [past.lost(20, 1)]
    async with start() as watch:
        await heard(hass, entry, pack)
        await settled(watch)
        assert await timeline(watch, past) == [(UNOBSERVED, 0, 1200), (LOST, 1200, 1260), (UNOBSERVED, 1260, 3600)]


async def test_a_pack_that_does_not_answer_is_asked_a_few_times_and_again_when_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack, past: Past, start: Start
) -> None:
    past.write()
    pack.answers[Command.READ_GRID_LOSSES] = Result.BUSY, 0
    heard_read: list[bytes] = []
    original = pack.hear

    def hear(payload: bytes) -> None:
        if payload[0] == Command.READ_GRID_LOSSES and len(heard_read) < 100:
            heard_read.append(payload)
            return
        original(payload)

    pack.hear = hear  # type: ignore[method-assign]
    async with start() as watch:
        await heard(hass, entry, pack)
        await wait_until(lambda: heard_read, "for a question")
        await wait_until(lambda: not watch._pack_losses._tasks, "for the last try")
        assert len(heard_read) == 4 * 3, "four tries, each with its repetitions"
        assert await timeline(watch, past) == [(UNOBSERVED, 0, 3600)]
        pack.hear = original  # type: ignore[method-assign]
        del pack.answers[Command.READ_GRID_LOSSES]
        pack.grid_losses = [past.lost(20, 10)]
        pack.report(replace(STATUS, grid=GridState.UNKNOWN))
        await wait_until(lambda: state(hass, POWER) == "unknown", "for a sense that does not know")
        pack.report(STATUS)
        await wait_until(lambda: state(hass, POWER) == "on", "for power")
        await settled(watch)
        (outage,) = await outages(watch, past)
        assert outage.duration_s == 600


async def test_the_boot_of_a_pack_is_remembered_with_the_time_since_when(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    record = hass.data[MEMORY].packs[SERIAL]
    since_s = record.boot_since_s
    assert since_s is not None
    assert since_s == pytest.approx(time(), abs=5)
    await hass.data[MEMORY].async_save()
    memory = Memory(hass)
    await memory.async_load()
    again = memory.packs[SERIAL]
    assert again.boot_since_s == pytest.approx(since_s, abs=0.1)
    again.take_boot(pack.boot_id)
    assert again.boot_since_s == pytest.approx(since_s, abs=0.1)
    pack.restart(BOOT + 7)
    await wait_until(lambda: record.boot_id == BOOT + 7, "for the new boot")
    assert record.boot_since_s is not None
    assert record.boot_since_s > since_s


async def test_a_real_pack_remembers_what_nobody_watched(  # noqa: PLR0917 - fixtures
    hass: HomeAssistant,
    socket_enabled: None,
    watch_entry: MockConfigEntry,
    tmp_path: Path,
    past: Past,
    remember: Remember,
) -> None:
    async with simulated(tmp_path, "--packs", "1", "--seed", "1") as simulator:
        await simulator.control(advance_s=15)
        async with joined(simulator.slcan_url) as host:
            await host.know(1)
            boots = {pack.serial: pack.boot_id for pack in host.packs}
            past = Past(watch_entry, tmp_path / ".storage" / FILE)
            # The pack is told the time of half an hour ago, and that passes for it in a moment.
            await host.client.set_time(int(past.begin_s) + 1800, 60)
            await simulator.control(advance_s=600)
            await simulator.control(grid=False, advance_s=300)
            await simulator.control(grid=True, advance_s=900)
        remember(boots, past.begin_s - HOUR)
        past.write()
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="house",
            unique_id="slcan:simulator",
            data={CONF_INTERFACE: "slcan", CONF_CHANNEL: simulator.slcan_url},
        )
        entry.add_to_hass(hass)
        # The power watch comes with it.
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        watch = watch_entry.runtime_data

        await wait_until(lambda: hass.states.is_state(POWER, "on"), "for power")
        await settled(watch)
        (outage,) = await outages(watch, past)
        assert outage.start_s == pytest.approx(past.begin_s + 2400, abs=3)
        assert outage.duration_s == pytest.approx(300, abs=3)
        assert outage.filled_from in boots
        counted = await figures(watch, past)
        assert counted.unobserved_s == pytest.approx(0, abs=1)
        assert counted.count == 1
        assert counted.down_s == pytest.approx(300, abs=3)
        for each in (watch_entry, entry):
            await hass.config_entries.async_unload(each.entry_id)
        await hass.async_block_till_done()
