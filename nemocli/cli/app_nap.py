"""App Nap, by which macOS slows down programs whose window is hidden. Not tried on a Mac."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def prevent_app_nap() -> Iterator[None]:
    """Tell macOS while the block runs that somebody waits for it; elsewhere, do nothing.

    The machine may still go to sleep.
    """
    if sys.platform != "darwin":
        yield
        return
    try:
        import appnope
    except (ImportError, OSError):  # an installation without it works too
        yield
        return
    with appnope.nope_scope(reason="nemocli listens"):
        yield
