"""Actions of the power watch that are about the past: checks, outages, figures, export and purge."""

from collections.abc import Callable, Coroutine
from functools import partial
from itertools import chain
from pathlib import Path
import re
from typing import Any, cast

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.checks import MOST_CHECKS, Check
from custom_components.alfaspark.outages.export import check_row
from custom_components.alfaspark.outages.history import MOST_OUTAGES, PowerHistory
from custom_components.alfaspark.outages.spans import Outage, Span
from custom_components.alfaspark.outages.statistics import statistics
from custom_components.alfaspark.power_watch.source import Period

from .answers import figures, local, outage, source_named
from .exporting import CONTENTS, FORMATS, Export, ExportTooLargeError
from .targets import (
    ATTR_CHECKPOINT,
    ATTR_END,
    ATTR_LIMIT,
    ATTR_START,
    RANGE,
    SOURCES,
    TEXT,
    TEXTS,
    Called,
    called_range,
    failed,
    invalid,
    unix_s,
)

ATTR_BEFORE = "before"
ATTR_CONTENT = "content"
ATTR_FILE_NAME = "file_name"
ATTR_FORMAT = "format"
ATTR_PERIOD = "period"

FOLDER = DOMAIN
"""Below Home Assistant's configuration, for exported files: not below `www`, which everybody can read."""
_MOST_CHARACTERS = 1_000_000
"""Answered at once; more goes into a file."""
_FILE_NAME = re.compile(r"[^\W_][\w .-]{0,99}")


def _limit(default: int, most: int) -> dict[probatio.Marker, Any]:
    limit = probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=most))
    return {probatio.Optional(ATTR_LIMIT, default=default): limit}


HISTORY_SCHEMAS = {
    "get_checks": probatio.Schema(
        {**SOURCES, probatio.Optional(ATTR_CHECKPOINT): TEXTS, **RANGE, **_limit(100, MOST_CHECKS)}
    ),
    "get_outages": probatio.Schema({**SOURCES, **RANGE, **_limit(100, MOST_OUTAGES)}),
    "get_outage_statistics": probatio.Schema(
        {**SOURCES, probatio.Optional(ATTR_PERIOD): probatio.In([period.value for period in Period]), **RANGE}
    ),
    "export_outages": probatio.Schema(
        {
            **SOURCES,
            probatio.Optional(ATTR_CONTENT, default="outages"): probatio.In(list(CONTENTS)),
            probatio.Optional(ATTR_FORMAT, default="csv"): probatio.In(FORMATS),
            **RANGE,
            probatio.Optional(ATTR_FILE_NAME): TEXT,
        }
    ),
    "purge_outages": probatio.Schema(
        {probatio.Required(ATTR_DEVICE_ID): TEXTS, probatio.Required(ATTR_BEFORE): cv.datetime}
    ),
}


async def _read[T](called: Called, read: Callable[[PowerHistory], T]) -> T:
    """Read from the history; what was seen until now is in it. Raises HomeAssistantError where it cannot be read."""
    called.watch.record.flush_checks()
    answer = await called.watch.record.async_read(read)
    if answer is None:
        raise failed("history_unreadable")
    return answer


