"""Memory that was freed, and that the C library keeps for later."""

import ctypes
import sys


def return_freed_memory() -> None:
    """Give freed memory back to the system, where the C library is glibc: others do so anyway.

    Without this, most of a model's weights would stay with the process after they were freed.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
