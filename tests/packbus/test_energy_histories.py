"""Totals from counters, judged by random histories of packs whose true energy is known."""

from copy import deepcopy
from dataclasses import dataclass, field
import json
from typing import override

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from custom_components.alfaspark.packbus.energy import EnergyStep, Gap, HouseEnergy, PackEnergy
from custom_components.alfaspark.packbus.frames import Energy, EnergyCounter

WRAP = 1 << 32
COUNTERS = (EnergyCounter.GRID, EnergyCounter.SOLAR, EnergyCounter.LOAD1)
GRID, SOLAR, LOAD1 = COUNTERS
LONGEST_DELAY_S = 50.0


@dataclass(frozen=True)
class Said:
    """One ENERGY frame, and what nobody but the device knows of it."""

    serial: int
    boot: int
    """0, 1, 2... in the order in which they happened."""
    count: int
    """Likewise."""
    counted: int
    """Before wrapping, in 0.1 Wh."""
    time_s: float
    frame: Energy


@dataclass
class Device:
    """A pack: what flows through it, and what its counters make of that."""

    serial: int
    boot_id: int
    counted: dict[EnergyCounter, int]
    """Since the counters began at 0, in 0.1 Wh, not wrapped."""
    boot: int = 0
    count: int = 0
    count_id: int = field(init=False)
    boot_ids: list[int] = field(init=False)
    used: dict[EnergyCounter, int] = field(init=False)
    """True energy, over everything."""
    losses: list[tuple[float, dict[EnergyCounter, int]]] = field(default_factory=list)
    """When it lost its supply, and what its counters were: one for each count but the present."""

    def __post_init__(self) -> None:
        """Begin to count with the first boot."""
        self.count_id = self.boot_id & 0xFFF
        self.boot_ids = [self.boot_id]
        self.used = dict(self.counted)

    def use(self, counter: EnergyCounter, counts: int) -> None:
        """Let energy flow."""
        self.used[counter] += counts
        self.counted[counter] += counts

    def restart(self, boot_id: int) -> None:
        """Restart by software: the counters go on."""
        self.boot += 1
        self.boot_id = boot_id
        self.boot_ids.append(boot_id)

    def lose_supply(self, boot_id: int, time_s: float) -> None:
        """Be cut from the supply, and get it back."""
        self.losses.append((time_s, dict(self.counted)))
        self.restart(boot_id)
        self.count += 1
        self.count_id = boot_id & 0xFFF
        self.counted = dict.fromkeys(COUNTERS, 0)

    def say(self, counter: EnergyCounter, time_s: float) -> Said:
        """Send a counter."""
        counted = self.counted[counter]
        # Through the codec, as it comes from the bus.
        frame = Energy.decode(Energy(counter, self.count_id, self.boot_id, counted % WRAP / 10).encode())
        return Said(self.serial, self.boot, self.count, counted, time_s, frame)


