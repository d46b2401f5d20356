"""A file that appears whole or not at all, whatever ends the writing."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole_file(path: Path, text: str) -> None:
    """Write UTF-8 beside the place, and rename it when it is on the disk. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # Ctrl-C among them
        with suppress(OSError):
            part.unlink()
        raise
