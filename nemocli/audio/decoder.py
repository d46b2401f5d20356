"""What decoders have in common: blocks, their interface, and errors for bad files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.tracks import Track
from nemocli.counting import count_things
from nemocli.errors import AudioError

# One second of a slower sound would fill the memory once resampled; none is faster, DSD included.
PLAUSIBLE_RATES = range(1_000, 10_000_000)

# Containers round lengths, so that less than this may be missing at the end; more was cut off.
CUT_SHORT_S = 1.0


@dataclass(frozen=True)
class Block:
    """Piece of decoded sound: float32 samples [frames, channels] at `rate` frames a second."""

    rate: int
    samples: npt.NDArray[np.float32]


class Decoder(Protocol):
    """Open file that yields the sound of one track in blocks of at most about a second."""

    duration: float | None
    #: All sound tracks of the file, and the track that is decoded.
    tracks: Sequence[Track]
    track: Track
    #: Channels by the header of the track.
    channels: int
    #: Whether samples are stored as floats, without a codec that would keep them near 1.0.
    stores_floats: bool
    #: Warnings so far.
    log: WarningLog

    def read_blocks(self) -> Iterator[Block]:
        """Decode from the start. Raises AudioError at the end if nothing could be decoded."""

    def close(self) -> None:
        """Close the file."""


def explain_not_sound(path: Path) -> AudioError:
    """Return the error for a file in no format that either decoder knows."""
    return AudioError(
        "is not a sound file that nemocli can read, or it is badly damaged: "
        "give a wav, flac, mp3, ogg, opus, m4a, mp4, mkv or webm file.",
        path,
    )


def explain_no_contents(path: Path) -> AudioError:
    """Return the error for an mp4 that was cut off before its table of contents."""
    return AudioError(
        "lacks its table of contents, which an mp4 has at its end, so its sound cannot be found: it"
        " was cut short, or is still being written; copy or download it again.",
        path,
    )


def check_header(path: Path, channels: int, rate: int) -> None:
    """Raise AudioError for a header that no sound has: 0 channels, or an absurd sampling rate."""
    if channels < 1 or rate not in PLAUSIBLE_RATES:
        raise AudioError(
            f"has a damaged header ({count_things(channels, 'channel')} at {rate} Hz): export it"
            " again.",
            path,
        )


def explain_nothing_decodable(path: Path) -> AudioError:
    """Return the error for a file of a known format none of whose sound can be decoded."""
    return AudioError(
        "is damaged: none of its sound can be decoded; copy or export it again.", path
    )


def describe_cut(seconds: float, promised: float) -> str:
    """Return the warning for sound that ends before the length in its header, in seconds."""
    return (
        f"The file is cut short: its sound ends at {seconds:.1f} s, but its header promises"
        f" {promised:.1f} s."
    )


def describe_rest(rest: int) -> str:
    """Return the warning for so many bytes behind the end of the sound that are left out."""
    verb = "was" if rest == 1 else "were"
    left_out = f"{count_things(rest, 'byte')} {verb} left out"
    return f"Behind the end of the file by its own lengths, {left_out}."
