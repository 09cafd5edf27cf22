"""Writes what devices say, with a clock that only the test moves."""

from dataclasses import dataclass, replace

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import (
    CLAIM_ID,
    AnnounceFlagSet,
    DeviceType,
    EnergyCounter,
    Frame,
    Function,
    PulseChannel,
)
from custom_components.alfaspark.packbus.pack import Pack
from tests.peers import BATTERY, CURRENTS, LOADS, POWER, STATUS

SET: dict[Function, Frame] = {
    Function.BATTERY: BATTERY,
    Function.POWER: POWER,
    Function.LOADS: LOADS,
    Function.STATUS: STATUS,
    Function.CURRENTS: CURRENTS,
}
"""The frames of one 2 s set."""


class Clock:
    """The time of a test."""

    def __init__(self) -> None:
        """Start somewhere."""
        self.now_s = 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


@dataclass
class Speaker:
    """One device, whose frames go straight into a fleet."""

    fleet: Fleet
    clock: Clock
    serial: str
    node: int
    boot_id: int
    device_type: DeviceType = DeviceType.ENERGY_PACK
    firmware: tuple[int, int, int] = (1, 2, 3)
    flags: AnnounceFlagSet = AnnounceFlagSet.BMS_ONLINE
    protocol_version: int = 1
    held: bool = True

    @property
    def pack(self) -> Pack:
        """What the fleet makes of it."""
        return self.fleet.packs[self.serial]

    def raw(self, function: int, data: bytes) -> Pack | None:
        """Say any payload under the own number."""
        return self.fleet.receive(ReceivedFrame(function + self.node, False, data, self.clock.now_s))

    def say(self, frame: Frame) -> Pack | None:
        """Say a frame under the own number."""
        return self.raw(_function(frame), frame.encode())

    def claim(self, node: int | None = None) -> Pack | None:
        """Claim the own number, or move to another one."""
        self.node = self.node if node is None else node
        major, minor, patch = self.firmware
        number = int(self.serial, 16)
        claim = frames.Claim(number >> 24, self.node, self.device_type, self.held, major, minor, patch)
        return self.fleet.receive(ReceivedFrame(CLAIM_ID | number & 0xFFFFFF, True, claim.encode(), self.clock.now_s))

    def announced(self) -> frames.Announce:
        """Return the ANNOUNCE it would say."""
        major, minor, patch = self.firmware
        return frames.Announce(
            self.device_type, major, minor, patch, self.boot_id, 0, self.flags, self.protocol_version
        )

    def announce(self) -> Pack | None:
        """Say ANNOUNCE."""
        return self.say(self.announced())

    def introduce(self) -> None:
        """Answer WHO."""
        self.claim()
        self.announce()

    def report(self) -> None:
        """Say the 2 s set, time passing before it."""
        self.clock.advance(2)
        for frame in SET.values():
            self.say(frame)

    def settle(self) -> None:
        """Introduce itself and report until everything is a reading."""
        self.introduce()
        self.report()
        self.report()

    def energy(self, counter: EnergyCounter, value_wh: float) -> Pack | None:
        """Say one counter, 10 s after the last."""
        self.clock.advance(10)
        return self.say(frames.Energy(counter, self.boot_id & 0xFFF, self.boot_id, value_wh))

    def pulse(self, count: int) -> Pack | None:
        """Say the active channel, 10 s after the last."""
        self.clock.advance(10)
        return self.say(frames.Pulse(PulseChannel.ACTIVE, self.boot_id & 0xFF, count, 400))

    def readings(self) -> tuple[object, ...]:
        """Everything that is read of the pack."""
        pack = self.pack
        return (
            pack.battery,
            pack.power,
            pack.loads,
            pack.status,
            pack.currents,
            dict(pack.energies_wh),
            dict(pack.pulses),
            set(pack.faults),
            pack.announce,
            pack.node,
        )

    def copy(self, **changes: object) -> Speaker:
        """Return another device like this one."""
        return replace(self, **changes)  # type: ignore[arg-type]


def _function(frame: Frame) -> Function:
    return next(function for function, kind in frames.TELEMETRY.items() if isinstance(frame, kind))
