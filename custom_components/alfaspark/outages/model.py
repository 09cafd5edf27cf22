"""The words of the outage engine. All times are monotonic seconds of one clock that the caller reads."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Final

NETWORK: Final = "own_network"
"""Stands for the reference of Home Assistant's own network where ids of checkpoints are asked for."""


class PowerState(StrEnum):
    """What is known of a power source. Exactly one at every moment."""

    POWERED = "powered"
    SUSPECT = "suspect"
    LOST = "lost"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """How a checkpoint is observed."""

    GRID_SENSE = "grid_sense"
    PRESENCE = "presence"
    HTTP = "http"
    TCP = "tcp"
    PING = "ping"
    MQTT = "mqtt"
    ENTITY = "entity"


NETWORK_KINDS: Final = frozenset({Kind.HTTP, Kind.TCP, Kind.PING})
"""Checked actively, through Home Assistant's own network."""


class Result(StrEnum):
    """What one observation says."""

    ALIVE = "alive"
    DOWN = "down"
    DOWN_AT_ONCE = "down_at_once"
    """Needs no second failure: a grid sense, the will of an MQTT device."""
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What a checkpoint says now. UP, FAILING and DOWN are counted."""

    UNTRACKED = "untracked"
    """Soft, and never seen alive."""
    UP = "up"
    FAILING = "failing"
    """Failed, not yet as often in a row as the rule asks."""
    DOWN = "down"
    UNKNOWN = "unknown"
    PAUSED = "paused"


class Reason(StrEnum):
    """Why a source is in its state."""

    GRID_SENSED = "grid_sensed"
    GRID_NOT_SENSED = "grid_not_sensed"
    SENSES_DISAGREE = "senses_disagree"
    MOST_UP = "most_up"
    SOME_DOWN = "some_down"
    """As many as the fraction, or more, are down or failing, but not more than the fraction are down."""
    EVEN_SPLIT = "even_split"
    """Exactly the fraction is down."""
    MOST_DOWN = "most_down"
    CHECKPOINTS_DISAGREE = "checkpoints_disagree"
    """The grid is sensed, but all else says that it is lost."""
    NOTHING_TRACKED = "nothing_tracked"
    ALL_UNKNOWN = "all_unknown"
    OWN_NETWORK_LOST = "own_network_lost"
    NETWORK_SOURCE_LOST = "network_source_lost"
    NETWORK_SOURCE_SUSPECT = "network_source_suspect"
    WAITS_FOR_NETWORK = "waits_for_network"
    """Lost, if the network is seen alive after that."""
    HOLDING_LOSS = "holding_loss"
    HOLDING_RESTORATION = "holding_restoration"
    NOT_ENOUGH_UP = "not_enough_up"
    """Still lost: some are up again, but not more than the fraction."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a source is lost and when it is back. Raises ValueError for what no rule can be."""

    fraction: float = 0.5
    """0 <= fraction < 1. More than this share of the counted checkpoints must be down (up) for a loss (restoration)."""
    failures: int = 2
    """1 or more, in a row, make a checkpoint DOWN."""
    interval_s: float = 60
    """Between two checks of the same checkpoint. Failures within it can be of the same outage."""
    loss_hold_s: float = 0
    """0 or more. A loss counts after this; not for grid senses, which are believed at once."""
    restore_hold_s: float = 60
    """0 or more. A restoration counts after this."""

    def __post_init__(self) -> None:
        """Refuse what would never, or always, be an outage."""
        if not 0 <= self.fraction < 1:
            raise ValueError(f"A fraction of {self.fraction} is not in 0 <= fraction < 1")
        if self.failures < 1:
            raise ValueError(f"{self.failures} failures in a row are less than 1")
        if not (isfinite(self.interval_s) and self.interval_s > 0):
            raise ValueError(f"An interval of {self.interval_s} s is not above 0")
        if not all(isfinite(hold_s) and hold_s >= 0 for hold_s in (self.loss_hold_s, self.restore_hold_s)):
            raise ValueError(f"A hold time of {self.loss_hold_s} s or {self.restore_hold_s} s is below 0 or no number")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Something whose life shows that the source has power."""

    id: str
    kind: Kind
    stale_after_s: float | None
    """An observation is worth nothing after this. None: event-driven, it stands until the checkpoint says otherwise."""
    soft: bool = True
    """Counts only after it was seen alive once."""
    over_network: bool | None = None
    """Whether Home Assistant's own network must work to observe it. None: as its kind has it, see `is_over_network`."""

    @property
    def is_over_network(self) -> bool:
        """Whether it proves nothing while the network is down.

        True for NETWORK_KINDS and for MQTT: when a switch dies, a broker beside Home Assistant sends the wills of all
        devices behind it.
        """
        return self.kind in NETWORK_KINDS or self.kind is Kind.MQTT if self.over_network is None else self.over_network


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A power source."""

    id: str
    rule: Rule = field(default_factory=Rule)
    checkpoints: tuple[Checkpoint, ...] = ()
    network_source_id: str | None = None
    """The source that powers the network by which its checkpoints are reached; its own id: this one does."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one checkpoint."""

    checkpoint_id: str
    result: Result
    at_s: float
    """When it was true; of a check that failed: when that check began."""
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """A checkpoint as it stands."""

    verdict: Verdict
    last: Observation | None
    seen_alive: bool
    down_since_s: float | None
    """The first of the failures in a row. None while it does not fail, or when they are worth nothing any more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of a source, and why."""

    state: PowerState
    reason: Reason
    since_s: float
    """First evidence of the state, not after `decided_s`. Lost: start of the outage; unknown: last evidence before."""
    decided_s: float
    """When the state was decided."""
    counted: int
    """Checkpoints that are up, failing or down, grid senses among them."""
    down: int
    up: int
    failing: int
    evidence: tuple[str, ...]
    """Ids of the checkpoints that speak for it, sorted."""


class OutageEventKind(StrEnum):
    """What happened to the record of a source."""

    BEGAN = "began"
    MOVED = "moved"
    """The start is now known to be earlier."""
    ENDED = "ended"
    UNOBSERVED_BEGAN = "unobserved_began"
    UNOBSERVED_ENDED = "unobserved_ended"


@dataclass(frozen=True, slots=True)
class OutageEvent:
    """A change of the record of a source: outages, and stretches in which nothing was known.

    An outage stays open over such a stretch. If the power was back after it, ENDED comes before UNOBSERVED_ENDED, with
    the end before or at the begin of the stretch.
    """

    kind: OutageEventKind
    source_id: str
    start_s: float
    """Of the outage, or of the unobserved stretch."""
    end_s: float | None
    """Not before `start_s`; None while it goes on."""
    end_is_estimate: bool
    """It ended somewhere in an unobserved stretch; `end_s` is where that began."""
    evidence: tuple[str, ...]
    reason: Reason
