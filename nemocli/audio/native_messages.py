"""The own words of native libraries, kept from the terminal while they are in use."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_lock = threading.Lock()
# Blocks that are under way, and what descriptor 2 was before the first of them.
_blocks = 0
_kept: int | None = None


@contextmanager
def withhold_native_messages() -> Iterator[None]:
    """Let what is written to file descriptor 2 go nowhere while the block runs.

    PortAudio and ALSA explain each failure there, on many lines, and JACK that it does not run.
    What Python writes meanwhile is lost too, unless sys.stderr has a descriptor of its own. Blocks
    may overlap, also in several threads.
    """
    global _blocks, _kept
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _kept = _silence()
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0 and _kept is not None:
                os.dup2(_kept, 2)
                os.close(_kept)
                _kept = None


def _silence() -> int | None:
    """Replace descriptor 2, and return a copy of what it was; None if it is closed."""
    with suppress(OSError):
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        return kept
    return None
