"""What several tests only read, made once for all processes of the suite."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a path that `make` wrote, in the first process that needs it; others wait for it.

    Tests must not change what is there: another process may be reading it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, with a folder of its own
        root = root.parent
    folder = root / "made-once"
    folder.mkdir(exist_ok=True)
    path, done = folder / name, folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            if path.exists():  # of a process that failed or was stopped
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            make(path)
            done.touch()
    return path
