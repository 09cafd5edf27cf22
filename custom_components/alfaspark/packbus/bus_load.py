"""How busy the bus is, from the frames that were seen on it."""

from collections import deque
from math import floor

WINDOW_S = 5
"""Length of the sliding window, up to a second more; a shorter one would show the 2 s telemetry sets as waves."""

_STUFFED_SHARE = 0.3
"""Stuff bits as a share of the possible maximum, counted over telemetry of packs.

Random payloads have 0.13, all zeros 0.65: the estimate is off by 8 % of a frame at most.
"""


def _estimated_bits(extended: bool, length: int) -> float:
    """Bits on the wire of a data frame of 0..8 bytes, with the space of 3 bits after it (ISO 11898-1).

    47 bits beside the data with an 11-bit identifier, 67 with 29 bits. All but the last 13 are stuffed: after 5 equal
    bits one is inserted, which itself begins the next run, so at most one in four is added.
    """
    fixed, stuffable = (67, 54) if extended else (47, 34)
    return fixed + 8 * length + _STUFFED_SHARE * floor((stuffable + 8 * length - 1) / 4)


_BITS = {extended: tuple(_estimated_bits(extended, length) for length in range(9)) for extended in (False, True)}


def frame_bits(extended: bool, length: int) -> float:
    """Estimated bits on the wire of a data frame of 0..8 bytes."""
    return _BITS[extended][length]


class BusLoad:
    """Share of the bit rate that was used in the last seconds. Knows no clock: times are handed in, never going back."""

    def __init__(self, bitrate_bps: int, now_s: float) -> None:
        """Start with an empty window."""
        self._bitrate_bps = bitrate_bps
        self._start_s = now_s
        self._seconds: deque[tuple[int, float]] = deque()

    def add(self, bits: float, now_s: float) -> None:
        """Count bits that were on the bus at `now_s`."""
        second = floor(now_s)
        if self._seconds and self._seconds[-1][0] == second:
            bits += self._seconds.pop()[1]
        self._seconds.append((second, bits))
        self._drop_old(now_s)

    def percent(self, now_s: float) -> float | None:
        """Load in percent, 0..100; None in the first second."""
        # From the start of a whole second on, so that every second counts as a whole or not at all.
        watched_s = now_s - max(self._start_s, floor(now_s) - WINDOW_S)
        if watched_s < 1:
            return None
        self._drop_old(now_s)
        bits = sum(bits for _, bits in self._seconds)
        return min(100.0, 100 * bits / (self._bitrate_bps * watched_s))

    def _drop_old(self, now_s: float) -> None:
        while self._seconds and self._seconds[0][0] < floor(now_s) - WINDOW_S:
            self._seconds.popleft()
