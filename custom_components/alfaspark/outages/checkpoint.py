"""One checkpoint: observations to a verdict."""

from .model import Checkpoint, CheckpointView, Observation, Reason, Result, Verdict


class CheckpointState:
    """What is known of one checkpoint of one source.

    Whoever calls passes time on: `expire` when `stale_at_s` has come. The newest observation counts, whatever the order
    in which they arrive; one that comes twice is one failure.
    """

    def __init__(self, checkpoint: Checkpoint, failures: int) -> None:
        """Know nothing yet. `failures`: 1 or more in a row make it DOWN."""
        self.checkpoint = checkpoint
        self.last: Observation | None = None
        self.seen_alive = False
        self.alive_s: float | None = None
        """When it was last seen alive."""
        self.queued_s: float | None = None
        """The first of the deadlines that somebody waits for. The caller's."""
        self._failures = failures
        self._standing = Verdict.UNKNOWN
        """UP, FAILING, DOWN or UNKNOWN: what its observations alone say."""
        self._run = 0
        self._at_once = False
        self._down_since_s: float | None = None
        self._paused = False
        self._mask: Reason | None = None
        self._trusted_after_s: float | None = None
        self.verdict = self._judge()

    @property
    def mask(self) -> Reason | None:
        """Why it proves nothing at present, whatever it says."""
        return self._mask

    @property
    def is_steady(self) -> bool:
        """Whether it stands until it says otherwise."""
        return self.checkpoint.stale_after_s is None

    @property
    def down_since_s(self) -> float | None:
        """The first of the failures in a row."""
        return self._down_since_s

    @property
    def stale_at_s(self) -> float | None:
        """When what it says will be worth nothing; None: it says nothing, or for ever."""
        if self._standing is Verdict.UNKNOWN or self.last is None or self.checkpoint.stale_after_s is None:
            return None
        return self.last.at_s + self.checkpoint.stale_after_s

    @property
    def view(self) -> CheckpointView:
        """How it stands, for others to read."""
        return CheckpointView(self.verdict, self.last, self.seen_alive, self._down_since_s)

    def observe(self, observation: Observation) -> bool:
        """Take an observation, not of the future; return False if it is none that is new."""
        if self.last is not None and (
            observation.at_s < self.last.at_s
            or (observation.at_s == self.last.at_s and observation.result is self.last.result)
        ):
            return False
        self.last = observation
        match observation.result:
            case Result.ALIVE:
                self.seen_alive = True
                self.alive_s = observation.at_s
                self._stand(Verdict.UP)
            case Result.UNKNOWN:
                self._stand(Verdict.UNKNOWN)
            case Result.DOWN | Result.DOWN_AT_ONCE as result if self._is_trusted(observation.at_s):
                self._fail(observation.at_s, at_once=result is Result.DOWN_AT_ONCE)
            case _:
                self._stand(Verdict.UNKNOWN)
        self.verdict = self._judge()
        return True

    def expire(self) -> None:
        """Forget what it said: that was too long ago. What fails after this is not in a row with what failed before."""
        self._stand(Verdict.UNKNOWN)
        self.verdict = self._judge()

    def pause(self, paused: bool) -> None:
        """Count it no more, or again."""
        self._paused = paused
        self.verdict = self._judge()

    def restore_seen_alive(self) -> None:
        """Track it: it was seen alive in an earlier life of Home Assistant."""
        self.seen_alive = True
        self.verdict = self._judge()

    def set_mask(self, mask: Reason | None, at_s: float) -> None:
        """Let it prove nothing from now on, or something again.

        A failure while the way to it was in doubt proves nothing afterwards either: those in a row before the mask are
        forgotten, and so are those that began before it was lifted. To have been seen alive is worth as much as ever.
        """
        if mask is None and self._mask is not None:
            self._trusted_after_s = at_s
        self._mask = mask
        if mask is not None and self._standing is not Verdict.UP:
            self._stand(Verdict.UNKNOWN)
        self.verdict = self._judge()

    def replace(self, checkpoint: Checkpoint, failures: int) -> None:
        """Go on with a changed configuration."""
        self.checkpoint = checkpoint
        self._failures = failures
        if self._run:
            self._standing = Verdict.DOWN if self._at_once or self._run >= failures else Verdict.FAILING
        if not checkpoint.is_over_network:
            self._mask = None
        self.verdict = self._judge()

    def _is_trusted(self, at_s: float) -> bool:
        return self._mask is None and (self._trusted_after_s is None or at_s > self._trusted_after_s)

    def _fail(self, at_s: float, *, at_once: bool) -> None:
        self._run += 1
        self._at_once = self._at_once or at_once
        if self._down_since_s is None:
            self._down_since_s = at_s
        self._standing = Verdict.DOWN if self._at_once or self._run >= self._failures else Verdict.FAILING

    def _stand(self, standing: Verdict) -> None:
        """Stand without a failure."""
        self._standing = standing
        self._run = 0
        self._at_once = False
        self._down_since_s = None

    def _judge(self) -> Verdict:
        if self._paused:
            return Verdict.PAUSED
        if self.checkpoint.soft and not self.seen_alive:
            return Verdict.UNTRACKED
        return Verdict.UNKNOWN if self._mask is not None else self._standing
