"""`nemocli doctor FILE`: the sound tracks of files, as `--track` chooses among them."""

from collections.abc import Sequence
from pathlib import Path

from nemocli.audio.decode import probe_tracks
from nemocli.cli.printable import make_path_printable, make_printable
from nemocli.cli.streams import say
from nemocli.errors import AudioError, NemocliError


def print_tracks(paths: Sequence[Path]) -> int:
    """Print a line for each track of each file; return the exit code, 1 if one cannot be read."""
    code = 0
    for path in paths:
        try:
            tracks = probe_tracks(path)
        except AudioError as error:
            say(str(error))
            code = NemocliError.exit_code
            continue
        name = f"{make_path_printable(str(path))}: " if len(paths) > 1 else ""
        for track in tracks:
            print(f"{name}{make_printable(track.describe())}")
    return code
