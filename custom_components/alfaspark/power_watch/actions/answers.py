"""What the actions of the power watch answer with: plain JSON, times in ISO 8601 with the owner's offset."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from homeassistant.util import dt as dt_util

from custom_components.alfaspark.outages.export import Row, iso_time, outage_row
from custom_components.alfaspark.outages.model import CheckpointView
from custom_components.alfaspark.outages.spans import Outage
from custom_components.alfaspark.outages.statistics import PowerStatistics
from custom_components.alfaspark.power_watch.observers.base import Watched
from custom_components.alfaspark.power_watch.source import PowerSource

from .targets import Called

type Answer = dict[str, Any]


def local(unix_s: float | None) -> str | None:
    """Return a time as it is answered."""
    return iso_time(unix_s, dt_util.get_default_time_zone())


def source_named(called: Called, source: PowerSource) -> Answer:
    """Return which source it is."""
    device = called.device_of(source.id)
    return {"id": source.id, "device_id": device.id if device else None, "name": called.name_of(source.id)}


def source_state(called: Called, source: PowerSource) -> Answer:
    """Return how a source is, why, how it is judged and through what it is watched."""
    decision, setup, network_id = source.decision, source.setup, source.setup.network_source_id
    return source_named(called, source) | {
        "kind": setup.kind.value,
        "state": decision.state.value,
        "reason": decision.reason.value,
        "since": local(called.watch.record.unix_s(decision.since_s)),
        "up": decision.up,
        "failing": decision.failing,
        "down": decision.down,
        "evidence": called.watch.checkpoint_names(source.id, decision.evidence),
        "rule": asdict(setup.rule),
        "network_source": called.name_of(network_id) if network_id in called.watch.sources else None,
        "checkpoints": list(checkpoints_state(called, called.watch.lookout.of(source.id).values())),
    }


def checkpoints_state(called: Called, checkpoints: Iterable[Watched]) -> Iterator[Answer]:
    """Yield how checkpoints stand. Nothing is known of one that stands for many but what was found through it."""
    views: dict[str, CheckpointView] = {}
    for source in called.sources:
        views |= {watched.id: view for watched, view in called.watch.checkpoints(source.id)}
    for watched in checkpoints:
        yield _checkpoint(called, watched, views.get(watched.id))


def _checkpoint(called: Called, watched: Watched, view: CheckpointView | None) -> Answer:
    through = called.watch.lookout.find(watched.through) if watched.through else None
    unix_s = called.watch.record.unix_s
    last = view.last if view else None
    down_since_s = view.down_since_s if view else None
    return {
        "id": watched.id,
        "source": called.name_of(watched.source_id),
        "name": watched.setup.name,
        "kind": watched.setup.kind.value,
        "target": watched.setup.target,
        "paused": watched.setup.is_paused,
        "stands_for_many": watched.setup.is_group,
        "found_through": through.setup.name if through else None,
        "verdict": view.verdict.value if view else None,
        "seen_alive": view.seen_alive if view else None,
        "down_since": None if down_since_s is None else local(unix_s(down_since_s)),
        "last_check": last
        and {
            "time": local(unix_s(last.at_s)),
            "result": last.result.value,
            "latency_ms": None if last.latency_ms is None else round(last.latency_ms, 3),
            "detail": last.detail,
        },
    }


def outage(called: Called, source: PowerSource, found: Outage) -> Row:
    """Return an outage; its evidence are the owner's names."""
    named = replace(found, evidence=tuple(called.watch.checkpoint_names(source.id, found.evidence)))
    return outage_row(called.name_of(source.id), named, dt_util.get_default_time_zone())


def figures(called: Called, source: PowerSource, found: PowerStatistics) -> Answer:
    """Return the figures of a range of time; None is unknown."""
    return {
        "uptime_pct": _rounded(found.uptime_pct),
        "outages": found.count,
        "total_down_s": _rounded(found.total_down_s),
        "longest_s": _rounded(found.longest_s),
        "mean_s": _rounded(found.mean_s),
        "observed_s": _rounded(found.observed_s),
        "up_s": _rounded(found.up_s),
        "unobserved_s": _rounded(found.unobserved_s),
        "last": found.last and outage(called, source, found.last),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
