"""The reference of frames, tables and parameters for readers."""

from scripts.codegen.model import Field, Layout, Protocol
from scripts.codegen.tables import Parameter


def render(protocol: Protocol, parameters: list[Parameter]) -> str:
    """Return the text of docs/frames.md."""
    text = "# Frames, tables and parameters\n\n"
    text += "Written by `scripts/generate` from `alfaspark.dbc` and `parameters.json`; [protocol.md](protocol.md) says how they are used.\n"
    text += "Bits count from bit 0 of byte 0, little-endian. A byte that no field covers is reserved: sent as 0, ignored.\n\n"
    text += "## Frames\n\n" + "\n".join(_layout(frame, _identifier(frame)) for frame in protocol.frames)
    functions = dict(protocol.functions)
    text += "\n## Commands\n\n"
    text += f"In COMMAND frames, `0x{functions['COMMAND']:03X} + node`, from Home Assistant, and in SERVICE frames, "
    text += f"`0x{functions['SERVICE']:03X} + node`, from a service tool; node 127 is all. "
    text += "Byte 0 is the command, byte 1 the sequence.\n\n"
    text += "\n".join(
        _layout(command, f"`0x{command.code:02X}`, {command.length} bytes") for command in protocol.commands
    )
    text += "\n## Tables\n\n"
    for table in protocol.tables:
        kind = "bit" if table.is_bits else "value"
        entries = ", ".join(f"{value} {name}" for value, name in table.entries)
        text += f"- **{table.name}** ({kind}): {entries}\n"
    text += "\n## Parameters\n\n| index | name | unit | range | default | meaning |\n|---|---|---|---|---|---|\n"
    for row in parameters:
        unit = row.unit or "-"
        text += f"| {row.index} | {row.name} | {unit} | {row.minimum}..{row.maximum} | {row.default} | {row.description} |\n"
    return text


def _identifier(frame: Layout) -> str:
    if frame.base_id >= 0x800:
        return f"`0x{frame.base_id:08X} + low 24 bits of the serial`"
    return f"`0x{frame.base_id:03X} + node`"


def _layout(layout: Layout, where: str) -> str:
    text = f"### {layout.name}, {where}\n\n{layout.comment}\n\n"
    if not layout.fields:
        return text + "No arguments.\n"
    text += "| field | bits | count | range | unknown | meaning |\n|---|---|---|---|---|---|\n"
    return text + "".join(_row(field) for field in layout.fields)


def _row(field: Field) -> str:
    last = field.start + field.bits - 1
    count = f"{field.factor:g} {field.unit}".strip() if field.is_quantity or field.unit else "-"
    kind = field.enum or (f"set of {field.bit_names}" if field.bit_names else "")
    limits = f"{field.raw_minimum * field.factor:.10g}..{field.raw_maximum * field.factor:.10g}"
    unknown = "-" if field.unknown_raw is None else f"{field.unknown_raw & (2**field.bits - 1):#x}"
    return f"| {field.signal} | {field.start}..{last} | {count} | {kind or limits} | {unknown} | {field.comment} |\n"
