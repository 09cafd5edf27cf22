"""The BMS profiles: register maps of batteries, for both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from scripts.codegen.model import ModelError, Protocol, pascal
from scripts.codegen.tables import Parameter

_BITS, _WORDS = (1, 2), (3, 4)
_MOST_REGISTERS = 16
"""Of one request, ModbusMaster::kMaximumRegisters."""


@dataclass(frozen=True, slots=True)
class Register:
    """value = ((raw & mask) - offset) * scale in V, A or %; `words` registers make one number."""

    function: int
    address: int
    scale: float
    words: int = 1
    low_word_first: bool = False
    mask: int = 0
    offset: int = 0
    signed: bool = False
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Direction:
    """The register that says whether the battery charges or discharges, by two of its values."""

    function: int
    address: int
    charging: int
    discharging: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """One block of `count` registers or bits; `bits` = (bit of the answer, name in the table BatteryAlarm).

    A bit of the answer counts from the first one read: 16 to a register, from its lowest.
    """

    function: int
    address: int
    count: int
    bits: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One BMS. The unit of a request is `unit_base` + parameter bms_address, that of an answer likewise."""

    name: str
    title: str
    baud_rate: int
    min_pause_ms: int
    timeout_ms: int
    unit_base: int
    reply_unit_base: int
    single_reads: bool
    voltage: Register
    current: Register | None
    soc: Register | None
    direction: Direction | None
    alarms: Alarms | None


class _Row:
    """A JSON object whose fields are taken one by one, so that one that nobody takes is a mistake."""

    def __init__(self, where: str, fields: Mapping[str, Any]) -> None:
        if not isinstance(fields, dict):
            raise ModelError(f"{where}: not an object")
        self.where = where
        self._fields = dict(fields)

    def fail(self, what: str) -> ModelError:
        return ModelError(f"{self.where}: {what}")

    def take(self, name: str, default: Any = None) -> Any:
        if name not in self._fields and default is None:
            raise self.fail(f"{name} is missing")
        return self._fields.pop(name, default)

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self.take(name, default)
        try:
            number = int(value, 0) if isinstance(value, str) else value
        except ValueError:
            raise self.fail(f"{name} is no number: {value}") from None
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise self.fail(f"{name} is not a whole number from {low} to {high}: {value}")
        return number

    def flag(self, name: str) -> bool:
        value = self.take(name, False)
        if not isinstance(value, bool):
            raise self.fail(f"{name} is neither true nor false: {value}")
        return value

    def choice(self, name: str, choices: tuple[str, str], default: str) -> str:
        value = self.take(name, default)
        if value not in choices:
            raise self.fail(f"{name} is neither {' nor '.join(choices)}: {value}")
        return str(value)

    def inner(self, name: str) -> _Row | None:
        fields = self._fields.pop(name, None)
        return None if fields is None else _Row(f"{self.where} {name}", fields)

    def end(self) -> None:
        if self._fields:
            raise self.fail(f"unknown: {', '.join(self._fields)}")


def load(path: Path, protocol: Protocol, parameters: list[Parameter]) -> list[Profile]:
    """Read bms_profiles.json. Raises ModelError for what cannot be read or cannot be meant."""
    alarm_names = next(frozenset(name for _, name in t.entries) for t in protocol.tables if t.name == "BatteryAlarm")
    profiles = [_profile(fields, alarm_names) for fields in json.loads(path.read_text())]
    names = [profile.name for profile in profiles]
    if len(set(names)) != len(names):
        raise ModelError(f"BMS profiles: a name twice: {', '.join(names)}")
    maximum = next(parameter.maximum for parameter in parameters if parameter.name == "bms_profile")
    if maximum != len(profiles) - 1:
        raise ModelError(f"parameter bms_profile: maximum is {maximum}, the last BMS profile has {len(profiles) - 1}")
    return profiles