async def _get_checks(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Answer with the newest checks of all that are meant, oldest first."""
    called, (from_s, to_s), limit = Called.of(hass, call), called_range(call), call.data[ATTR_LIMIT]
    wanted = {watched.id: watched for watched in called.checkpoints(call.data.get(ATTR_CHECKPOINT))}

    def read(history: PowerHistory) -> list[Check]:
        found = chain.from_iterable(history.checks(id_, from_s, to_s, limit + 1) for id_ in wanted)
        return sorted(found, key=lambda check: check.at_s)

    found, zone = await _read(called, read), dt_util.get_default_time_zone()
    called.refuse_if_gone()
    return {
        "checks": [
            {
                "source": called.name_of(wanted[check.checkpoint_id].source_id),
                "name": wanted[check.checkpoint_id].setup.name,
                **check_row(check, zone),
            }
            for check in found[-limit:]
        ],
        "more": len(found) > limit,
    }


async def _get_outages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Answer with the newest outages of each source, oldest first."""
    called, (from_s, to_s), limit = Called.of(hass, call), called_range(call), call.data[ATTR_LIMIT]

    def read(history: PowerHistory) -> list[tuple[Outage, ...]]:
        return [history.outages(source.id, from_s, to_s, limit + 1) for source in called.sources]

    found = await _read(called, read)
    called.refuse_if_gone()
    return {
        "sources": [
            source_named(called, source)
            | {
                "outages": [outage(called, source, each) for each in outages[-limit:]],
                "more": len(outages) > limit,
            }
            for source, outages in zip(called.sources, found, strict=True)
        ]
    }


async def _get_outage_statistics(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Answer with the figures of a range, or of a period of the calendar up to now: the month if nothing is given."""
    called = Called.of(hass, call)
    if ATTR_PERIOD in call.data and (ATTR_START in call.data or ATTR_END in call.data):
        raise invalid("period_and_range")
    if ATTR_START in call.data:
        from_s, to_s = called_range(call)
    elif ATTR_END in call.data:
        raise invalid("end_without_start")
    else:
        now = dt_util.now()
        from_s, to_s = Period(call.data.get(ATTR_PERIOD, Period.MONTH)).begin(now).timestamp(), now.timestamp()

    def read(history: PowerHistory) -> list[tuple[Span, ...]]:
        return [history.timeline(source.id, from_s, to_s) for source in called.sources]

    found = await _read(called, read)
    called.refuse_if_gone()
    return {
        ATTR_START: local(from_s),
        ATTR_END: local(to_s),
        "sources": [
            source_named(called, source) | figures(called, source, statistics(timeline, from_s, to_s))
            for source, timeline in zip(called.sources, found, strict=True)
        ],
    }


async def _export_outages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Answer with a text, or write it to a file that is not public."""
    called, form = Called.of(hass, call), call.data[ATTR_FORMAT]
    path = _export_path(hass, call.data[ATTR_FILE_NAME], form) if ATTR_FILE_NAME in call.data else None
    if path is None and not call.return_response:
        raise invalid("export_nowhere")
    export = Export(
        content=call.data[ATTR_CONTENT],
        form=form,
        sources={source.id: called.name_of(source.id) for source in called.sources},
        checkpoints={
            watched.id: f"{called.name_of(watched.source_id)}/{watched.setup.name}"
            for watched in called.checkpoints(None)
        },
        bounds_s=called_range(call),
        zone=dt_util.get_default_time_zone(),
    )
    try:
        if path is None:
            text = await _read_out(called, partial(export.text, most=_MOST_CHARACTERS))
            return {ATTR_FORMAT: form, "rows": export.rows_written, "text": text}
        await _read_out(called, partial(export.write, path=path))
    except ExportTooLargeError as error:
        raise invalid("export_too_large") from error
    except OSError as error:
        raise failed("export_failed", file=str(path), error=error.strerror or str(error)) from error
    return {ATTR_FORMAT: form, "rows": export.rows_written, "file": str(path)}


async def _read_out[T](called: Called, read: Callable[[PowerHistory], T]) -> T:
    """Read as `_read`, and raise what goes wrong outside the history: that says nothing about its file."""

    def tried(history: PowerHistory) -> tuple[T | None, Exception | None]:
        try:
            return read(history), None
        except (ExportTooLargeError, OSError) as error:
            return None, error

    answer, error = await _read(called, tried)
    if error is not None:
        raise error
    return cast("T", answer)


def _export_path(hass: HomeAssistant, file_name: str, form: str) -> Path:
    """Return where a file goes. Raises ServiceValidationError for a name that would lead elsewhere."""
    name = file_name.strip().removesuffix(f".{form}")
    if not _FILE_NAME.fullmatch(name):
        raise invalid("bad_file_name", file_name=file_name)
    return Path(hass.config.path(FOLDER, f"{name}.{form}"))


async def _purge_outages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Delete what ended before a moment, checks too; it is unobserved then."""
    called = Called.of(hass, call)
    before_s = min(unix_s(call.data[ATTR_BEFORE]), dt_util.utcnow().timestamp())
    deleted: dict[str, int] = {}
    checkpoints = {source.id: list(called.watch.lookout.of(source.id)) for source in called.sources}

    def purge(history: PowerHistory) -> None:
        for source_id, checkpoint_ids in checkpoints.items():
            kept = len(history.outages(source_id, 0.0, float("inf")))
            history.purge(source_id, before_s, checkpoint_ids)
            deleted[source_id] = kept - len(history.outages(source_id, 0.0, float("inf")))

    called.watch.record.flush_checks()
    await called.watch.record.async_change(purge)
    if len(deleted) < len(called.sources):
        raise failed("purge_later")
    for source in called.sources:
        await source.async_read_figures()
    called.refuse_if_gone()
    return {
        "sources": [source_named(called, source) | {"outages_deleted": deleted[source.id]} for source in called.sources]
    }


HISTORY_ACTIONS: dict[str, Callable[[HomeAssistant, ServiceCall], Coroutine[Any, Any, ServiceResponse]]] = {
    "get_checks": _get_checks,
    "get_outages": _get_outages,
    "get_outage_statistics": _get_outage_statistics,
    "export_outages": _export_outages,
    "purge_outages": _purge_outages,
}