@dataclass
class Heard:
    """What a Home Assistant can know, had it a perfect memory: the furthest that was heard of each counter and count."""

    furthest: dict[tuple[int, int, EnergyCounter], int] = field(default_factory=dict)
    wrapped_before: dict[tuple[int, int, EnergyCounter], int] = field(default_factory=dict)
    """Whole wraps before the first frame of a count: nobody can tell them."""
    first: dict[tuple[int, EnergyCounter], int] = field(default_factory=dict)
    latest: dict[int, Said] = field(default_factory=dict)
    """Of the latest boot that was heard."""
    boots: set[tuple[int, int]] = field(default_factory=set)
    taken_s: dict[int, float] = field(default_factory=dict)
    gaps: dict[int, list[Gap]] = field(default_factory=dict)

    def hear(self, said: Said, now_s: float) -> Gap | None:
        """Note a frame; return the gap that it reveals."""
        latest = self.latest.get(said.serial)
        if latest is not None and said.boot < latest.boot:
            return None  # late, from a boot that has ended
        gap = None
        if latest is not None and said.count > latest.count:
            gap = Gap(self.taken_s[said.serial], now_s)
            self.gaps.setdefault(said.serial, []).append(gap)
        key = said.serial, said.count, said.frame.counter
        self.wrapped_before.setdefault(key, said.counted // WRAP * WRAP)
        self.furthest[key] = max(self.furthest.get(key, 0), said.counted)
        self.first.setdefault((said.serial, said.frame.counter), self.total(said.serial, said.frame.counter) or 0)
        self.latest[said.serial] = said
        self.boots.add((said.serial, said.boot))
        self.taken_s[said.serial] = now_s
        return gap

    def is_of_unheard_past(self, said: Said) -> bool:
        """Whether a frame is from a boot before the present one, and the first of it."""
        latest = self.latest.get(said.serial)
        return latest is not None and said.boot < latest.boot and (said.serial, said.boot) not in self.boots

    def total(self, serial: int, counter: EnergyCounter) -> int | None:
        """The most that is known of a counter, in 0.1 Wh."""
        parts = [
            furthest - self.wrapped_before[key]
            for key, furthest in self.furthest.items()
            if (key[0], key[2]) == (serial, counter)
        ]
        return sum(parts) if parts else None

    def house_total(self, counter: EnergyCounter) -> int:
        """The same of all packs, without what each had counted when it was first heard."""
        return sum((self.total(*key) or 0) - first for key, first in self.first.items() if key[1] is counter)


@dataclass
class HomeAssistant:
    """The totals of a house, as the hub keeps them."""

    packs: dict[int, PackEnergy] = field(default_factory=dict)
    house: HouseEnergy = field(default_factory=HouseEnergy)
    heard: Heard = field(default_factory=Heard)

    def take(self, said: Said, now_s: float) -> EnergyStep:
        """Count a frame."""
        pack = self.packs.setdefault(said.serial, PackEnergy())
        known = pack.total_wh(said.frame.counter) is not None
        step = pack.take(said.frame, now_s)
        if known:
            self.house.add(said.frame.counter, step.added_wh)
        return step

    def store(self) -> tuple[str, Heard]:
        """Return what is on disk after saving now, and what it stands for."""
        packs = {str(serial): pack.as_dict() for serial, pack in self.packs.items()}
        return json.dumps({"packs": packs, "house": self.house.as_dict()}, allow_nan=False), deepcopy(self.heard)

    @classmethod
    def load(cls, store: tuple[str, Heard]) -> HomeAssistant:
        """Start from what is on disk."""
        data = json.loads(store[0])
        packs = {int(serial): PackEnergy.from_dict(pack) for serial, pack in data["packs"].items()}
        return cls(packs, HouseEnergy.from_dict(data["house"]), deepcopy(store[1]))


any_pack = st.integers(0, 3)
any_counter = st.sampled_from(COUNTERS)
any_boot_id = st.integers(0, 0xFFFF)
some_energy = st.one_of(st.integers(0, 3000), st.integers(0, 1 << 22))


class Histories(RuleBasedStateMachine):
    """A house over the years: three packs, the third of which replaces one that broke."""

    COINCIDENCES = False
    """Whether different counts get the same 12 bits."""
    NEAR_WRAP = WRAP - 2000

    def __init__(self) -> None:
        """Begin with two packs, one of which has counted nearly up to the wrap, and an empty Home Assistant."""
        super().__init__()
        self.now_s = 1_790_000_000.0
        self.devices = [
            Device(100, 0x1001, dict.fromkeys(COUNTERS, 5000)),
            Device(101, 0x2001, {GRID: self.NEAR_WRAP, SOLAR: self.NEAR_WRAP + 1999, LOAD1: 0}),
        ]
        self.ha = HomeAssistant()
        self.running = True
        self.stores = [self.ha.store()]
        """Backups; the last is the file on disk."""
        self.wire: list[Said] = []
        self.report(1)

    def device(self, index: int) -> Device:
        """Return one of the packs that there are."""
        return self.devices[index % len(self.devices)]

    def fresh_boot_id(self, device: Device, wanted: int) -> int:
        """Return a boot id that is new, and tells another count than those before."""
        if self.COINCIDENCES:
            return next(i for n in range(16) if (i := 0x001 | (wanted + n) % 16 << 12) not in device.boot_ids[-9:])
        counts = {boot_id & 0xFFF for boot_id in device.boot_ids}
        return next(i for n in range(0x10000) if (i := (wanted + n) % 0x10000) & 0xFFF not in counts)

    def deliver(self, said: Said) -> None:
        """Let Home Assistant hear a frame, and hold it against what it can know."""
        pack = self.ha.packs.get(said.serial)
        before = (pack.total_wh(said.frame.counter) if pack else None) or 0.0
        step = self.ha.take(said, self.now_s)
        gap = self.ha.heard.hear(said, self.now_s)
        after = self.ha.packs[said.serial].total_wh(said.frame.counter) or 0.0
        assert step.added_wh >= 0
        assert round(after * 10) == round(before * 10) + round(step.added_wh * 10)
        if not self.COINCIDENCES:
            assert step.gap == gap

    # What happens to packs.

    @rule(pack=any_pack, counter=any_counter, counts=some_energy)
    def use(self, pack: int, counter: EnergyCounter, counts: int) -> None:
        """Energy flows through a pack."""
        self.device(pack).use(counter, counts)

    @rule(pack=any_pack, boot_id=any_boot_id)
    def restart(self, pack: int, boot_id: int) -> None:
        """A software restart, unheard or not."""
        self.wait(5)
        device = self.device(pack)
        device.restart(self.fresh_boot_id(device, boot_id))

    @rule(pack=any_pack, boot_id=any_boot_id)
    def lose_supply(self, pack: int, boot_id: int) -> None:
        """A power cut at one pack, unheard or not."""
        self.wait(5)
        device = self.device(pack)
        device.lose_supply(self.fresh_boot_id(device, boot_id), self.now_s)
        self.wait(5)

    @precondition(lambda self: len(self.devices) == 2)
    @rule(counts=some_energy)
    def replace(self, counts: int) -> None:
        """Another serial takes over; it may well have counted elsewhere. The old one may still come back."""
        self.devices.append(Device(102, 0x3001, dict.fromkeys(COUNTERS, counts)))

    @rule(seconds=st.floats(0.1, 20))
    def wait(self, seconds: float) -> None:
        """Time passes; what is under way for too long is lost."""
        self.now_s += seconds
        self.wire = [said for said in self.wire if self.now_s - said.time_s <= LONGEST_DELAY_S]

    # What is heard.

    @rule(pack=any_pack, counter=any_counter)
    def say(self, pack: int, counter: EnergyCounter) -> None:
        """Send a frame that is heard later, or never."""
        if self.running:
            self.wire.append(self.device(pack).say(counter, self.now_s))

    @precondition(lambda self: self.wire)
    @rule(choice=st.integers(0, 20), repeated=st.booleans())
    def hear(self, choice: int, repeated: bool) -> None:
        """Any frame that is under way comes, the latest or not; it may come again."""
        said = self.wire[choice % len(self.wire)]
        if not repeated:
            self.wire.remove(said)
        self.wait(0.1)
        if not self.ha.heard.is_of_unheard_past(said):  # Fleet lets no such frame pass
            self.deliver(said)

    @precondition(lambda self: self.running)
    @rule(pack=any_pack, counts=some_energy)
    def report(self, pack: int, counts: int = 0) -> None:
        """Energy flows, and all counters are heard at once."""
        for counter in COUNTERS:
            self.wait(1)
            self.use(pack, counter, counts)
            self.deliver(self.device(pack).say(counter, self.now_s))

    @precondition(lambda self: self.running)
    @rule(pack=any_pack, counter=any_counter, counts=some_energy)
    def overtake(self, pack: int, counter: EnergyCounter, counts: int) -> None:
        """A frame is still under way when later ones are heard."""
        self.say(pack, counter)
        self.report(pack, counts)

    # What happens to Home Assistant.

    @precondition(lambda self: self.running)
    @rule()
    def save(self) -> None:
        """The file is written."""
        self.stores[-1] = self.ha.store()

    @rule()
    def back_up(self) -> None:
        """The owner keeps a copy of the file."""
        self.stores.insert(0, self.stores[-1])

    @precondition(lambda self: self.running)
    @rule()
    def stop(self) -> None:
        """An orderly end."""
        self.save()
        self.crash()

    @precondition(lambda self: self.running)
    @rule()
    def crash(self) -> None:
        """An end without saving."""
        self.running = False
        self.wire.clear()

    @precondition(lambda self: not self.running)
    @rule()
    def start(self) -> None:
        """Home Assistant starts with what is on disk."""
        self.ha = HomeAssistant.load(self.stores[-1])
        self.running = True

    @rule(choice=st.integers(0, 5))
    def restore(self, choice: int) -> None:
        """The owner puts an older file in place."""
        self.crash()
        self.stores[-1] = self.stores[choice % len(self.stores)]
        self.start()

    # What must hold.

    @invariant()
    def totals_are_what_was_heard(self) -> None:
        """Exactly: never more, never less, also after a restart of Home Assistant and a restore."""
        if not self.running:
            return
        for serial, pack in self.ha.packs.items():
            for counter in COUNTERS:
                self.compare(pack.total_wh(counter), self.ha.heard.total(serial, counter))
        for counter in COUNTERS:
            self.compare(self.ha.house.total_wh(counter) or 0.0, self.ha.heard.house_total(counter))

    def compare(self, total_wh: float | None, known: int | None) -> None:
        """Hold a total against the counts that are known."""
        if total_wh is None or known is None:
            assert total_wh is known is None
        elif self.COINCIDENCES:
            assert total_wh <= known / 10
        else:
            assert total_wh == known / 10

    @invariant()
    def gaps_are_kept(self) -> None:
        """All that were reported, up to 16."""
        if self.running and not self.COINCIDENCES:
            for serial, pack in self.ha.packs.items():
                assert pack.gaps == self.ha.heard.gaps.get(serial, [])[-16:]

    @override
    def teardown(self) -> None:
        """In the end everything is heard, and the totals are the true energy but for what fell into gaps."""
        if not self.running:
            self.start()
        for device in self.devices:
            self.report(self.devices.index(device))
            self.totals_are_what_was_heard()
            for counter in COUNTERS:
                self.hold_against_truth(device, counter)

    def hold_against_truth(self, device: Device, counter: EnergyCounter) -> None:
        """What is missing was counted before the first frame, or is told as a gap."""
        heard = self.ha.heard
        counts = {count for serial, count, _ in heard.furthest if serial == device.serial}
        true = device.used[counter]
        for count, (lost_s, counted) in enumerate(device.losses):
            key = device.serial, count, counter
            if count < min(counts):
                true -= counted[counter]  # before the first frame that this Home Assistant knows of
                continue
            unheard = counted[counter] - heard.furthest.get(key, 0)
            true -= unheard
            if not self.COINCIDENCES:
                gaps = heard.gaps.get(device.serial, [])
                assert unheard == 0 or any(gap.from_s - LONGEST_DELAY_S <= lost_s <= gap.to_s for gap in gaps)
        true -= heard.wrapped_before.get((device.serial, 0, counter), 0)  # later counts begin at 0
        self.compare(self.ha.packs[device.serial].total_wh(counter), true)


class CoincidingHistories(Histories):
    """The same where all counts of a pack have the same 12 bits: then less may be known, but never more.

    Without wraps: nobody could tell one from such a new count.
    """

    COINCIDENCES = True
    NEAR_WRAP = 1 << 20


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestCoincidingHistories = CoincidingHistories.TestCase
TestCoincidingHistories.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
