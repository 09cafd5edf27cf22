"""What happens to power sources is told: to triggers, alerts and event entities through the dispatcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages.model import Reason

_MOST_NAMES = 10


class PowerEvent(StrEnum):
    """What happened."""

    LOST = "power_lost"
    RESTORED = "power_restored"
    SUSPECTED = "power_suspected"
    CLEARED = "power_suspicion_cleared"
    UNKNOWN = "power_unknown"


@dataclass(frozen=True, slots=True)
class PowerNews:
    """What happened to a source. Times are Unix seconds."""

    source_id: str
    """Of its subentry."""
    name: str
    event: PowerEvent
    reason: Reason
    start_s: float
    """When the outage, or the state, began: its first evidence."""
    end_s: float | None = None
    """When the outage ended; None while it goes on."""
    end_is_estimate: bool = False
    """It ended some time after `end_s`, while nobody watched."""
    evidence: tuple[str, ...] = ()
    """Names of the checkpoints that speak for it."""
    battery_wh: float | None = None
    """What the batteries have given during the outage; None if that is not known."""

    @property
    def duration_s(self) -> float | None:
        """How long the outage lasted; None while it goes on."""
        return None if self.end_s is None else self.end_s - self.start_s


def few(names: Sequence[str]) -> tuple[str, ...]:
    """Return the first ten names, and how many more there are: a push message has room for 4 kB."""
    return (*names[:_MOST_NAMES], *([f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else ()))


SIGNAL_POWER_NEWS: SignalType[PowerNews] = SignalType(f"{DOMAIN}_power_news")


@callback
def tell(hass: HomeAssistant, news: PowerNews) -> None:
    """Tell everybody who listens."""
    async_dispatcher_send(hass, SIGNAL_POWER_NEWS, news)
