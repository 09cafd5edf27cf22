"""Scripted packs on python-can's virtual bus: they send real frames and answer real commands."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import can

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    BatteryAlarmSet,
    BatteryState,
    Command,
    DeviceType,
    EnergyCounter,
    Frame,
    Function,
    GridState,
    ModeSet,
    PackWarningSet,
    Reason,
    Relay,
    RelaySet,
    Result,
)
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter
from custom_components.alfaspark.packbus.settings import NO_WINDOW, Window

from .packbus.slcan_peer import acknowledge

_POLL_S = 0.002

BATTERY = frames.Battery(
    voltage_v=53.2, current_a=-12.5, alarms=BatteryAlarmSet(0), soc_pct=61.5, state=BatteryState.DISCHARGING
)
POWER = frames.Power(grid_w=120, home_w=1500, solar_w=715, battery_w=-665)
LOADS = frames.Loads(load1_w=400, load2_w=300, inverter_w=800, grid_frequency_hz=50.02)
STATUS = frames.Status(
    relays=RelaySet.GRID | RelaySet.INVERTER | RelaySet.LOAD1 | RelaySet.LOAD2,
    grid=GridState.PRESENT,
    reason_grid=Reason.MANUAL,
    reason_inverter=Reason.MANUAL,
    reason_load1=Reason.MANUAL,
    reason_load2=Reason.MANUAL,
    modes=ModeSet(0),
    warnings=PackWarningSet(0),
    grid_import_today_kwh=1.25,
)
CURRENTS = frames.Currents(grid_a=0.55, inverter_a=3.64, load1_a=1.82, load2_a=1.36)
UNKNOWN_BATTERY = frames.Battery(
    voltage_v=None, current_a=None, alarms=BatteryAlarmSet(0), soc_pct=None, state=BatteryState.UNKNOWN
)
UNKNOWN_POWER = frames.Power(grid_w=None, home_w=None, solar_w=None, battery_w=None)


@dataclass
class PeerPack:
    """One pack: what it says when it is asked to, and how it answers commands."""

    send: Callable[[can.Message], None]
    serial: str
    node: int
    device_type: DeviceType = DeviceType.ENERGY_PACK
    firmware: tuple[int, int, int] = (1, 2, 3)
    boot_id: int = 0x1234
    count_id: int | None = None
    """Of ENERGY; None: the counters began at 0 in this boot."""
    flags: AnnounceFlagSet = AnnounceFlagSet.BMS_ONLINE | AnnounceFlagSet.CLOCK_VALID
    protocol_version: int = 1
    battery: frames.Battery = BATTERY
    power: frames.Power = POWER
    loads: frames.Loads = LOADS
    status: frames.Status = STATUS
    currents: frames.Currents = CURRENTS
    mute: bool = False
    obeys: bool = True
    """Whether relays and modes follow accepted commands."""
    answers: dict[Command, tuple[Result, int]] = field(default_factory=dict)
    """Result and detail of commands that are not accepted."""
    parameters: dict[Parameter, int] = field(
        default_factory=lambda: {spec.parameter: spec.default for spec in PARAMETERS}
    )
    windows: dict[int, Window] = field(default_factory=dict)
    gain_after_calibration: int = 1_000_000
    calibrated: tuple[Relay, int] | None = None
    """Channel and reference in mA."""
    grid_losses: list[frames.GridLoss] = field(default_factory=list)
    """What it keeps, oldest first."""
    heard: list[tuple[Command, bytes]] = field(default_factory=list)

    @property
    def commands(self) -> list[Command]:
        """The commands heard, in order."""
        return [command for command, _ in self.heard]

    def say(self, function: Function, payload: bytes) -> None:
        """Send one base frame."""
        self.send(can.Message(arbitration_id=function | self.node, data=payload, is_extended_id=False))

    def introduce(self) -> None:
        """Send CLAIM and ANNOUNCE."""
        self.claim()
        self.announce()

    def claim(self) -> None:
        """Say whose the node number is."""
        major, minor, patch = self.firmware
        number = int(self.serial, 16)
        claim = frames.Claim(
            serial_high=number >> 24,
            node=self.node,
            device_type=self.device_type,
            held=True,
            fw_major=major,
            fw_minor=minor,
            fw_patch=patch,
        )
        self.send(can.Message(arbitration_id=frames.CLAIM_ID | number & 0xFFFFFF, data=claim.encode()))

    def announce(self) -> None:
        """Say what this node is and how it is."""
        major, minor, patch = self.firmware
        announce = frames.Announce(
            device_type=self.device_type,
            fw_major=major,
            fw_minor=minor,
            fw_patch=patch,
            boot_id=self.boot_id,
            master=self.node,
            flags=self.flags,
            protocol_version=self.protocol_version,
        )
        self.say(Function.ANNOUNCE, announce.encode())

    def report(self, *changes: Frame) -> None:
        """Send the 2 s set twice, with what changed: a jump beyond physics counts once it is confirmed."""
        for change in changes:
            match change:
                case frames.Battery():
                    self.battery = change
                case frames.Power():
                    self.power = change
                case frames.Loads():
                    self.loads = change
                case frames.Status():
                    self.status = change
                case _:
                    raise AssertionError(f"{change} is not part of the set")
        for _ in range(2):
            self.say(Function.BATTERY, self.battery.encode())
            self.say(Function.POWER, self.power.encode())
            self.say(Function.LOADS, self.loads.encode())
            self.say(Function.STATUS, self.status.encode())
            self.say(Function.CURRENTS, self.currents.encode())

    def count(self, energies_wh: dict[EnergyCounter, float]) -> None:
        """Send energy counters, twice."""
        count_id = self.boot_id & 0xFFF if self.count_id is None else self.count_id
        for _ in range(2):
            for counter, value_wh in energies_wh.items():
                self.say(Function.ENERGY, frames.Energy(counter, count_id, self.boot_id, value_wh).encode())

    def restart(self, boot_id: int, firmware: tuple[int, int, int] | None = None) -> None:
        """Come up again."""
        self.boot_id = boot_id
        self.firmware = firmware or self.firmware
        self.introduce()

    def hear(self, payload: bytes) -> None:
        """Obey a command and answer it."""
        command, sequence = Command(payload[0]), payload[1]
        self.heard.append((command, payload))
        if self.mute:
            return
        if command is Command.WHO:
            self.introduce()
        if command in (Command.WHO, Command.SET_TIME):
            return
        result, detail = self.answers.get(command, (Result.ACCEPTED, 0))
        value = self._obey(command, payload) if result is Result.ACCEPTED else 0
        self.say(Function.RESPONSE, frames.Response(command, sequence, result, detail, value or 0).encode())
        if command in (Command.SET_RELAY, Command.SET_MODE, Command.RESTORE_IMPORT) and result is Result.ACCEPTED:
            self.say(Function.STATUS, self.status.encode())
        if command is Command.READ_GRID_LOSSES and result is Result.ACCEPTED:
            for loss in self.grid_losses:
                self.say(Function.GRID_LOSS, loss.encode())

    def _obey(self, command: Command, payload: bytes) -> int | None:
        """Carry out an accepted command; return the value of its answer."""
        match command:
            case Command.SET_RELAY if self.obeys:
                _, order = frames.SetRelay.decode(payload)
                bit = RelaySet(1 << order.relay)
                relays = self.status.relays | bit if order.closed else self.status.relays & ~bit
                self.status = replace(self.status, relays=relays)
            case Command.SET_MODE if self.obeys:
                _, mode = frames.SetMode.decode(payload)
                flag = ModeSet(1 << mode.mode)
                modes = self.status.modes | flag if mode.on else self.status.modes & ~flag
                self.status = replace(self.status, modes=modes)
            case Command.SET_PARAMETER:
                _, setting = frames.SetParameter.decode(payload)
                self.parameters[Parameter(setting.index)] = setting.value
                return setting.value & 0xFFFFFFFF
            case Command.GET_PARAMETER:
                return self.parameters[Parameter(frames.GetParameter.decode(payload)[1].index)] & 0xFFFFFFFF
            case Command.SET_WINDOW:
                _, window = frames.SetWindow.decode(payload)
                self.windows[window.slot] = Window(window.start_min, window.end_min, window.weekdays)
            case Command.GET_WINDOW:
                return self.windows.get(frames.GetWindow.decode(payload)[1].slot, NO_WINDOW).value
            case Command.CALIBRATE:
                _, calibration = frames.Calibrate.decode(payload)
                self.calibrated = calibration.channel, calibration.reference_ma
                return self.gain_after_calibration
            case Command.RESTORE_IMPORT:
                _, before = frames.RestoreImport.decode(payload)
                self.status = replace(self.status, grid_import_today_kwh=before.before_boot_kwh)
            case Command.READ_GRID_LOSSES if self.grid_losses:
                return len(self.grid_losses) | self.grid_losses[-1].number << 8
        return None


class PeerBus:
    """The other end of a virtual bus."""

    def __init__(self, channel: str) -> None:
        """Join the bus; `run` answers from then on."""
        self.packs: list[PeerPack] = []
        self._bus = can.Bus(interface="virtual", channel=channel)

    def add(self, serial: str, node: int, device_type: DeviceType = DeviceType.ENERGY_PACK) -> PeerPack:
        """Put a pack on the bus; it says nothing by itself."""
        pack = PeerPack(self._bus.send, serial, node, device_type)
        self.packs.append(pack)
        return pack

    def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Send any frame."""
        self._bus.send(can.Message(arbitration_id=can_id, data=data, is_extended_id=extended))

    async def run(self) -> None:
        """Let the packs hear what is sent to them, until cancelled."""
        with suppress(asyncio.CancelledError):
            while True:
                while (message := self._bus.recv(0)) is not None:
                    self._dispatch(message)
                await asyncio.sleep(_POLL_S)
        self._bus.shutdown()

    def _dispatch(self, message: can.Message) -> None:
        function, node = message.arbitration_id & ~0x7F, message.arbitration_id & 0x7F
        if message.is_extended_id or function != Function.COMMAND:
            return
        for pack in self.packs:
            if node in (pack.node, 127):
                pack.hear(bytes(message.data))


def answer_with_pack(serial: str, node: int, line: bytes) -> bytes:
    """Be an slcan adapter that has one pack on its bus, which answers WHO."""
    said: list[can.Message] = []
    if line.startswith(b"t07F201"):
        PeerPack(said.append, serial, node).introduce()
    return acknowledge(line) + b"".join(_slcan_line(message) for message in said)


def _slcan_line(message: can.Message) -> bytes:
    identifier = f"T{message.arbitration_id:08X}" if message.is_extended_id else f"t{message.arbitration_id:03X}"
    return f"{identifier}{message.dlc}{message.data.hex()}\r".encode()
