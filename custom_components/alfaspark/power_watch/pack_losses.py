"""Stretches in which nobody watched are filled from what packs remember: they are on battery."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
import logging
from time import time
from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.entries import loaded_hubs
from custom_components.alfaspark.hub import Hub
from custom_components.alfaspark.memory import MEMORY
from custom_components.alfaspark.outages.history import PowerHistory
from custom_components.alfaspark.outages.model import Kind, Reason
from custom_components.alfaspark.outages.spans import Span, SpanKind
from custom_components.alfaspark.packbus.adapter_terms import AdapterError
from custom_components.alfaspark.packbus.client import CommandError, CommandRefused, CommandUnsupported
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, DeviceType, GridState
from custom_components.alfaspark.packbus.grid_losses import KEPT, GridLossRecord

from .observers.base import Watched

if TYPE_CHECKING:
    from .source import PowerSource
    from .watch import PowerWatch

_LOGGER = logging.getLogger(__name__)

_WAITS_S: Final = (5.0, 15.0, 60.0, 300.0)
"""Before each try. Packs that come back together are read together and weighed; the second try waits for nobody."""
_REACH_S: Final = 366 * 86_400.0
"""Older stretches alone are no reason to ask."""
_LEAST_S: Final = 1.0
"""A loss of which no end is known has lasted at least that."""
_CLOCKS_S: Final = 60.0
"""So far the clock of a pack may be ahead."""

type _Holes = tuple[tuple[float, float], ...]
"""Stretches in which nobody watched and that are over, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one pack tells of the past. Unix seconds."""

    serial: str
    checkpoint_id: str
    losses: Sequence[GridLossRecord]
    """All that it keeps, oldest first."""
    read_s: float
    vouches_since_s: float | None
    """It had its supply, sensed the grid and knew the time since then, as far as anybody knows; None: it may not have."""
    has_grid: bool = False
    """It sensed the grid when it was read, so that no loss goes on."""

    def spans(self) -> Iterator[Span]:
        """Yield the losses whose time is known, and then what was powered for sure besides.

        What cannot be is left out, and nothing is known since it is said to have begun.
        """
        until_s = self.read_s
        for loss in self.losses:
            if loss.start_s is None:
                continue
            if self._can_be(loss, loss.start_s):
                yield self._lost(loss, loss.start_s)
            else:
                until_s = min(until_s, loss.start_s)
        since_s = self._complete_since_s()
        if since_s is not None and since_s < until_s:
            yield Span(SpanKind.POWERED, since_s, until_s, filled_from=self.serial)

    def goes_on_with_grid(self) -> bool:
        """Whether it says two things at once; a loss may just have ended."""
        return self.has_grid and any(loss.is_going_on for loss in self.losses)

    def _can_be(self, loss: GridLossRecord, start_s: float) -> bool:
        """Only the newest goes on, and only without grid; the others ended before they were read."""
        if loss.is_going_on and (self.has_grid or loss is not self.losses[-1]):
            return False
        return start_s + (loss.duration_s or 0.0) <= self.read_s + _CLOCKS_S

    def _lost(self, loss: GridLossRecord, start_s: float) -> Span:
        end_s, is_known = start_s + _LEAST_S, False
        if loss.is_going_on:
            end_s, is_known = max(start_s, self.read_s), True
        elif loss.duration_s is not None:
            end_s, is_known = start_s + loss.duration_s, True
        return Span(
            SpanKind.LOST,
            start_s,
            end_s,
            end_is_estimate=not is_known,
            reason=Reason.GRID_NOT_SENSED,
            evidence=(self.checkpoint_id,),
            filled_from=self.serial,
        )

    def _complete_since_s(self) -> float | None:
        """Return since when all losses are among those that it keeps, with their times; None if that cannot be said.

        One whose start is not known is from before this boot. Where its end is not known either, it may reach into it.
        """
        since_s = self.vouches_since_s
        if since_s is None:
            return None
        if len(self.losses) >= KEPT:
            since_s = max(since_s, self.losses[0].start_s or since_s)
        is_settled = True
        for loss in self.losses:
            if loss.start_s is None:
                is_settled = is_settled and loss.duration_s is not None
            elif not is_settled:
                since_s, is_settled = max(since_s, loss.start_s), True
        return since_s if is_settled else None


def weighed(accounts: Sequence[Account], fraction: float) -> tuple[Span, ...]:
    """Return what packs say together of each moment, in order; stretches of which they do not know are left out.

    A pack can speak where it had a loss or vouches for power. Lost: more than the fraction of those that can speak say
    so, as for what they sense live. Powered: more than the fraction vouch for it.
    """
    until_s = min((account.read_s for account in accounts), default=0.0)
    told = [span for account in accounts for span in account.spans()]
    edges = sorted(
        {min(edge_s, until_s) for span in told for edge_s in (span.start_s, span.end_s) if edge_s is not None}
    )
    spans: list[Span] = []
    for left_s, right_s in pairwise(edges):
        piece = _piece(told, left_s, right_s, fraction)
        if piece.kind is not SpanKind.UNOBSERVED and spans and spans[-1].kind is piece.kind:
            evidence = tuple(dict.fromkeys(spans[-1].evidence + piece.evidence))
            piece = replace(piece, start_s=spans[-1].start_s, evidence=evidence, filled_from=spans.pop().filled_from)
        spans.append(piece)
    return tuple(_bounded(spans))


def _piece(told: Sequence[Span], left_s: float, right_s: float, fraction: float) -> Span:
    """Return what is said of a stretch in which nobody changes his mind; unobserved with evidence: they disagree."""
    said: dict[str | None, Span] = {}
    for span in told:
        if span.start_s <= left_s and span.end_s is not None and span.end_s >= right_s:
            # The losses of a pack come first: it had no power in them.
            said.setdefault(span.filled_from, span)
    lost = [span for span in said.values() if span.kind is SpanKind.LOST]
    powered = [span for span in said.values() if span.kind is SpanKind.POWERED]
    if len(lost) > fraction * len(said):
        is_doubted = any(span.end_s == right_s and span.end_is_estimate for span in lost)
        evidence = tuple(dict.fromkeys(each for span in lost for each in span.evidence))
        return replace(lost[0], start_s=left_s, end_s=right_s, end_is_estimate=is_doubted, evidence=evidence)
    if len(powered) > fraction * len(said):
        return replace(powered[0], start_s=left_s, end_s=right_s)
    return Span(SpanKind.UNOBSERVED, left_s, right_s, evidence=tuple(each for span in lost for each in span.evidence))


def _bounded(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield what is known. Where a loss meets a stretch about which packs disagree, its bound is an estimate."""
    disagreed = {
        edge_s
        for span in spans
        if span.kind is SpanKind.UNOBSERVED and span.evidence
        for edge_s in (span.start_s, span.end_s)
    }
    for span in spans:
        if span.kind is SpanKind.LOST:
            yield replace(
                span,
                start_is_estimate=span.start_s in disagreed,
                end_is_estimate=span.end_is_estimate or span.end_s in disagreed,
            )
        elif span.kind is SpanKind.POWERED:
            yield span


