"""The modes of a pack, seen from outside: commands over CAN, what the plant then does, and what STATUS says of it."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.alfaspark.packbus.frames import (
    FactoryReset,
    Fault,
    FaultCode,
    Function,
    GetParameter,
    GetWindow,
    Mode,
    ModeSet,
    PackWarningSet,
    Reason,
    Relay,
    RelaySet,
    Restart,
    RestoreImport,
    Result,
    SetMode,
    SetParameter,
    SetRelay,
    SetWindow,
    WeekdaySet,
)
from custom_components.alfaspark.packbus.parameters import Parameter

from .host import Host
from .simulator import simulator

START = "2026-06-01T12:00:00+01:00"
START_UNIX_S = 1780311600
IMPORT_DAY = 20605
MAGIC = 0x0A1FA5BA


@pytest.fixture
async def host() -> AsyncGenerator[Host]:
    """One pack in a quiet house at noon, which has a number."""
    async with simulator("--packs", "1", "--seed", "7", "--speed", "0", "--start", START) as running:
        host = Host(running)
        await host.control.do(irradiance=0, home_w=800, load1_w=0, load2_w=0, soc=30)
        await host.control.do(advance_s=20)
        host.node = (await host.truth())["node"]
        yield host


async def test_self_consumption_opens_the_grid_of_a_charged_battery_and_refuses_the_hand(host: Host) -> None:
    await host.control.do(soc=90)
    await host.control.do(advance_s=10)
    await host.do(SetMode(mode=Mode.SELF_CONSUMPTION, on=True))
    status = await host.status()
    assert status.modes == ModeSet.SELF_CONSUMPTION
    assert status.reason_grid is Reason.SELF_CONSUMPTION_CHARGED
    assert RelaySet.GRID not in status.relays
    assert (await host.truth())["relays"]["grid"] is False
    refused = await host.ask(SetRelay(relay=Relay.GRID, closed=True))
    assert (refused.result, refused.detail) == (Result.REFUSED, Reason.SELF_CONSUMPTION_CHARGED)
    await host.control.do(pack=0, bms="silent")
    await host.control.do(advance_s=75)
    status = await host.status()
    assert status.reason_grid is Reason.BMS_LOST
    assert (await host.truth())["relays"]["grid"] is True


@pytest.mark.timeout(600)
async def test_the_import_limit_opens_at_its_energy_and_closes_at_five(host: Host) -> None:
    await host.set_time(START_UNIX_S + 20)
    await host.do(SetParameter(index=Parameter.IMPORT_LIMIT, value=300))
    await host.do(SetMode(mode=Mode.IMPORT_LIMIT, on=True))
    await host.control.do(load2_w=2000)
    edges = (await host.truth())["relay_edges"]["grid"]
    await host.control.do(advance_s=3600)
    truth = await host.truth()
    assert truth["relays"]["grid"] is False
    assert truth["energies_wh"]["grid"] == pytest.approx(3000, abs=15)
    status = await host.status()
    assert status.reason_grid is Reason.IMPORT_LIMIT_EXHAUSTED
    assert status.grid_import_today_kwh == pytest.approx(3.0, abs=0.02)
    assert PackWarningSet.IMPORT_LIMIT_EXHAUSTED in status.warnings
    assert PackWarningSet.IMPORT_ABOVE_80 | PackWarningSet.IMPORT_ABOVE_90 in status.warnings

    await host.do(Restart())
    await host.control.do(load2_w=0)
    await host.control.do(advance_s=60)
    assert (await host.truth())["boots"] == 2
    assert (await host.truth())["relay_edges"]["grid"] == edges + 1
    await host.set_time(START_UNIX_S + 3700)
    assert (await host.status()).reason_grid is Reason.IMPORT_LIMIT_EXHAUSTED

    await host.control.do(advance_s=16 * 3600 - 300)
    assert (await host.truth())["relays"]["grid"] is False
    await host.control.do(advance_s=300)
    assert (await host.truth())["relays"]["grid"] is True
    assert (await host.status()).grid_import_today_kwh == pytest.approx(0, abs=0.05)


async def test_todays_import_is_handed_back_after_a_restart(host: Host) -> None:
    await host.control.do(pack=0, power=False)
    await host.control.do(pack=0, power=True)
    await host.control.do(advance_s=20)
    (announce, *_) = await host.heard(Function.ANNOUNCE, 11)
    boot_id = int.from_bytes(announce[4:6], "little")
    restore = RestoreImport(before_boot_kwh=2.5, import_day=IMPORT_DAY, boot_id=boot_id)
    assert (await host.ask(restore)).result is Result.BUSY
    await host.set_time(START_UNIX_S + 60)
    await host.do(restore)
    import_kwh = (await host.status()).grid_import_today_kwh
    assert import_kwh == pytest.approx(2.5, abs=0.05)


async def test_eco_sheds_the_heater_and_gives_it_back(host: Host) -> None:
    await host.control.do(load1_w=700, load2_w=2000)
    await host.do(SetMode(mode=Mode.ECO, on=True))
    status = await host.status()
    await host.control.do(advance_s=5)
    truth = await host.truth()
    assert truth["relays"] == {"grid": True, "inverter": True, "load1": True, "load2": False}
    assert truth["powers_w"]["home"] == pytest.approx(1500)
    status = await host.status()
    assert (status.reason_load2, status.reason_load1) == (Reason.ECO_SHED, Reason.MANUAL)
    await host.control.do(load1_w=0, home_w=300)
    await host.control.do(advance_s=310)
    assert (await host.truth())["relays"]["load2"] is True
    assert (await host.status()).reason_load2 is Reason.ECO_RESTORED


async def test_time_of_use_follows_the_local_time_of_the_host(host: Host) -> None:
    window = SetWindow(slot=2, start_min=12 * 60 + 10, end_min=12 * 60 + 20, weekdays=WeekdaySet.MONDAY)
    await host.do(window)
    answer = await host.ask(GetWindow(slot=2))
    assert answer.value == 730 | 740 << 12 | 1 << 24
    await host.do(SetMode(mode=Mode.TIME_OF_USE, on=True))
    await host.control.do(advance_s=160)
    assert (await host.status()).reason_inverter is Reason.CLOCK_UNKNOWN
    await host.set_time(START_UNIX_S + 9 * 60)
    status = await host.status()
    assert status.reason_inverter is Reason.OUTSIDE_WINDOW
    assert (await host.truth())["powers_w"]["inverter"] == 0
    await host.control.do(advance_s=120)
    assert (await host.status()).reason_inverter is Reason.INSIDE_WINDOW
    assert (await host.truth())["powers_w"]["inverter"] == pytest.approx(800)


async def test_settings_survive_a_power_cut_and_a_factory_reset_ends_them(host: Host) -> None:
    await host.do(SetParameter(index=Parameter.ECO_LIMIT, value=1234))
    await host.do(SetMode(mode=Mode.BACKUP, on=True))
    await host.do(SetRelay(relay=Relay.LOAD1, closed=False))
    await host.control.do(advance_s=5)
    await host.control.do(pack=0, power=False)
    await host.control.do(pack=0, power=True)
    await host.control.do(advance_s=20)
    assert (await host.ask(GetParameter(index=Parameter.ECO_LIMIT))).value == 1234
    status = await host.status()
    assert (status.modes, status.reason_load1) == (ModeSet.BACKUP, Reason.MANUAL)
    assert RelaySet.LOAD1 not in status.relays

    await host.do(FactoryReset(magic=MAGIC))
    assert RelaySet.LOAD1 not in (await host.status()).relays
    assert (await host.ask(GetParameter(index=Parameter.ECO_LIMIT))).value == 3000
    await host.do(Restart())
    await host.control.do(advance_s=20)
    status = await host.status()
    assert status.modes == ModeSet(0)
    assert RelaySet.LOAD1 in status.relays
    assert (await host.truth())["node"] == host.node


async def test_a_corrupt_flash_is_a_fault_until_a_setting_is_accepted(host: Host) -> None:
    await host.do(SetParameter(index=Parameter.ECO_LIMIT, value=1234))
    await host.control.do(advance_s=5)
    await host.control.do(pack=0, storage="corrupt")
    await host.control.do(pack=0, restart="soft")
    await host.control.do(advance_s=20)
    host.node = (await host.truth())["node"]
    assert PackWarningSet.SETTINGS_RESET in (await host.status()).warnings
    assert (await host.ask(GetParameter(index=Parameter.ECO_LIMIT))).value == 3000
    await host.do(SetParameter(index=Parameter.ECO_LIMIT, value=2000))
    faults = [Fault.decode(line) for line in await host.heard(Function.FAULT, 1)]
    assert PackWarningSet.SETTINGS_RESET not in (await host.status()).warnings
    assert all(fault.code is FaultCode.SETTINGS_RESET and not fault.active for fault in faults)


async def test_the_boot_button_turns_the_limit_off(host: Host) -> None:
    await host.do(SetMode(mode=Mode.IMPORT_LIMIT, on=True))
    await host.control.do(pack=0, button=4.0)
    await host.control.do(advance_s=5)
    assert (await host.status()).modes == ModeSet(0)
