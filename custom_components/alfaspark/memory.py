"""What Home Assistant remembers of the packs over its own restarts and theirs: totals, import of the day, last readings.

One file for the whole installation: a pack keeps its totals when it moves to another adapter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
import logging
from time import monotonic, time
from typing import Any, Self

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import UnsupportedStorageVersionError
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey
import probatio

from .const import DOMAIN
from .last_known import LastKnown
from .packbus.energy import HouseEnergy, PackEnergy
from .packbus.frames import DeviceType

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
_SAVE_INTERVAL_S = 60.0
"""Readings may be this old on disk after a crash; counters of the packs fill the gap."""
_SAVE_SOON_S = 1.0


_NUMBER = probatio.Any(int, float)
_U16 = probatio.All(int, probatio.Range(min=0, max=0xFFFF))
_UNIX_S = probatio.All(int, probatio.Range(min=0, max=0xFFFF_FFFF))
_RECORD_SCHEMA = probatio.Schema(
    {
        "device_type": probatio.In([device_type.value for device_type in DeviceType]),
        "firmware": probatio.All([int], probatio.Length(min=3, max=3)),
        "boot_id": _U16,
        "since_s": _UNIX_S,
        "energy": dict,
    },
    required=True,
    extra=probatio.ALLOW_EXTRA,
)
_HOUSE_SCHEMA = probatio.Schema({"since_s": _UNIX_S, "energy": dict}, required=True)
_IMPORT_SCHEMA = probatio.Schema({"import_kwh": _NUMBER, "import_day": _U16, "boot_id": _U16}, required=True)
_CAPACITY_SCHEMA = probatio.Schema(probatio.All(_NUMBER, probatio.Range(min=0, min_included=False)))
_NUMBER_SCHEMA = probatio.Schema(_NUMBER)
_LAST_KNOWN_SCHEMA = probatio.Schema({"seen_s": _NUMBER, "readings": {str: _NUMBER}}, required=True)


@dataclass(frozen=True, slots=True)
class ImportToday:
    """Grid energy that a pack counted since the last daily reset."""

    import_kwh: float
    import_day: int
    """As RESTORE_IMPORT has it (protocol.md)."""
    boot_id: int
    """The boot in which the pack said so."""


@dataclass(slots=True)
class HouseRecord:
    """What is remembered of all packs on one bus together."""

    since_s: int = field(default_factory=lambda: int(time()))
    """Unix time when its totals began at 0."""
    energy: HouseEnergy = field(default_factory=HouseEnergy)

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return {"since_s": self.since_s, "energy": self.energy.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the record. Raises probatio.Invalid or ValueError where it is damaged."""
        _HOUSE_SCHEMA(data)
        return cls(data["since_s"], HouseEnergy.from_dict(data["energy"]))


