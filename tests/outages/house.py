"""A power watch that writes down what it tells, and a short way to say what is seen."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from custom_components.alfaspark.outages.model import (
    Checkpoint,
    Decision,
    Kind,
    Observation,
    OutageEvent,
    OutageEventKind,
    Result,
    Rule,
    SourceConfig,
)
from custom_components.alfaspark.outages.watch import OutageWatch

RESULTS: Final[Mapping[str, Result]] = {
    "up": Result.ALIVE,
    "down": Result.DOWN,
    "gone": Result.DOWN_AT_ONCE,
    "?": Result.UNKNOWN,
}
KINDS: Final[Mapping[str, Kind]] = {
    "sense": Kind.GRID_SENSE,
    "pack": Kind.PRESENCE,
    "http": Kind.HTTP,
    "ping": Kind.PING,
    "mqtt": Kind.MQTT,
    "entity": Kind.ENTITY,
}
POLLED: Final = (Kind.HTTP, Kind.PING)
STALE_AFTER_S: Final = 150.0


def checkpoint(id_: str, *, soft: bool = True) -> Checkpoint:
    """Make a checkpoint; its id, without a number, is its kind: `http2`."""
    kind = KINDS[id_.rsplit(".", maxsplit=1)[-1].rstrip("0123456789")]
    return Checkpoint(id_, kind, STALE_AFTER_S if kind in POLLED else None, soft)


class House:
    """An outage watch, what is seen in it, and what it told."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.watch = OutageWatch(self._changed, self._happened)
        self.now_s = 0.0
        self.decisions: list[tuple[str, Decision]] = []
        self.events: list[OutageEvent] = []
        self._configs: dict[str, SourceConfig] = {}

    def add(self, id_: str, *checkpoint_ids: str, rule: Rule | None = None, network: str | None = None) -> None:
        """Add or replace a source."""
        checkpoints = tuple(checkpoint(each) for each in checkpoint_ids)
        self.configure(SourceConfig(id_, rule or Rule(), checkpoints, network))

    def configure(self, config: SourceConfig) -> None:
        """Add or replace a source."""
        self._configs[config.id] = config
        self.watch.set_source(config, self.now_s)

    def change_rule(self, id_: str, rule: Rule) -> None:
        """Replace the rule of a source."""
        self.configure(replace(self._configs[id_], rule=rule))

    def at(self, at_s: float, **seen: str) -> None:
        """Let time pass to `at_s`; then see this: `http1="down"`, or `network="down"` of the reference."""
        self.now_s = at_s
        for id_, word in seen.items():
            self.see(id_.replace("_", "."), word, at_s)
        self.watch.tick(at_s)

    def see(self, id_: str, word: str, at_s: float) -> None:
        """See something that was true at `at_s`, now."""
        if id_ == "network":
            self.watch.observe_network({"up": True, "down": False, "?": None}[word], at_s, self.now_s)
        else:
            self.watch.observe(Observation(id_, RESULTS[word], at_s), self.now_s)

    def says(self, id_: str = "grid") -> str:
        """Return what is decided, in short: `lost most_down`."""
        decision = self.watch.decision(id_)
        return f"{decision.state} {decision.reason}"

    def record(self, id_: str = "grid") -> list[str]:
        """Return what happened to the record, in short: `ended 61-181`; `~` before an end that is an estimate."""
        return [_short(event) for event in self.events if event.source_id == id_]

    def outages(self, id_: str = "grid") -> list[str]:
        """Return the same, of outages only."""
        unobserved = (OutageEventKind.UNOBSERVED_BEGAN, OutageEventKind.UNOBSERVED_ENDED)
        return [_short(event) for event in self.events if event.source_id == id_ and event.kind not in unobserved]

    def _changed(self, source_id: str, decision: Decision, before: Decision | None) -> None:
        assert decision != before
        assert before == next((told for id_, told in reversed(self.decisions) if id_ == source_id), None)
        self.decisions.append((source_id, decision))

    def _happened(self, event: OutageEvent) -> None:
        self.events.append(event)


def _short(event: OutageEvent) -> str:
    end = "" if event.end_s is None else f"-{'~' if event.end_is_estimate else ''}{event.end_s:g}"
    return f"{event.kind} {event.start_s:g}{end}"
