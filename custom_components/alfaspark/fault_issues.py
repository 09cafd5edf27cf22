"""Repair issues for those faults of a pack that its owner can do something about."""

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .coordinator import PackCoordinator
from .packbus.frames import FaultCode, Relay

type _Fault = tuple[FaultCode, int]

_HOLD_S = {
    FaultCode.BMS_LOST: 300.0,
    FaultCode.SENSOR_CLIPPED: 60.0,
    # A contact that does not open may be the last thing between an owner and the mains: no waiting.
    FaultCode.OPEN_RELAY_CURRENT: 0.0,
    FaultCode.GRID_SENSE_IMPLAUSIBLE: 60.0,
    FaultCode.STORAGE_FAILED: 0.0,
    FaultCode.SETTINGS_RESET: 0.0,
}
"""How long a fault stands before the owner is asked to act. What is not here, an owner can do nothing about."""

_OF_A_CHANNEL = (FaultCode.SENSOR_CLIPPED, FaultCode.OPEN_RELAY_CURRENT)
_CHANNELS = {
    Relay.GRID: "grid",
    Relay.INVERTER: "inverter output",
    Relay.LOAD1: "load 1",
    Relay.LOAD2: "load 2",
}


@callback
def async_follow_faults(hass: HomeAssistant, pack: PackCoordinator) -> CALLBACK_TYPE:
    """Keep the repair issues of a pack as its faults are; return how to stop that and take them away."""
    standing_since_s: dict[_Fault, float] = {}
    told: set[_Fault] = set()

    def follow() -> None:
        if pack.data.present and not pack.available:
            return  # what stood when it fell silent may still stand
        # Of a pack that is gone, nobody knows.
        faults = {fault for fault in pack.data.faults if fault[0] in _HOLD_S} if pack.data.present else set()
        for fault in standing_since_s.keys() - faults:
            del standing_since_s[fault]
        for fault in told - faults:
            ir.async_delete_issue(hass, DOMAIN, _issue_id(pack, fault))
        told.intersection_update(faults)
        now_s = hass.loop.time()
        for fault in faults - told:
            if now_s - standing_since_s.setdefault(fault, now_s) >= _HOLD_S[fault[0]]:
                _tell(hass, pack, fault)
                told.add(fault)

    unsubscribe = pack.async_add_listener(follow)
    follow()

    def stop() -> None:
        unsubscribe()
        for fault in told:
            ir.async_delete_issue(hass, DOMAIN, _issue_id(pack, fault))

    return stop


def _issue_id(pack: PackCoordinator, fault: _Fault) -> str:
    code, argument = fault
    return f"fault_{code.name.lower()}_{argument}_{pack.serial}"


def _tell(hass: HomeAssistant, pack: PackCoordinator, fault: _Fault) -> None:
    code, argument = fault
    placeholders = {"pack": pack.name}
    if code in _OF_A_CHANNEL:
        placeholders["channel"] = _CHANNELS[Relay(argument)] if argument in list(Relay) else str(argument)
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(pack, fault),
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key=f"fault_{code.name.lower()}",
        translation_placeholders=placeholders,
    )
