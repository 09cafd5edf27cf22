"""What cantools makes of a payload, and the two codecs behind one face, all in signal names and physical values."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
import subprocess
from typing import override

import cantools
from cantools.database.can import Database, Message, Signal

from custom_components.alfaspark.packbus import frames

DBC = Path(frames.__file__).with_name("alfaspark.dbc")
Values = Mapping[str, float | None]


@dataclass(frozen=True)
class Layout:
    """One frame, or one command with its own signals; `length` in bytes."""

    name: str
    message: Message
    signals: tuple[Signal, ...]
    length: int
    code: int | None = None

    def is_unknown(self, signal: Signal, raw: int) -> bool:
        """Whether a raw value is the marker of a signal that has one."""
        is_enum = signal.dbc is not None and "TypeName" in signal.dbc.attributes
        return not is_enum and signal.choices is not None and raw in signal.choices

    def judged(self, payload: bytes) -> Values | None:
        """Return the values that cantools reads, None for a payload that is outside a declared range."""
        raw = self.message.decode(payload, decode_choices=False, scaling=False, allow_truncated=True)
        scaled = self.message.decode(payload, decode_choices=False, allow_truncated=True)
        assert isinstance(raw, dict)
        assert isinstance(scaled, dict)
        values: dict[str, float | None] = {}
        for signal in self.signals:
            value, count = scaled[signal.name], raw[signal.name]
            assert isinstance(value, int | float)
            assert isinstance(count, int)
            assert signal.minimum is not None
            assert signal.maximum is not None
            if self.is_unknown(signal, count):
                values[signal.name] = None
            elif not signal.minimum - 1e-9 <= value <= signal.maximum + 1e-9:
                return None
            else:
                values[signal.name] = value
        return values

    def judged_payload(self, values: Values) -> bytes:
        """Return the bytes that cantools writes, with the markers for what is None."""
        by_name = {signal.name: signal for signal in self.signals}
        physical: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                choices = by_name[name].choices
                assert choices is not None
                physical[name] = next(iter(choices)) * float(by_name[name].scale)
            else:
                physical[name] = value
        if self.code is not None:
            physical["command"] = self.code
        return self.message.encode(physical, strict=False)[: self.length]


class Codec(ABC):
    """One of the project's two codecs."""

    @abstractmethod
    def decode(self, layout: Layout, payload: bytes) -> Values | None:
        """Return the values by signal, None where the codec refuses the payload."""

    @abstractmethod
    def encode(self, layout: Layout, values: Values) -> bytes:
        """Return the payload."""


class PythonCodec(Codec):
    """packbus/frames.py."""

    @override
    def decode(self, layout: Layout, payload: bytes) -> Values | None:
        values: dict[str, float | None] = {}
        cls = getattr(frames, layout.name)
        try:
            if layout.code is None:
                frame = cls.decode(payload)
            else:
                values["sequence"], frame = cls.decode(payload)
        except frames.FrameError:
            return None
        for signal, name in self._names(layout).items():
            values[signal] = getattr(frame, name)
        return values

    @override
    def encode(self, layout: Layout, values: Values) -> bytes:
        names = self._names(layout)
        frame = getattr(frames, layout.name)(
            **{names[signal]: value for signal, value in values.items() if signal in names}
        )
        payload = frame.encode() if layout.code is None else frame.encode(values["sequence"])
        assert isinstance(payload, bytes)
        return payload

    def _names(self, layout: Layout) -> dict[str, str]:
        own = [field.name for field in fields(getattr(frames, layout.name))]
        signals = [
            signal.name
            for signal in layout.signals
            if signal.name not in {"command", "sequence"} or layout.code is None
        ]
        assert len(own) == len(signals)
        return {s: next(n for n in own if n == s or (s not in own and n.startswith(f"{s}_"))) for s in signals}


class CppCodec(Codec):
    """generated/frames.hpp, through the program codec-judge."""

    def __init__(self, program: Path) -> None:
        """Start the program; `close` ends it."""
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=10) == 0

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer != "no such frame", line
        return answer

    @override
    def decode(self, layout: Layout, payload: bytes) -> Values | None:
        answer = self._ask(f"decode {layout.name} {payload.hex()}")
        if answer == "invalid":
            return None
        pairs = (word.split("=") for word in answer.split())
        return {name: None if text == "unknown" else float(text) for name, text in pairs}

    @override
    def encode(self, layout: Layout, values: Values) -> bytes:
        words = (f"{name}={'unknown' if value is None else repr(float(value))}" for name, value in values.items())
        return bytes.fromhex(self._ask(f"encode {layout.name} {' '.join(words)}"))


def layouts() -> list[Layout]:
    """Return every frame and every command of the DBC."""
    database = cantools.database.load_file(DBC)
    assert isinstance(database, Database)
    found = []
    for message in database.messages:
        if message.is_multiplexed():
            command = next(signal for signal in message.signals if signal.is_multiplexer)
            for code, name in (command.choices or {}).items():
                own = [
                    s
                    for s in message.signals
                    if not s.is_multiplexer and (s.multiplexer_ids is None or code in s.multiplexer_ids)
                ]
                length = max((-(-(s.start + s.length) // 8) for s in own), default=2)
                if message.name == "COMMAND":
                    found.append(Layout(_pascal(str(name)), message, tuple(own), length, code))
        elif not message.name.startswith("UPDATE_"):
            found.append(Layout(_pascal(message.name), message, tuple(message.signals), message.length))
    return found


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
