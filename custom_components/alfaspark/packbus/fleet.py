"""The packs on the bus: who they are, which node number is whose, what they last said, who is master, what sums up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from . import frames
from .adapter_terms import ReceivedFrame
from .frames import CLAIM_ID, CLAIM_MASK, TELEMETRY, AnnounceFlagSet, DeviceType, FrameError, Function, Response
from .grid_losses import GridLossRecord
from .nodes import NodeNumbers
from .pack import GONE_TIMEOUT_S, READING_TIMEOUT_S, Pack
from .plausibility import Verdict

WHO_PAUSE_S = 5.0
LONGEST_WHO_PAUSE_S = 80.0

_ANSWER_S = 1.0
"""CLAIM and ANNOUNCE of one device that are no further apart answer the same WHO."""

_TO_NODES = (Function.COMMAND, Function.SERVICE, Function.UPDATE_REQUEST)
"""Carry a target's number; sent by other hosts."""

_LARGEST_BASE_ID = 0x7FF


@dataclass(slots=True)
class FleetStatistics:
    """Counts of what was heard and not used."""

    foreign: int = 0
    """Base frames whose sender is not known by a CLAIM, or is disputed, and frames of no known kind."""
    invalid: int = 0
    """Frames with a wrong length or a value that the protocol does not have."""
    implausible: int = 0
    """Well-formed frames with values beyond physics, or in contradiction to who the sender is."""
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


@dataclass(frozen=True, slots=True)
class _UnclaimedAnnounce:
    """An ANNOUNCE that came before the CLAIM that says whose it is: it wins arbitration where both wait."""

    announce: frames.Announce
    time_s: float
    repeated: bool
    """The one before it had the same boot id."""

    def may_be_of(self, pack: Pack | None, now_s: float) -> bool:
        """Whether it and a CLAIM that comes now answer the same WHO.

        Of a pack that had another boot id, one such ANNOUNCE could be garbled: a restart needs two.
        """
        known = pack is None or pack.boot_id == self.announce.boot_id or self.repeated
        return known and now_s - self.time_s <= _ANSWER_S


