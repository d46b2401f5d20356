"""Opening of files by FFmpeg, with limits and with errors in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from nemocli.audio.decoder import explain_no_contents, explain_not_sound
from nemocli.audio.ffmpeg_limits import build_limits
from nemocli.audio.packed_headers import unpacks_too_far
from nemocli.audio.tracks import Track, list_tracks
from nemocli.audio.trailing_bytes import lacks_contents
from nemocli.errors import AudioError

# Codecs with a checksum in each frame.
CHECKED_CODECS = ("ac3", "eac3", "flac", "tta", "wavpack")


def check_sums(context: av.CodecContext) -> None:
    """Make codecs refuse frames with wrong checksums, which would decode to noise."""
    if context.name in CHECKED_CODECS:
        context.options = {"err_detect": "crccheck+explode"}


def list_file_tracks(path: Path) -> list[Track]:
    """List the sound tracks of a file; raises as `FfmpegDecoder` does if there are none."""
    with open_checked(path) as container:
        return list_container_tracks(path, container)


def list_container_tracks(path: Path, container: av.container.InputContainer) -> list[Track]:
    """List the sound tracks. Raises AudioError if there are none."""
    tracks = list_tracks(container)
    if tracks:
        return tracks
    if container.streams.video:
        raise AudioError("is a video without a sound track: give a file that has sound.", path)
    raise _explain_unreadable(path)


def open_checked(path: Path) -> av.container.InputContainer:
    """Open a file; raises as `open_container`, and AudioError for headers that unpack too far."""
    if path.is_file() and path.stat().st_size and unpacks_too_far(path):
        raise explain_not_sound(path)
    return open_container(path)


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file. Raises AudioError for unknown formats, OSError if it cannot be opened."""
    av.logging.set_level(None)  # FFmpeg's own messages would land on stderr
    try:
        # With "file:" and from the root, because FFmpeg takes talk:1.mp3 for an address.
        container: av.container.InputContainer = av.open(
            f"file:{path.absolute()}", container_options=build_limits(), **accept_any_tags()
        )
    except OSError:
        raise
    except av.FFmpegError:
        raise _explain_unreadable(path) from None
    return container


def _explain_unreadable(path: Path) -> AudioError:
    return explain_no_contents(path) if lacks_contents(path) else explain_not_sound(path)


def accept_any_tags() -> dict[str, Any]:
    """Return options that let av accept tags that are not UTF-8, as it does itself from 19 on."""
    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
