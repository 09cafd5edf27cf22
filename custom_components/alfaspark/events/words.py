"""What happens to a pack, in words: fields for templates and for the logbook, and a sentence made from them.

In English: Home Assistant translates neither logbook entries nor the description of a trigger.
"""

from collections.abc import Mapping
from typing import Any, Final

from custom_components.alfaspark.packbus.events import EventKind, PackEvent
from custom_components.alfaspark.packbus.frames import FaultCode, Relay

ENERGY_GAP: Final = "energy_gap"
"""The kind of what is told when a pack lost its supply and with it part of its counters."""

# As translations/en.json has them; a test holds the two together.
MODES: Final = {
    "self_consumption": "Self-consumption",
    "eco": "Eco",
    "time_of_use": "Time of use",
    "backup": "Backup",
    "import_limit": "Grid import limit",
}
RELAYS: Final = {
    "grid": "Grid relay",
    "inverter": "Inverter output relay",
    "load1": "Load 1 relay",
    "load2": "Load 2 relay",
}
REASONS: Final = {
    "start_up": "Start-up",
    "manual": "By hand",
    "self_consumption_low_soc": "Self-consumption: battery low",
    "self_consumption_charged": "Self-consumption: battery charged",
    "backup": "Backup",
    "import_limit_exhausted": "Import limit exhausted",
    "eco_shed": "Shed by eco",
    "eco_restored": "Restored by eco",
    "inside_window": "Inside a time window",
    "outside_window": "Outside the time windows",
    "bms_lost": "BMS does not answer",
    "clock_unknown": "Time unknown",
    "minimum_time": "Waits for its minimum time",
}
FAULTS: Final = {
    "bms_lost": "BMS does not answer",
    "sensor_clipped": "Current beyond the sensor's range",
    "open_relay_current": "Current through an open relay",
    "grid_sense_implausible": "Grid sense input implausible",
    "no_node_number_free": "No node number free",
    "node_number_conflict": "Node number used twice",
    "storage_failed": "Storage failed",
    "settings_reset": "Settings were damaged and reset",
    "watchdog_restart": "Restarted by the watchdog",
    "brown_out": "Restarted after a brown-out",
    "bus_off": "Off the CAN bus",
    "update_failed": "Update failed",
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
    EventKind.FAULT_APPEARED: "has a fault: {fault}",
    EventKind.FAULT_CLEARED: "no longer has this fault: {fault}",
    EventKind.RELAY_CHANGED: "{moved} the {relay}: {reason}",
    "socket_shed": "shed {socket_name}: {reason_name}",
    "socket_restored": "restored {socket_name}: {reason_name}",
    "socket_failed": "could not switch {socket_name}, which does not do what it is asked for",
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
    names = {key: told.get(f"{key}_name") for key in ("relay", "reason", "fault")}
    words = {
        **told,
        "moved": "closed" if told.get("to") == "closed" else "opened",
        **{key: _inside(str(name)) for key, name in names.items() if name},
    }
    try:
        text = _SENTENCES[kind].format_map(words)
    except KeyError:
        text = kind.replace("_", " ")
    return text + _SKIPPED.format_map(told) if told.get("skipped") else text


def _inside(name: str) -> str:
    """Return a name as it is written inside a sentence, where it is no abbreviation such as BMS."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _fault_name(code: FaultCode, argument: int | None) -> str:
    name = FAULTS[code.name.lower()]
    if code in _OF_A_CHANNEL and argument is not None and argument in Relay:
        return f"{name} ({_CHANNELS[Relay(argument)]})"
    if code is FaultCode.WATCHDOG_RESTART:
        return f"{name} (task {argument})"
    return name
