"""The files that `nemocli live` writes: refused where writing would destroy something."""

import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from nemocli.audio.recorder import check_recording
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.live_outputs import check_output
from nemocli.errors import UsageError
from nemocli.file_lock import FileLock

#: What a file is, by whatever name: device and inode, or where a new one would be made.
_Identity = tuple[int, int] | str


def check_files(options: LiveOptions) -> None:
    """Raise UsageError for a file that may not be written, before anything is opened.

    Neither the input nor what stdout and stderr go to may be one of the outputs, and these may not
    be the same, whatever they are called.
    """
    if options.output is not None:
        check_output(
            options.output, options.force, options.speakers or (options.mic and options.system)
        )
    if options.save_audio is not None:
        check_recording(options.save_audio, options.force)
    seen: dict[_Identity, str] = {}
    if options.input == "-":
        _add_stream(seen, 0, "stdin")
    elif options.input is not None:
        seen[_identify(Path(options.input))] = "--input"
    _add_stream(seen, 1, "stdout")
    _add_stream(seen, 2, "stderr")
    for option, path in (("--output", options.output), ("--save-audio", options.save_audio)):
        if path is None:
            continue
        other = seen.setdefault(_identify(path), option)
        if other != option:
            raise UsageError(
                f"{option} and {other} are the same file, {path}: choose another name."
            )


def lock_files(options: LiveOptions, stack: ExitStack) -> None:
    """Keep other processes from writing the same files until the stack is closed."""
    for path in (options.output, options.save_audio):
        if path is not None:
            stack.enter_context(FileLock(path))


def _add_stream(seen: dict[_Identity, str], descriptor: int, name: str) -> None:
    with suppress(OSError):  # it is closed
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            seen.setdefault((found.st_dev, found.st_ino), name)


def _identify(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
