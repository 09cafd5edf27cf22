"""R2: each BMS profile read from pymodbus' own server, with the registers laid out as the maker's document says.

The layouts are written here once more, from the documents that bms_profiles.json names, not from that table.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerRTU
from pymodbus.simulator import DataType, SimData, SimDevice
import pytest

from custom_components.alfaspark.packbus.bms_profiles import BMS_PROFILES, BmsProfile
from custom_components.alfaspark.packbus.frames import (
    Battery,
    BatteryAlarmSet,
    BatteryState,
    Response,
    Result,
    SetParameter,
)
from custom_components.alfaspark.packbus.parameters import Parameter

from .modbus_peer import served_over_tcp
from .simulator import NOON, Control, SlcanClient, simulator

Registers = dict[int, int]
_COILS = 1


@dataclass
class State:
    """What a BMS measures. `flags` = further registers or coils as they are."""

    voltage_v: float = 53.2
    current_a: float = -12.5
    soc_pct: float = 64.0
    flags: Registers = field(default_factory=dict)


def _i16(value: float) -> int:
    return round(value) & 0xFFFF


def _pair(value: float) -> tuple[int, int]:
    word = round(value) & 0xFFFFFFFF
    return word >> 16, word & 0xFFFF


def generic(state: State) -> Registers:
    """The project's own map."""
    return {0: round(state.voltage_v * 10), 1: _i16(state.current_a * 100)}


def pace(state: State) -> Registers:
    """Document V1.3, 4.1."""
    return {0: _i16(state.current_a * 100), 1: round(state.voltage_v * 100), 2: round(state.soc_pct), **state.flags}


def seplos_v3(state: State) -> Registers:
    """Document V0.1, table PIA."""
    return {
        0x1000: round(state.voltage_v * 100),
        0x1001: _i16(state.current_a * 100),
        0x1005: round(state.soc_pct * 10),
    }


def daly_d2(state: State) -> Registers:
    """Current as frames of real devices show it, with the state beside it."""
    status = 0 if state.current_a == 0 else 1 if state.current_a > 0 else 2
    return {
        0x28: round(state.voltage_v * 10),
        0x29: 30000 + round(state.current_a * 10),
        0x2A: round(state.soc_pct * 10),
        0x2F: status,
        **state.flags,
    }


def daly_p81(state: State) -> Registers:
    """As D2, moved."""
    d2 = daly_d2(state)
    return {0x38: d2[0x28], 0x39: d2[0x29], 0x3A: d2[0x2A], 0x48: d2[0x2F]}


def jk_pb(state: State) -> Registers:
    """Addresses count bytes: two registers at 0x1290 are one number."""
    voltage, current = _pair(state.voltage_v * 1000), _pair(state.current_a * 1000)
    return {
        0x1290: voltage[0],
        0x1291: voltage[1],
        0x1298: current[0],
        0x1299: current[1],
        0x12A6: 0x0100 | round(state.soc_pct),
        **state.flags,
    }


@dataclass(frozen=True)
class Kind:
    """A BMS as its document describes it: `alarms` = what a register or coil with one bit set means."""

    profile: BmsProfile
    layout: Callable[[State], Registers]
    alarms: tuple[tuple[int, int, BatteryAlarmSet], ...] = ()
    alarms_at: int = -1
    unit: int = 1
    reply_unit: int | None = None


