"""Binary sensors: grid, BMS, master, warnings and alarms."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.alfaspark.packbus.frames import (
    AnnounceFlagSet,
    BatteryAlarm,
    BatteryAlarmSet,
    GridState,
    PackWarningSet,
)

from .conftest import state, wait_until
from .peers import BATTERY, STATUS, PeerPack

pytestmark = pytest.mark.usefixtures("integration")

PACK = "binary_sensor.energy_pack_e4f5"


@pytest.mark.parametrize(
    ("grid", "shown"),
    [(GridState.ABSENT, "off"), (GridState.NOT_FITTED, "unknown"), (GridState.UNKNOWN, "unknown")],
)
async def test_grid(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, grid: GridState, shown: str) -> None:
    assert state(hass, f"{PACK}_grid") == "on"
    pack.report(replace(STATUS, grid=grid))
    await wait_until(lambda: state(hass, f"{PACK}_grid") == shown)


async def test_bms_is_lost_as_soon_as_the_pack_says_so(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    assert state(hass, f"{PACK}_bms") == "on"
    pack.report(replace(STATUS, warnings=PackWarningSet.BMS_LOST))
    await wait_until(lambda: state(hass, f"{PACK}_bms") == "off")


async def test_bms_that_never_answered(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    pack.flags = AnnounceFlagSet(0)
    pack.introduce()
    await wait_until(lambda: state(hass, f"{PACK}_bms") == "off")


async def test_master(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    assert state(hass, f"{PACK}_master") == "off"
    pack.flags |= AnnounceFlagSet.IS_MASTER
    pack.introduce()
    await wait_until(lambda: state(hass, f"{PACK}_master") == "on")


@pytest.mark.parametrize(
    ("warning", "entity"),
    [
        (PackWarningSet.SOC_LOW, "state_of_charge_low"),
        (PackWarningSet.SENSOR_FAULT, "current_sensors"),
        (PackWarningSet.CLOCK_UNKNOWN, "clock"),
        (PackWarningSet.SETTINGS_RESET, "settings"),
        (PackWarningSet.STORAGE_FAILED, "storage"),
        (PackWarningSet.NODE_NUMBER_CONFLICT, "node_number"),
    ],
)
async def test_warnings(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack, warning: PackWarningSet, entity: str
) -> None:
    assert state(hass, f"{PACK}_{entity}") == "off"
    pack.report(replace(STATUS, warnings=warning))
    await wait_until(lambda: state(hass, f"{PACK}_{entity}") == "on")
    pack.report(STATUS)
    await wait_until(lambda: state(hass, f"{PACK}_{entity}") == "off")


async def test_battery_alarms_are_named(hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack) -> None:
    def alarms() -> object:
        shown = hass.states.get(f"{PACK}_battery_alarm")
        assert shown is not None
        return shown.state, shown.attributes["alarms"]

    assert alarms() == ("off", [])
    pack.report(replace(BATTERY, alarms=BatteryAlarmSet.IMBALANCE))
    await wait_until(lambda: alarms() == ("on", ["imbalance"]))
    # A second one is news though the sensor is on already.
    pack.report(replace(BATTERY, alarms=BatteryAlarmSet.IMBALANCE | BatteryAlarmSet.CELL_UNDERVOLTAGE))
    await wait_until(lambda: alarms() == ("on", ["cell_undervoltage", "imbalance"]))
    # Bits that this version has no name for are an alarm all the same.
    pack.report(replace(BATTERY, alarms=BatteryAlarmSet(1 << 15)))
    await wait_until(lambda: alarms() == ("on", []))
    assert 15 not in BatteryAlarm
