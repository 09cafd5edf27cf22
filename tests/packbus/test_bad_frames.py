"""Whatever comes over the bus: nothing raises, no single frame changes a reading it should not, all is counted."""

from dataclasses import asdict

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from custom_components.alfaspark.packbus.adapter import ReceivedFrame
from custom_components.alfaspark.packbus.fleet import Fleet
from custom_components.alfaspark.packbus.frames import CLAIM_ID, TELEMETRY, EnergyCounter, Function

from .speaker import SET, Clock, Speaker

FOREIGN_NODE = 77

any_frame = st.builds(
    ReceivedFrame,
    can_id=st.one_of(
        st.integers(0, 0x7FF),
        st.integers(0, 0x1FFFFFFF),
        st.integers(CLAIM_ID, CLAIM_ID | 0xFFFFFF),
        st.sampled_from([function + 12 for function in Function]),
    ),
    extended=st.booleans(),
    data=st.binary(max_size=16),
    time_s=st.floats(1000, 2000),
)


def settled() -> tuple[Fleet, Speaker]:
    fleet = Fleet()
    speaker = Speaker(fleet, Clock(), "a0b1c2d3e4f5", 12, 0x1111)
    speaker.settle()
    for value_wh in (100.0, 101.0):
        speaker.energy(EnergyCounter.GRID, value_wh)
        speaker.pulse(3)
    return fleet, speaker


def counted(fleet: Fleet) -> int:
    return sum(asdict(fleet.statistics).values())


@settings(max_examples=400, deadline=None)
@given(st.lists(any_frame, max_size=30))
def test_no_frame_raises(received: list[ReceivedFrame]) -> None:
    fleet, _ = settled()
    for frame in received:
        fleet.receive(frame)
        fleet.take_who_request(frame.time_s)
        fleet.expire(frame.time_s)
        assert fleet.totals.packs >= 0
        assert fleet.master is None or fleet.master.present


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(TELEMETRY)), st.binary(max_size=16).filter(lambda data: len(data) != 8))
def test_a_frame_of_another_length_changes_nothing_and_is_counted(function: Function, data: bytes) -> None:
    fleet, speaker = settled()
    readings, before = speaker.readings(), counted(fleet)
    assert speaker.raw(function, data) is None
    assert speaker.readings() == readings
    assert counted(fleet) == before + 1
    assert fleet.statistics.invalid == 1


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*TELEMETRY, Function.UPDATE_RESPONSE]), st.binary(max_size=8), st.integers(1, 126))
def test_a_foreign_frame_changes_nothing_and_is_counted(function: Function, data: bytes, node: int) -> None:
    fleet, speaker = settled()
    node = FOREIGN_NODE if node == speaker.node else node
    readings, before = speaker.readings(), counted(fleet)
    assert fleet.receive(ReceivedFrame(function + node, False, data, speaker.clock.now_s)) is None
    assert speaker.readings() == readings
    assert list(fleet.packs) == [speaker.serial]
    assert counted(fleet) == before + 1


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([Function.BATTERY, Function.ENERGY, Function.PULSE, Function.ANNOUNCE]),
    st.binary(min_size=8, max_size=8),
)
def test_a_random_payload_never_becomes_a_wild_reading(function: Function, data: bytes) -> None:
    """Random bytes of the right length are told apart from readings by physics: what they may change is little."""
    _, speaker = settled()
    speaker.report()
    pack = speaker.pack
    speaker.raw(function, data)
    assert pack.battery is not None
    voltage_v, soc_pct = pack.battery.voltage_v, pack.battery.soc_pct
    assert voltage_v is None or abs(voltage_v - 53.2) <= 4
    assert soc_pct is None or abs(soc_pct - 61.5) <= 25
    assert list(pack.energies_wh) == [EnergyCounter.GRID]
    assert 101 <= pack.energies_wh[EnergyCounter.GRID] < 500
    assert all(pulse.count < 1000 for pulse in pack.pulses.values())
    assert pack.boot_id == 0x1111
    assert pack.firmware_version == "1.2.3"


class HostileBus(RuleBasedStateMachine):
    """A pack that goes on speaking on a bus full of nonsense comes through sooner or later."""

    def __init__(self) -> None:
        """Start with a settled pack."""
        super().__init__()
        self.fleet, self.speaker = settled()

    @rule(frame=any_frame)
    def nonsense(self, frame: ReceivedFrame) -> None:
        """Anything comes."""
        now = self.speaker.clock.now_s
        self.fleet.receive(ReceivedFrame(frame.can_id, frame.extended, frame.data, now))

    @rule()
    def report(self) -> None:
        """The pack speaks."""
        self.speaker.report()

    @rule(seconds=st.floats(0, 200))
    def silence(self, seconds: float) -> None:
        """Time passes."""
        self.speaker.clock.advance(seconds)
        self.fleet.expire(self.speaker.clock.now_s)

    @rule()
    def adapter_lost(self) -> None:
        """The adapter is unplugged and plugged in."""
        self.fleet.forget_nodes()

    @rule()
    def recovery(self) -> None:
        """Asked by WHO, it is known; after two sets it is read."""
        for _ in range(2):
            self.speaker.clock.advance(10)
            self.fleet.expire(self.speaker.clock.now_s)
            self.speaker.introduce()
        for _ in range(3):
            self.speaker.report()
        assert self.speaker.pack.node == self.speaker.node
        assert self.speaker.readings()[:5] == tuple(SET.values())

    @invariant()
    def numbers_are_of_one(self) -> None:
        """No two packs hold one number."""
        nodes = [pack.node for pack in self.fleet.packs.values() if pack.node is not None]
        assert len(nodes) == len(set(nodes))
        for node in nodes:
            holder = self.fleet.holder(node)
            assert holder is not None
            assert holder.node == node


HostileBus.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_a_hostile_bus = HostileBus.TestCase
