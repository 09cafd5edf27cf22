"""Restarts: faults, counters that go on or begin at 0, and a flash of which one record is damaged."""

from pathlib import Path

import pytest

from custom_components.alfaspark.packbus.frames import (
    Energy,
    EnergyCounter,
    Fault,
    FaultCode,
    Function,
    GetParameter,
    Mode,
    ModeSet,
    PackWarningSet,
    Pulse,
    PulseChannel,
    Relay,
    RelaySet,
    SetMode,
    SetParameter,
    SetRelay,
)
from custom_components.alfaspark.packbus.parameters import Parameter

from .host import Host
from .simulator import simulator

QUIET_HOUSE = {"irradiance": 0, "home_w": 800, "load1_w": 0, "load2_w": 0, "soc": 60}
FIRST_PARAMETER_KEY = 32


async def settled(host: Host) -> None:
    """Let the pack of a quiet house take its number."""
    await host.control.do(**QUIET_HOUSE)
    await host.control.do(advance_s=20)
    host.node = (await host.truth())["node"]


@pytest.mark.parametrize(
    ("cause", "code", "task", "edges"),
    [("watchdog", FaultCode.WATCHDOG_RESTART, 1, 0), ("brownout", FaultCode.BROWN_OUT, 0, 2)],
)
async def test_a_restart_that_nobody_asked_for_is_a_fault_for_ten_minutes(
    cause: str, code: FaultCode, task: int, edges: int
) -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        await host.do(SetRelay(relay=Relay.LOAD1, closed=False))
        await host.control.do(advance_s=5)
        before = (await host.truth())["relay_edges"]
        await host.control.do(pack=0, restart=cause)
        (told,) = [Fault.decode(line) for line in await host.heard(Function.FAULT, 5)]
        assert (told.code, told.active, told.argument) == (code, True, task)
        truth = await host.truth()
        assert truth["boots"] == 2
        assert truth["indicators"]["red"] is True
        # A sagging supply lets the contacts fall back; the pack puts them where they were.
        assert truth["relays"] == {"grid": True, "inverter": True, "load1": False, "load2": True}
        assert truth["relay_edges"] == before | {"load1": before["load1"] + edges}
        (cleared,) = [Fault.decode(line) for line in await host.heard(Function.FAULT, 600)]
        assert (cleared.code, cleared.active) == (code, False)
        assert (await host.truth())["indicators"]["red"] is False


async def test_a_damaged_record_falls_back_alone(tmp_path: Path) -> None:
    options = ("--packs", "1", "--seed", "7", "--speed", "0", "--storage", str(tmp_path))
    async with simulator(*options) as running:
        host = Host(running)
        await settled(host)
        node = host.node
        await host.do(SetParameter(index=Parameter.ECO_LIMIT, value=1234))
        await host.do(SetParameter(index=Parameter.IMPORT_LIMIT, value=555))
        await host.do(SetMode(mode=Mode.BACKUP, on=True))
        await host.do(SetRelay(relay=Relay.LOAD2, closed=False))
        await host.control.do(advance_s=5)
    (record,) = tmp_path.glob(f"*/record-{FIRST_PARAMETER_KEY + Parameter.ECO_LIMIT}")
    damaged = bytearray(record.read_bytes())
    damaged[2] ^= 0x04
    record.write_bytes(damaged)

    for is_damaged in (True, False):
        async with simulator(*options) as running:
            host = Host(running)
            await settled(host)
            assert host.node == node
            status = await host.status()
            assert (PackWarningSet.SETTINGS_RESET in status.warnings) is is_damaged
            assert status.modes == ModeSet.BACKUP
            assert RelaySet.LOAD2 not in status.relays
            limits = [
                (await host.ask(GetParameter(index=i))).value for i in (Parameter.ECO_LIMIT, Parameter.IMPORT_LIMIT)
            ]
            assert limits == [3000, 555]
            # An accepted setting ends the warning and replaces what is damaged.
            await host.do(SetParameter(index=Parameter.IMPORT_LIMIT, value=555))
            await host.control.do(advance_s=5)
            assert PackWarningSet.SETTINGS_RESET not in (await host.status()).warnings


async def counted(host: Host) -> dict[EnergyCounter, Energy]:
    """Return the last ENERGY of every counter, and that all are of one boot."""
    energies = {said.counter: said for line in await host.heard(Function.ENERGY, 10.5) if (said := Energy.decode(line))}
    assert set(energies) == set(EnergyCounter)
    assert len({(said.boot_id, said.count_id) for said in energies.values()}) == 1
    return energies


@pytest.mark.parametrize("cause", ["soft", "watchdog", "brownout", "power"])
async def test_counters_go_on_over_a_restart_of_the_program_and_begin_at_0_after_a_loss_of_supply(cause: str) -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        await host.control.do(pulse={"pack": 0, "channel": 0, "count": 5, "interval_ms": 200})
        await host.control.do(advance_s=600)
        before = await counted(host)
        first = before[EnergyCounter.HOME]
        assert first.value_wh > 100
        assert first.count_id == first.boot_id & 0xFFF

        if cause == "power":
            await host.control.do(power=False)
            await host.control.do(power=True)
        else:
            await host.control.do(pack=0, restart=cause)
        pulses = [Pulse.decode(line) for line in await host.heard(Function.PULSE, 12)]
        after = await counted(host)
        restarted = after[EnergyCounter.HOME]
        assert restarted.boot_id != first.boot_id
        assert {pulse.boot_id_low for pulse in pulses} == {restarted.boot_id & 0xFF}
        counts = {pulse.count for pulse in pulses if pulse.channel is PulseChannel.ACTIVE}
        if cause in ("soft", "watchdog"):
            assert restarted.count_id == first.count_id
            assert all(before[counter].value_wh <= after[counter].value_wh for counter in EnergyCounter)
            truth_wh = (await host.truth())["energies_wh"]["home"]
            assert restarted.value_wh == pytest.approx(truth_wh, rel=0.03)
            assert counts == {5}
        else:
            assert restarted.count_id == restarted.boot_id & 0xFFF
            assert restarted.value_wh < 20
            assert counts == {0}


async def test_todays_import_goes_on_over_a_restart_of_the_program() -> None:
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0") as running:
        host = Host(running)
        await settled(host)
        await host.control.do(soc=0)
        await host.control.do(advance_s=600)
        before = (await host.status()).grid_import_today_kwh
        assert before is not None
        assert before > 0.1
        await host.control.do(pack=0, restart="soft")
        await host.control.do(advance_s=5)
        after = (await host.status()).grid_import_today_kwh
        assert after is not None
        assert before <= after < before + 0.03
        await host.control.do(power=False)
        await host.control.do(power=True)
        await host.control.do(advance_s=5)
        cut = (await host.status()).grid_import_today_kwh
        assert cut is not None
        assert cut < 0.03
