"""Whether another process still runs; the names of temporary files hold their maker's number."""

import os


def runs_elsewhere(pid: int) -> bool:
    """Tell whether another process of this number is running."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
