"""How long a frame takes on the bus, to the bit, and how an slcan adapter writes it."""

BITRATE_BPS = 500_000

_CRC_POLYNOMIAL = 0x4599
_UNSTUFFED_BITS = 13
"""Delimiter of the CRC, acknowledgement, end of frame and the space after it."""


def wire_bits(can_id: int, data: bytes, *, extended: bool) -> int:
    """Bits on the wire of a data frame with the space after it, stuff bits included (ISO 11898-1)."""
    if extended:
        head = f"0{can_id >> 18:011b}11{can_id & 0x3FFFF:018b}000"
    else:
        head = f"0{can_id:011b}000"
    bits = f"{head}{len(data):04b}" + "".join(f"{byte:08b}" for byte in data)
    bits += f"{_crc(bits):015b}"
    return len(bits) + _stuff_bits(bits) + _UNSTUFFED_BITS


def slcan_line(can_id: int, data: bytes, *, extended: bool) -> bytes:
    """The line with which an adapter hands the frame over."""
    identifier = f"T{can_id:08X}" if extended else f"t{can_id:03X}"
    return f"{identifier}{len(data)}{data.hex()}\r".encode()


def _crc(bits: str) -> int:
    crc = 0
    for bit in bits:
        invert = (bit == "1") != bool(crc & 0x4000)
        crc = crc << 1 & 0x7FFF
        if invert:
            crc ^= _CRC_POLYNOMIAL
    return crc


def _stuff_bits(bits: str) -> int:
    """After five equal bits one of the other kind is put in, which begins the next run."""
    stuffed = 0
    last, run = "", 0
    for bit in bits:
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            stuffed += 1
            last, run = "1" if bit == "0" else "0", 1
    return stuffed