KINDS = (
    Kind(BmsProfile.GENERIC, generic),
    Kind(
        BmsProfile.PACE,
        pace,
        (
            (9, 1 << 0, BatteryAlarmSet.CELL_OVERVOLTAGE),
            (9, 1 << 10, BatteryAlarmSet.CHARGE_UNDERTEMPERATURE),
            (10, 1 << 6, BatteryAlarmSet.SHORT_CIRCUIT),
            (10, 0x0003, BatteryAlarmSet.CELL_OVERVOLTAGE | BatteryAlarmSet.CELL_UNDERVOLTAGE),
            (11, 1 << 5, BatteryAlarmSet.INTERNAL),
            (11, 1 << 10, BatteryAlarmSet(0)),
        ),
        alarms_at=9,
    ),
    Kind(
        BmsProfile.SEPLOS_V3,
        seplos_v3,
        (
            (0x1249, 1, BatteryAlarmSet.CELL_OVERVOLTAGE),
            (0x1251, 1, BatteryAlarmSet.CHARGE_OVERTEMPERATURE),
            (0x125D, 1, BatteryAlarmSet.MOSFET_OVERTEMPERATURE),
            (0x1266, 1, BatteryAlarmSet.SHORT_CIRCUIT),
            (0x1274, 1, BatteryAlarmSet.IMBALANCE),
            (0x1289, 1, BatteryAlarmSet.INTERNAL),
            (0x1279, 1, BatteryAlarmSet(0)),
        ),
        alarms_at=0x1200,
    ),
    Kind(
        BmsProfile.DALY_D2,
        daly_d2,
        (
            (0x3A, 1 << 1, BatteryAlarmSet.CELL_OVERVOLTAGE),
            (0x3A, 1 << 14, BatteryAlarmSet.DISCHARGE_UNDERTEMPERATURE),
            (0x3B, 1 << 3, BatteryAlarmSet.DISCHARGE_OVERCURRENT),
            (0x3B, 1 << 9, BatteryAlarmSet.IMBALANCE),
            (0x3C, 1 << 1, BatteryAlarmSet.MOSFET_OVERTEMPERATURE),
            (0x3D, 1 << 2, BatteryAlarmSet.SHORT_CIRCUIT),
            (0x3B, 0x0C00, BatteryAlarmSet(0)),
        ),
        alarms_at=0x3A,
        unit=0xD2,
    ),
    Kind(BmsProfile.DALY_P81, daly_p81, unit=0x81, reply_unit=0x51),
    Kind(
        BmsProfile.JK_PB,
        jk_pb,
        (
            (0x12A1, 1 << 4, BatteryAlarmSet.CELL_OVERVOLTAGE),
            (0x12A1, 1 << 12, BatteryAlarmSet.PACK_UNDERVOLTAGE),
            (0x12A1, 1 << 14, BatteryAlarmSet.SHORT_CIRCUIT),
            (0x12A0, 1 << 0, BatteryAlarmSet.INTERNAL),
            (0x12A0, 1 << 2, BatteryAlarmSet(0)),
        ),
        alarms_at=0x12A0,
    ),
)


class Bms:
    """A BMS of one kind behind pymodbus' server."""

    def __init__(self, kind: Kind) -> None:
        """Begin with the default state."""
        self.kind = kind
        self.state = State()
        self.refuses_alarms = False

    def device(self) -> SimDevice:
        """The unit with registers up to 0x1300, and the coils of a Seplos."""
        registers = SimData(0, count=0x1300, datatype=DataType.REGISTERS)
        coils = SimData(0x1200, values=[False] * 256, datatype=DataType.BITS)
        blocks = ([coils], [coils], [registers], [registers])
        return SimDevice(self.kind.unit, simdata=blocks, use_bit_addressing=True, action=self._on_access)

    async def _on_access(
        self, function: int, start: int, address: int, _count: int, registers: list[int], _values: Any
    ) -> ExcCodes | None:
        registers[:] = [0] * len(registers)
        if function == _COILS:
            for coil in self.state.flags:
                registers[coil // 16 - start] |= 1 << coil % 16
        else:
            for register, value in self.kind.layout(self.state).items():
                registers[register - start] = value
        return ExcCodes.DEVICE_FAILURE if self.refuses_alarms and address == self.kind.alarms_at else None

    def as_reply_unit(self, sending: bool, frame: bytes) -> bytes:
        """What the line carries: a BMS may answer as another unit than the one that was asked."""
        if not sending or self.kind.reply_unit is None:
            return frame
        answer = bytes([self.kind.reply_unit]) + frame[1:-2]
        return answer + FramerRTU.compute_CRC(answer).to_bytes(2, "big")


class House:
    """One pack that asks that BMS, in a time that only passes when told to."""

    def __init__(self, control: Control, bus: SlcanClient, node: int) -> None:
        """Take over both."""
        self._control = control
        self._bus = bus
        self._node = node
        self._sequence = 0

    async def set_parameter(self, parameter: Parameter, value: int) -> Result:
        """Set it over CAN; what the pack says."""
        self._sequence += 1
        data = SetParameter(index=parameter, value=value).encode(self._sequence)
        await self._bus.send(f"t{self._node:03X}{len(data)}{data.hex()}\r".encode())
        for _ in range(20):
            await self._control.do(advance_s=0.1)
            for line in await self._bus.arrived():
                if line.startswith(f"t{0x380 + self._node:03X}".encode()):
                    return Response.decode(bytes.fromhex(line[5:].decode())).result
        pytest.fail("no RESPONSE")

    async def after(self, seconds: float) -> Battery:
        """Let time pass; what the pack then said last of its battery."""
        await self._control.do(advance_s=seconds)
        start = f"t{0x100 + self._node:03X}".encode()
        last = [line for line in await self._bus.arrived() if line.startswith(start)][-1]
        return Battery.decode(bytes.fromhex(last[5:].decode()))


@asynccontextmanager
async def house(bms: Bms) -> AsyncGenerator[House]:
    """Run it with the profile set over CAN, and the SOC taken from the BMS."""
    async with (
        served_over_tcp(bms, trace_packet=bms.as_reply_unit) as url,
        simulator("--packs", "1", "--bms", url, "--start", NOON, "--speed", "0") as running,
    ):
        bus = await SlcanClient.connect(running.slcan)
        await running.control.do(advance_s=15)
        home = House(running.control, bus, (await running.control.pack(0))["node"])
        assert await home.set_parameter(Parameter.BMS_PROFILE, bms.kind.profile) is Result.ACCEPTED
        assert await home.set_parameter(Parameter.SOC_SOURCE, 1) is Result.ACCEPTED
        await running.control.do(advance_s=5)
        yield home
        await bus.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.profile.name)
