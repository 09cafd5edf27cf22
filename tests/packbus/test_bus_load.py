"""The bus load, against bits counted one by one as ISO 11898-1 puts them on the wire."""

import random

import pytest

from custom_components.alfaspark.packbus.bus_load import WINDOW_S, BusLoad, frame_bits
from custom_components.alfaspark.packbus.frames import Frame, Function
from tests.peers import BATTERY, CURRENTS, LOADS, POWER, STATUS

BITRATE_BPS = 500_000


def bits_on_the_wire(can_id: int, extended: bool, data: bytes) -> int:
    """Count a data frame's bits with all stuff bits, and the 3 bits of space after it."""
    if extended:
        head = f"0{can_id >> 18:011b}11{can_id & 0x3FFFF:018b}000"
    else:
        head = f"0{can_id:011b}000"
    bits = head + f"{len(data):04b}" + "".join(f"{byte:08b}" for byte in data)
    crc = 0
    for bit in bits:
        crc = ((crc << 1) ^ (0x4599 if (crc >> 14) ^ int(bit) else 0)) & 0x7FFF
    bits += f"{crc:015b}"
    stuffed, run, last = len(bits), 0, ""
    for bit in bits:
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            stuffed, run, last = stuffed + 1, 1, "01"[bit == "0"]
    return stuffed + 13


@pytest.mark.parametrize(("extended", "shortest", "longest"), [(False, 111, 135), (True, 131, 160)])
def test_every_frame_is_between_the_shortest_and_the_longest_possible(
    extended: bool, shortest: int, longest: int
) -> None:
    # 500 kbit/s by these: 4,504..3,703 and 3,816..3,125 frames a second, the known figures.
    assert shortest < frame_bits(extended, 8) < longest
    rng = random.Random(1)
    for _ in range(500):
        assert (
            shortest <= bits_on_the_wire(rng.getrandbits(29 if extended else 11), extended, rng.randbytes(8)) <= longest
        )


@pytest.mark.parametrize("length", range(9))
@pytest.mark.parametrize("extended", [False, True])
def test_the_estimate_is_near_random_and_monotonous_payloads(extended: bool, length: int) -> None:
    rng = random.Random(length)
    can_id = rng.getrandbits(29 if extended else 11)
    for payload in (rng.randbytes(length), bytes(length)):
        assert frame_bits(extended, length) == pytest.approx(bits_on_the_wire(can_id, extended, payload), rel=0.12)


def test_the_estimate_fits_telemetry() -> None:
    readings: dict[Function, Frame] = {
        Function.BATTERY: BATTERY,
        Function.POWER: POWER,
        Function.LOADS: LOADS,
        Function.STATUS: STATUS,
        Function.CURRENTS: CURRENTS,
    }
    counted = sum(
        bits_on_the_wire(function + node, False, frame.encode())
        for function, frame in readings.items()
        for node in range(1, 127)
    )
    assert 126 * len(readings) * frame_bits(False, 8) == pytest.approx(counted, rel=0.03)


def test_a_steady_load_is_shown_as_it_is() -> None:
    load = BusLoad(BITRATE_BPS, 100.3)
    bits = frame_bits(False, 8)
    for index in range(20_000):
        now_s = 100.3 + index / 1000
        load.add(bits, now_s)
        if now_s > 101.4:
            assert load.percent(now_s) == pytest.approx(100 * 1000 * bits / BITRATE_BPS, rel=0.02)


def test_the_load_is_unknown_at_first_then_falls_with_silence() -> None:
    load = BusLoad(BITRATE_BPS, 10.0)
    load.add(BITRATE_BPS / 2, 10.5)
    assert load.percent(10.9) is None
    assert load.percent(11.0) == pytest.approx(50)
    assert load.percent(12.0) == pytest.approx(25)
    assert load.percent(15.0) == pytest.approx(10)
    assert load.percent(11 + WINDOW_S) == 0


def test_a_burst_is_no_more_than_a_full_bus() -> None:
    load = BusLoad(BITRATE_BPS, 0.0)
    load.add(10 * BITRATE_BPS, 0.5)
    assert load.percent(1.0) == 100
