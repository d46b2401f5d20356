"""Files and folders that are removed for good."""

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
