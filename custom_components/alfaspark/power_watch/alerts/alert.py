"""What the owner is told of a power source, and how messages that could not be delivered become fewer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import reduce
from typing import Any, Self

import probatio

from custom_components.alfaspark.power_watch.news import PowerEvent, PowerNews

_MOST_OF_A_SOURCE = 3
"""So many messages of one source wait to be delivered; more are gathered into one."""


class AlertKind(StrEnum):
    """What is told; each has a text of its own."""

    LOST = "lost"
    RESTORED = "restored"
    SUSPECTED = "suspected"
    CLEARED = "cleared"
    FLAPPED = "flapped"
    """Power went off and came back so often that only the number is told."""
    STARTED = "started"
    """The power watch has started: how every source is."""


_KINDS = {
    PowerEvent.LOST: AlertKind.LOST,
    PowerEvent.RESTORED: AlertKind.RESTORED,
    PowerEvent.SUSPECTED: AlertKind.SUSPECTED,
    PowerEvent.CLEARED: AlertKind.CLEARED,
}
SUSPICION = (AlertKind.SUSPECTED, AlertKind.CLEARED)

_SECONDS = probatio.Any(int, float)
_SCHEMA = probatio.Schema(
    {
        "kind": probatio.In([kind.value for kind in AlertKind]),
        "source_id": str,
        "name": str,
        "at_s": _SECONDS,
        "start_s": _SECONDS,
        "end_s": probatio.Maybe(_SECONDS),
        "end_is_estimate": bool,
        "evidence": [str],
        "battery_wh": probatio.Maybe(_SECONDS),
        "losses": int,
        "is_on": bool,
        "sources": [[str]],
    },
    required=True,
)


@dataclass(frozen=True, slots=True)
class Alert:
    """A message about a power source. Times are Unix seconds."""

    kind: AlertKind
    source_id: str
    """Of its subentry; empty for one about all."""
    name: str
    at_s: float
    """When it was to be told."""
    start_s: float
    """When the outage began, the first one of those that were gathered, or the suspicion."""
    end_s: float | None = None
    """When power came back; None while it is away."""
    end_is_estimate: bool = False
    evidence: tuple[str, ...] = ()
    battery_wh: float | None = None
    losses: int = 1
    """Outages that were gathered."""
    is_on: bool = False
    """Whether there is power after all that it tells."""
    sources: tuple[tuple[str, str], ...] = ()
    """Name and state of every source, in one about all."""

    @classmethod
    def from_news(cls, news: PowerNews, at_s: float) -> Self | None:
        """Return what to tell of the news; None if there is nothing."""
        if (kind := _KINDS.get(news.event)) is None:
            return None
        return cls(
            kind=kind,
            source_id=news.source_id,
            name=news.name,
            at_s=at_s,
            start_s=news.start_s,
            end_s=news.end_s,
            end_is_estimate=news.end_is_estimate,
            evidence=news.evidence,
            battery_wh=news.battery_wh,
            is_on=kind is not AlertKind.LOST,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return asdict(self) | {
            "kind": self.kind.value,
            "evidence": list(self.evidence),
            "sources": [list(source) for source in self.sources],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the alert that stored data describes. Raises probatio.Invalid or ValueError where it is damaged."""
        valid = _SCHEMA(data)
        return cls(
            **{
                **valid,
                "kind": AlertKind(valid["kind"]),
                "evidence": tuple(valid["evidence"]),
                "sources": tuple((name, state) for name, state in valid["sources"]),
            }
        )


def gathered(older: Alert, newer: Alert) -> Alert:
    """Return one message that tells both of two about outages of one source."""
    if newer.kind is AlertKind.FLAPPED and newer.start_s <= older.start_s:
        return newer  # it counts from before the older one on
    goes_on = newer.kind is AlertKind.RESTORED and not older.is_on
    return replace(
        newer,
        kind=AlertKind.FLAPPED,
        start_s=older.start_s,
        losses=older.losses + (0 if goes_on else newer.losses),
        battery_wh=None,
    )


def with_pending(pending: list[Alert], new: Alert) -> list[Alert]:
    """Return what waits to be delivered when one more comes, without what it makes outdated.

    A loss and its restoration become one message, that of the restoration, which tells both. A suspicion that came to
    nothing is not worth a message. Of a source that goes on and off only few messages wait.
    """
    if new.kind is AlertKind.STARTED:
        return [*(alert for alert in pending if alert.kind is not AlertKind.STARTED), new]
    kept = [alert for alert in pending if alert.source_id != new.source_id or alert.kind not in SUSPICION]
    if new.kind in SUSPICION:
        is_outdated = new.kind is AlertKind.CLEARED and len(kept) < len(pending)
        return kept if is_outdated else [*kept, new]
    own = [alert for alert in kept if alert.source_id == new.source_id]
    others = [alert for alert in kept if alert.source_id != new.source_id]
    if new.kind is AlertKind.RESTORED and own and not own[-1].is_on:
        lost = own.pop()
        new = new if lost.kind is AlertKind.LOST else gathered(lost, new)
    if new.kind is AlertKind.FLAPPED:
        own = [alert for alert in own if alert.start_s < new.start_s]  # it counts those that began later
    if len(own) < _MOST_OF_A_SOURCE:
        return [*(alert for alert in kept if alert in own or alert in others), new]
    return [*others, reduce(gathered, [*own, new])]
