"""Packs that only talk: frames as the codec makes them, with values that move as those of a lived-in house do."""

from dataclasses import dataclass, field
from random import Random

from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import (
    CLAIM_ID,
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
    PulseChannel,
    Reason,
    RelaySet,
    Response,
    Result,
)
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter

LARGEST_NODE = 126
NOMINAL_V = 220.0
PULSES_PER_KWH = 1000
FIRMWARE = (0, 1, 0)

_NOISE_SHARE = 0.004
"""What a power reading flickers by, as that of a simulated pack with a real current transformer's noise does."""
_CIRCUIT_W = {"load1": 750.0, "load2": 2000.0}
_SWITCHED_EVERY_S = 600.0
_FUNCTIONS = {kind: function for function, kind in frames.TELEMETRY.items()}
_SILENT_COMMANDS = (Command.WHO, Command.SET_TIME)
_DEFAULTS = {spec.parameter: spec.default for spec in PARAMETERS}

type RawFrame = tuple[int, bytes, bool]
"""Identifier, data, whether the identifier is extended."""


@dataclass
class TalkingPack:
    """One pack. `advance` moves its house on, everything else says how it is."""

    node: int
    is_master: bool
    random: Random
    now_s: float = 0.0
    boot_id: int = field(init=False)
    serial: str = field(init=False)
    energies_wh: dict[EnergyCounter, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin somewhere in the day."""
        self.serial = f"a0b1{0x10000 + 4 * self.node:08x}"
        self.boot_id = self.random.randrange(0x10000)
        self.soc_pct = self.random.uniform(30, 90)
        self.inverter_w = self.random.uniform(300, 900)
        self.solar_w = self.random.uniform(0, 2500)
        self.grid_w = self.random.choice((0.0, 400.0))
        self.loads_w = {load: self.random.choice((0.0, full_w)) for load, full_w in _CIRCUIT_W.items()}
        self.energies_wh = dict.fromkeys(EnergyCounter, 0.0)

    @property
    def battery_w(self) -> float:
        """Positive = charging."""
        return self.solar_w + self.grid_w - self.home_w

    @property
    def home_w(self) -> float:
        """All circuits together."""
        return self.inverter_w + sum(self.loads_w.values())

    def advance(self, now_s: float) -> None:
        """Let the house live on until `now_s`."""
        elapsed_s = max(0.0, now_s - self.now_s)
        self.now_s = max(now_s, self.now_s)
        wander = self.random.gauss
        self.inverter_w = min(4000.0, max(150.0, self.inverter_w + wander(0, 6) * elapsed_s**0.5))
        self.solar_w = min(4500.0, max(0.0, self.solar_w + wander(0, 4) * elapsed_s**0.5))
        for load, full_w in _CIRCUIT_W.items():
            if self.random.random() < elapsed_s / _SWITCHED_EVERY_S:
                self.loads_w[load] = full_w - self.loads_w[load]
        self.soc_pct = min(100.0, max(0.0, self.soc_pct + self.battery_w * elapsed_s / 14_300 / 36))
        charged_w = self.battery_w
        for counter, power_w in (
            (EnergyCounter.GRID, self.grid_w),
            (EnergyCounter.HOME, self.home_w),
            (EnergyCounter.SOLAR, self.solar_w),
            (EnergyCounter.BATTERY_CHARGED, max(0.0, charged_w)),
            (EnergyCounter.BATTERY_DISCHARGED, max(0.0, -charged_w)),
            (EnergyCounter.LOAD1, self.loads_w["load1"]),
            (EnergyCounter.LOAD2, self.loads_w["load2"]),
        ):
            self.energies_wh[counter] += power_w * elapsed_s / 3600

    def telemetry_set(self) -> list[Frame]:
        """The frames of the 2 s set, of one snapshot, with values as they are after their travel."""
        noisy = self._noisy
        grid_w, inverter_w = noisy(self.grid_w), noisy(self.inverter_w)
        load1_w, load2_w = (noisy(power_w) for power_w in self.loads_w.values())
        voltage_v = 46.4 + 0.16 * self.soc_pct
        current_a = self.battery_w / voltage_v + self.random.gauss(0, 0.03)
        home_w = inverter_w + load1_w + load2_w
        battery_w = voltage_v * current_a
        state = BatteryState.CHARGING if current_a > 0 else BatteryState.DISCHARGING
        said: list[Frame] = [
            frames.Battery(voltage_v, current_a, BatteryAlarmSet(0), self.soc_pct, state),
            frames.Power(round(grid_w), round(home_w), round(max(0, home_w + battery_w - grid_w)), round(battery_w)),
            frames.Loads(round(load1_w), round(load2_w), round(inverter_w), 50 + self.random.gauss(0, 0.01)),
            frames.Status(
                relays=RelaySet(0xF),
                grid=GridState.PRESENT,
                reason_grid=Reason.MANUAL,
                reason_inverter=Reason.MANUAL,
                reason_load1=Reason.MANUAL,
                reason_load2=Reason.MANUAL,
                modes=ModeSet(0),
                warnings=PackWarningSet(0),
                grid_import_today_kwh=self.energies_wh[EnergyCounter.GRID] / 1000,
            ),
            frames.Currents(*(power_w / NOMINAL_V for power_w in (grid_w, inverter_w, load1_w, load2_w))),
        ]
        return [type(frame).decode(frame.encode()) for frame in said]

    def cycle(self, number: int, fleet_packs: int, *, only_sets: bool) -> list[RawFrame]:
        """What it says in the 2 s cycle with this number: the set, and its share of what comes every 10 s."""
        said = self.telemetry_set()
        if only_sets:
            return [self._base(frame) for frame in said]
        said += [self._energy(counter) for counter in EnergyCounter if (counter + self.node) % 5 == number % 5]
        said += [self._pulse(channel) for channel in PulseChannel if (channel + self.node) % 5 == number % 5]
        if self.node % 5 == number % 5:
            said.append(self._announce())
        if self.is_master:
            said.append(frames.Fleet(fleet_packs, self.soc_pct, 1000, 2000, 1000))
        return [self._base(frame) for frame in said]

    def introduce(self) -> list[RawFrame]:
        """CLAIM and ANNOUNCE."""
        number = int(self.serial, 16)
        claim = frames.Claim(number >> 24, self.node, DeviceType.ENERGY_PACK, True, *FIRMWARE)
        return [(CLAIM_ID | number & 0xFFFFFF, claim.encode(), True), self._base(self._announce())]

    def answer(self, payload: bytes) -> list[RawFrame]:
        """What it says to a command: accepted, with the factory's settings where it is asked for them."""
        command, sequence, *arguments = payload
        if command == Command.WHO:
            return self.introduce()
        if command in _SILENT_COMMANDS:
            return []
        value = _DEFAULTS.get(Parameter(arguments[0]), 0) & 0xFFFFFFFF if command == Command.GET_PARAMETER else 0
        return [self._base(Response(Command(command), sequence, Result.ACCEPTED, 0, value))]

    def _noisy(self, power_w: float) -> float:
        return max(0.0, power_w + self.random.gauss(0, _NOISE_SHARE) * power_w)

    def _energy(self, counter: EnergyCounter) -> Frame:
        return frames.Energy(
            counter=counter,
            count_id=self.boot_id & 0xFFF,
            boot_id=self.boot_id,
            value_wh=self.energies_wh[counter],
        )

    def _pulse(self, channel: PulseChannel) -> Frame:
        count = int(self.energies_wh[EnergyCounter.HOME] * PULSES_PER_KWH / 1000)
        return frames.Pulse(channel, self.boot_id & 0xFF, count, None)

    def _announce(self) -> Frame:
        flags = AnnounceFlagSet.BMS_ONLINE | AnnounceFlagSet.CLOCK_VALID | AnnounceFlagSet.HOST_SEEN
        if self.is_master:
            flags |= AnnounceFlagSet.IS_MASTER
        return frames.Announce(DeviceType.ENERGY_PACK, *FIRMWARE, self.boot_id, 0, flags, 1)

    def _base(self, frame: Frame) -> RawFrame:
        return function_of(frame) | self.node, frame.encode(), False


def function_of(frame: Frame) -> Function:
    """The function whose base identifier a frame of telemetry has."""
    return _FUNCTIONS[type(frame)]


def packs_of(count: int) -> list[TalkingPack]:
    """So many packs, 1 to 126, the same ones each time, their node numbers spread; the last one is master."""
    nodes = [1 + number * LARGEST_NODE // count for number in range(count)]
    return [TalkingPack(node, node == nodes[-1], Random(node)) for node in nodes]
