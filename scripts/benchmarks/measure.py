"""Processor time and memory of processes, and what comes before a quantile."""

from collections.abc import Sequence
from math import ceil
import time


def cpu_time_s(pid: int) -> float:
    """Processor time that all threads of a process had so far, user and system, to the nanosecond."""
    # The clock that clock_getcpuclockid(3) returns.
    return time.clock_gettime(~pid << 3 | 2)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(1, ceil(share * len(values))) - 1]