def _profile(fields: Mapping[str, Any], alarm_names: frozenset[str]) -> Profile:
    row = _Row(f"BMS profile {fields.get('name', '?')}", fields)
    name = str(row.take("name"))
    if not name.isidentifier() or name != name.lower():
        raise row.fail("name is not of the form seplos_v3")
    row.take("source")
    confirmed = row.inner("confirmed")
    if confirmed is None:
        raise row.fail("confirmed is missing")
    for kind in ("maker", "projects", "unsure"):
        confirmed.take(kind)
    confirmed.end()
    voltage, current, soc = (_register(row.inner(field)) for field in ("voltage", "current", "soc"))
    if voltage is None:
        raise row.fail("voltage is missing")
    unit_base = row.number("unit_base", 0, 255, 0)
    profile = Profile(
        name=name,
        title=str(row.take("title")),
        baud_rate=row.number("baud_rate", 1200, 115200),
        min_pause_ms=row.number("min_pause_ms", 0, 500),
        timeout_ms=row.number("timeout_ms", 100, 500, 100),
        unit_base=unit_base,
        reply_unit_base=row.number("reply_unit_base", 0, 255, unit_base),
        single_reads=row.flag("single_reads"),
        voltage=voltage,
        current=current,
        soc=soc,
        direction=_direction(row.inner("direction")),
        alarms=_alarms(row.inner("alarms"), alarm_names),
    )
    row.end()
    _check_overlaps(profile)
    return profile


def _check_overlaps(profile: Profile) -> None:
    taken: dict[tuple[int, int], str] = {}
    for field in ("voltage", "current", "soc"):
        register: Register | None = getattr(profile, field)
        if register is None:
            continue
        for address in range(register.address, register.address + (1 if profile.single_reads else register.words)):
            other = taken.setdefault((register.function, address), field)
            if other != field:
                raise ModelError(f"BMS profile {profile.name}: {field} and {other} share register {address:#06x}")


def _function(row: _Row, allowed: tuple[int, ...]) -> int:
    function = row.number("function", 1, 127)
    if function not in allowed:
        raise row.fail(f"function {function} does not read this; possible: {', '.join(map(str, allowed))}")
    return function


def _register(row: _Row | None) -> Register | None:
    if row is None:
        return None
    words = row.number("words", 1, 2, 1)
    largest = 2 ** (16 * words) - 1
    scale = row.take("scale")
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale <= 1000:
        raise row.fail(f"scale is not above 0: {scale}")
    order = row.choice("word_order", ("high_first", "low_first"), "high_first")
    register = Register(
        function=_function(row, _WORDS),
        address=row.number("address", 0, 0xFFFF),
        scale=float(scale),
        words=words,
        low_word_first=order == "low_first",
        mask=row.number("mask", 1, largest, largest),
        offset=row.number("offset", -(2**31), 2**31 - 1, 0),
        signed=row.flag("signed"),
        inverted=row.flag("inverted"),
    )
    if register.signed and register.mask != largest:
        raise row.fail("a part of a register has no sign")
    if register.address + words > 0x10000:
        raise row.fail("ends beyond the last register")
    row.end()
    return register


def _direction(row: _Row | None) -> Direction | None:
    if row is None:
        return None
    direction = Direction(
        function=_function(row, _WORDS),
        address=row.number("address", 0, 0xFFFF),
        charging=row.number("charging", 0, 0xFFFF),
        discharging=row.number("discharging", 0, 0xFFFF),
    )
    if direction.charging == direction.discharging:
        raise row.fail("charging and discharging are the same value")
    row.end()
    return direction