@dataclass(slots=True)
class PackRecord:
    """What is remembered of one pack."""

    device_type: DeviceType
    firmware: tuple[int, int, int]
    boot_id: int
    since_s: int = field(default_factory=lambda: int(time()))
    """Unix time when its totals began at 0."""
    energy: PackEnergy = field(default_factory=PackEnergy)
    import_today: ImportToday | None = None
    last_known: LastKnown | None = None
    capacity_kwh: float | None = None
    """What the owner says that the battery holds; None while that is not said."""
    stored_boot_since_s: float | None = None
    """`boot_since_s` in an earlier run."""
    _boot_heard_at_s: float | None = None
    """Monotonic: a machine's clock may be set only after it has heard its packs."""

    @property
    def boot_since_s(self) -> float | None:
        """Unix time since when the pack is known to be in this boot; None if that is not known."""
        if self._boot_heard_at_s is None:
            return self.stored_boot_since_s
        return time() - (monotonic() - self._boot_heard_at_s)

    def take_boot(self, boot_id: int) -> None:
        """Take the boot that the pack is in."""
        if boot_id != self.boot_id or self.boot_since_s is None:
            self.boot_id, self._boot_heard_at_s = boot_id, monotonic()

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return {
            "device_type": self.device_type.value,
            "firmware": list(self.firmware),
            "boot_id": self.boot_id,
            "since_s": self.since_s,
            "energy": self.energy.as_dict(),
            "import_today": asdict(self.import_today) if self.import_today else None,
            "last_known": asdict(self.last_known) if self.last_known else None,
            "capacity_kwh": self.capacity_kwh,
            "boot_since_s": self.boot_since_s,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the record; without what is damaged, but for the totals and whose they are.

        Raises probatio.Invalid or ValueError where these are damaged.
        """
        _RECORD_SCHEMA(data)
        major, minor, patch = data["firmware"]
        import_today = _if_valid(_IMPORT_SCHEMA, data.get("import_today"))
        last_known = _if_valid(_LAST_KNOWN_SCHEMA, data.get("last_known"))
        return cls(
            device_type=DeviceType(data["device_type"]),
            firmware=(major, minor, patch),
            boot_id=data["boot_id"],
            since_s=data["since_s"],
            energy=PackEnergy.from_dict(data["energy"]),
            import_today=ImportToday(**import_today) if import_today else None,
            last_known=LastKnown(**last_known) if last_known else None,
            capacity_kwh=_if_valid(_CAPACITY_SCHEMA, data.get("capacity_kwh")),
            stored_boot_since_s=_if_valid(_NUMBER_SCHEMA, data.get("boot_since_s")),
        )


def _if_valid(schema: probatio.Schema, data: object) -> Any:
    try:
        valid = None if data is None else schema(data)
    except probatio.Invalid as error:
        _LOGGER.warning("A part of what is stored of a pack is damaged and left out: %s", error)
        return None
    return valid


class Memory:
    """The records of all packs and the totals of all houses."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with nothing remembered; `async_load` reads the file."""
        self.packs: dict[str, PackRecord] = {}
        """By serial number."""
        self.power_watch_made = False
        """Whether there ever was a power watch that came with a pack: one that was removed does not come back."""
        self._houses: dict[str, HouseRecord] = {}
        self._store: Store[dict[str, Any]] = Store(hass, _VERSION, DOMAIN, atomic_writes=True)
        self._is_ours = True
        """Whether the file may be written."""
        self._save_pending = False
        self._before_save: list[Callable[[], None]] = []

    async def async_load(self) -> None:
        """Read the file. What is damaged in it is said and left out; everything else counts."""
        try:
            data = await self._store.async_load() or {}
        except UnsupportedStorageVersionError as error:
            self._is_ours = False
            _LOGGER.error(
                "The stored totals were written by a newer version: they are neither shown nor changed. %s", error
            )
            return
        self.power_watch_made = isinstance(data, dict) and data.get("power_watch_made") is True
        for serial, record in _items(data, "packs"):
            try:
                self.packs[serial] = PackRecord.from_dict(record)
            except (probatio.Invalid, ValueError) as error:
                _LOGGER.warning("The stored totals of pack %s are damaged and begin anew: %s", serial, error)
        for entry_id, totals in _items(data, "houses"):
            try:
                self._houses[entry_id] = HouseRecord.from_dict(totals)
            except (probatio.Invalid, ValueError) as error:
                _LOGGER.warning("The stored totals of all packs are damaged and begin anew: %s", error)

    def house(self, entry_id: str) -> HouseRecord:
        """Return what is remembered of all packs of a config entry."""
        return self._houses.setdefault(entry_id, HouseRecord())

    @callback
    def forget_house(self, entry_id: str) -> None:
        """Forget the totals of a config entry that is removed. Its packs keep theirs."""
        if self._houses.pop(entry_id, None) is not None:
            self.save_soon()

    @callback
    def save_later(self) -> None:
        """Write within a minute; also when Home Assistant stops before."""
        if self._is_ours and not self._save_pending:
            self._save_pending = True
            self._store.async_delay_save(self._dump, _SAVE_INTERVAL_S)

    @callback
    def save_soon(self) -> None:
        """Write at once, because a crash now would lose what nobody can tell again."""
        if self._is_ours:
            self._save_pending = True
            self._store.async_delay_save(self._dump, _SAVE_SOON_S)

    async def async_save(self) -> None:
        """Write now."""
        if self._is_ours:
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
            "power_watch_made": self.power_watch_made,
        }


def _items(data: object, name: str) -> Iterable[tuple[str, Any]]:
    """Return what is stored under a name; say so if that is nothing that could have been stored."""
    part = data.get(name, {}) if isinstance(data, dict) else data
    if isinstance(part, dict):
        return part.items()
    _LOGGER.warning("The stored totals are damaged and begin anew: %s are %s", name, type(part).__name__)
    return ()


MEMORY: HassKey[Memory] = HassKey(f"{DOMAIN}_memory")
