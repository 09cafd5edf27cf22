"""Actions: what packs do when they are asked, and what they answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import time
from functools import partial
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID, ATTR_MODE, ATTR_NAME
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
import probatio

from .const import DOMAIN
from .coordinator import PackCoordinator
from .diagnostics import pack_diagnostics
from .events.targets import names
from .helpers import broadcast_failed, calibration_failed
from .hub import Hub
from .packbus.adapter_terms import AdapterError
from .packbus.client import CommandError
from .packbus.frames import Calibrate, Mode, Relay, ResetImport, Restart, WeekdaySet
from .packbus.parameters import Parameter
from .packbus.settings import NO_WINDOW, WINDOW_SLOTS, Window
from .settings.parameter_units import checked_count, parameter_unit

ATTR_CHANNEL = "channel"
ATTR_CURRENT = "current"
ATTR_END = "end"
ATTR_GAIN = "gain"
ATTR_ON = "on"
ATTR_PACKS = "packs"
ATTR_PARAMETER = "parameter"
ATTR_START = "start"
ATTR_VALUE = "value"
ATTR_WEEKDAYS = "weekdays"
ATTR_WINDOWS = "windows"

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HOUR_MIN = 60
_DAY_MIN = 1440
_MA_PER_A = 1000

_TARGET = {probatio.Required(ATTR_DEVICE_ID): probatio.All(cv.ensure_list, [cv.string])}


_WINDOW_SCHEMA = probatio.Schema(
    {
        probatio.Required(ATTR_START): cv.time,
        probatio.Required(ATTR_END): cv.time,
        probatio.Optional(ATTR_WEEKDAYS, default=list(WEEKDAYS)): probatio.All(cv.ensure_list, [probatio.In(WEEKDAYS)]),
    }
)

SCHEMAS = {
    "set_mode": probatio.Schema(
        {**_TARGET, probatio.Required(ATTR_MODE): probatio.In(names(Mode)), probatio.Required(ATTR_ON): cv.boolean}
    ),
    "set_parameter": probatio.Schema(
        {
            **_TARGET,
            probatio.Required(ATTR_PARAMETER): probatio.In(names(Parameter)),
            probatio.Required(ATTR_VALUE): probatio.Coerce(float),
        }
    ),
    "set_windows": probatio.Schema(
        {
            **_TARGET,
            probatio.Required(ATTR_WINDOWS): probatio.All([_WINDOW_SCHEMA], probatio.Length(max=WINDOW_SLOTS)),
        }
    ),
    "get_windows": probatio.Schema(_TARGET),
    "calibrate": probatio.Schema(
        {
            **_TARGET,
            probatio.Required(ATTR_CHANNEL): probatio.In(names(Relay)),
            probatio.Required(ATTR_CURRENT): probatio.All(probatio.Coerce(float), probatio.Range(min=0.1, max=400)),
        }
    ),
    "restart": probatio.Schema(_TARGET),
    "reset_import": probatio.Schema(_TARGET),
    "get_diagnostics": probatio.Schema(_TARGET),
}

type _Answer = dict[str, Any]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register all actions; they are there whether an adapter is or not."""
    actions: dict[str, Callable[[HomeAssistant, ServiceCall], Coroutine[Any, Any, ServiceResponse]]] = {
        "set_mode": _set_mode,
        "set_parameter": _set_parameter,
        "set_windows": _set_windows,
        "get_windows": _get_windows,
        "calibrate": _calibrate,
        "restart": _restart,
        "reset_import": _reset_import,
        "get_diagnostics": _get_diagnostics,
    }
    for name, action in actions.items():
        answers_only = _only_answers(name)
        hass.services.async_register(
            DOMAIN,
            name,
            partial(action, hass),
            schema=SCHEMAS[name],
            supports_response=SupportsResponse.ONLY if answers_only else SupportsResponse.OPTIONAL,
        )


def _only_answers(name: str) -> bool:
    """Whether an action changes nothing."""
    return name.startswith("get_")


