"""What every observer is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from homeassistant.core import HomeAssistant, callback

from custom_components.alfaspark.outages.model import Result, Rule
from custom_components.alfaspark.power_watch.setup import CheckpointSetup


@dataclass(frozen=True, slots=True)
class Watched:
    """A checkpoint that is looked at."""

    id: str
    """Of the checkpoint, in all the power watch."""
    setup: CheckpointSetup
    rule: Rule
    """Of its source."""
    source_id: str
    through: str | None = None
    """Id of the checkpoint through which it was found; None for what the owner has set up."""


class Report(Protocol):
    """Takes what was seen."""

    @callback
    def __call__(
        self, watched: Watched, result: Result, at_s: float, *, latency_ms: float | None = None, detail: str = ""
    ) -> None:
        """Take one observation; `at_s` on the event loop's clock."""


class Found(Protocol):
    """Takes a checkpoint that was found through another one, which stands for many."""

    @callback
    def __call__(self, through: Watched, setup: CheckpointSetup) -> None:
        """Have it looked at, if it is not yet; one that is takes over its name."""


class Observer(ABC):
    """Looks at checkpoints of some kinds and reports what it sees. Everything runs in the event loop."""

    def __init__(self, hass: HomeAssistant, report: Report, found: Found) -> None:
        """Look at nothing yet."""
        self._hass = hass
        self._report = report
        self._found = found

    @abstractmethod
    @callback
    def async_add(self, watched: Watched) -> None:
        """Begin to look at a checkpoint."""

    @abstractmethod
    @callback
    def async_remove(self, watched: Watched) -> None:
        """Do not look at it any more."""

    @abstractmethod
    @callback
    def async_change(self, watched: Watched) -> None:
        """Go on with one whose name, rule or options were changed, without forgetting what was seen of it."""

    @callback  # noqa: B027 - most find nothing at once
    def async_find(self, through: Watched) -> None:
        """Find what a checkpoint stands for, of that which is known at once."""

    @abstractmethod
    async def async_check(self, watched: Watched) -> None:
        """Look now and report, where looking is possible at any time."""

    @abstractmethod
    async def async_stop(self) -> None:
        """Let go of everything."""

    def _now_s(self) -> float:
        return self._hass.loop.time()