class Fleet:
    """Everything known of the packs on one bus. Reads no clock: times come with the frames and with `expire`.

    A pack appears when its CLAIM and an ANNOUNCE that agrees with it were heard. The first BATTERY, STATUS, ENERGY
    and PULSE and every jump beyond physics must be confirmed by the next such frame before it counts, so that no single frame
    can put an absurd value into a reading.
    """

    def __init__(
        self,
        *,
        on_appeared: Callable[[Pack], None] | None = None,
        on_restarted: Callable[[Pack], None] | None = None,
        on_gone: Callable[[Pack], None] | None = None,
        on_response: Callable[[Pack, Response], None] | None = None,
        on_energy: Callable[[Pack, frames.Energy], None] | None = None,
        on_grid_loss: Callable[[Pack, GridLossRecord], None] | None = None,
    ) -> None:
        """Start with no pack.

        `on_appeared`: a pack was heard for the first time, or again after it was gone. `on_restarted`: a new boot id
        (not at the first appearance). `on_gone`: not heard for 120 s. `on_response`: the answer to a command
        (`Client.feed`). `on_energy`: a counter that can be believed. `on_grid_loss`: a loss of the grid that a pack keeps
        begins, ends, or is told once more (`Client.feed_grid_loss`). All are called from within `receive` and `expire`.
        """
        self.statistics = FleetStatistics()
        self._on_appeared = on_appeared
        self._on_restarted = on_restarted
        self._on_gone = on_gone
        self._on_response = on_response
        self._on_energy = on_energy
        self._on_grid_loss = on_grid_loss
        self._packs: dict[str, Pack] = {}
        self._numbers = NodeNumbers()
        self._unclaimed_announces: dict[int, _UnclaimedAnnounce] = {}
        self._who_wanted = False
        self._who_pause_s = WHO_PAUSE_S
        self._next_who_s = 0.0

    @property
    def packs(self) -> Mapping[str, Pack]:
        """All packs ever heard since the start, by serial; see `Pack.present`."""
        return MappingProxyType(self._packs)

    @property
    def master(self) -> Pack | None:
        """The present device that says it is master; the highest gateway, else the highest pack, if several do."""
        masters = [
            pack
            for pack in self._packs.values()
            if pack.present and AnnounceFlagSet.IS_MASTER in pack.announce.flags and pack.node is not None
        ]
        # One that fell silent still counts as present, but not against its successor.
        return max(masters, key=lambda pack: (pack.available, pack.device_type, pack.node), default=None)

    @property
    def totals(self) -> FleetTotals:
        """Sums over the present packs' fresh readings."""
        packs = [pack for pack in self._packs.values() if pack.present and pack.device_type is DeviceType.ENERGY_PACK]
        socs = [pack.battery.soc_pct for pack in packs if pack.battery and pack.battery.soc_pct is not None]
        powers = [pack.power for pack in packs if pack.power]
        return FleetTotals(
            packs=len(packs),
            soc_pct=sum(socs) / len(socs) if socs else None,
            grid_w=_sum_of_known(power.grid_w for power in powers),
            home_w=_sum_of_known(power.home_w for power in powers),
            solar_w=_sum_of_known(power.solar_w for power in powers),
            battery_w=_sum_of_known(power.battery_w for power in powers),
        )

    def receive(self, frame: ReceivedFrame) -> Pack | None:
        """Take one frame; return the pack of which something readable changed or was renewed, else None.

        Never raises: what cannot be used is counted.
        """
        try:
            if frame.extended:
                return self._receive_extended(frame)
            return self._receive_base(frame)
        except FrameError:
            self.statistics.invalid += 1
            return None

    def expire(self, now_s: float) -> list[Pack]:
        """Drop what is too old; return the packs of which a reading, `available` or `present` changed.

        `now_s`: time.monotonic(). To be called about once a second, also while nothing is heard.
        """
        return [pack for pack in self._packs.values() if self._expire_pack(pack, now_s)]

    def forget_nodes(self) -> None:
        """Forget which node number is whose, because the adapter was lost: numbers may change meanwhile.

        Packs and readings stay and age; the next WHO brings the numbers back.
        """
        self._numbers.release_all()
        self._unclaimed_announces.clear()
        self._who_pause_s, self._next_who_s = WHO_PAUSE_S, 0.0
        self._renumber()

    def recall(self, serial: str, announce: frames.Announce) -> Pack:
        """Know a pack from an earlier time, as it last announced itself; it is not present before it is heard."""
        return self._packs.setdefault(serial, Pack(serial, announce))

    def remove(self, serial: str) -> None:
        """Forget a pack that is gone. Raises KeyError if unknown, ValueError if present."""
        if self._packs[serial].present:
            raise ValueError(f"Pack {serial} is present and would appear again at once")
        del self._packs[serial]
        self._numbers.forget(serial)

    def take_who_request(self, now_s: float) -> bool:
        """Whether to send WHO now, because a node is heard that nobody claimed or several did. Rate limited.

        True starts the pause until the next True, 5 s, doubling to 80 s while asking does not help.
        """
        if not self._who_wanted or now_s < self._next_who_s:
            return False
        self._who_wanted = False
        self._next_who_s = now_s + self._who_pause_s
        self._who_pause_s = min(2 * self._who_pause_s, LONGEST_WHO_PAUSE_S)
        return True

    def holder(self, node: int) -> Pack | None:
        """Return the pack that holds a node number now."""
        serial = self._numbers.holder(node)
        return None if serial is None else self._packs.get(serial)

    # Identity: CLAIM and ANNOUNCE.

    def _receive_extended(self, frame: ReceivedFrame) -> Pack | None:
        if frame.can_id & CLAIM_MASK != CLAIM_ID:
            self.statistics.foreign += 1
            return None
        claim = frames.Claim.decode(frame.data)
        serial = f"{claim.serial_high:06x}{frame.can_id & 0xFFFFFF:06x}"
        if self._numbers.claim(serial, claim, lambda rival: self._is_silent(rival, frame.time_s)):
            self._who_pause_s = WHO_PAUSE_S
        if serial in self._packs:
            self._packs[serial].claimed_s = frame.time_s
        self._renumber()
        if claim.node and self._numbers.holder(claim.node) is None:
            self._who_wanted = True
        unclaimed = self._unclaimed_announces.get(claim.node)
        known = self._packs.get(serial)
        if known is not None and not known.last_seen_s:
            known = None  # from an earlier time: it may well have restarted
        if unclaimed is not None and unclaimed.may_be_of(known, frame.time_s):
            self._take_announce(claim.node, unclaimed.announce, unclaimed.time_s)
        return self._packs.get(serial)

    def _is_silent(self, serial: str, now_s: float) -> bool:
        pack = self._packs.get(serial)
        return pack is not None and now_s - max(pack.last_seen_s, pack.claimed_s) > READING_TIMEOUT_S

    def _take_announce(self, node: int, announce: frames.Announce, time_s: float) -> Pack | None:
        serial = self._numbers.announced(node, announce.boot_id)
        self._renumber()
        before = self._unclaimed_announces.pop(node, None)
        if serial is None:
            repeated = before is not None and before.announce.boot_id == announce.boot_id
            self._unclaimed_announces[node] = _UnclaimedAnnounce(announce, time_s, repeated)
            self._who_wanted = True
            return None
        pack = self._packs.get(serial)
        if not self._agrees(announce, serial, pack):
            self.statistics.implausible += 1
            self._who_wanted = True
            return None
        if pack is None:
            pack = self._packs[serial] = Pack(serial, announce, node)
        restarted = pack.boot_id != announce.boot_id
        pack.announce = announce
        if restarted:
            pack.forget_boot()
        self._note_heard(pack, time_s)
        if restarted and self._on_restarted:
            self._on_restarted(pack)
        return pack

    def _agrees(self, announce: frames.Announce, serial: str, pack: Pack | None) -> bool:
        """Whether an ANNOUNCE fits the CLAIM, and within one boot what was announced before."""
        claim = self._numbers.claim_of(serial)
        assert claim is not None
        return (claim.device_type, claim.fw_major, claim.fw_minor, claim.fw_patch) == (
            announce.device_type,
            announce.fw_major,
            announce.fw_minor,
            announce.fw_patch,
        ) and (pack is None or pack.boot_id != announce.boot_id or pack.protocol_version == announce.protocol_version)

    def _renumber(self) -> None:
        numbers = self._numbers.by_serial()
        for pack in self._packs.values():
            pack.node = numbers.get(pack.serial)

    # Readings.

    def _receive_base(self, frame: ReceivedFrame) -> Pack | None:
        base_id, node = frame.can_id & ~0x7F, frame.can_id & 0x7F
        if base_id in _TO_NODES:
            return None
        if not 1 <= node <= 126 or not (base_id in TELEMETRY or base_id == Function.UPDATE_RESPONSE):
            self.statistics.foreign += 1
            return None
        function = Function(base_id)
        if function is Function.ANNOUNCE:
            pack = self._take_announce(node, frames.Announce.decode(frame.data), frame.time_s)
            self.statistics.foreign += self.holder(node) is None
            return pack
        pack = self.holder(node)
        if pack is None:
            self.statistics.foreign += 1
            self._who_wanted = True
            return None
        if function is Function.GRID_LOSS:
            self._receive_grid_loss(pack, frame)
            return None
        if function is Function.UPDATE_RESPONSE:
            self._note_heard(pack, frame.time_s)
        elif not pack.speaks_our_protocol:
            self.statistics.unsupported += 1
            self._note_heard(pack, frame.time_s)
        else:
            return self._receive_telemetry(pack, function, frame)
        return pack

    def _receive_telemetry(self, pack: Pack, function: Function, frame: ReceivedFrame) -> Pack | None:
        telemetry = TELEMETRY[function].decode(frame.data)
        if pack.counts_from_other_boot(telemetry):
            self.statistics.outdated += 1
            self._who_wanted = True
            return None
        verdict = pack.take(function, telemetry, frame.time_s)
        if verdict is not Verdict.PLAUSIBLE:
            self.statistics.implausible += verdict is Verdict.IMPLAUSIBLE
            return None
        self._note_heard(pack, frame.time_s)
        if isinstance(telemetry, Response) and self._on_response:
            self._on_response(pack, telemetry)
        elif isinstance(telemetry, frames.Energy) and self._on_energy:
            self._on_energy(pack, telemetry)
        return pack

    def _receive_grid_loss(self, pack: Pack, frame: ReceivedFrame) -> None:
        """Pass on what is a memory: no reading, and no sign of presence."""
        if not pack.speaks_our_protocol:
            self.statistics.unsupported += 1
            return
        record = GridLossRecord.from_frame(frames.GridLoss.decode(frame.data))
        if self._on_grid_loss:
            self._on_grid_loss(pack, record)

    # Presence.

    def _note_heard(self, pack: Pack, time_s: float) -> None:
        pack.last_seen_s = time_s
        pack.available = True
        if not pack.present:
            pack.present = True
            if self._on_appeared:
                self._on_appeared(pack)

    def _expire_pack(self, pack: Pack, now_s: float) -> bool:
        changed = pack.drop_stale(now_s)
        silent_s = now_s - pack.last_seen_s
        if pack.available and silent_s > READING_TIMEOUT_S:
            pack.available = False
            changed = True
        if pack.present and silent_s > GONE_TIMEOUT_S:
            pack.present = False
            changed = True
            self._numbers.release(pack.serial)
            self._renumber()
            if self._on_gone:
                self._on_gone(pack)
        return changed


def _sum_of_known(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
