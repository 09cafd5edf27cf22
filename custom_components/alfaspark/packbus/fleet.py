"""The packs on the bus: who they are, which node number is whose, what they last said, who is master, what sums up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .adapter import ReceivedFrame
from .frames import Response
from .pack import Pack


@dataclass(slots=True)
class FleetStatistics:
    """Counts of what was heard and not used."""

    foreign: int = 0
    """Base frames whose sender is not known by a CLAIM, or is disputed, and frames of no known kind."""
    invalid: int = 0
    """Frames with a wrong length or a value that the protocol does not have."""
    implausible: int = 0
    """Well-formed frames with values beyond physics."""
    outdated: int = 0
    """Counters of another boot than the one announced."""
    unsupported: int = 0
    """Telemetry of a pack with another protocol version."""


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """Sums over the packs with a fresh value; None if no pack has one. Gateways are not counted."""

    packs: int
    """Packs present."""
    soc_pct: float | None
    """Mean."""
    grid_w: int | None
    home_w: int | None
    solar_w: int | None
    battery_w: int | None
    """Positive = charging."""


class Fleet:
    """Everything known of the packs on one bus. Reads no clock: times come with the frames and with `expire`.

    A pack appears when its CLAIM was followed by an ANNOUNCE that agrees with it. The first BATTERY, ENERGY and PULSE
    and every jump beyond physics must be confirmed by the next such frame before it counts, so that no single frame
    can put an absurd value into a reading.
    """

    statistics: FleetStatistics

    def __init__(
        self,
        *,
        on_appeared: Callable[[Pack], None] | None = None,
        on_restarted: Callable[[Pack], None] | None = None,
        on_gone: Callable[[Pack], None] | None = None,
        on_response: Callable[[Pack, Response], None] | None = None,
    ) -> None:
        """Start with no pack.

        `on_appeared`: a pack was heard for the first time, or again after it was gone. `on_restarted`: a new boot id
        (not at the first appearance). `on_gone`: not heard for 120 s. `on_response`: the answer to a command
        (`Client.feed`). All are called from within `receive` and `expire`.
        """

    @property
    def packs(self) -> Mapping[str, Pack]:
        """All packs ever heard since the start, by serial; see `Pack.present`."""
        raise NotImplementedError

    @property
    def master(self) -> Pack | None:
        """The present device that says it is master; the highest gateway, else the highest pack, if several do."""
        raise NotImplementedError

    @property
    def totals(self) -> FleetTotals:
        """Sums over the present packs' fresh readings."""
        raise NotImplementedError

    def receive(self, frame: ReceivedFrame) -> Pack | None:
        """Take one frame; return the pack of which something readable changed or was renewed, else None.

        Never raises: what cannot be used is counted.
        """
        raise NotImplementedError

    def expire(self, now_s: float) -> list[Pack]:
        """Drop what is too old; return the packs of which a reading, `available` or `present` changed.

        `now_s`: time.monotonic(). To be called about once a second, also while nothing is heard.
        """
        raise NotImplementedError

    def forget_nodes(self) -> None:
        """Forget which node number is whose, because the adapter was lost: numbers may change meanwhile.

        Packs and readings stay and age; the next WHO brings the numbers back.
        """
        raise NotImplementedError

    def remove(self, serial: str) -> None:
        """Forget a pack that is gone. Raises KeyError if unknown, ValueError if present."""
        raise NotImplementedError

    def take_who_request(self, now_s: float) -> bool:
        """Whether to send WHO now, because a node is heard that nobody claimed or two dispute. Rate limited.

        True starts the pause until the next True, 5 s, doubling to 80 s while asking does not help.
        """
        raise NotImplementedError