def bms(request: pytest.FixtureRequest) -> Bms:
    """A BMS of each kind."""
    return Bms(request.param)


def _says(battery: Battery, state: State, *, has_soc: bool) -> None:
    assert battery.voltage_v == pytest.approx(state.voltage_v)
    assert battery.current_a == pytest.approx(state.current_a)
    if has_soc:
        assert battery.soc_pct == pytest.approx(state.soc_pct)


async def test_r2_values_alarms_and_nonsense(bms: Bms) -> None:
    spec = BMS_PROFILES[bms.kind.profile]
    async with house(bms) as home:
        _says(await home.after(4), bms.state, has_soc=spec.has_soc)
        for voltage_v, current_a, soc_pct in (
            (53.2, 0.0, 100.0),
            (30.0, -300.0, 0.0),
            (70.0, 300.0, 100.0),
            (54.4, 87.5, 51.0),
        ):
            bms.state = State(voltage_v, current_a, soc_pct)
            _says(await home.after(10), bms.state, has_soc=spec.has_soc)

        calm = bms.state
        for address, value, alarms in bms.kind.alarms:
            bms.state = State(calm.voltage_v, calm.current_a, calm.soc_pct, {address: value})
            battery = await home.after(4)
            assert battery.alarms == alarms, f"{value:#06x} at {address:#06x}"
            _says(battery, calm, has_soc=spec.has_soc)
        bms.state = calm
        assert (await home.after(4)).alarms == 0

        for voltage_v, current_a in ((29.9, 0.0), (70.1, 0.0), (0.0, 0.0), (54.4, 301.0), (54.4, -301.0)):
            bms.state = State(voltage_v, current_a, calm.soc_pct)
            battery = await home.after(6)
            _says(battery, calm, has_soc=spec.has_soc)
            battery = await home.after(8)
            assert battery == Battery(
                voltage_v=None, current_a=None, alarms=BatteryAlarmSet(0), soc_pct=None, state=BatteryState.UNKNOWN
            )
            bms.state = calm
            _says(await home.after(6), calm, has_soc=spec.has_soc)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.alarms], ids=lambda kind: kind.profile.name)
async def test_r2_alarms_that_cannot_be_read(kind: Kind) -> None:
    bms = Bms(kind)
    bms.refuses_alarms = True
    address, value, alarms = kind.alarms[0]
    bms.state.flags = {address: value}
    async with house(bms) as home:
        battery = await home.after(4)
        _says(battery, bms.state, has_soc=True)
        assert battery.alarms == 0
        bms.refuses_alarms = False
        assert (await home.after(4)).alarms == alarms
        bms.refuses_alarms = True
        bms.state = State(voltage_v=53.4)
        battery = await home.after(30)
        _says(battery, bms.state, has_soc=True)
        assert battery.alarms == alarms


async def test_r2_a_profile_that_the_table_does_not_have_is_refused() -> None:
    async with house(Bms(KINDS[0])) as home:
        assert await home.set_parameter(Parameter.BMS_PROFILE, len(BMS_PROFILES)) is Result.OUT_OF_RANGE
        _says(await home.after(4), State(), has_soc=False)
