"""The losses of the grid that a pack keeps: over restarts, cuts of supply, a run of the simulator, a failed flash."""

from pathlib import Path

import pytest

from custom_components.alfaspark.packbus.frames import (
    Command,
    Function,
    GridLoss,
    PackWarningSet,
    ReadGridLosses,
    Restart,
)

from .host import Host
from .simulator import simulator

START_S = 1_780_311_600
"""2026-06-01T12:00+01:00, what the packs are told at the start."""


async def settled(host: Host, *, clock: bool = True) -> None:
    """Let the pack take its number and learn the time."""
    await host.control.do(advance_s=20)
    host.node = (await host.truth())["node"]
    if clock:
        await host.set_time(START_S)


async def lose(host: Host, seconds: float) -> None:
    """Let the grid fail for so long."""
    await host.control.do(grid=False, advance_s=seconds)
    await host.control.do(grid=True, advance_s=10)


async def read(host: Host) -> list[GridLoss]:
    """Ask the pack over the bus; what it says is what the simulator's truth shows."""
    payload = ReadGridLosses().encode(next(host._sequences) % 128)
    losses = [GridLoss.decode(line) for line in await host.heard(Function.GRID_LOSS, 1.0, payload)]
    shown = (await host.truth())["grid_losses"]
    assert [
        {"number": loss.number, "start": loss.start_s, "duration_s": loss.duration_s, "going_on": loss.going_on}
        for loss in losses
    ] == shown
    return losses


async def test_a_loss_is_told_when_it_begins_and_ends_and_kept() -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        assert await read(host) == []
        await host.control.do(grid=False)
        (began,) = [GridLoss.decode(line) for line in await host.heard(Function.GRID_LOSS, 100)]
        await host.control.do(grid=True)
        (ended,) = [GridLoss.decode(line) for line in await host.heard(Function.GRID_LOSS, 100)]
        assert began.start_s is not None
        assert abs(began.start_s - START_S - 1) <= 1
        assert began == GridLoss(began.start_s, None, going_on=True, number=1)
        assert ended == GridLoss(began.start_s, 100, going_on=False, number=1)
        response = await host.ask(ReadGridLosses())
        assert (response.command, response.value) == (Command.READ_GRID_LOSSES, 1 | 1 << 8)
        assert await read(host) == [ended]


async def test_losses_survive_every_restart_and_end_as_they_were_seen(tmp_path: Path) -> None:
    options = ("--packs", "1", "--seed", "7", "--speed", "0", "--storage", str(tmp_path))
    async with simulator(*options) as running:
        host = Host(running)
        await settled(host)
        await lose(host, 60)
        await host.control.do(grid=False, advance_s=30)

        # The pack asked to restart, half a second before the loss would be on flash.
        await lose(host, 40)
        await host.control.do(grid=False, advance_s=0.3)
        await host.do(Restart())
        await host.control.do(advance_s=60)
        await host.set_time(START_S + 300)
        (*_, going_on) = before = await read(host)
        assert [loss.going_on for loss in before] == [False, False, True]
        assert going_on.duration_s is None

        # No supply while the grid comes back: nobody knows when.
        await host.control.do(power=False)
        assert (await host.truth())["grid_losses"] is None
        await host.control.do(grid=True, advance_s=100)
        await host.control.do(power=True, advance_s=20)
        await host.set_time(START_S + 500)
        after = await read(host)
        assert after[:2] == before[:2]
        assert after[2] == GridLoss(going_on.start_s, None, going_on=False, number=3)

        await host.control.do(pack=0, restart="watchdog")
        await host.control.do(advance_s=20)
        assert await read(host) == after
    async with simulator(*options) as running:
        host = Host(running)
        await settled(host, clock=False)
        assert await read(host) == after


@pytest.mark.parametrize("cause", ["soft", "watchdog", "brownout", "power"])
async def test_a_loss_that_goes_on_over_a_restart_is_one(cause: str) -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        await host.control.do(grid=False, advance_s=100)
        if cause == "power":
            await host.control.do(power=False, advance_s=50)
            await host.control.do(power=True)
        else:
            await host.control.do(pack=0, restart=cause)
            await host.control.do(advance_s=50)
        await host.control.do(advance_s=50)
        (loss,) = await read(host)
        assert loss.going_on
        await host.set_time(START_S + 202)
        await host.control.do(advance_s=10)
        await host.control.do(grid=True, advance_s=10)
        (loss,) = await read(host)
        assert not loss.going_on
        assert loss.duration_s is not None
        assert abs(loss.duration_s - 212) <= 2


async def test_a_start_without_a_clock_is_found_when_the_time_comes() -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host, clock=False)
        await lose(host, 60)
        (unknown,) = await read(host)
        assert (unknown.start_s, unknown.duration_s) == (None, 60)
        await host.set_time(START_S)
        (known,) = await read(host)
        assert known.duration_s == 60
        assert known.start_s is not None
        assert abs(known.start_s - (START_S - 71)) <= 2


async def test_the_last_32_are_kept_on_a_flash_whose_damage_costs_no_more_than_what_is_damaged(tmp_path: Path) -> None:
    options = ("--packs", "1", "--seed", "7", "--speed", "0", "--storage", str(tmp_path))
    async with simulator(*options) as running:
        host = Host(running)
        await settled(host)
        for seconds in range(1, 41):
            await lose(host, seconds)
            await host.control.do(advance_s=120)
        losses = await read(host)
        assert [(loss.number, loss.duration_s) for loss in losses] == [(n, n) for n in range(9, 41)]
    (record,) = tmp_path.glob("*/record-84")  # of number 20
    damaged = bytearray(record.read_bytes())
    damaged[6] ^= 0x04
    record.write_bytes(damaged)
    async with simulator(*options) as running:
        host = Host(running)
        await settled(host)
        assert await read(host) == [loss for loss in losses if loss.number != 20]
        assert PackWarningSet.SETTINGS_RESET not in (await host.status()).warnings
        await host.control.do(storage="erase", pack=0)
        await host.control.do(pack=0, restart="soft")
        await settled(host)
        assert await read(host) == []


async def test_all_packs_asked_at_once_take_turns() -> None:
    async with simulator("--packs", "3", "--seed", "1", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        for _ in range(3):
            await lose(host, 5)
        node, host.node = host.node, 127
        assert await host.heard(Function.RESPONSE, 0.0, ReadGridLosses().encode(3)) == []
        host.node = node
        told = await host.heard(Function.GRID_LOSS, 11)
        assert [GridLoss.decode(line).number for line in told] == [1, 2, 3]
