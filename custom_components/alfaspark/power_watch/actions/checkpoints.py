"""Actions of the power watch: what is watched and how it stands, and changes of the checkpoints.

A change goes into the config subentry of its source, so that it survives a restart; the watch follows without a reload.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.const import ATTR_DEVICE_ID, ATTR_NAME, CONF_TARGET
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback, valid_entity_id
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.service import async_register_admin_service
import probatio

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.entries import pack_names
from custom_components.alfaspark.outages.model import Kind
from custom_components.alfaspark.outages.probe_targets import TargetError as EndpointError, TargetFault, parse_endpoint
from custom_components.alfaspark.power_watch.observers.base import Watched
from custom_components.alfaspark.power_watch.setup import (
    ALL_PACKS,
    CONF_CHECKPOINTS,
    CONF_DOWN_PAYLOADS,
    CONF_DOWN_STATES,
    CONF_KIND,
    CONF_PAUSED,
    CONF_SILENCE,
    DEFAULT_DOWN_PAYLOADS,
    DEFAULT_SILENCE_S,
    CheckpointSetup,
    TargetError,
    http_target,
    is_of_source,
    ping_target,
    silence,
    tcp_target,
    topic_target,
)
from custom_components.alfaspark.power_watch.watch import PowerWatch

from .answers import Answer, checkpoints_state, source_state
from .history import HISTORY_ACTIONS, HISTORY_SCHEMAS
from .targets import ATTR_CHECKPOINT, SOURCES, TEXT, TEXTS, Called, invalid

_OPTIONS: dict[str, tuple[Kind, Any]] = {
    CONF_SILENCE: (Kind.MQTT, DEFAULT_SILENCE_S),
    CONF_DOWN_PAYLOADS: (Kind.MQTT, list(DEFAULT_DOWN_PAYLOADS)),
    CONF_DOWN_STATES: (Kind.ENTITY, []),
}
"""What only one kind of checkpoint knows, and what is taken where it is not given."""
_ALL_NAMES = {Kind.GRID_SENSE: "Grid sense of all packs", Kind.PRESENCE: "Presence of all packs"}

SCHEMAS = {
    "list_power_sources": probatio.Schema(SOURCES),
    "add_checkpoint": probatio.Schema(
        {
            probatio.Required(ATTR_DEVICE_ID): TEXTS,
            probatio.Required(CONF_KIND): probatio.In([kind.value for kind in Kind]),
            probatio.Optional(CONF_TARGET, default=""): TEXT,
            probatio.Optional(ATTR_NAME, default=""): TEXT,
            probatio.Optional(CONF_SILENCE): probatio.Coerce(int),
            probatio.Optional(CONF_DOWN_PAYLOADS): TEXTS,
            probatio.Optional(CONF_DOWN_STATES): TEXTS,
        }
    ),
    "pause_checkpoint": probatio.Schema(
        {
            **SOURCES,
            probatio.Required(ATTR_CHECKPOINT): TEXTS,
            probatio.Optional(CONF_PAUSED, default=True): cv.boolean,
        }
    ),
    "remove_checkpoint": probatio.Schema({**SOURCES, probatio.Required(ATTR_CHECKPOINT): TEXTS}),
    "check_now": probatio.Schema({**SOURCES, probatio.Optional(ATTR_CHECKPOINT): TEXTS}),
    **HISTORY_SCHEMAS,
}

_ANSWERS_ONLY = frozenset({"list_power_sources", "get_checks", "get_outages", "get_outage_statistics"})
_ADMIN_ONLY = frozenset({"add_checkpoint", "pause_checkpoint", "remove_checkpoint", "export_outages", "purge_outages"})
"""Change what is set up, write files, or delete: as in Home Assistant's own pages, not for everybody."""


@callback
def async_setup_power_actions(hass: HomeAssistant) -> None:
    """Register all; they are there whether the power is watched or not."""
    actions: dict[str, Callable[[HomeAssistant, ServiceCall], Coroutine[Any, Any, ServiceResponse]]] = {
        "list_power_sources": _list_power_sources,
        "add_checkpoint": _add_checkpoint,
        "pause_checkpoint": _pause_checkpoint,
        "remove_checkpoint": _remove_checkpoint,
        "check_now": _check_now,
        **HISTORY_ACTIONS,
    }
    for name, action in actions.items():
        response = SupportsResponse.ONLY if name in _ANSWERS_ONLY else SupportsResponse.OPTIONAL
        if name in _ADMIN_ONLY:
            async_register_admin_service(hass, DOMAIN, name, partial(action, hass), SCHEMAS[name], response)
        else:
            hass.services.async_register(DOMAIN, name, partial(action, hass), SCHEMAS[name], response)


