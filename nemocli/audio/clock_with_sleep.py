"""A clock that goes on while the machine sleeps."""

import sys
import time


def read_clock_with_sleep() -> float:
    """Return seconds on a clock that only goes forward, also while the machine sleeps."""
    # Linux's clock of that kind, and the Mac's; Python's own stands still meanwhile.
    name = "CLOCK_MONOTONIC_RAW" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    clock = getattr(time, name, None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
