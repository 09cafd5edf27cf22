"""What Home Assistant remembers of the packs over its own restarts and theirs: totals, import of the day, last readings.

One file for the whole installation: a pack keeps its totals when it moves to another adapter.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
import logging
from typing import Any, Self

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .last_known import LastKnown
from .packbus.energy import HouseEnergy, PackEnergy
from .packbus.frames import DeviceType

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
_SAVE_INTERVAL_S = 60.0
"""Readings may be this old on disk after a crash; counters of the packs fill the gap."""
_SAVE_SOON_S = 1.0


@dataclass(frozen=True, slots=True)
class ImportToday:
    """Grid energy that a pack counted since the last daily reset."""

    import_kwh: float
    import_day: int
    """As RESTORE_IMPORT has it (protocol.md)."""
    boot_id: int
    """The boot in which the pack said so."""


@dataclass(slots=True)
class PackRecord:
    """What is remembered of one pack."""

    device_type: DeviceType
    firmware: tuple[int, int, int]
    boot_id: int
    energy: PackEnergy = field(default_factory=PackEnergy)
    import_today: ImportToday | None = None
    last_known: LastKnown | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return {
            "device_type": self.device_type.value,
            "firmware": list(self.firmware),
            "boot_id": self.boot_id,
            "energy": self.energy.as_dict(),
            "import_today": asdict(self.import_today) if self.import_today else None,
            "last_known": asdict(self.last_known) if self.last_known else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the record. Raises KeyError, TypeError or ValueError where it is damaged."""
        major, minor, patch = data["firmware"]
        import_today, last_known = data["import_today"], data["last_known"]
        return cls(
            device_type=DeviceType(data["device_type"]),
            firmware=(int(major), int(minor), int(patch)),
            boot_id=int(data["boot_id"]),
            energy=PackEnergy.from_dict(data["energy"]),
            import_today=ImportToday(**import_today) if import_today else None,
            last_known=LastKnown(**last_known) if last_known else None,
        )


class Memory:
    """The records of all packs and the totals of all houses."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with nothing remembered; `async_load` reads the file."""
        self.packs: dict[str, PackRecord] = {}
        """By serial number."""
        self._houses: dict[str, HouseEnergy] = {}
        self._store: Store[dict[str, Any]] = Store(hass, _VERSION, DOMAIN, atomic_writes=True)
        self._save_pending = False
        self._before_save: list[Callable[[], None]] = []

    async def async_load(self) -> None:
        """Read the file. What is damaged in it is said and left out; everything else counts."""
        data = await self._store.async_load() or {}
        for serial, record in data.get("packs", {}).items():
            try:
                self.packs[serial] = PackRecord.from_dict(record)
            except (KeyError, TypeError, ValueError) as error:
                _LOGGER.warning("The stored totals of pack %s are damaged and begin anew: %r", serial, error)
        for entry_id, totals in data.get("houses", {}).items():
            try:
                self._houses[entry_id] = HouseEnergy.from_dict(totals)
            except (KeyError, TypeError, ValueError) as error:
                _LOGGER.warning("The stored totals of all packs are damaged and begin anew: %r", error)

    def house(self, entry_id: str) -> HouseEnergy:
        """Return the totals of all packs of a config entry."""
        return self._houses.setdefault(entry_id, HouseEnergy())

    @callback
    def forget_house(self, entry_id: str) -> None:
        """Forget the totals of a config entry that is removed. Its packs keep theirs."""
        if self._houses.pop(entry_id, None) is not None:
            self.save_soon()

    @callback
    def save_later(self) -> None:
        """Write within a minute; also when Home Assistant stops before."""
        if not self._save_pending:
            self._save_pending = True
            self._store.async_delay_save(self._dump, _SAVE_INTERVAL_S)

    @callback
    def save_soon(self) -> None:
        """Write at once, because a crash now would lose what nobody can tell again."""
        self._save_pending = True
        self._store.async_delay_save(self._dump, _SAVE_SOON_S)

    async def async_save(self) -> None:
        """Write now."""
        await self._store.async_save(self._dump())

    @callback
    def async_before_save(self, note: Callable[[], None]) -> CALLBACK_TYPE:
        """Have `note` bring the records up to date before each time they are written; return how to stop that."""
        self._before_save.append(note)
        return lambda: self._before_save.remove(note)

    def _dump(self) -> dict[str, Any]:
        self._save_pending = False
        for note in self._before_save:
            note()
        return {
            "packs": {serial: record.as_dict() for serial, record in self.packs.items()},
            "houses": {entry_id: totals.as_dict() for entry_id, totals in self._houses.items()},
        }


MEMORY: HassKey[Memory] = HassKey(f"{DOMAIN}_memory")
