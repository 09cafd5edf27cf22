"""Which node number is whose, from what the devices say of themselves.

A CLAIM names a serial and its number; the device's frames carry the number alone. Numbers change hands: devices claim
the same one at the same time, move, restart, or are replaced while the adapter was unplugged. The rule here needs no
clock of the bus and no knowledge of who holds what for how long, so that it cannot disagree with the devices' own:

- A number with one claimant is that claimant's.
- With several it is nobody's until all but one have claimed another number, or until an ANNOUNCE tells them apart by
  its boot id: that of a claimant as last announced; or a new one, if just one claimant can have restarted, which it
  tells by a CLAIM. (A loser moves within milliseconds, so that this is rare: a claimant died, or a CLAIM was garbage.)
- An ANNOUNCE with a boot id that its only claimant cannot have shows that another device uses the number: it is
  nobody's until claimed again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .frames import Claim

_MOST_CLAIMANTS = 16
"""Of one number; beyond that the first is forgotten, so that nonsense on the bus fills no memory."""


@dataclass(slots=True)
class _Claimant:
    claim: Claim
    may_have_restarted: bool = True
    """No ANNOUNCE since the CLAIM: the next one may bring a new boot id."""
    repeated: bool = False
    """It claimed the number again after another had: it is alive."""


class NodeNumbers:
    """Node numbers 1..126 and the serials that claim them."""

    def __init__(self) -> None:
        """Start with no number claimed."""
        self._claimants: dict[int, dict[str, _Claimant]] = {}
        self._boot_ids: dict[str, int] = {}

    def holder(self, node: int) -> str | None:
        """Return the serial that a node number belongs to; None if nobody claimed it or several did."""
        claimants = self._claimants.get(node)
        return next(iter(claimants)) if claimants and len(claimants) == 1 else None

    def by_serial(self) -> dict[str, int]:
        """Return the node numbers that belong to somebody, by serial."""
        return {next(iter(claimants)): node for node, claimants in self._claimants.items() if len(claimants) == 1}

    def claim_of(self, serial: str) -> Claim | None:
        """Return the last CLAIM of a serial that claims a number."""
        node = self._claimed_by(serial)
        return None if node is None else self._claimants[node][serial].claim

    def claim(self, serial: str, claim: Claim, is_silent: Callable[[str], bool]) -> bool:
        """Take a CLAIM; return whether that says something new.

        `is_silent` tells whether a serial was not heard lately: such a claimant does not dispute the number.
        """
        before = self._claimed_by(serial)
        if before is not None and before != claim.node:
            self._leave(before, serial)
        if claim.node == 0:
            return before is not None
        claimants = self._claimants.setdefault(claim.node, {})
        if serial in claimants:
            claimants[serial] = _Claimant(claim, repeated=len(claimants) > 1)
            return False
        for rival in [rival for rival in claimants if is_silent(rival)]:
            del claimants[rival]
        if len(claimants) == _MOST_CLAIMANTS:
            del claimants[next(iter(claimants))]
        claimants[serial] = _Claimant(claim)
        return True

    def announced(self, node: int, boot_id: int) -> str | None:
        """Take the boot id of an ANNOUNCE; return the serial that sent it, which is the number's holder then."""
        claimants = self._claimants.get(node, {})
        serial = self._announcer(claimants, boot_id)
        if serial is None:
            if len(claimants) == 1:
                del self._claimants[node]
            return None
        for rival in [rival for rival in claimants if rival != serial]:
            del claimants[rival]
        claimants[serial].may_have_restarted = claimants[serial].repeated = False
        self._boot_ids[serial] = boot_id
        return serial

    def release(self, serial: str) -> None:
        """Forget which number a serial claims."""
        node = self._claimed_by(serial)
        if node is not None:
            self._leave(node, serial)

    def release_all(self) -> None:
        """Forget all numbers."""
        self._claimants.clear()

    def forget(self, serial: str) -> None:
        """Forget everything about a serial."""
        self.release(serial)
        self._boot_ids.pop(serial, None)

    def _announcer(self, claimants: dict[str, _Claimant], boot_id: int) -> str | None:
        for serial in claimants:
            if self._boot_ids.get(serial) == boot_id:
                return serial
        possible = [serial for serial, claimant in claimants.items() if claimant.may_have_restarted]
        if len(possible) > 1:
            possible = [serial for serial in possible if claimants[serial].repeated]
        return possible[0] if len(possible) == 1 else None

    def _claimed_by(self, serial: str) -> int | None:
        return next((node for node, claimants in self._claimants.items() if serial in claimants), None)

    def _leave(self, node: int, serial: str) -> None:
        claimants = self._claimants[node]
        del claimants[serial]
        if not claimants:
            del self._claimants[node]
