"""Every signal of every frame, in both codecs, both ways, against cantools."""

from collections.abc import Iterator
import os
from pathlib import Path
import random

from cantools.database.can import Signal
import pytest

from custom_components.alfaspark.packbus import frames

from .judge import Codec, CppCodec, Layout, PythonCodec, Values, layouts

LAYOUTS = layouts()
ROUNDS = 400


@pytest.fixture(scope="module", params=["python", "cpp"])
def codec(request: pytest.FixtureRequest) -> Iterator[Codec]:
    """Both codecs behind one face."""
    if request.param == "python":
        yield PythonCodec()
        return
    root = Path(__file__).parents[2]
    program = Path(os.environ.get("ALFASPARK_FIRMWARE_BUILD", root / "build/firmware-tests")) / "codec-judge"
    assert program.exists(), f"{program} is missing: scripts/test builds it"
    cpp = CppCodec(program)
    yield cpp
    cpp.close()


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def layout(request: pytest.FixtureRequest) -> Layout:
    """Every frame and command."""
    assert isinstance(request.param, Layout)
    return request.param


def _edges(signal: Signal) -> list[int]:
    low = -(2 ** (signal.length - 1)) if signal.is_signed else 0
    high = low + 2**signal.length - 1
    scale = float(signal.scale)
    assert signal.minimum is not None
    assert signal.maximum is not None
    declared = [round(signal.minimum / scale), round(signal.maximum / scale)]
    wanted = {low, low + 1, high - 1, high, 0, *declared, declared[0] - 1, declared[1] + 1, *(signal.choices or {})}
    return sorted(raw for raw in wanted if low <= raw <= high)


def _place(payload: bytes, signal: Signal, raw: int) -> bytes:
    mask = (1 << signal.length) - 1
    word = int.from_bytes(payload, "little") & ~(mask << signal.start)
    return (word | (raw & mask) << signal.start).to_bytes(len(payload), "little")


def _payloads(layout: Layout) -> Iterator[bytes]:
    """Random bytes, and every edge of every signal among values that are valid and among random ones."""
    rng = random.Random(layout.name)

    def noise() -> bytes:
        payload = rng.randbytes(layout.length)
        return payload if layout.code is None else bytes([layout.code]) + payload[1:]

    def valid() -> bytes:
        payload = noise()
        for signal in layout.signals:
            assert signal.minimum is not None
            assert signal.maximum is not None
            scale = float(signal.scale)
            raw = rng.randint(round(signal.minimum / scale), round(signal.maximum / scale))
            payload = _place(payload, signal, raw)
        return payload

    for _ in range(ROUNDS):
        yield noise()
        yield valid()
    for signal in layout.signals:
        for raw in _edges(signal):
            yield _place(noise(), signal, raw)
            yield _place(valid(), signal, raw)


def test_decodes_as_cantools_does(codec: Codec, layout: Layout) -> None:
    """What cantools reads is what the codec reads; what is outside a range is refused."""
    accepted = 0
    for payload in _payloads(layout):
        expected = layout.judged(payload)
        actual = codec.decode(layout, payload)
        if expected is None or actual is None:
            assert actual == expected, payload.hex()
            continue
        accepted += 1
        assert actual.keys() == expected.keys()
        for name, value in expected.items():
            # The C++ codec carries quantities in single precision.
            assert actual[name] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), payload.hex()
    assert accepted >= ROUNDS


def test_encodes_as_cantools_does(codec: Codec, layout: Layout) -> None:
    """Values from anywhere in the range give the bytes that cantools writes."""
    for payload in _payloads(layout):
        values = layout.judged(payload)
        if values is not None:
            assert codec.encode(layout, values) == layout.judged_payload(values), values


def test_refuses_every_other_length(codec: Codec, layout: Layout) -> None:
    """A frame is exactly as long as the protocol says."""
    valid = next(payload for payload in _payloads(layout) if layout.judged(payload) is not None)
    assert codec.decode(layout, valid) is not None
    for length in range(9):
        if length != layout.length:
            assert codec.decode(layout, (valid + bytes(8))[:length]) is None


def _quantities(layout: Layout) -> list[Signal]:
    return [s for s in layout.signals if s.unit in {"V", "A", "W", "%", "Hz", "Wh", "kWh", "ms"}]


QUANTITIES = [layout for layout in LAYOUTS if _quantities(layout)]


@pytest.mark.parametrize("layout", QUANTITIES, ids=lambda layout: layout.name)
def test_a_quantity_beyond_its_range_is_sent_as_the_nearest(codec: Codec, layout: Layout) -> None:
    """Never wrapped, and never taken for the unknown marker."""
    base: Values = next(v for p in _payloads(layout) if (v := layout.judged(p)) is not None)
    for signal in _quantities(layout):
        for value, nearest in ((1e12, signal.maximum), (-1e12, signal.minimum)):
            payload = codec.encode(layout, {**base, signal.name: value})
            sent = layout.judged(payload)
            assert sent is not None
            assert sent[signal.name] == pytest.approx(nearest)


@pytest.mark.parametrize("layout", QUANTITIES, ids=lambda layout: layout.name)
def test_a_quantity_between_two_counts_is_rounded(codec: Codec, layout: Layout) -> None:
    """The error is at most half a count."""
    rng = random.Random(layout.name)
    base: Values = next(v for p in _payloads(layout) if (v := layout.judged(p)) is not None)
    for signal in _quantities(layout):
        assert signal.minimum is not None
        assert signal.maximum is not None
        for _ in range(ROUNDS):
            value = rng.uniform(max(signal.minimum, -1e5), min(signal.maximum, 1e5))
            sent = layout.judged(codec.encode(layout, {**base, signal.name: value}))
            assert sent is not None
            assert sent[signal.name] == pytest.approx(value, abs=0.501 * float(signal.scale))


def test_both_codecs_have_every_message() -> None:
    """Nothing of the DBC is left out, and identifiers are the function's."""
    names = {layout.name for layout in LAYOUTS}
    assert len(LAYOUTS) == len(names) == 13 + 15
    for layout in LAYOUTS:
        cls = getattr(frames, layout.name)
        if layout.code is not None:
            assert layout.code == cls.COMMAND
            assert frames.COMMANDS[cls.COMMAND] is cls
        elif layout.message.is_extended_frame:
            assert layout.message.frame_id == frames.CLAIM_ID
        else:
            assert layout.message.frame_id == cls.FUNCTION
            assert frames.TELEMETRY[cls.FUNCTION] is cls


def test_a_code_outside_its_range_is_not_encoded() -> None:
    """A node number or slot that does not exist is an error of the caller, never a wrapped frame."""
    with pytest.raises(frames.FrameError, match="slot 8 is outside"):
        frames.GetWindow(slot=8).encode(1)
    with pytest.raises(frames.FrameError, match="sequence 256"):
        frames.Who().encode(256)
    with pytest.raises(frames.FrameError, match="not a number"):
        frames.Currents(grid_a=float("nan"), inverter_a=0, load1_a=0, load2_a=0).encode()