class _Targets:
    """The devices of a call: packs, and adapters that stand for all packs on their bus."""

    def __init__(self, hass: HomeAssistant, call: ServiceCall) -> None:
        """Find them, and tell them on whose behalf they are called.

        Raises ServiceValidationError naming what is no device of this integration or not set up.
        """
        self.packs: list[PackCoordinator] = []
        self.hubs: list[Hub] = []
        if not call.data[ATTR_DEVICE_ID]:
            raise _invalid("no_device")
        for device_id in call.data[ATTR_DEVICE_ID]:
            self._add(hass, device_id)
        if not _only_answers(call.service):
            for pack in self.packs:
                pack.async_act_for(call.context)
            for hub in self.hubs:
                hub.bus.async_act_for(call.context)

    def _add(self, hass: HomeAssistant, device_id: str) -> None:
        device = dr.async_get(hass).async_get(device_id)
        identifiers = {name for domain, name in device.identifiers if domain == DOMAIN} if device else set()
        if device is None or not identifiers:
            raise _invalid("not_our_device", device=device_id)
        name = device.name_by_user or device.name or device_id
        entry = hass.config_entries.async_get_entry(device.config_entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            raise _invalid("adapter_not_set_up", device=name, adapter=entry.title if entry else "")
        if not isinstance(hub := entry.runtime_data, Hub):
            raise _invalid("not_our_device", device=name)
        if entry.entry_id in identifiers:
            self.hubs.append(hub)
        else:
            self.packs += self._packs_of(hub, identifiers, name)

    @staticmethod
    def _packs_of(hub: Hub, serials: set[str], name: str) -> list[PackCoordinator]:
        packs = [hub.packs[serial] for serial in serials if serial in hub.packs]
        if not packs:
            raise _invalid("not_heard_yet", device=name)
        if not all(pack.is_pack for pack in packs):
            raise _invalid("gateway", device=name)
        return packs

    @property
    def all_packs(self) -> list[PackCoordinator]:
        """Every pack of the call once, those of the adapters among them."""
        packs = {pack.serial: pack for hub in self.hubs for pack in hub.bus.packs}
        return list((packs | {pack.serial: pack for pack in self.packs}).values())

    async def async_set(
        self, set_all: Callable[[Hub], Awaitable[None]], set_one: Callable[[PackCoordinator], Awaitable[None]]
    ) -> None:
        """Set something: with one broadcast on each bus, and for each single pack. Raises HomeAssistantError."""
        await _together([*(set_all(hub) for hub in self.hubs), *(set_one(pack) for pack in self.packs)])

    async def async_ask(self, ask: Callable[[PackCoordinator], Awaitable[_Answer]]) -> ServiceResponse:
        """Ask each pack by itself; return the answers by serial number. Raises HomeAssistantError."""
        packs = self.all_packs
        answers = await _together([ask(pack) for pack in packs])
        return {
            ATTR_PACKS: {
                pack.serial: {ATTR_NAME: pack.name, **answer} for pack, answer in zip(packs, answers, strict=True)
            }
        }


async def _together[T](calls: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all, and only then raise what went wrong: one pack that fails keeps no other from what it is told."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    problems = [result for result in results if isinstance(result, BaseException)]
    for problem in problems:
        if not isinstance(problem, HomeAssistantError) or len(problems) == 1:
            raise problem
    if problems:
        raise broadcast_failed(problem for problem in problems if isinstance(problem, HomeAssistantError))
    return [result for result in results if not isinstance(result, BaseException)]


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


async def _set_mode(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    mode, on = Mode[call.data[ATTR_MODE].upper()], call.data[ATTR_ON]
    targets = _Targets(hass, call)
    await targets.async_set(lambda hub: hub.async_set_mode_of_all(mode, on), lambda pack: pack.async_set_mode(mode, on))

    async def modes(pack: PackCoordinator) -> _Answer:
        return {"modes": {each.name.lower(): pack.data.has_mode(each) for each in Mode}}

    return await targets.async_ask(modes)


async def _set_parameter(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    name = call.data[ATTR_PARAMETER]
    parameter = Parameter[name.upper()]
    unit, count = parameter_unit(parameter), checked_count(parameter, call.data[ATTR_VALUE])
    targets = _Targets(hass, call)
    await targets.async_set(
        lambda hub: hub.async_set_parameter_of_all(parameter, count),
        lambda pack: pack.async_set_parameter(parameter, count),
    )

    async def setting(pack: PackCoordinator) -> _Answer:
        held = pack.settings.parameters.get(parameter)
        return {ATTR_PARAMETER: name, ATTR_VALUE: None if held is None else unit.from_count(held)}

    return await targets.async_ask(setting)


def _minute(value: time) -> int:
    return value.hour * _HOUR_MIN + value.minute


def _window(data: dict[str, Any]) -> Window:
    """Return a window as it was entered, to the minute. Raises ServiceValidationError where it would never be open."""
    # The midnight that a window ends at is the end of its day.
    start_min, end_min = _minute(data[ATTR_START]), _minute(data[ATTR_END]) or _DAY_MIN
    start, end = (data[each].isoformat("minutes") for each in (ATTR_START, ATTR_END))
    if start_min == end_min:
        raise _invalid("empty_window", start=start)
    if not data[ATTR_WEEKDAYS]:
        raise _invalid("window_without_weekdays", start=start, end=end)
    return Window(start_min, end_min, WeekdaySet(sum({1 << WEEKDAYS.index(day) for day in data[ATTR_WEEKDAYS]})))


def _described(window: Window) -> _Answer:
    hours = {
        name: time(*divmod(minute % _DAY_MIN, _HOUR_MIN)).isoformat("minutes")
        for name, minute in ((ATTR_START, window.start_min), (ATTR_END, window.end_min))
    }
    return {**hours, ATTR_WEEKDAYS: [day for bit, day in enumerate(WEEKDAYS) if window.weekdays & 1 << bit]}


async def _set_windows(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Put the windows into the first slots and clear the others; the new ones first, so that none is ever missing."""
    given = [_window(data) for data in call.data[ATTR_WINDOWS]]
    windows = dict(enumerate(given + [NO_WINDOW] * (WINDOW_SLOTS - len(given))))
    targets = _Targets(hass, call)

    async def set_one(pack: PackCoordinator) -> None:
        for slot, window in windows.items():
            await pack.async_set_window(slot, window)

    await targets.async_set(lambda hub: hub.async_set_windows_of_all(windows), set_one)
    return await targets.async_ask(_windows)


async def _windows(pack: PackCoordinator) -> _Answer:
    windows = pack.settings.windows
    return {ATTR_WINDOWS: [_described(windows[slot]) for slot in sorted(windows) if not windows[slot].is_empty]}


async def _get_windows(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    async def read(pack: PackCoordinator) -> _Answer:
        await pack.async_read_windows()
        return await _windows(pack)

    return await _Targets(hass, call).async_ask(read)


async def _calibrate(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    channel = Relay[call.data[ATTR_CHANNEL].upper()]
    command = Calibrate(channel=channel, reference_ma=round(call.data[ATTR_CURRENT] * _MA_PER_A))
    gain = Parameter[f"CT_GAIN_{channel.name}"]
    targets = _Targets(hass, call)
    if targets.hubs or len(targets.packs) != 1:
        raise _invalid("one_pack_only")

    async def calibrate(pack: PackCoordinator) -> _Answer:
        try:
            response = await pack.async_request(command)
        except (CommandError, AdapterError) as error:
            raise calibration_failed(pack.name, error) from error
        pack.take_setting(gain, response.value)
        return {ATTR_CHANNEL: channel.name.lower(), ATTR_GAIN: parameter_unit(gain).from_count(response.value)}

    return await targets.async_ask(calibrate)


async def _restart(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    async def restart(pack: PackCoordinator) -> _Answer:
        await pack.async_command(Restart())
        return {}

    return await _Targets(hass, call).async_ask(restart)


async def _reset_import(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    async def reset(pack: PackCoordinator) -> _Answer:
        await pack.async_command(ResetImport())
        return {}

    return await _Targets(hass, call).async_ask(reset)


async def _get_diagnostics(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    async def describe(pack: PackCoordinator) -> _Answer:
        # The answer names each pack by its whole serial number anyway.
        return pack_diagnostics(pack) | {"serial": pack.serial}

    return await _Targets(hass, call).async_ask(describe)
