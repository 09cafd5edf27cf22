"""The diagnostics download: everything that helps, nothing that identifies."""

import json

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.alfaspark.const import CONF_CHANNEL, DOMAIN
from custom_components.alfaspark.packbus import frames
from custom_components.alfaspark.packbus.frames import EnergyCounter, FaultCode, Function, PulseChannel

from .conftest import SERIAL, wait_until
from .peers import PeerPack

pytestmark = pytest.mark.usefixtures("integration", "socket_enabled")


async def _fill(house: MockConfigEntry, pack: PeerPack) -> None:
    pack.count({EnergyCounter.GRID: 1234.5})
    for _ in range(2):
        pulse = frames.Pulse(PulseChannel.ACTIVE, pack.boot_id & 0xFF, 17, 360)
        pack.say(Function.PULSE, pulse.encode())
    pack.say(Function.FAULT, frames.Fault(FaultCode.SENSOR_CLIPPED, True, 2).encode())
    known = house.runtime_data.packs[SERIAL].data
    await wait_until(lambda: known.faults and known.pulses and known.energies_wh, "for fault, pulses and energies")


async def test_of_the_entry(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, house: MockConfigEntry, pack: PeerPack
) -> None:
    await _fill(house, pack)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, house)
    assert diagnostics["entry"] == {"interface": "virtual", CONF_CHANNEL: "**REDACTED**"}
    assert diagnostics["bus"]["connected"] is True
    assert diagnostics["bus"]["adapter"]["frames_received"] > 10
    assert diagnostics["bus"]["totals"]["home_w"] == 1500
    (known,) = diagnostics["packs"]
    assert known["serial"] == "**REDACTED**e4f5"
    assert known["node"] == 12
    assert known["firmware_version"] == "1.2.3"
    assert known["announce"]["flags"] == ["CLOCK_VALID", "BMS_ONLINE"]
    assert known["battery"]["voltage_v"] == 53.2
    assert known["battery"]["state"] == "DISCHARGING"
    assert known["status"]["relays"] == ["GRID", "INVERTER", "LOAD1", "LOAD2"]
    assert known["energies_wh"] == {"grid": 1234.5}
    assert known["pulses"]["active"]["count"] == 17
    assert known["pulses"]["active"]["channel"] == "ACTIVE"
    assert known["faults"] == ["sensor_clipped 2"]
    assert SERIAL not in json.dumps(diagnostics)


async def test_of_one_pack(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    house: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
) -> None:
    pack_device = device_registry.async_get_device_by_identifier((DOMAIN, SERIAL), house.entry_id)
    hub_device = device_registry.async_get_device_by_identifier((DOMAIN, house.entry_id), house.entry_id)
    assert pack_device is not None
    assert hub_device is not None
    diagnostics = await get_diagnostics_for_device(hass, hass_client, house, pack_device)
    assert [pack["node"] for pack in diagnostics["packs"]] == [12]
    assert (await get_diagnostics_for_device(hass, hass_client, house, hub_device)) == {"packs": []}


async def test_of_a_pack_that_says_nothing(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry, pack: PeerPack
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: SERIAL in entry.runtime_data.packs, "for the pack")
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics["packs"][0]["battery"] is None
    assert await hass.config_entries.async_unload(entry.entry_id)
