"""Whether another process still runs: temporary files bear the number of the one that made them."""

import os


def runs_elsewhere(pid: int) -> bool:
    """Whether a process of this number runs that is not this one."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
