"""The table of BMS profiles: what the generator refuses, and what it says where the table is right."""

from collections.abc import Callable
import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.alfaspark.packbus.bms_profiles import BMS_PROFILES, BmsProfile
from custom_components.alfaspark.packbus.frames import BatteryAlarmSet
from custom_components.alfaspark.packbus.parameters import PARAMETERS, Parameter
from scripts.codegen import bms_profiles, model, tables

PACKBUS = Path(__file__).parents[2] / "custom_components/alfaspark/packbus"
PROTOCOL = model.load(PACKBUS / "alfaspark.dbc")
PARAMETER_TABLE = tables.load_parameters(PACKBUS / "parameters.json")

Table = list[dict[str, Any]]


def _table() -> Table:
    table = json.loads((PACKBUS / "bms_profiles.json").read_text())
    assert isinstance(table, list)
    return table


def _load(table: Table, tmp_path: Path) -> list[bms_profiles.Profile]:
    path = tmp_path / "bms_profiles.json"
    path.write_text(json.dumps(table))
    return bms_profiles.load(path, PROTOCOL, PARAMETER_TABLE)


def _changed(row: str | None, **fields: Any) -> Callable[[Table], None]:
    """Change fields of the second profile (Pace), or of one of its rows."""

    def change(table: Table) -> None:
        target = table[1] if row is None else table[1][row]
        target.update(fields)

    return change


def _without(row: str | None, name: str) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        del (table[1] if row is None else table[1][row])[name]

    return change


MISTAKES: dict[str, tuple[Callable[[Table], None], str]] = {
    "scale 0": (_changed("voltage", scale=0), "BMS profile pace voltage: scale is not above 0: 0"),
    "negative scale": (_changed("voltage", scale=-0.1), "scale is not above 0"),
    "scale in words": (_changed("voltage", scale="0.1"), "scale is not above 0"),
    "no scale": (_without("current", "scale"), "BMS profile pace current: scale is missing"),
    "no voltage": (_without(None, "voltage"), "BMS profile pace: voltage is missing"),
    "a coil as number": (_changed("voltage", function=1), "function 1 does not read this; possible: 3, 4"),
    "a writing function": (_changed("alarms", function=6), "function 6 does not read this; possible: 1, 2, 3, 4"),
    "address too large": (_changed("voltage", address="0x10000"), "address is not a whole number from 0 to 65535"),
    "address in words": (_changed("voltage", address="first"), "address is no number: first"),
    "beyond the last": (_changed("voltage", address=0xFFFF, words=2), "ends beyond the last register"),
    "three words": (_changed("voltage", words=3), "words is not a whole number from 1 to 2: 3"),
    "unknown order": (_changed("voltage", word_order="middle"), "word_order is neither high_first nor low_first"),
    "sign of a part": (_changed("current", mask=0xFF), "a part of a register has no sign"),
    "sign as a number": (_changed("current", signed=1), "signed is neither true nor false: 1"),
    "a misspelt field": (_changed("current", sined=True), "BMS profile pace current: unknown: sined"),
    "a foreign field": (_changed(None, parity="even"), "BMS profile pace: unknown: parity"),
    "one register for two": (_changed("soc", address=1), "soc and voltage share register 0x0001"),
    "numbers that overlap": (_changed("current", words=2), "share register"),
    "unknown alarm": (
        _changed("alarms", bits={"cell_voltage": [0]}),
        "unknown alarm cell_voltage; possible: cell_over",
    ),
    "one bit for two": (
        _changed("alarms", bits={"imbalance": [3], "internal": [3]}),
        "BMS profile pace alarms: bit 3 is both imbalance and internal",
    ),
    "one bit twice": (_changed("alarms", bits={"internal": [3, 3]}), "bit 3 is both internal and internal"),
    "bit not read": (_changed("alarms", bits={"internal": [48]}), "bit 48 of internal is not from 0 to 47"),
    "negative bit": (_changed("alarms", bits={"internal": [-1]}), "bit -1 of internal is not from 0 to 47"),
    "no bits": (_changed("alarms", bits={}), "no bits"),
    "too many registers": (_changed("alarms", count=17), "count is not a whole number from 1 to 16: 17"),
    "one direction": (
        _changed(None, direction={"function": 3, "address": 8, "charging": 1, "discharging": 1}),
        "charging and discharging are the same value",
    ),
    "no patience": (_changed(None, timeout_ms=99), "timeout_ms is not a whole number from 100 to 500: 99"),
    "baud rate 0": (_changed(None, baud_rate=0), "baud_rate is not a whole number"),
    "no source": (_without(None, "source"), "source is missing"),
    "unconfirmed": (_without(None, "confirmed"), "confirmed is missing"),
    "nothing unsure said": (_without("confirmed", "unsure"), "unsure is missing"),
    "name of two words": (_changed(None, name="Pace V1"), "name is not of the form seplos_v3"),
    "name twice": (_changed(None, name="generic"), "a name twice"),
    "one more": (
        lambda table: table.append(table[1] | {"name": "more"}),
        "parameter bms_profile: maximum is 5, the last BMS profile has 6",
    ),
    "one less": (lambda table: table.__delitem__(-1), "maximum is 5, the last BMS profile has 4"),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named(mistake: Callable[[Table], None], message: str, tmp_path: Path) -> None:
    table = _table()
    mistake(table)
    with pytest.raises(model.ModelError, match=re.escape(message)):
        _load(table, tmp_path)


def test_single_reads_may_have_addresses_that_count_bytes(tmp_path: Path) -> None:
    table = _table()
    table[5]["soc"]["address"] = "0x1291"
    assert _load(table, tmp_path)[5].soc is not None


def test_the_word_order_places_the_bits(tmp_path: Path) -> None:
    table = _table()
    table[1]["alarms"] = {"function": 3, "address": 9, "count": 2, "bits": {"internal": [0, 31], "imbalance": [17]}}
    alarms = _load(table, tmp_path)[1].alarms
    assert alarms is not None
    assert alarms.bits == ((0, "internal"), (17, "imbalance"), (31, "internal"))
    table[1]["alarms"]["word_order"] = "high_first"
    alarms = _load(table, tmp_path)[1].alarms
    assert alarms is not None
    assert alarms.bits == ((1, "imbalance"), (15, "internal"), (16, "internal"))


def test_python_knows_the_profiles() -> None:
    table = _table()
    assert [spec.key for spec in BMS_PROFILES] == [row["name"] for row in table]
    assert [spec.profile for spec in BMS_PROFILES] == list(BmsProfile) == list(range(len(table)))
    assert PARAMETERS[Parameter.BMS_PROFILE].maximum == max(BmsProfile)
    assert len({spec.title for spec in BMS_PROFILES}) == len(table)
    for spec, row in zip(BMS_PROFILES, table, strict=True):
        alarms = {name.upper() for name in row.get("alarms", {}).get("bits", {})}
        assert spec.alarms == sum((BatteryAlarmSet[name] for name in alarms), BatteryAlarmSet(0))
        assert spec.has_soc == ("soc" in row)
        assert row["source"]
        assert all(isinstance(text, str) for text in row["confirmed"].values())
