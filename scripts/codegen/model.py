"""What the generators need to know of the DBC, in one neutral shape."""

from dataclasses import dataclass
from pathlib import Path
import re

import cantools
from cantools.database.can import Database, Message, Signal

# Physical quantities are carried as floating point; everything else (counts, codes, times) as whole numbers.
_QUANTITIES = {"V", "A", "W", "%", "Hz", "Wh", "kWh", "ms"}
_SUFFIXES = {
    "V": "v",
    "A": "a",
    "W": "w",
    "%": "pct",
    "Hz": "hz",
    "Wh": "wh",
    "kWh": "kwh",
    "ms": "ms",
    "s": "s",
    "min": "min",
    "mA": "ma",
}


class ModelError(Exception):
    """The DBC says something that the codecs cannot carry."""


@dataclass(frozen=True, slots=True)
class Table:
    """A value table: a type of its own in both languages."""

    name: str
    entries: tuple[tuple[int, str], ...]
    is_bits: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One signal. `start` and `bits` count from bit 0 of byte 0, little-endian."""

    signal: str
    name: str
    comment: str
    start: int
    bits: int
    is_signed: bool
    factor: float
    raw_minimum: int
    raw_maximum: int
    unit: str
    enum: str | None
    bit_names: str | None
    unknown_raw: int | None

    @property
    def is_bool(self) -> bool:
        """Whether the signal is a yes or no."""
        return self.enum is None and (self.raw_minimum, self.raw_maximum) == (0, 1)

    @property
    def is_quantity(self) -> bool:
        """Whether the signal is a physical quantity and not a code or count."""
        return self.factor != 1 or self.unit in _QUANTITIES

    @property
    def divisor(self) -> int | None:
        """Whole number that a scaled signal is divided by, if its factor is below 1."""
        return round(1 / self.factor) if self.factor < 1 else None

    @property
    def is_narrower_than_its_bits(self) -> bool:
        """Whether raw values exist that are neither in the range nor the unknown marker."""
        outside: int = 2**self.bits - (self.raw_maximum - self.raw_minimum + 1)
        if self.unknown_raw is not None and not self.raw_minimum <= self.unknown_raw <= self.raw_maximum:
            outside -= 1
        return outside > 0


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame, or the arguments of one command with its two header bytes. `length` in bytes."""

    name: str
    comment: str
    base_id: int
    length: int
    fields: tuple[Field, ...]
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything of the DBC: tables, functions (name, base id), frames and commands."""

    tables: tuple[Table, ...]
    functions: tuple[tuple[str, int], ...]
    frames: tuple[Layout, ...]
    commands: tuple[Layout, ...]
    claim_id: int


def pascal(name: str) -> str:
    """SET_TIME or cell_overvoltage -> SetTime, CellOvervoltage."""
    return "".join(part[:1].upper() + part[1:].lower() for part in name.split("_"))


def load(path: Path) -> Protocol:
    """Read the DBC. Raises ModelError where it contradicts itself."""
    database = cantools.database.load_file(path)
    if not isinstance(database, Database) or database.dbc is None:
        raise ModelError(f"{path} is not a DBC")
    raw_tables = {
        name: {value: str(text) for value, text in values.items()} for name, values in database.dbc.value_tables.items()
    }
    messages = {message.name: message for message in database.messages}
    bit_tables = {
        str(signal.dbc.attributes["BitNames"].value)
        for message in database.messages
        for signal in message.signals
        if signal.dbc and "BitNames" in signal.dbc.attributes
    }
    if unknown := bit_tables - raw_tables.keys():
        raise ModelError(f"no VAL_TABLE_ for {sorted(unknown)}")
    frames, claim_id = [], 0
    for message in database.messages:
        if message.is_multiplexed() or message.name.startswith("UPDATE_"):
            continue
        if message.is_extended_frame:
            claim_id = message.frame_id
        fields = tuple(_field(message, signal, raw_tables) for signal in message.signals)
        frames.append(Layout(pascal(message.name), _comment(message.comment), message.frame_id, message.length, fields))
    command, service = messages["COMMAND"], messages["SERVICE"]
    if [_shape(signal) for signal in command.signals] != [_shape(signal) for signal in service.signals]:
        raise ModelError("SERVICE is not the same as COMMAND")
    base = [message for message in database.messages if not message.is_extended_frame]
    return Protocol(
        tables=tuple(Table(name, tuple(entries.items()), name in bit_tables) for name, entries in raw_tables.items()),
        functions=tuple((message.name, message.frame_id) for message in sorted(base, key=lambda m: m.frame_id)),
        frames=tuple(sorted(frames, key=lambda frame: frame.base_id)),
        commands=tuple(_commands(command, raw_tables)),
        claim_id=claim_id,
    )


def _shape(signal: Signal) -> tuple[object, ...]:
    return (signal.name, signal.start, signal.length, signal.is_signed, signal.scale, signal.minimum, signal.maximum,
            tuple(signal.multiplexer_ids or ()), _comment(signal.comment))  # fmt: skip


def _comment(comment: str | dict[str | None, str] | None) -> str:
    if not isinstance(comment, str):
        raise ModelError("every message and signal needs one comment")
    return comment


def _field(message: Message, signal: Signal, tables: dict[str, dict[int, str]]) -> Field:
    where = f"{message.name}.{signal.name}"
    if signal.byte_order != "little_endian" or signal.offset != 0:
        raise ModelError(f"{where}: only little-endian without offset")
    attributes = signal.dbc.attributes if signal.dbc else {}
    enum = str(attributes["TypeName"].value) if "TypeName" in attributes else None
    bit_names = str(attributes["BitNames"].value) if "BitNames" in attributes else None
    choices = {value: str(text) for value, text in (signal.choices or {}).items()}
    if enum is not None and choices != tables[enum]:
        raise ModelError(f"{where}: VAL_ differs from VAL_TABLE_ {enum}")
    unknown = None
    if enum is None and choices:
        if len(choices) != 1:
            raise ModelError(f"{where}: one unknown marker, or a TypeName")
        unknown = next(iter(choices))
    factor = float(signal.scale)
    minimum, maximum = signal.minimum, signal.maximum
    if minimum is None or maximum is None:
        raise ModelError(f"{where}: needs a range")
    suffix = _SUFFIXES.get(signal.unit or "")
    name = signal.name if suffix is None or signal.name == "seconds" else f"{signal.name}_{suffix}"
    return Field(
        signal=signal.name,
        name=name,
        comment=_comment(signal.comment),
        start=signal.start,
        bits=signal.length,
        is_signed=signal.is_signed,
        factor=factor,
        raw_minimum=round(minimum / factor),
        raw_maximum=round(maximum / factor),
        unit=signal.unit or "",
        enum=enum,
        bit_names=bit_names,
        unknown_raw=unknown,
    )


def _commands(message: Message, tables: dict[str, dict[int, str]]) -> list[Layout]:
    commands = []
    for code, name in tables["Command"].items():
        fields = tuple(
            _field(message, signal, tables) for signal in message.signals if code in (signal.multiplexer_ids or ())
        )
        length = max((-(-(field.start + field.bits) // 8) for field in fields), default=2)
        commands.append(Layout(pascal(name), _sentence(name), message.frame_id, length, fields, code))
    return commands


def _sentence(name: str) -> str:
    return re.sub("_", " ", name).capitalize() + "."
