"""What is known of one pack: identity, presence and its latest readings."""

from dataclasses import dataclass, field

from . import frames
from .frames import EnergyCounter, FaultCode, Function, PulseChannel

PROTOCOL_VERSION = 1

READING_TIMEOUT_S = 6.0
"""Three missed periods of a 2 s telemetry frame (protocol.md, Presence)."""

COUNTER_TIMEOUT_S = 30.0
"""The same for ENERGY and PULSE, sent every 10 s."""

GONE_TIMEOUT_S = 120.0
"""A node not heard for so long is gone."""


@dataclass(slots=True, eq=False)
class Pack:
    """One device on the bus, an energy pack or a gateway. Owned and changed by Fleet; everyone else reads.

    A reading is None unless a valid, plausible frame came in time: what is stale is None, never the last value.
    """

    serial: str
    """12 lower-case hexadecimal digits."""
    node: int | None
    """1..126; None while it holds no number or two devices dispute it."""
    device_type: frames.DeviceType
    firmware_version: str
    """Such as "1.2.3"."""
    protocol_version: int
    boot_id: int
    """0..65535, random at each boot."""
    present: bool
    """Heard within 120 s."""
    last_seen_s: float
    """time_s of its last valid frame."""
    announce: frames.Announce
    """The latest; says master, clock valid, host seen, BMS online. See `available` for its age."""
    energies_wh: dict[EnergyCounter, float] = field(default_factory=dict)
    """Fresh counters in Wh since the boot named by `boot_id`."""
    pulses: dict[PulseChannel, frames.Pulse] = field(default_factory=dict)
    """Fresh S0 counters since that boot."""
    faults: set[tuple[FaultCode, int]] = field(default_factory=set)
    """Faults that stand, each with its argument."""

    @property
    def battery(self) -> frames.Battery | None:
        """Battery as the BMS reports it."""
        raise NotImplementedError

    @property
    def power(self) -> frames.Power | None:
        """Grid, home, solar and battery power in W."""
        raise NotImplementedError

    @property
    def loads(self) -> frames.Loads | None:
        """Load and inverter power in W, grid frequency in Hz."""
        raise NotImplementedError

    @property
    def status(self) -> frames.Status | None:
        """Relays, grid, reasons, modes, warnings."""
        raise NotImplementedError

    @property
    def currents(self) -> frames.Currents | None:
        """True RMS currents in A."""
        raise NotImplementedError

    @property
    def available(self) -> bool:
        """Whether any frame came within 6 s: a pack whose supply is cut is unavailable after that."""
        raise NotImplementedError

    @property
    def speaks_our_protocol(self) -> bool:
        """Whether its protocol version is 1: else nothing is decoded and only WHO, SET_TIME and updates are sent."""
        return self.protocol_version == PROTOCOL_VERSION

    def is_fresh(self, function: Function) -> bool:
        """Whether a valid frame of this function came within 6 s (ENERGY, PULSE: 30 s) before the last `expire`."""
        raise NotImplementedError
