"""Choices of the user about the sound of a file: its track, its channels, its gain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nemocli.audio.track_languages import to_language_code
from nemocli.errors import UsageError

#: Choices of channels: their mean, or each channel separately.
MIX, SEPARATE = "mix", "separate"

#: Names of the two channels of stereo.
SIDES = ("left", "right")

#: Limit on channels that are transcribed separately: each takes as much memory as a file.
MAX_SEPARATE = 8

#: Choice of a gain by the loudest seconds of the sound.
AUTO_GAIN = "auto"

#: Limit on a gain that the user gives, up or down.
MAX_GAIN_DB = 100.0


@dataclass(frozen=True)
class SoundOptions:
    """Choices as `parse_track`, `parse_channels` and `parse_gain` read them."""

    #: Number of the sound track from 1, or a language code; None chooses the best track.
    track: int | str | None = None
    #: MIX, SEPARATE, or the number of a channel from 1.
    channels: int | str = MIX
    #: dB, or AUTO_GAIN; None leaves the samples as they are.
    gain: float | str | None = None
    #: The locale that is spoken, or `auto`; tracks of other languages are chosen last.
    language: str = "auto"

    @property
    def is_separate(self) -> bool:
        return self.channels == SEPARATE


DEFAULT_OPTIONS = SoundOptions()


def parse_track(text: str | None) -> int | str | None:
    """Parse a number such as `2`, or a language such as `de`, `ger` or `de-DE`.

    Raises UsageError for anything else.
    """
    if text is None:
        return None
    name = text.strip()
    if name.isascii() and name.isdecimal() and 1 <= int(name) < 10_000:
        return int(name)
    code = to_language_code(name)
    if code is None:
        raise UsageError(
            f"--track takes the number of a sound track, from 1, or its language such as de or ger,"
            f" not {text!r}; 'nemocli doctor FILE' lists the tracks."
        )
    return code


def parse_channels(text: str) -> int | str:
    """Parse `mix`, `left`, `right`, a channel's number from 1, or `separate`.

    Raises UsageError for anything else.
    """
    name = text.strip().lower()
    if name in (MIX, SEPARATE):
        return name
    if name in SIDES:
        return SIDES.index(name) + 1
    if name.isascii() and name.isdecimal() and 1 <= int(name) < 10_000:
        return int(name)
    raise UsageError(
        "--channels is mix, left, right, the number of a channel from 1, or separate,"
        f" not {text!r}."
    )


def parse_gain(text: str | None) -> float | str | None:
    """Parse `auto`, or dB such as `20`, `-6` or `20dB`. Raises UsageError for anything else."""
    if text is None:
        return None
    name = text.strip().lower().removesuffix("db").strip()
    if name == AUTO_GAIN:
        return AUTO_GAIN
    if re.fullmatch(r"[+-]?(\d{1,4}(\.\d*)?|\.\d+)", name) and abs(float(name)) <= MAX_GAIN_DB:
        return float(name) + 0.0  # turns -0.0 into 0.0
    raise UsageError(
        f"--gain is auto, or dB from -{MAX_GAIN_DB:.0f} to {MAX_GAIN_DB:.0f}, not {text!r}."
    )


def name_channel(index: int, channels: int) -> str:
    """Return the name of channel `index`, from 0, in a sound with `channels` channels."""
    return SIDES[index] if channels == 2 else f"channel {index + 1}"
