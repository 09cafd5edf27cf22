"""A home with smart sockets: real switches of Home Assistant, and a scripted pack that says when there is too much on."""

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
import time
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.alfaspark.const import CONF_CHANNEL, CONF_INTERFACE, DOMAIN
from custom_components.alfaspark.packbus.frames import ModeSet, PackWarningSet
from custom_components.alfaspark.packbus.parameters import Parameter
from custom_components.alfaspark.sockets.keeper import CONF_PACK, CONF_SOCKETS, SOCKETS, SUBENTRY_SOCKETS
from tests.conftest import CHANNEL, SERIAL, state, wait_until
from tests.peers import POWER, STATUS, PeerPack

KETTLE, OVEN, LAMP = "input_boolean.kettle", "input_boolean.oven", "switch.lamp"
LIMIT_W = 3000


class Home:
    """A home whose pack holds it under 3000 W, with a clock of its own for the sockets."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack) -> None:
        """Start with everything on."""
        self.hass, self.entry, self.pack = hass, entry, pack
        self.base_w = 2000
        self.powers_w = {KETTLE: 900, OVEN: 800, LAMP: 100}
        self.eco = ModeSet.ECO
        self.is_heard = True
        self._ahead_s = 0.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self._ahead_s

    @property
    def home_w(self) -> int:
        """What the home draws now."""
        return self.base_w + sum(
            power_w for entity_id, power_w in self.powers_w.items() if state(self.hass, entity_id) == "on"
        )

    @property
    def off(self) -> list[str]:
        """The sockets that are off."""
        return [entity_id for entity_id in self.powers_w if state(self.hass, entity_id) != "on"]

    async def report(self) -> None:
        """Have the pack say how the home is, and wait until it was heard."""
        home_w, hub = self.home_w, self.entry.runtime_data
        over = self.eco and home_w > LIMIT_W
        warnings = PackWarningSet.LOADS_LIMIT if over else PackWarningSet(0)
        status = replace(STATUS, modes=self.eco, warnings=warnings)
        self.pack.report(replace(POWER, home_w=home_w), status)
        await wait_until(
            lambda: (
                (data := hub.packs[SERIAL].data).power is not None
                and data.power.home_w == home_w
                and data.status == status
            ),
            "for what the pack says",
        )

    async def live(self, seconds: int, step_s: int = 2) -> None:
        """Let time pass; the pack reports in each step."""
        for _ in range(0, seconds, step_s):
            if self.is_heard:
                await self.report()
            self._ahead_s += step_s
            async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=1))
            await self.hass.async_block_till_done()
            await wait_until(self._is_at_rest, "for a socket")

    def _is_at_rest(self) -> bool:
        groups = self.hass.data[SOCKETS]._groups.values()
        return all(group.switching is None or group.switching.done() for group in groups)

    async def switch(self, entity_id: str, on: bool, **target: Any) -> None:
        """Switch by hand."""
        domain, service = entity_id.partition(".")[0], "turn_on" if on else "turn_off"
        await self.hass.services.async_call(domain, service, target or {ATTR_ENTITY_ID: entity_id}, blocking=True)


@pytest.fixture
def sockets() -> list[str]:
    """Choose the sockets, in the order in which they give way."""
    return [KETTLE, OVEN, LAMP]


@pytest.fixture
def entry(hass: HomeAssistant, sockets: list[str]) -> MockConfigEntry:
    """Configure the adapter, with sockets."""
    config_entry = MockConfigEntry(
        domain=DOMAIN,
        title="house",
        unique_id=f"virtual:{CHANNEL}",
        data={CONF_INTERFACE: "virtual", CONF_CHANNEL: CHANNEL},
        subentries_data=[
            ConfigSubentryData(
                data={CONF_PACK: SERIAL, CONF_SOCKETS: sockets},
                subentry_type=SUBENTRY_SOCKETS,
                title="Energy pack E4F5",
                unique_id=SERIAL,
            )
        ],
    )
    config_entry.add_to_hass(hass)
    return config_entry


@pytest.fixture
async def switches(hass: HomeAssistant) -> None:
    """Have two helpers and a template switch that follows a third, all on."""
    helpers = {name: {"name": name.capitalize(), "initial": True} for name in ("kettle", "oven", "relay")}
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": helpers})
    relay = {"target": {"entity_id": "input_boolean.relay"}}
    lamp = {
        "name": "Lamp",
        "unique_id": "lamp",
        "state": "{{ is_state('input_boolean.relay', 'on') }}",
        "turn_on": {"action": "input_boolean.turn_on", **relay},
        "turn_off": {"action": "input_boolean.turn_off", **relay},
    }
    assert await async_setup_component(hass, "template", {"template": {"switch": lamp}})
    await hass.async_block_till_done()


@pytest.fixture
def clock(hass: HomeAssistant, entry: MockConfigEntry, pack: PeerPack) -> Generator[Home]:
    """Take the clock of the sockets into the test's hands."""
    home = Home(hass, entry, pack)
    with patch("custom_components.alfaspark.sockets.keeper.monotonic", home.monotonic):
        yield home


@pytest.fixture
async def home(clock: Home, switches: None, house: MockConfigEntry) -> Home:
    """Have a home that draws less than its limit, with settings that are known."""
    clock.base_w = 500
    coordinator = house.runtime_data.packs[SERIAL]
    await wait_until(lambda: Parameter.ECO_LIMIT in coordinator.settings.parameters, "for the settings")
    await clock.live(2)
    return clock
