"""What a person may choose about the sound of a file: its track, its channels, its gain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nemocli.audio.track_languages import language_code
from nemocli.errors import UsageError

#: The mean of the channels, and each channel by itself.
MIX, SEPARATE = "mix", "separate"

#: Channels by the names that they have in stereo.
SIDES = ("left", "right")

#: Channels that are transcribed each by itself: each takes the memory of a file.
MOST_SEPARATE = 8

#: Gain by the loudest seconds of the sound.
AUTO_GAIN = "auto"

#: The most that a gain may be, up or down, in dB.
MOST_GAIN = 100.0


@dataclass(frozen=True)
class SoundOptions:
    """The choices, as `parse_track`, `parse_channels` and `parse_gain` read them."""

    #: Number of the sound track from 1, or a language code; None: the one that fits best.
    track: int | str | None = None
    #: MIX, SEPARATE, or the number of a channel from 1.
    channels: int | str = MIX
    #: dB, or AUTO_GAIN; None leaves the samples as they are.
    gain: float | str | None = None
    #: The locale that is spoken, or `auto`: a track of another language is taken last.
    language: str = "auto"

    @property
    def is_separate(self) -> bool:
        return self.channels == SEPARATE


DEFAULT_OPTIONS = SoundOptions()


def parse_track(text: str | None) -> int | str | None:
    """`2`, or a language such as `de`, `ger` or `de-DE`; UsageError for anything else."""
    if text is None:
        return None
    name = text.strip()
    if name.isascii() and name.isdecimal() and 1 <= int(name) < 10_000:
        return int(name)
    code = language_code(name)
    if code is None:
        raise UsageError(
            f"--track takes the number of a sound track, from 1, or its language such as de or ger,"
            f" not {text!r}; 'nemocli doctor FILE' lists the tracks."
        )
    return code


def parse_channels(text: str) -> int | str:
    """`mix`, `left`, `right`, a channel's number from 1, or `separate`; UsageError otherwise."""
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
    """`auto`, or dB such as `20`, `-6` or `20dB`; UsageError otherwise."""
    if text is None:
        return None
    name = text.strip().lower().removesuffix("db").strip()
    if name == AUTO_GAIN:
        return AUTO_GAIN
    if re.fullmatch(r"[+-]?(\d{1,4}(\.\d*)?|\.\d+)", name) and abs(float(name)) <= MOST_GAIN:
        return float(name) + 0.0  # and not -0.0
    raise UsageError(
        f"--gain is auto, or dB from -{MOST_GAIN:.0f} to {MOST_GAIN:.0f}, not {text!r}."
    )


def channel_name(index: int, channels: int) -> str:
    """What channel number `index`, from 0, of so many is called."""
    return SIDES[index] if channels == 2 else f"channel {index + 1}"
