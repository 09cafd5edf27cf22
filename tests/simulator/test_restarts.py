"""Restarts that nobody asked for, and a flash of which one record is damaged."""

from pathlib import Path

import pytest

from custom_components.alfaspark.packbus.frames import (
    Fault,
    FaultCode,
    Function,
    GetParameter,
    Mode,
    ModeSet,
    PackWarningSet,
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
