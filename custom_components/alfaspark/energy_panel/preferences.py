"""What the Energy panel needs to know of energy packs, and which of them it does not know yet.

The panel's preferences are the owner's: what is there stays as it is, packs come behind it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components.energy.data import (
    DEVICE_CONSUMPTION_SCHEMA,
    ENERGY_SOURCE_SCHEMA,
    EnergyPreferences,
    EnergyPreferencesUpdate,
    async_get_manager,
)
from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from custom_components.alfaspark.memory import MEMORY

_SOURCES: tuple[dict[str, str], ...] = (
    {"type": "grid", "stat_energy_from": "grid_energy", "stat_rate": "grid_power"},
    {"type": "solar", "stat_energy_from": "solar_energy", "stat_rate": "solar_power"},
    {
        "type": "battery",
        "stat_energy_from": "battery_discharged_energy",
        "stat_energy_to": "battery_charged_energy",
        # The panel wants discharging to be positive.
        "stat_rate": "battery_discharge_power",
        "stat_soc": "soc",
    },
)
"""The panel's sources, with the keys of the sensors (sensor.py)."""

_REQUIRED: dict[str, dict[str, Any]] = {"grid": {"cost_adjustment_day": 0}}

_DEVICES: tuple[dict[str, str], ...] = (
    {"stat_consumption": "load1_energy", "stat_rate": "load1_power"},
    {"stat_consumption": "load2_energy", "stat_rate": "load2_power"},
)
_ENERGIES = ("stat_energy_from", "stat_energy_to", "stat_consumption")


@dataclass(frozen=True, slots=True)
class PanelPack:
    """An energy pack as far as the panel is concerned."""

    name: str
    """The device's, as the owner calls it."""
    sensors: dict[str, str] = field(default_factory=dict)
    """Entity ids of its enabled sensors by key; a statistic has the id of its entity."""
    sensor_names: dict[str, str] = field(default_factory=dict)
    """What the sensors are called, in Home Assistant's language."""
    capacity_kwh: float | None = None
    """What the owner says that its battery holds; None while that is not said."""

    def filled_in(self, templates: Iterable[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
        """Yield those sources or devices whose energies the pack has; other sensors may be missing."""
        for template in templates:
            if all(template[key] in self.sensors for key in _ENERGIES if key in template):
                yield {
                    key: value if key == "type" else self.sensors[value]
                    for key, value in template.items()
                    if key == "type" or value in self.sensors
                }

    @property
    def energy_names(self) -> list[str]:
        """The names of the energies that the panel would show."""
        ids = {key: entity_id for key, entity_id in self.sensors.items() if key.endswith("_energy")}
        shown = {
            entity_id
            for part in self.filled_in((*_SOURCES, *_DEVICES))
            for key, entity_id in part.items()
            if key in _ENERGIES
        }
        return [self.sensor_names[key] for key, entity_id in ids.items() if entity_id in shown]


@callback
def missing_packs(hass: HomeAssistant, entry_id: str, preferences: EnergyPreferences | None) -> list[PanelPack]:
    """Return the packs of a config entry that none of the panel's sources shows, by name.

    `preferences` are the panel's, None while there are none. Whoever shows the totals of all packs shows each of them.
    """
    totals = PanelPack("")
    packs: dict[str, PanelPack] = {}
    devices = dr.async_get(hass)
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry_id):
        owner, _, key = entity.unique_id.partition("_")
        if entity.domain != SENSOR_DOMAIN or entity.disabled_by is not None:
            continue
        if owner == entry_id:
            pack = totals
        else:
            device = devices.async_get(entity.device_id) if entity.device_id else None
            name = (device.name_by_user or device.name) if device else None
            record = hass.data[MEMORY].packs.get(owner)
            capacity_kwh = record.capacity_kwh if record else None
            pack = packs.setdefault(owner, PanelPack(name or owner, capacity_kwh=capacity_kwh))
        pack.sensors[key] = entity.entity_id
        pack.sensor_names[key] = entity.name or entity.original_name or key
    shown = _shown(preferences)
    if _is_in(totals, shown):
        return []
    return sorted(
        (pack for pack in packs.values() if any(pack.filled_in(_SOURCES)) and not _is_in(pack, shown)),
        key=lambda pack: pack.name,
    )


def _is_in(pack: PanelPack, shown: set[str]) -> bool:
    return any(entity_id in shown for key, entity_id in pack.sensors.items() if key.endswith(("_energy", "_power")))


def _shown(preferences: EnergyPreferences | None) -> set[str]:
    """Return the statistics of all sources."""
    sources: list[Mapping[str, Any]] = [*preferences["energy_sources"]] if preferences else []
    sources += [source["power_config"] for source in sources if "power_config" in source]
    return {value for source in sources for key, value in source.items() if key.startswith("stat_") and value}


def with_packs(preferences: EnergyPreferences | None, packs: Iterable[PanelPack]) -> EnergyPreferencesUpdate:
    """Return the owner's sources and devices, unchanged, and behind them those of packs that no source shows."""
    old_sources = preferences["energy_sources"] if preferences else []
    old_devices = preferences["device_consumption"] if preferences else []
    known = {device["stat_consumption"] for device in old_devices}
    packs = tuple(packs)
    sources = [
        source | {"name": pack.name} | _REQUIRED.get(source["type"], {}) | _capacity(source, pack)
        for pack in packs
        for source in pack.filled_in(_SOURCES)
    ]
    # Devices get no name here: they go by that of their entity, which the owner may change.
    devices = [device for pack in packs for device in pack.filled_in(_DEVICES)]
    return {
        "energy_sources": [*old_sources, *ENERGY_SOURCE_SCHEMA(sources)],
        "device_consumption": [
            *old_devices,
            *(DEVICE_CONSUMPTION_SCHEMA(device) for device in devices if device["stat_consumption"] not in known),
        ],
    }


def _capacity(source: Mapping[str, Any], pack: PanelPack) -> dict[str, float]:
    """Return what the panel weights a battery's charge by, if it is known."""
    return {"capacity": pack.capacity_kwh} if source["type"] == "battery" and pack.capacity_kwh else {}


async def async_add_packs(hass: HomeAssistant, entry_id: str) -> None:
    """Add all packs of a config entry that the panel does not show. Does nothing where there are none."""
    manager = await async_get_manager(hass)
    if packs := missing_packs(hass, entry_id, manager.data):
        await manager.async_update(with_packs(manager.data, packs))
