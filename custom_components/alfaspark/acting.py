"""On whose behalf something is done: Activity names them beside what changes because of it."""

from time import monotonic

from homeassistant.core import Context
from homeassistant.helpers.entity import CONTEXT_RECENT_TIME_SECONDS


class Acting:
    """Who had something done last, for as long as Home Assistant takes a change for its consequence."""

    def __init__(self) -> None:
        """Nobody did anything yet."""
        self._context: Context | None = None
        self._since_s = 0.0

    def begin(self, context: Context) -> None:
        """Take note that something is done now."""
        self._context, self._since_s = context, monotonic()

    @property
    def context(self) -> Context | None:
        """The context of what was done within the last 5 s, None if nothing was."""
        if monotonic() - self._since_s > CONTEXT_RECENT_TIME_SECONDS:
            self._context = None
        return self._context
