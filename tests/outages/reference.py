"""What the rules of the outage engine say of one source without dependencies, told plainly and without haste.

Everything is found anew from the whole past at each moment. The moments are those at which anything can change; no two
things happen in the same one.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from custom_components.alfaspark.outages.model import Rule

STALE_AFTER_S = 155
SUSPECT, LOST, POWERED, UNKNOWN = "suspect", "lost", "powered", "unknown"


@dataclass(frozen=True)
class Seen:
    """An observation."""

    at_s: int
    id: str
    word: str


@dataclass(frozen=True)
class Moment:
    """What the checkpoints say at one moment."""

    at_s: int
    says: str
    is_sensed: bool
    down: dict[str, int]
    """Those that decide and are down: when each began to fail."""
    restores: bool
    is_failing: bool
    failed: bool
    """Whether one that decides was seen to be down in this moment."""
    up_s: int
    """The last evidence of anything up, and of anything down."""
    down_s: int


@dataclass
class Reference:
    """One source that is watched since 0. Polled checkpoints are called http..., senses sense..."""

    rule: Rule
    ids: tuple[str, ...]
    seen: list[Seen]
    """In the order of time; all at different times above 0."""
    states: list[tuple[int, str]] = field(default_factory=list)
    """The state from each moment on."""
    record: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    def verdict(self, id_: str, at_s: int) -> tuple[str, int]:
        """Return what a checkpoint says, and since when it fails, if it does."""
        past = [seen for seen in self.seen if seen.id == id_ and seen.at_s <= at_s]
        if not any(seen.word == "up" for seen in past):
            return "untracked", 0
        if past[-1].word == "?" or (self.is_polled(id_) and at_s >= past[-1].at_s + STALE_AFTER_S):
            return "unknown", 0
        if past[-1].word == "up":
            return "up", 0
        row = [past.pop()]
        while past and past[-1].word in ("down", "gone"):
            if self.is_polled(id_) and row[0].at_s >= past[-1].at_s + STALE_AFTER_S:
                break
            row.insert(0, past.pop())
        is_down = len(row) >= self.rule.failures or any(seen.word == "gone" for seen in row)
        return "down" if is_down else "failing", row[0].at_s

    @staticmethod
    def is_polled(id_: str) -> bool:
        """Whether what it says becomes stale."""
        return id_.startswith("http")

    def evidence_s(self, verdict: str, word: str, at_s: int) -> int:
        """Return when anything was last seen to be up or down, also by saying nothing else."""
        last_s = 0
        for id_ in self.ids:
            seen_s = [seen.at_s for seen in self.seen if seen.id == id_ and seen.at_s <= at_s]
            last_s = max([last_s, *(each for each in seen_s if self.verdict(id_, each)[0] == verdict)])
            if not self.is_polled(id_):
                pairs = pairwise(seen_s)
                last_s = max([last_s, *(end for begin, end in pairs if self.verdict(id_, begin)[0] == verdict)])
        return last_s

    def moment(self, at_s: int) -> Moment:
        """Return what the checkpoints say at that time."""
        verdicts = {id_: self.verdict(id_, at_s) for id_ in self.ids}
        fraction = Fraction(str(self.rule.fraction))

        def share(ids: list[str], *of: str) -> int:
            return sum(verdicts[id_][0] in of for id_ in ids)

        counted = [id_ for id_ in self.ids if verdicts[id_][0] in ("up", "failing", "down")]
        senses = [id_ for id_ in counted if id_.startswith("sense")]
        others = [id_ for id_ in counted if id_ not in senses]
        ids = senses or others
        enough = fraction * len(ids)
        down = {id_: verdicts[id_][1] for id_ in ids if verdicts[id_][0] == "down"}
        restores = share(ids, "up") > enough
        if not ids:
            says = UNKNOWN
        elif len(down) > enough:
            says, restores = LOST, False
        elif senses:
            contrary = share(others, "down") > fraction * len(others)
            says = POWERED if share(ids, "up") == len(ids) and not contrary else SUSPECT
        else:
            failing = share(ids, "down", "failing")
            says = SUSPECT if failing and failing >= enough else POWERED
            restores = restores and says == POWERED
        return Moment(
            at_s,
            says,
            bool(senses),
            down,
            restores,
            bool(ids) and share(ids, "down", "failing") > enough,
            any(seen.at_s == at_s and seen.id in down for seen in self.seen),
            self.evidence_s("up", "up", at_s),
            self.evidence_s("down", "down", at_s),
        )

    def times(self) -> list[int]:
        """Return all the times at which anything can change."""
        changes = {seen.at_s for seen in self.seen} | {seen.at_s + STALE_AFTER_S for seen in self.seen}
        holds = (int(self.rule.loss_hold_s), int(self.rule.restore_hold_s))
        return sorted(changes | {at_s + hold_s for at_s in changes for hold_s in holds})

    def since(self, is_so: str) -> int:
        """Return since when something is so without a break, up to the last moment."""
        at_s = self.moments[-1].at_s
        for moment in reversed(self.moments):
            if not {
                "lost": moment.says == LOST,
                "known": moment.says != UNKNOWN,
                "restores": moment.restores,
                "failing": moment.is_failing,
            }[is_so]:
                break
            at_s = moment.at_s
        return at_s

    def first_failure(self, not_before_s: int) -> int:
        """Return the start of an outage that is declared now."""
        failing_s = self.since("failing")
        floor_s = max(failing_s - int(self.rule.interval_s), not_before_s)
        failed = [at_s for at_s in self.moments[-1].down.values() if at_s >= floor_s] or [max(failing_s, floor_s)]
        return min(*failed, max(self.since("lost"), floor_s))

    def is_loss(self) -> bool:
        """Whether it is to be called lost now."""
        now, lost_s = self.moments[-1], self.since("lost")
        if now.says != LOST or not any(moment.failed for moment in self.moments if moment.at_s >= lost_s):
            return False
        return now.is_sensed or now.at_s >= lost_s + self.rule.loss_hold_s

    def tell(self) -> None:
        """Find all states and the record."""
        outage_s: int | None = None
        floor: tuple[int, bool] | None = None
        hole_s: int | None = 0
        outage_end = ""
        closed_s = 0
        restored_s: int | None = None
        self.record.append("unobserved_began 0")
        for at_s in self.times():
            self.moments.append(now := self.moment(at_s))
            if now.says == UNKNOWN:
                if hole_s is None:
                    hole_s = now.up_s if outage_s is None else now.down_s
                    if outage_s is not None and restored_s is not None:
                        hole_s = max(now.up_s, now.down_s, restored_s)
                    hole_s = max(hole_s, closed_s, outage_s or 0)
                    outage_end = f"~{hole_s}" if restored_s is None else str(restored_s)
                    floor = None
                    self.record.append(f"unobserved_began {hole_s}")
                self.states.append((at_s, UNKNOWN))
                restored_s = None
                continue
            restored_s = self.since("restores") if now.restores and outage_s is not None else None
            if outage_s is not None and restored_s is not None and at_s >= restored_s + self.rule.restore_hold_s:
                self.record.append(f"ended {outage_s}-{restored_s if hole_s is None else outage_end}")
                if hole_s is not None:
                    self.record.append(f"unobserved_ended {hole_s}-{restored_s}")
                outage_s, hole_s, closed_s, restored_s = None, None, restored_s, None
            if outage_s is None and hole_s is not None:
                closed_s = self.since("known")
                self.record.append(f"unobserved_ended {hole_s}-{closed_s}")
                hole_s = None
            if outage_s is None and self.is_loss():
                outage_s = self.first_failure(closed_s)
                floor = max(self.since("failing") - int(self.rule.interval_s), closed_s), now.is_sensed
                self.record.append(f"began {outage_s}")
            elif outage_s is not None and hole_s is not None and self.is_loss():
                closed_s = self.first_failure(self.since("known"))
                self.record.append(f"unobserved_ended {hole_s}-{closed_s}")
                hole_s = None
            elif now.says == LOST and outage_s is not None and floor is not None and floor[1] == now.is_sensed:
                if earlier := [each for each in now.down.values() if floor[0] <= each < outage_s]:
                    outage_s = min(earlier)
                    self.record.append(f"moved {outage_s}")
            self.states.append((at_s, self.state(now, is_open=outage_s is not None, is_hole=hole_s is not None)))

    def state(self, now: Moment, *, is_open: bool, is_hole: bool) -> str:
        """Return the state that is told."""
        if is_open and not is_hole:
            return LOST
        if is_open and now.restores:
            return UNKNOWN
        return SUSPECT if is_open or now.says == LOST else now.says
