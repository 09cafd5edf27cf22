"""What happens to a pack, in words: fields for templates and for the logbook, and a sentence made from them.

In English: Home Assistant translates neither logbook entries nor the description of a trigger.
"""

from collections.abc import Mapping
from typing import Any, Final

from .packbus.events import EventKind, PackEvent
from .packbus.frames import FaultCode, Relay

ENERGY_GAP: Final = "energy_gap"
"""The kind of what is told when a pack lost its supply and with it part of its counters."""

MODES: Final = {
    "self_consumption": "self-consumption",
    "eco": "eco",
    "time_of_use": "time of use",
    "backup": "backup",
    "import_limit": "grid import limit",
}
RELAYS: Final = {
    "grid": "grid relay",
    "inverter": "inverter output relay",
    "load1": "relay of load 1",
    "load2": "relay of load 2",
}
REASONS: Final = {
    "start_up": "start-up",
    "manual": "by hand",
    "self_consumption_low_soc": "self-consumption, battery low",
    "self_consumption_charged": "self-consumption, battery charged",
    "backup": "backup",
    "import_limit_exhausted": "the day's grid import limit is exhausted",
    "eco_shed": "shed by eco",
    "eco_restored": "restored by eco",
    "inside_window": "inside a time window",
    "outside_window": "outside the time windows",
    "bms_lost": "its BMS does not answer",
    "clock_unknown": "the time is unknown",
    "minimum_time": "waits for its minimum time",
}
FAULTS: Final = {
    "bms_lost": "its BMS does not answer",
    "sensor_clipped": "more current than the current transformer can measure",
    "open_relay_current": "current through an open relay",
    "grid_sense_implausible": "the grid sense input makes no sense",
    "no_node_number_free": "no node number is free",
    "node_number_conflict": "another device has its node number",
    "storage_failed": "settings could not be stored",
    "settings_reset": "settings were damaged and are reset",
    "watchdog_restart": "it hung and was restarted",
    "brown_out": "its supply sagged and it restarted",
    "bus_off": "it cannot send on the CAN bus",
    "update_failed": "its firmware update failed",
}

_CHANNELS = {
    Relay.GRID: "grid",
    Relay.INVERTER: "inverter output",
    Relay.LOAD1: "load 1",
    Relay.LOAD2: "load 2",
}
"""Each current transformer has the number of the relay beside it."""
_OF_A_CHANNEL = (FaultCode.SENSOR_CLIPPED, FaultCode.OPEN_RELAY_CURRENT)

_SENTENCES: Mapping[str, str] = {
    EventKind.MODE_CHANGED: "turned {mode_name} {to}",
    EventKind.LOADS_LIMIT_REACHED: "is above its eco limit and has nothing left to shed",
    EventKind.LOADS_LIMIT_ENDED: "is no longer above its eco limit",
    EventKind.IMPORT_LIMIT_REACHED: "has drawn {percent} % of the day's grid import limit",
    EventKind.IMPORT_LIMIT_LOWERED: "is below the next threshold of the day's grid import limit",
    EventKind.IMPORT_LIMIT_RELEASED: "is no longer held by the day's grid import limit",
    EventKind.PACK_GONE: "is gone: it was not heard for two minutes",
    EventKind.PACK_RETURNED: "is back",
    EventKind.PACK_RESTARTED: "restarted",
    EventKind.BMS_LOST: "gets no answer from its BMS",
    EventKind.BMS_RETURNED: "hears its BMS again",
    EventKind.FAULT_APPEARED: "has a fault: {fault_name}",
    EventKind.FAULT_CLEARED: "no longer has this fault: {fault_name}",
    EventKind.RELAY_CHANGED: "{moved_to} the {relay_name}: {reason_name}",
    ENERGY_GAP: "lost its supply: what it counted between {begin} and {end} is partly unknown, its totals go on",
}

_SKIPPED = "; {skipped} more of this kind were left out before"


def fields(event: PackEvent) -> dict[str, Any]:
    """Return what is to be said of an event: its kind, and names as keys and in words; all of it fit for JSON."""
    told: dict[str, Any] = {"kind": event.kind.value}
    if event.mode is not None:
        mode = event.mode.name.lower()
        told |= {"mode": mode, "mode_name": MODES[mode], "to": "on" if event.on else "off"}
    if event.percent is not None:
        told |= {"percent": event.percent, "percent_before": event.percent_before}
    if event.fault is not None:
        code = event.fault.name.lower()
        told |= {"code": code, "fault_name": _fault_name(event.fault, event.argument), "argument": event.argument}
    if event.relay is not None and event.reason is not None:
        relay, reason = event.relay.name.lower(), event.reason.name.lower()
        told |= {"relay": relay, "relay_name": RELAYS[relay], "to": "closed" if event.closed else "open"}
        told |= {"reason": reason, "reason_name": REASONS[reason]}
    return told


def sentence(told: Mapping[str, Any]) -> str:
    """Return what happened, to be read after the pack's name, from `fields` of this version or another one."""
    kind = str(told.get("kind"))
    words = {**told, "moved_to": "closed" if told.get("to") == "closed" else "opened"}
    try:
        text = _SENTENCES[kind].format_map(words)
    except KeyError:
        text = kind.replace("_", " ")
    return text + _SKIPPED.format_map(told) if told.get("skipped") else text


def _fault_name(code: FaultCode, argument: int | None) -> str:
    name = FAULTS[code.name.lower()]
    if code in _OF_A_CHANNEL and argument is not None and argument in Relay:
        return f"{name} ({_CHANNELS[Relay(argument)]})"
    if code is FaultCode.WATCHDOG_RESTART:
        return f"{name} (task {argument})"
    return name
