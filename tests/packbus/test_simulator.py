"""Against the firmware itself: packs of the simulator on a simulated bus, reached through its slcan adapter."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
import os
from pathlib import Path
import signal
import time

import pytest

from custom_components.alfaspark.packbus.adapter import AdapterConfig, CanAdapter, ReceivedFrame
from custom_components.alfaspark.packbus.client import Client, CommandRefused
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import (
    EnergyCounter,
    GetParameter,
    GridState,
    Identify,
    Reason,
    Relay,
    RelaySet,
    Response,
    Result,
    SetRelay,
)
from custom_components.alfaspark.packbus.grid_losses import GridLossRecord
from custom_components.alfaspark.packbus.pack import Pack
from custom_components.alfaspark.packbus.parameters import PARAMETERS
from scripts.house.simulator import Simulator, free_port

ROOT = Path(__file__).parents[2]


class Host:
    """What a program that uses packbus consists of."""

    def __init__(self, channel: str) -> None:
        """Wire adapter, fleet and client."""
        self.told: list[tuple[str, str]] = []
        self.states: list[bool] = []
        self.grid_losses: list[tuple[str, GridLossRecord]] = []
        self.fleet = Fleet(
            on_appeared=lambda pack: self.told.append(("appeared", pack.serial)),
            on_restarted=lambda pack: self.told.append(("restarted", pack.serial)),
            on_response=self._answered,
            on_grid_loss=self._lost,
        )
        self.adapter = CanAdapter(
            AdapterConfig("slcan", channel), on_frames=self._received, on_state=self._state_changed
        )
        self.client = Client(self.adapter, self.fleet)

    @property
    def packs(self) -> list[Pack]:
        """By serial."""
        return [self.fleet.packs[serial] for serial in sorted(self.fleet.packs)]

    async def until(self, condition: Callable[[], object], timeout_s: float = 20.0) -> float:
        """Live until a condition is met; return how many seconds that took."""
        start_s = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.fleet.expire(time.monotonic())
                if self.fleet.take_who_request(time.monotonic()):
                    await self.client.who()
                await asyncio.sleep(0.02)
        return time.monotonic() - start_s

    async def know(self, packs: int) -> None:
        """Live until so many packs are known with all their readings."""
        await self.client.who()
        await self.until(
            lambda: (
                sum(
                    None not in (pack.battery, pack.power, pack.loads, pack.status, pack.currents)
                    for pack in self.packs
                )
                == packs
            )
        )

    def _received(self, received: Sequence[ReceivedFrame]) -> None:
        for frame in received:
            self.fleet.receive(frame)

    def _state_changed(self, connected: bool, _: str | None) -> None:
        self.states.append(connected)
        if not connected:
            self.fleet.forget_nodes()

    def _answered(self, pack: Pack, response: Response) -> None:
        self.client.feed(pack, response)

    def _lost(self, pack: Pack, record: GridLossRecord) -> None:
        self.grid_losses.append((pack.serial, record))
        self.client.feed_grid_loss(pack, record)


@asynccontextmanager
async def simulated(tmp_path: Path, *options: str) -> AsyncGenerator[Simulator]:
    simulator = await Simulator.start(ROOT, tmp_path / "simulator.log", *options)
    try:
        yield simulator
    finally:
        await simulator.child.stop()


@asynccontextmanager
async def joined(channel: str) -> AsyncGenerator[Host]:
    host = Host(channel)
    await host.adapter.open()
    try:
        yield host
    finally:
        await host.adapter.close()


@pytest.fixture
async def simulator(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[Simulator]:
    """Three packs that all prefer one node number, past their claims."""
    async with simulated(tmp_path, "--packs", "3", "--seed", "1", "--equal-numbers") as running:
        await running.control(advance_s=15)
        yield running


@pytest.fixture
async def host(simulator: Simulator) -> AsyncGenerator[Host]:
    """A host on their bus that knows them all."""
    async with joined(simulator.slcan_url) as host:
        await host.know(3)
        yield host


async def test_the_fleet_is_what_physically_is(simulator: Simulator, host: Host) -> None:
    truth = (await simulator.truth())["packs"]
    assert sorted(simulator.serials) == [pack.serial for pack in host.packs]
    assert host.fleet.statistics.invalid == host.fleet.statistics.implausible == 0
    assert host.adapter.statistics.errors == host.adapter.statistics.dropped == 0
    for true in truth:
        pack = host.fleet.packs[true["serial"]]
        assert pack.battery is not None
        assert pack.power is not None
        assert pack.status is not None
        assert pack.loads is not None
        assert pack.node == true["node"]
        assert (pack is host.fleet.master) is true["master"]
        assert pack.battery.voltage_v == pytest.approx(true["battery_v"], abs=0.5)
        assert pack.power.home_w == pytest.approx(
            true["powers_w"]["inverter"] + true["powers_w"]["load1"] + true["powers_w"]["load2"], rel=0.05, abs=10
        )
        assert pack.power.battery_w == pytest.approx(true["powers_w"]["battery"], rel=0.05, abs=15)
        assert pack.status.grid is GridState.PRESENT
        assert pack.loads.grid_frequency_hz == pytest.approx(50, abs=0.1)
        assert pack.status.relays == RelaySet.GRID | RelaySet.INVERTER | RelaySet.LOAD1 | RelaySet.LOAD2
    assert len({pack.node for pack in host.packs}) == 3
    assert host.fleet.totals.packs == 3


async def test_energies_count_what_flows(simulator: Simulator, host: Host) -> None:
    await simulator.control(pack=0, home_w=2000, irradiance=0)
    pack = host.fleet.packs[simulator.serials[0]]
    await simulator.control(advance_s=25)
    await host.until(lambda: len(pack.energies_wh) == 7)
    before_wh = dict(pack.energies_wh)
    await simulator.control(advance_s=1800)
    await host.until(lambda: pack.energies_wh.get(EnergyCounter.HOME, 0) > before_wh[EnergyCounter.HOME] + 900, 40)
    truth = (await simulator.truth())["packs"][0]["energies_wh"]
    for counter, value_wh in pack.energies_wh.items():
        assert value_wh >= before_wh[counter]
        assert value_wh == pytest.approx(truth[counter.name.lower()], rel=0.02, abs=8), counter


async def test_a_relay_obeys_and_refuses(simulator: Simulator, host: Host) -> None:
    pack = host.fleet.packs[simulator.serials[1]]
    response = await host.client.request(pack, SetRelay(relay=Relay.LOAD2, closed=False))
    assert response.result is Result.ACCEPTED
    assert await host.until(lambda: pack.status is not None and RelaySet.LOAD2 not in pack.status.relays) < 0.5, (
        "STATUS tells of a change at once"
    )
    assert [true["relays"]["load2"] for true in (await simulator.truth())["packs"]] == [True, False, True]
    with pytest.raises(CommandRefused) as raised:
        await host.client.request(pack, SetRelay(relay=Relay.LOAD2, closed=True))
    assert (raised.value.result, raised.value.reason) == (Result.BUSY, Reason.MINIMUM_TIME)


async def test_every_parameter_has_its_default(simulator: Simulator, host: Host) -> None:
    for spec in PARAMETERS:
        response = await host.client.request(host.packs[0], GetParameter(index=spec.parameter))
        assert response.value == spec.default, spec.parameter.name
    with pytest.raises(CommandRefused) as raised:
        await host.client.request(host.packs[0], GetParameter(index=len(PARAMETERS)))
    assert raised.value.result is Result.OUT_OF_RANGE


async def test_all_answer_a_broadcast(simulator: Simulator, host: Host) -> None:
    assert set(await host.client.broadcast(Identify(seconds=1))) == set(simulator.serials)


async def test_destroyed_frames_are_the_controllers_business_and_lost_ones_are_repeated(
    simulator: Simulator, host: Host
) -> None:
    await simulator.control(bus={"corrupt": 0.2})
    for _ in range(5):
        await asyncio.gather(*(host.client.request(pack, Identify(seconds=0)) for pack in host.packs))
    await simulator.control(bus={"corrupt": 0.0, "drop": 1.0})
    sent = host.adapter.statistics.frames_sent
    asking = asyncio.create_task(host.client.broadcast(Identify(seconds=1)))
    await asyncio.sleep(0.2)
    await simulator.control(bus={"drop": 0.0})
    assert set(await asking) == set(simulator.serials)
    assert host.adapter.statistics.frames_sent == sent + 1 + 3


async def test_a_pack_without_supply_becomes_unavailable_and_comes_back_as_itself(
    simulator: Simulator, host: Host
) -> None:
    pack = host.fleet.packs[simulator.serials[2]]
    boot_id, node = pack.boot_id, pack.node
    await simulator.control(pack=2, power=False)
    assert await host.until(lambda: not pack.available) < 8
    assert (pack.battery, pack.power, pack.status) == (None, None, None)
    assert all(other.available for other in host.packs if other is not pack)
    await simulator.control(pack=2, power=True)
    await host.until(lambda: pack.available and pack.battery is not None)
    assert pack.boot_id != boot_id
    assert pack.node == node
    assert host.told[3:] == [("restarted", pack.serial)]


async def kept(simulator: Simulator) -> list[tuple[GridLossRecord, ...]]:
    """What the firmware of each pack keeps."""
    return [
        tuple(
            GridLossRecord(loss["start"], loss["duration_s"], loss["going_on"], loss["number"])
            for loss in pack["grid_losses"]
        )
        for pack in (await simulator.control(get="truth"))["packs"]
    ]


async def test_what_packs_kept_while_nobody_listened_is_read_whole(simulator: Simulator) -> None:
    for _ in range(35):
        await simulator.control(grid=False, advance_s=30)
        await simulator.control(grid=True, advance_s=90)
    async with joined(simulator.slcan_url) as host:
        await host.client.who()
        await host.until(lambda: len(host.packs) == 3)
        await host.client.set_time(int(time.time()), 60)
        read = await asyncio.gather(*(host.client.read_grid_losses(pack) for pack in host.packs))
        assert [[loss.number for loss in losses] for losses in read] == [list(range(4, 36))] * 3
        # The time came within this boot, so that every start is known, and all packs agree.
        for losses in read:
            starts = [loss.start_s for loss in losses if loss.start_s is not None]
            assert len(starts) == len(losses)
            assert all(abs(after - before - 120) <= 1 for before, after in pairwise(starts))
            assert {loss.duration_s for loss in losses} <= {29, 30, 31}
        assert list(read) == await kept(simulator)

        # A bus that loses a frame in ten.
        await simulator.control(bus={"drop": 0.1})
        assert tuple(read) == tuple([await host.client.read_grid_losses(pack) for pack in host.packs])
        await simulator.control(bus={"drop": 0.0})

        # What is left of the last answer may still come.
        await simulator.control(grid=False)
        await host.until(lambda: len({serial for serial, loss in host.grid_losses if loss.number == 36}) == 3, 2)
        assert all(loss.is_going_on for _, loss in host.grid_losses if loss.number == 36)


async def test_a_house_without_adapter_recovers_by_itself(socket_enabled: None, tmp_path: Path) -> None:
    options = ("--packs", "2", "--slcan", f"127.0.0.1:{free_port()}", "--storage", str(tmp_path / "flash"))
    async with simulated(tmp_path, *options) as running, joined(running.slcan_url) as host:
        await host.know(2)
        os.killpg(running.child.pid, signal.SIGKILL)
        await host.until(lambda: host.states == [False], 1)
        await host.until(lambda: not any(pack.available for pack in host.packs), 8)
        async with simulated(tmp_path, *options):
            await host.until(lambda: host.states == [False, True], 12)
            await host.know(2)
            assert sorted(host.told[:2]) == [("appeared", pack.serial) for pack in host.packs]
            assert sorted(host.told[2:]) == [("restarted", pack.serial) for pack in host.packs]
        await host.until(lambda: host.states == [False, True, False], 1)


async def test_packs_are_reached_over_a_pty_too(socket_enabled: None, tmp_path: Path) -> None:
    link = tmp_path / "ttyCAN"
    async with simulated(tmp_path, "--packs", "1", "--pty", str(link)) as running, joined(str(link)) as host:
        await host.know(1)
        assert [pack.serial for pack in host.packs] == running.serials
        await host.client.request(host.packs[0], Identify(seconds=1))
