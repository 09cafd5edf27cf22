"""What an action of the power watch is about: which sources and checkpoints, and which range of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.util import dt as dt_util
import probatio

from custom_components.alfaspark.const import DOMAIN, POWER_WATCH
from custom_components.alfaspark.power_watch.observers.base import Watched
from custom_components.alfaspark.power_watch.setup import whole
from custom_components.alfaspark.power_watch.source import PowerSource
from custom_components.alfaspark.power_watch.watch import PowerWatch

ATTR_CHECKPOINT = "checkpoint"
ATTR_END = "end"
ATTR_LIMIT = "limit"
ATTR_START = "start"


def _whole(text: str) -> str:
    """Refuse half a character: no file and no answer could hold it."""
    if whole(text) != text:
        raise probatio.Invalid("it has characters in it that are none")
    return text


TEXT: Any = probatio.All(cv.string, _whole)
TEXTS = probatio.All(cv.ensure_list, [TEXT])
SOURCES = {probatio.Optional(ATTR_DEVICE_ID): TEXTS}
RANGE = {probatio.Optional(ATTR_START): cv.datetime, probatio.Optional(ATTR_END): cv.datetime}

_MOST_NAMED = 20
"""Names in an error."""


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return what to raise for something that was not entered as it must be."""
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def failed(key: str, **placeholders: str) -> HomeAssistantError:
    """Return what to raise for something that did not work."""
    return HomeAssistantError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def power_watch(hass: HomeAssistant) -> PowerWatch:
    """Return the power watch. Raises ServiceValidationError if there is none, or none that is set up."""
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, POWER_WATCH)
    if entry is None:
        raise invalid("no_power_watch")
    if entry.state is not ConfigEntryState.LOADED:
        raise invalid("power_watch_not_set_up", name=entry.title)
    watch: PowerWatch = entry.runtime_data
    return watch


@dataclass(frozen=True, slots=True)
class Called:
    """The power watch, and those of its sources that a call means."""

    hass: HomeAssistant
    watch: PowerWatch
    sources: tuple[PowerSource, ...]

    @classmethod
    def of(cls, hass: HomeAssistant, call: ServiceCall) -> Called:
        """Find them by their devices; without any it is all of them. Raises ServiceValidationError."""
        watch = power_watch(hass)
        given: str | list[str] | None = call.data.get(ATTR_DEVICE_ID)
        if given is None:
            return cls(hass, watch, tuple(watch.sources.values()))
        device_ids = dict.fromkeys([given] if isinstance(given, str) else given)
        if not device_ids:
            raise invalid("no_source")
        return cls(hass, watch, tuple(_source(hass, watch, device_id) for device_id in device_ids))

    def refuse_if_gone(self) -> None:
        """Raise HomeAssistantError if the watch or one of the sources went away while something was waited for."""
        entry = self.watch.entry
        is_there = entry.state is ConfigEntryState.LOADED and entry.runtime_data is self.watch
        if not is_there or any(source.id not in self.watch.sources for source in self.sources):
            raise failed("power_watch_changed")

    def checkpoints(self, wanted: Iterable[str] | None) -> list[Watched]:
        """Return the checkpoints that are wanted, by id, name or target; without any it is all of the sources.

        Raises ServiceValidationError for one that there is not, or that is not the only one of its name.
        """
        each = [watched for source in self.sources for watched in self.watch.lookout.of(source.id).values()]
        if wanted is None:
            return each
        return list({watched.id: watched for watched in (_find(each, name) for name in wanted)}.values())

    def device_of(self, source_id: str) -> dr.DeviceEntry | None:
        """Return the device of a source."""
        registry = dr.async_get(self.hass)
        return registry.async_get_device_by_identifier((DOMAIN, source_id), self.watch.entry.entry_id)

    def name_of(self, source_id: str) -> str:
        """Return the owner's name of a source: that of its device, if that was given another one."""
        device = self.device_of(source_id)
        return (device and device.name_by_user) or self.watch.sources[source_id].setup.name


def _source(hass: HomeAssistant, watch: PowerWatch, device_id: str) -> PowerSource:
    device = dr.async_get(hass).async_get(device_id)
    for domain, identifier in device.identifiers if device else ():
        if domain == DOMAIN and identifier in watch.sources:
            return watch.sources[identifier]
    raise invalid("not_a_power_source", device=(device and (device.name_by_user or device.name)) or device_id)


def _find(each: Iterable[Watched], wanted: str) -> Watched:
    each, text = list(each), wanted.strip().casefold()
    for found in (
        [watched for watched in each if watched.id == wanted],
        [watched for watched in each if watched.setup.name.casefold() == text],
        [watched for watched in each if text in (watched.setup.key.casefold(), watched.setup.target.casefold())],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise invalid("ambiguous_checkpoint", checkpoint=wanted, ids=_list(watched.id for watched in found))
    raise invalid("unknown_checkpoint", checkpoint=wanted, names=_list(watched.setup.name for watched in each))


def _list(names: Iterable[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join([*names[:_MOST_NAMED], *(["..."] if len(names) > _MOST_NAMED else [])]) or "-"


def called_range(call: ServiceCall) -> tuple[float, float]:
    """Return the range of time that is called for, Unix seconds; all that is kept, up to now, where nothing is given.

    A time without an offset is local. Raises ServiceValidationError for a range that ends before it begins, and as
    `unix_s` does.
    """
    now_s = dt_util.utcnow().timestamp()
    start, end = call.data.get(ATTR_START), call.data.get(ATTR_END)
    # Nothing is older, and not every time before can be told in the owner's zone.
    from_s = 0.0 if start is None else max(0.0, unix_s(start))
    to_s = now_s if end is None else min(unix_s(end), now_s)
    if from_s >= to_s:
        raise invalid("empty_range", start=start.isoformat() if start else "-", end=end.isoformat() if end else "-")
    return from_s, to_s


def unix_s(time: datetime) -> float:
    """Return a time that was entered, Unix seconds. Raises ServiceValidationError at the ends of the calendar."""
    try:
        return dt_util.as_utc(time).timestamp()
    except OverflowError as error:
        raise invalid("time_out_of_range", time=time.isoformat()) from error