async def _list_power_sources(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    called = Called.of(hass, call)
    return {"sources": [source_state(called, source) for source in called.sources]}


async def _add_checkpoint(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Add a checkpoint, or take over what is given of one that looks at the same thing; a pause goes on."""
    called = Called.of(hass, call)
    if len(called.sources) != 1:
        raise invalid("one_source_only")
    (source,) = called.sources
    added = _entered(hass, call, source.id)
    held = _held(called.watch, source.id)
    is_paused = any(each.is_paused for each in held if each.key == added.key)
    by_key = {each.key: each for each in held} | {added.key: replace(added, is_paused=is_paused)}
    _set_checkpoints(called, source.id, by_key.values())
    return _changed(called, [f"{source.id}/{added.key}"])


def _entered(hass: HomeAssistant, call: ServiceCall, source_id: str) -> CheckpointSetup:
    """Return the checkpoint that was entered for a source. Raises ServiceValidationError."""
    kind, entered, name = Kind(call.data[CONF_KIND]), call.data[CONF_TARGET].strip(), call.data[ATTR_NAME].strip()
    for option, (of_kind, _) in _OPTIONS.items():
        if option in call.data and kind is not of_kind:
            raise invalid("option_of_other_kind", option=option, kind=of_kind.value)
    options = {
        option: call.data.get(option, default) for option, (of_kind, default) in _OPTIONS.items() if kind is of_kind
    }
    match kind:
        case Kind.GRID_SENSE | Kind.PRESENCE:
            target = _pack_target(hass, entered)
            name = name or pack_names(hass).get(target, _ALL_NAMES[kind])
        case Kind.ENTITY:
            target = _entity_target(hass, entered, source_id)
        case _:
            try:
                target = _target(kind, entered)
                if CONF_SILENCE in options:
                    options[CONF_SILENCE] = silence(options[CONF_SILENCE])
            except TargetError as error:
                raise invalid(error.reason, target=error.entered) from error
    return CheckpointSetup(kind, target, name or target, options=options)


def _target(kind: Kind, entered: str) -> str:
    match kind:
        case Kind.HTTP:
            return http_target(entered)
        case Kind.TCP:
            try:
                endpoint = parse_endpoint(entered)
            except EndpointError as error:
                reason = "bad_port" if error.fault is TargetFault.PORT else "bad_host"
                raise TargetError(reason, entered) from error
            return tcp_target(endpoint.host, endpoint.port)
        case Kind.PING:
            return ping_target(entered)
        case _:
            return topic_target(entered)


def _pack_target(hass: HomeAssistant, entered: str) -> str:
    serial = entered.lower() or ALL_PACKS
    known = pack_names(hass)
    if serial != ALL_PACKS and serial not in known:
        raise invalid("unknown_pack", serial=entered, serials=", ".join(known) or "-")
    return serial


def _entity_target(hass: HomeAssistant, entered: str, source_id: str) -> str:
    is_known = hass.states.get(entered) is not None or er.async_get(hass).async_get(entered) is not None
    if not valid_entity_id(entered) or not is_known:
        raise invalid("unknown_entity", entity=entered)
    if is_of_source(hass, entered, source_id):
        raise invalid("own_entity", target=entered)
    return entered


async def _pause_checkpoint(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Pause checkpoints or have them go on. One that was found through another one is set up by itself for that."""
    called, is_paused = Called.of(hass, call), call.data[CONF_PAUSED]
    wanted = called.checkpoints(call.data[ATTR_CHECKPOINT])
    for source_id, keys in _by_source(wanted).items():
        by_key = {each.key: each for each in _held(called.watch, source_id)}
        by_key |= {key: replace(by_key.get(key, setup), is_paused=is_paused) for key, setup in keys.items()}
        _set_checkpoints(called, source_id, by_key.values())
    return _changed(called, [watched.id for watched in wanted])


async def _remove_checkpoint(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    called = Called.of(hass, call)
    wanted = called.checkpoints(call.data[ATTR_CHECKPOINT])
    for watched in wanted:
        through = called.watch.lookout.find(watched.through) if watched.through else None
        if through is not None:
            raise invalid("checkpoint_found", checkpoint=watched.setup.name, through=through.setup.name)
    removed = list(checkpoints_state(called, wanted))
    for source_id, keys in _by_source(wanted).items():
        _set_checkpoints(called, source_id, [each for each in _held(called.watch, source_id) if each.key not in keys])
    return {"removed": [{key: each[key] for key in ("id", "source", "name", "kind", "target")} for each in removed]}


async def _check_now(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Look now, and answer with what was seen. One that stands for many is looked at through what it has found."""
    called = Called.of(hass, call)
    wanted = called.checkpoints(call.data.get(ATTR_CHECKPOINT))
    ids = {watched.id for watched in wanted}
    each = [
        watched
        for watched in called.checkpoints(None)
        if (watched.id in ids or watched.through in ids) and not watched.setup.is_group
    ]
    await called.watch.lookout.async_check(each)
    called.refuse_if_gone()
    return {"checkpoints": list(checkpoints_state(called, each))}


def _by_source(checkpoints: Iterable[Watched]) -> dict[str, dict[str, CheckpointSetup]]:
    by_source: dict[str, dict[str, CheckpointSetup]] = {}
    for watched in checkpoints:
        by_source.setdefault(watched.source_id, {})[watched.setup.key] = watched.setup
    return by_source


def _held(watch: PowerWatch, source_id: str) -> list[CheckpointSetup]:
    """Return the checkpoints of a source as its subentry holds them now."""
    data = watch.entry.subentries[source_id].data
    return [CheckpointSetup.from_dict(checkpoint) for checkpoint in data[CONF_CHECKPOINTS]]


def _set_checkpoints(called: Called, source_id: str, checkpoints: Iterable[CheckpointSetup]) -> None:
    entry = called.watch.entry
    subentry = entry.subentries[source_id]
    data = {**subentry.data, CONF_CHECKPOINTS: [checkpoint.as_dict() for checkpoint in checkpoints]}
    called.hass.config_entries.async_update_subentry(entry, subentry, data=data)
    # The entry's listener does so, too, but the answer shall be true already.
    called.watch.async_follow_setup()


def _changed(called: Called, checkpoint_ids: Iterable[str]) -> Answer:
    """Return how the checkpoints stand after a change."""
    found = [watched for id_ in checkpoint_ids if (watched := called.watch.lookout.find(id_)) is not None]
    return {"checkpoints": list(checkpoints_state(called, found))}
