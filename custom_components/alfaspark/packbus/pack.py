"""What is known of one pack: identity, presence and its latest readings."""

from dataclasses import dataclass, field

from . import frames
from .frames import EnergyCounter, FaultCode, Frame, Function, PulseChannel
from .plausibility import Plausibility, ReadingKey, Verdict, reading_key

PROTOCOL_VERSION = 1

READING_TIMEOUT_S = 6.0
"""Three missed periods of a 2 s telemetry frame (protocol.md, Presence)."""

COUNTER_TIMEOUT_S = 30.0
"""The same for ENERGY and PULSE, sent every 10 s."""

GONE_TIMEOUT_S = 120.0
"""A node not heard for so long is gone."""

_COUNTERS = (Function.ENERGY, Function.PULSE)


@dataclass(slots=True, eq=False)
class Pack:
    """One device on the bus, an energy pack or a gateway. Owned and changed by Fleet; everyone else reads.

    A reading is None unless a valid, plausible frame came in time: what is stale is None, never the last value.
    """

    serial: str
    """12 lower-case hexadecimal digits."""
    announce: frames.Announce
    """The latest; says master, clock valid, host seen, BMS online. See `available` for its age."""
    node: int | None = None
    """1..126; None while it holds no number or several devices claim it."""
    available: bool = False
    """Heard within 6 s: a pack whose supply is cut is unavailable after that."""
    present: bool = False
    """Heard within 120 s."""
    last_seen_s: float = 0.0
    """time_s of its last valid frame."""
    claimed_s: float = 0.0
    """time_s of its last CLAIM, which is no sign of presence."""
    battery: frames.Battery | None = None
    power: frames.Power | None = None
    loads: frames.Loads | None = None
    status: frames.Status | None = None
    currents: frames.Currents | None = None
    energies_wh: dict[EnergyCounter, float] = field(default_factory=dict)
    """Fresh counters in Wh since the boot named by `boot_id`."""
    pulses: dict[PulseChannel, frames.Pulse] = field(default_factory=dict)
    """Fresh S0 counters since that boot."""
    faults: set[tuple[FaultCode, int]] = field(default_factory=set)
    """Faults that stand, each with its argument."""
    _plausibility: Plausibility = field(default_factory=Plausibility, repr=False)
    _taken_s: dict[ReadingKey, float] = field(default_factory=dict, repr=False)
    """When the readings that are fresh were taken."""

    @property
    def device_type(self) -> frames.DeviceType:
        """What kind of device it is."""
        return self.announce.device_type

    @property
    def firmware_version(self) -> str:
        """Such as "1.2.3"."""
        return f"{self.announce.fw_major}.{self.announce.fw_minor}.{self.announce.fw_patch}"

    @property
    def protocol_version(self) -> int:
        """0..7."""
        return self.announce.protocol_version

    @property
    def boot_id(self) -> int:
        """0..65535, random at each boot."""
        return self.announce.boot_id

    @property
    def speaks_our_protocol(self) -> bool:
        """Whether its protocol version is 1: else nothing is decoded and only WHO, SET_TIME and updates are sent."""
        return self.protocol_version == PROTOCOL_VERSION

    def has_mode(self, mode: frames.Mode) -> bool | None:
        """Whether a mode is on; None while that is not known."""
        return None if self.status is None else bool(self.status.modes & 1 << mode)

    def is_closed(self, relay: frames.Relay) -> bool | None:
        """Whether a relay is closed; None while that is not known."""
        return None if self.status is None else bool(self.status.relays & 1 << relay)

    def reason_of(self, relay: frames.Relay) -> frames.Reason | None:
        """Who holds a relay, and why; None while that is not known."""
        if self.status is None:
            return None
        reason: frames.Reason = getattr(self.status, f"reason_{relay.name.lower()}")
        return reason

    def taken_s(self, function: Function) -> float:
        """Return the time_s of the fresh reading of a function. Raises KeyError if there is none."""
        return self._taken_s[function, 0]

    def is_fresh(self, function: Function) -> bool:
        """Whether a reading of this function was taken within 6 s (ENERGY, PULSE: 30 s) before the last `expire`."""
        return any(key[0] == function for key in self._taken_s)

    def last(self, function: Function) -> Frame | None:
        """Return the last reading of a function that was taken, however old: to be shown with its age only."""
        return self._plausibility.accepted((function, 0))

    def counts_from_other_boot(self, frame: Frame) -> bool:
        """Whether a counter belongs to another boot than the one announced."""
        match frame:
            case frames.Energy():
                return frame.boot_id != self.boot_id
            case frames.Pulse():
                return frame.boot_id_low != self.boot_id & 0xFF
        return False

    def take(self, function: Function, frame: Frame, time_s: float) -> Verdict:
        """Make a frame the reading, if it is plausible; return whether it is."""
        key = reading_key(frame, function)
        verdict = self._plausibility.judge(key, frame, time_s)
        if verdict is Verdict.PLAUSIBLE:
            self._taken_s[key] = time_s
            self._store(frame)
        return verdict

    def _store(self, frame: Frame) -> None:
        match frame:
            case frames.Battery():
                self.battery = frame
            case frames.Power():
                self.power = frame
            case frames.Loads():
                self.loads = frame
            case frames.Status():
                self.status = frame
            case frames.Currents():
                self.currents = frame
            case frames.Energy():
                self.energies_wh[frame.counter] = frame.value_wh
            case frames.Pulse():
                self.pulses[frame.channel] = frame
            case frames.Fault() if frame.active:
                self.faults.add((frame.code, frame.argument))
            case frames.Fault():
                self.faults.discard((frame.code, frame.argument))

    def forget_boot(self) -> None:
        """Drop what belonged to the last boot: its counters and the faults that stood in it."""
        self._plausibility.forget_counters()
        self.faults.clear()
        for key in [key for key in self._taken_s if key[0] in _COUNTERS]:
            self._drop(key)

    def drop_stale(self, now_s: float) -> bool:
        """Drop the readings that are too old; return whether there were any."""
        stale = [key for key, taken_s in self._taken_s.items() if now_s - taken_s > _timeout_s(key[0])]
        for key in stale:
            self._drop(key)
        return bool(stale)

    def _drop(self, key: ReadingKey) -> None:
        del self._taken_s[key]
        match key:
            case (Function.BATTERY, _):
                self.battery = None
            case (Function.POWER, _):
                self.power = None
            case (Function.LOADS, _):
                self.loads = None
            case (Function.STATUS, _):
                self.status = None
            case (Function.CURRENTS, _):
                self.currents = None
            case (Function.ENERGY, counter):
                del self.energies_wh[EnergyCounter(counter)]
            case (Function.PULSE, channel):
                del self.pulses[PulseChannel(channel)]


def _timeout_s(function: Function) -> float:
    return COUNTER_TIMEOUT_S if function in _COUNTERS else READING_TIMEOUT_S
