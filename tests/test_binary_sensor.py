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


WARNINGS = {
    PackWarningSet.LOADS_LIMIT: "loads_limit",
    PackWarningSet.IMPORT_LIMIT_EXHAUSTED: "import_limit_exhausted",
    PackWarningSet.SOC_LOW: "state_of_charge_low",
    PackWarningSet.CLOCK_UNKNOWN: "clock",
    PackWarningSet.HOST_LOST: "contact_with_home_assistant",
    PackWarningSet.SENSOR_FAULT: "current_sensors",
    PackWarningSet.SETTINGS_RESET: "settings",
    PackWarningSet.NODE_NUMBER_CONFLICT: "node_number",
    PackWarningSet.STORAGE_FAILED: "storage",
    PackWarningSet.IMPORT_ABOVE_80: "import_above_80",
    PackWarningSet.IMPORT_ABOVE_90: "import_above_90",
}


async def test_each_warning_has_a_sensor_of_its_own(
    hass: HomeAssistant, house: MockConfigEntry, pack: PeerPack
) -> None:
    async def stand(*expected: str) -> None:
        await wait_until(
            lambda: [entity for entity in WARNINGS.values() if state(hass, f"{PACK}_{entity}") == "on"] == [*expected],
            f"for {expected} and nothing else",
        )

    await stand()
    for warning, entity in WARNINGS.items():
        pack.report(replace(STATUS, warnings=warning))
        await stand(entity)
    pack.report(STATUS)
    await stand()


def test_no_warning_is_left_out() -> None:
    """A lost BMS is said by the BMS's own sensor."""
    assert set(PackWarningSet) == {*WARNINGS, PackWarningSet.BMS_LOST}


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