class PackLosses:
    """Asks packs for what nobody watched, whenever one is heard or such a stretch is over. Runs in the event loop."""

    def __init__(self, hass: HomeAssistant, watch: PowerWatch) -> None:
        """Ask nobody yet."""
        self._hass = hass
        self._watch = watch
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        """Sources of which something is new since their last try began."""
        self._settled: dict[str, tuple[_Holes, frozenset[tuple[str, int]]]] = {}
        """What is left of each source though these packs, in these boots, have told all they know."""

    @callback
    def async_follow(self, source_id: str) -> None:
        """A pack of the source is heard, or a stretch in which nobody watched is over."""
        self._again.add(source_id)
        if source_id not in self._tasks:
            self._tasks[source_id] = self._watch.entry.async_create_background_task(
                self._hass, self._run(source_id), f"what packs remember for {source_id}"
            )

    @callback
    def async_stop(self) -> None:
        """Ask nobody any more."""
        for task in tuple(self._tasks.values()):
            task.cancel()

    async def _run(self, source_id: str) -> None:
        """Try until it is done, a few times; anew if something is new meanwhile."""
        waits = iter(_WAITS_S)
        try:
            while (wait_s := next(waits, None)) is not None:
                await asyncio.sleep(wait_s)
                is_new = source_id in self._again
                self._again.discard(source_id)
                if is_new and wait_s != _WAITS_S[0]:
                    waits = iter(_WAITS_S[1:])
                source = self._watch.sources.get(source_id)
                is_first, is_last = wait_s == _WAITS_S[0], wait_s == _WAITS_S[-1] and not is_new
                if source is not None and not await self._fill(source, is_first=is_first, is_last=is_last):
                    continue
                if source_id not in self._again:
                    return
                waits = iter(_WAITS_S)
        finally:
            del self._tasks[source_id]

    async def _fill(self, source: PowerSource, *, is_first: bool, is_last: bool) -> bool:
        """Fill what can be filled now; return False if more may come to be known soon."""
        holes = await self._holes(source.id)
        senses = list(self._senses(source.id))
        packs = frozenset((pack.serial, pack.data.boot_id) for _, _, pack in senses)
        if not senses or not holes or self._settled.get(source.id) == (holes, packs):
            return holes is not None
        if is_first and self._is_one_silent(source.id):
            # As after a start: those that were heard would decide for those that were not yet.
            return False
        accounts = [await self._ask(*sense, is_last=is_last) for sense in senses]
        is_whole = None not in accounts
        if not is_whole and not is_last:
            return False
        told = weighed([account for account in accounts if account is not None], source.setup.rule.fraction)
        if told and source.id in self._watch.sources:
            await self._watch.record.async_change(lambda history: history.fill(source.id, told))
        left = await self._holes(source.id)
        if left is None:
            return False
        if is_whole:
            self._settled[source.id] = left, packs
        if left != holes:
            since = dt_util.as_local(dt_util.utc_from_timestamp(holes[0][0]))
            _LOGGER.info("%s: packs remember what nobody watched since %s", source.name, f"{since:%Y-%m-%d %H:%M}")
            await self._watch.async_follow_filled(source, holes[0][0])
        return True

    async def _holes(self, source_id: str) -> _Holes | None:
        """Return what may be filled, oldest first; None if that cannot be read."""
        now_s = time()

        def read(history: PowerHistory) -> _Holes:
            since_s = next((row.watched_since_s for row in history.sources() if row.id == source_id), now_s)
            return tuple(
                (span.start_s, span.end_s)
                for span in history.timeline(source_id, max(since_s, now_s - _REACH_S), now_s)
                if span.kind is SpanKind.UNOBSERVED and not span.is_open and span.end_s is not None
            )

        return await self._watch.record.async_read(read)

    def _senses(self, source_id: str) -> Iterator[tuple[Watched, Hub, PackCoordinator]]:
        """Yield the grid senses of a source whose packs are heard now."""
        packs = {serial: (hub, pack) for hub in loaded_hubs(self._hass) for serial, pack in hub.packs.items()}
        for watched in self._watch.lookout.of(source_id).values():
            found = packs.get(watched.setup.target) if watched.setup.kind is Kind.GRID_SENSE else None
            if found is not None and found[1].available and not watched.setup.is_paused:
                yield watched, *found

    def _is_one_silent(self, source_id: str) -> bool:
        """Whether a pack is not heard that has a part in it, or had one before Home Assistant was started."""
        setups = [watched.setup for watched in self._watch.lookout.of(source_id).values()]
        senses = [setup for setup in setups if setup.kind is Kind.GRID_SENSE]
        serials = {setup.target for setup in senses if not setup.is_group}
        if any(setup.is_group and not setup.is_paused for setup in senses):
            known = self._hass.data[MEMORY].packs.items()
            serials |= {serial for serial, record in known if record.device_type is DeviceType.ENERGY_PACK}
        serials -= {setup.target for setup in senses if setup.is_paused}
        return not serials <= {pack.serial for _, _, pack in self._senses(source_id)}

    async def _ask(self, watched: Watched, hub: Hub, pack: PackCoordinator, *, is_last: bool) -> Account | None:
        """Return what a pack knows; None if it may tell more soon."""
        knows_time = AnnounceFlagSet.CLOCK_VALID in pack.data.announce.flags
        if not knows_time and not is_last:
            return None
        read_s = time()
        try:
            losses = await hub.client.read_grid_losses(pack.data)
        except (CommandRefused, CommandUnsupported) as error:
            _LOGGER.debug("%s keeps no losses of the grid: %s", pack.name, error)
            losses, knows_time = (), False
        except (CommandError, AdapterError) as error:
            _LOGGER.debug("The losses of the grid that %s keeps could not be read: %s", pack.name, error)
            return None
        status = pack.data.status
        senses = status is not None and status.grid in (GridState.PRESENT, GridState.ABSENT)
        # After the answer: a pack that restarted meanwhile vouches for nothing before.
        since_s = pack.record.boot_since_s if knows_time and senses else None
        has_grid = status is not None and status.grid is GridState.PRESENT
        account = Account(pack.serial, watched.id, losses, read_s, since_s, has_grid)
        return None if account.goes_on_with_grid() and not is_last else account
