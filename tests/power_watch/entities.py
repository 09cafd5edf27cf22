"""Power sources that are seen by entities, which a test sets as it likes."""

from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.model import Kind
from custom_components.alfaspark.power_watch.setup import CheckpointSetup

from .conftest import source


def plug(name: str) -> str:
    """Return the id of an entity that stands for a device."""
    return f"light.{name}"


def checkpoint(name: str) -> dict[str, Any]:
    """Return a checkpoint that is down while its device is unavailable."""
    return CheckpointSetup(Kind.ENTITY, plug(name), name.capitalize()).as_dict()


def seen_by(title: str, *names: str) -> ConfigSubentryData:
    """Return a power source that devices show to be there."""
    return source(title, [checkpoint(name) for name in names])


async def show(hass: HomeAssistant, **states: str) -> None:
    """Set devices to a state: `on` has power, `unavailable` has none, `unknown` says nothing."""
    for name, state in states.items():
        hass.states.async_set(plug(name), state)
    await hass.async_block_till_done()


def subentry_id(watch: MockConfigEntry, title: str) -> str:
    """Return the id of a source."""
    return str(next(each.subentry_id for each in watch.subentries.values() if each.title == title))


def source_device(hass: HomeAssistant, watch: MockConfigEntry, title: str) -> dr.DeviceEntry:
    """Return the device of a source."""
    identifier = (DOMAIN, subentry_id(watch, title))
    device = dr.async_get(hass).async_get_device_by_identifier(identifier, watch.entry_id)
    assert device is not None
    return device
