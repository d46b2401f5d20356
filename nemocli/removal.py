"""Files and folders that are removed for good."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove_tree(path: Path) -> list[OSError]:
    """Remove a file, a link or a folder with all that is in it; what could not be removed."""
    failed: list[OSError] = []
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return failed
        for entry in list(path.iterdir()):
            failed += remove_tree(entry)
        if not failed:
            path.rmdir()
    except OSError as error:
        error.filename = error.filename or str(path)
        failed.append(error)
    return failed


def discard_folder(folder: Path) -> None:
    """Remove a folder of nemocli's own with all that is in it, as far as that is possible.

    What the user made read-only goes too: it was replaced already.
    """
    with suppress(OSError):
        folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with suppress(OSError):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
