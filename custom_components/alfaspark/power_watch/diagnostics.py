"""Diagnostics of the power watch: what is looked at and what is decided, without what tells where anything is."""

from collections.abc import Mapping
from dataclasses import asdict
import re
from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED

from custom_components.alfaspark.outages.model import CheckpointView, Decision, Kind
from custom_components.alfaspark.outages.spans import Outage
from custom_components.alfaspark.outages.statistics import PowerStatistics

from .alerts.telling import Alerts
from .observers.base import Watched
from .setup import ALL_PACKS
from .source import PowerSource
from .watch import PowerWatch

_IN_THE_OWNERS_WORDS: Final = frozenset({Kind.MQTT, Kind.ENTITY})
"""What was seen of these is a payload or a state."""
_SHORTEST_NAME: Final = 3
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*")


def watch_diagnostics(watch: PowerWatch) -> dict[str, Any]:
    """Return what is known of every power source, and which alerts wait. Times of the engine are in seconds before now."""
    return {
        "sources": [source_diagnostics(source) for source in watch.sources.values()],
        "alerts": _alerts(watch.alerts),
    }


def source_diagnostics(source: PowerSource) -> dict[str, Any]:
    """Return what is known of one power source and its checkpoints. These are named by their number and kind."""
    setup, now_s = source.setup, source.hass.loop.time()
    checkpoints = list(source.watch.checkpoints(source.id))
    names = {watched.id: f"{number} {watched.setup.kind}" for number, (watched, _) in enumerate(checkpoints, 1)}
    return {
        "id": source.id,
        "kind": setup.kind.value,
        "rule": asdict(setup.rule),
        "network_source_id": setup.network_source_id,
        "set_up": [_target(checkpoint.kind, checkpoint.target) for checkpoint in setup.checkpoints],
        "decision": _decision(source.decision, names, now_s),
        "checkpoints": {names[watched.id]: _checkpoint(watched, view, now_s) for watched, view in checkpoints},
        "battery_wh": source.battery_wh,
        "last_outage": _outage(source.data.last),
        "periods": {period.value: _figures(figures) for period, figures in source.data.periods.items()},
    }


def _target(kind: Kind, target: str) -> str:
    return f"{kind} {target if target == ALL_PACKS else REDACTED}"


def _decision(decision: Decision, names: Mapping[str, str], now_s: float) -> dict[str, Any]:
    return {
        "state": decision.state.value,
        "reason": decision.reason.value,
        "since_s": round(now_s - decision.since_s, 1),
        "decided_s": round(now_s - decision.decided_s, 1),
        "counted": decision.counted,
        "up": decision.up,
        "failing": decision.failing,
        "down": decision.down,
        "evidence": [names.get(checkpoint_id, REDACTED) for checkpoint_id in decision.evidence],
    }


def _checkpoint(watched: Watched, view: CheckpointView, now_s: float) -> dict[str, Any]:
    last, down_since_s = view.last, view.down_since_s
    return {
        "verdict": view.verdict.value,
        "seen_alive": view.seen_alive,
        "found": watched.through is not None,
        "paused": watched.setup.is_paused,
        "down_for_s": None if down_since_s is None else round(now_s - down_since_s, 1),
        "last": None
        if last is None
        else {
            "result": last.result.value,
            "age_s": round(now_s - last.at_s, 1),
            "latency_ms": None if last.latency_ms is None else round(last.latency_ms, 1),
            "detail": _detail(watched.setup.kind, watched.setup.target, last.detail),
        },
    }


def _detail(kind: Kind, target: str, detail: str) -> str:
    """Return what was seen, without whose it was: what is wrong with a target is said with the target in it."""
    if kind in _IN_THE_OWNERS_WORDS:
        return REDACTED
    hosts = re.split(r"[/@?#\[\]]+|:\d+$|:(?=/)", target)
    for word in sorted({target, *hosts}, key=len, reverse=True):
        if len(word) >= _SHORTEST_NAME:
            detail = detail.replace(word, REDACTED)
    return _ADDRESS.sub(REDACTED, detail)


def _outage(outage: Outage | None) -> dict[str, Any] | None:
    """Return an outage without its evidence, which names targets."""
    return None if outage is None else {key: value for key, value in asdict(outage).items() if key != "evidence"}


def _figures(figures: PowerStatistics) -> dict[str, Any]:
    return {key: value for key, value in asdict(figures).items() if key != "last"}


def _alerts(alerts: Alerts) -> dict[str, Any]:
    options = alerts.options
    return {
        "tells_start": options.tells_start,
        "tells_suspicion": options.tells_suspicion,
        "most_per_hour": options.most_per_hour,
        "own_texts": sorted(kind.value for kind in options.texts),
        "publishes_life": options.life is not None,
        # Of each notify entity, in their order.
        "waiting": [[alert.kind.value for alert in alerts.queue.waiting(target)] for target in options.targets],
    }
