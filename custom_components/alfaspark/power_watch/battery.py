"""What the batteries of all packs have given, and how long they will last."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant

from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entries import loaded_hubs
from custom_components.alfaspark.memory import MEMORY
from custom_components.alfaspark.packbus.frames import EnergyCounter

_WH_PER_KWH = 1000.0
_S_PER_H = 3600.0


def discharged_wh(hass: HomeAssistant) -> dict[str, float]:
    """Return what each battery has given over all time in Wh, by the serial of its pack."""
    totals = {
        serial: record.energy.total_wh(EnergyCounter.BATTERY_DISCHARGED)
        for serial, record in hass.data[MEMORY].packs.items()
    }
    return {serial: total_wh for serial, total_wh in totals.items() if total_wh is not None}


def given_since_wh(hass: HomeAssistant, before: Mapping[str, float]) -> float | None:
    """Return what the batteries have given since `discharged_wh` was taken, in Wh; None where no pack tells it.

    A pack that came later, or whose total began anew, is left out.
    """
    now = discharged_wh(hass)
    given = [now[serial] - before[serial] for serial in now.keys() & before.keys() if now[serial] >= before[serial]]
    return sum(given) if given else None


def runtime_s(hass: HomeAssistant) -> float | None:
    """Return how long the batteries will last if the home goes on drawing what it draws, in seconds.

    None while a pack's capacity, charge or power is not known, or while the sun supplies all that is drawn.
    """
    packs = [pack for hub in loaded_hubs(hass) for pack in hub.packs.values() if pack.is_pack]
    stored_wh = [_stored_wh(pack) for pack in packs]
    needed_w = [_needed_w(pack) for pack in packs]
    if not packs or None in stored_wh or None in needed_w:
        return None
    total_w = sum(watts for watts in needed_w if watts is not None)
    if total_w <= 0:
        return None
    return sum(energy for energy in stored_wh if energy is not None) / total_w * _S_PER_H


def _stored_wh(pack: PackCoordinator) -> float | None:
    battery, capacity_kwh = pack.data.battery, pack.record.capacity_kwh
    if not pack.available or battery is None or battery.soc_pct is None or capacity_kwh is None:
        return None
    return capacity_kwh * _WH_PER_KWH * battery.soc_pct / 100


def _needed_w(pack: PackCoordinator) -> float | None:
    """Return what a battery would have to give without the grid: what the home draws and the sun does not supply."""
    power = pack.data.power
    if not pack.available or power is None or power.home_w is None or power.solar_w is None:
        return None
    return power.home_w - power.solar_w