def _alarms(row: _Row | None, alarm_names: frozenset[str]) -> Alarms | None:
    if row is None:
        return None
    function = _function(row, _BITS + _WORDS)
    is_words = function in _WORDS
    count = row.number("count", 1, _MOST_REGISTERS if is_words else 255)
    high_first = row.choice("word_order", ("high_first", "low_first"), "low_first") == "high_first"
    address = row.number("address", 0, 0xFFFF)
    size = 16 * count if is_words else count
    if address + count > 0x10000:
        raise row.fail("ends beyond the last register")
    meaning: dict[int, str] = {}
    for name, bits in row.take("bits").items():
        if name not in alarm_names:
            raise row.fail(f"unknown alarm {name}; possible: {', '.join(sorted(alarm_names))}")
        for bit in bits:
            if not isinstance(bit, int) or not 0 <= bit < size:
                raise row.fail(f"bit {bit} of {name} is not from 0 to {size - 1}")
            if other := meaning.get(bit):
                raise row.fail(f"bit {bit} is both {other} and {name}")
            meaning[bit] = name
    if not meaning:
        raise row.fail("no bits")
    row.end()
    # The answer begins with the highest word where the registers are one large number.
    placed = {(16 * (count - 1 - bit // 16) + bit % 16) if high_first else bit: name for bit, name in meaning.items()}
    return Alarms(function, address, count, tuple(sorted(placed.items())))


_CPP_HEADER = """// Register maps of batteries. Generated by scripts/generate from bms_profiles.json.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "alfaspark/generated/frames.hpp"

namespace alfaspark {

/// A number in one or two 16-bit registers: value = ((raw & mask) - offset) * scale, in V, A or %.
struct BmsRegister {
  std::uint8_t function = 0;  ///< Modbus function 3 or 4; 0 = the BMS has no such register
  std::uint16_t address = 0;
  std::uint8_t words = 1;
  bool low_word_first = false;
  std::uint32_t mask = 0xFFFFFFFF;
  float scale = 1.0F;
  std::int32_t offset = 0;
  bool is_signed = false;
  bool invert_sign = false;  ///< the BMS counts discharging as positive
};

/// A register that says which way the current flows; for other values than these the sign of the current counts.
struct BmsDirection {
  std::uint8_t function = 0;  ///< 0 = the BMS has none
  std::uint16_t address = 0;
  std::uint16_t charging = 0;
  std::uint16_t discharging = 0;
};

/// A bit of the answer, counted from the first that is read; a register has 16, from its lowest.
struct BmsAlarmBit {
  std::uint8_t bit;
  frames::BatteryAlarm alarm;
};

/// One block of registers (function 3, 4) or bits (1, 2). Several bits may mean one alarm.
struct BmsAlarms {
  std::uint8_t function = 0;  ///< 0 = the BMS tells none
  std::uint16_t address = 0;
  std::uint8_t count = 0;
  std::span<const BmsAlarmBit> bits{};
};

struct BmsProfile {
  const char* name = "";
  std::uint32_t baud_rate = 9600;
  std::uint16_t min_pause_ms = 0;
  std::uint16_t timeout_ms = 100;
  std::uint8_t unit_base = 0;        ///< + parameter bms_address = the unit of requests
  std::uint8_t reply_unit_base = 0;  ///< likewise of answers
  bool single_reads = false;         ///< addresses do not count registers: each is read alone
  BmsRegister voltage{};
  BmsRegister current{};
  BmsRegister soc{};
  BmsDirection direction{};
  BmsAlarms alarms{};
};

"""


def render_cpp(profiles: list[Profile]) -> str:
    """Return the text of bms_profiles.hpp."""
    text = _CPP_HEADER
    for profile in profiles:
        if not profile.alarms:
            continue
        bits = profile.alarms.bits
        text += f"constexpr std::array<BmsAlarmBit, {len(bits)}> k{pascal(profile.name)}Alarms{{{{\n"
        text += "".join(f"    {{{bit}, frames::BatteryAlarm::k{pascal(name)}}},\n" for bit, name in bits)
        text += "}};\n\n"
    text += f"constexpr std::array<BmsProfile, {len(profiles)}> kBmsProfiles{{{{\n"
    text += "".join(f"    {_cpp_profile(profile)},\n" for profile in profiles)
    return text + "}};\n\n}  // namespace alfaspark\n"


def _cpp_profile(profile: Profile) -> str:
    fields = [f'.name = "{profile.name}"', f".baud_rate = {profile.baud_rate}"]
    if profile.min_pause_ms:
        fields.append(f".min_pause_ms = {profile.min_pause_ms}")
    if profile.timeout_ms != 100:
        fields.append(f".timeout_ms = {profile.timeout_ms}")
    if profile.unit_base:
        fields.append(f".unit_base = 0x{profile.unit_base:02X}")
    if profile.reply_unit_base:
        fields.append(f".reply_unit_base = 0x{profile.reply_unit_base:02X}")
    if profile.single_reads:
        fields.append(".single_reads = true")
    registers = {"voltage": profile.voltage, "current": profile.current, "soc": profile.soc}
    fields += [f".{name} = {_cpp_register(register)}" for name, register in registers.items() if register]
    if direction := profile.direction:
        fields.append(
            f".direction = {{.function = {direction.function}, .address = 0x{direction.address:04X}, "
            f".charging = {direction.charging}, .discharging = {direction.discharging}}}"
        )
    if alarms := profile.alarms:
        fields.append(
            f".alarms = {{.function = {alarms.function}, .address = 0x{alarms.address:04X}, .count = {alarms.count}, "
            f".bits = k{pascal(profile.name)}Alarms}}"
        )
    return f"{{{', '.join(fields)}}}"


def _cpp_register(register: Register) -> str:
    fields = [f".function = {register.function}", f".address = 0x{register.address:04X}"]
    if register.words != 1:
        fields.append(f".words = {register.words}")
    if register.low_word_first:
        fields.append(".low_word_first = true")
    if register.mask != 2 ** (16 * register.words) - 1:
        fields.append(f".mask = 0x{register.mask:X}")
    fields.append(f".scale = {register.scale!r}F")
    if register.offset:
        fields.append(f".offset = {register.offset}")
    if register.signed:
        fields.append(".is_signed = true")
    if register.inverted:
        fields.append(".invert_sign = true")
    return f"{{{', '.join(fields)}}}"


def render_python(profiles: list[Profile]) -> str:
    """Return the text of bms_profiles.py."""
    text = '"""The BMS profiles of a pack. Generated by scripts/generate from bms_profiles.json."""\n\n'
    text += "from dataclasses import dataclass\nfrom enum import IntEnum\n\nfrom .frames import BatteryAlarmSet\n\n\n"
    text += 'class BmsProfile(IntEnum):\n    """Value of the parameter bms_profile."""\n\n'
    text += "".join(f"    {profile.name.upper()} = {index}\n" for index, profile in enumerate(profiles))
    text += "\n\n@dataclass(frozen=True, slots=True)\nclass BmsProfileSpec:\n"
    text += '    """What a profile can tell; `key` never changes, `title` is for people."""\n\n'
    text += "    profile: BmsProfile\n    key: str\n    title: str\n    baud_rate: int\n    has_current: bool\n"
    text += "    has_soc: bool\n    alarms: BatteryAlarmSet\n"
    text += "\n\nBMS_PROFILES: tuple[BmsProfileSpec, ...] = (\n"
    for profile in profiles:
        alarms = sorted({name for _, name in profile.alarms.bits}) if profile.alarms else []
        told = " | ".join(f"BatteryAlarmSet.{name.upper()}" for name in alarms) or "BatteryAlarmSet(0)"
        text += (
            f'    BmsProfileSpec(profile=BmsProfile.{profile.name.upper()}, key="{profile.name}", '
            f'title="{profile.title}", baud_rate={profile.baud_rate}, has_current={profile.current is not None}, '
            f"has_soc={profile.soc is not None}, alarms={told}),\n"
        )
    return text + ")\n"
