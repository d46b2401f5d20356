"""Options that several subcommands have, declared once, and how their texts are read."""

from typing import Annotated

import typer

from nemocli.audio.options import SoundOptions, parse_channels, parse_gain, parse_track
from nemocli.cli import runtime_help
from nemocli.errors import UsageError

Model = Annotated[
    str | None,
    typer.Option(
        envvar="NEMOCLI_MODEL",
        help="Folder, .nemo file, name from 'nemocli models list', or 'demo'.",
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--lang",
        "--language",
        envvar="NEMOCLI_LANG",
        help="Such as ja-JP, en_us, de, deutsch, or auto.",
    ),
]
Lookahead = Annotated[
    str | None,
    typer.Option(
        envvar="NEMOCLI_LOOKAHEAD",
        help="0, 3, 6 or 13 frames of 80 ms, or as latency: 80ms, 320ms, 560ms, 1120ms; more is"
        " slower to come and more accurate.",
    ),
]
Runtime = Annotated[str, typer.Option(envvar="NEMOCLI_RUNTIME", help=runtime_help.runtimes())]
ComputeUnits = Annotated[
    str | None,
    typer.Option(envvar="NEMOCLI_COMPUTE_UNITS", help=runtime_help.compute_units()),
]
MinCue = Annotated[
    float,
    typer.Option(
        "--min-cue",
        envvar="NEMOCLI_MIN_CUE",
        metavar="SECONDS",
        help="Cues of srt and vtt that would be shorter are merged with a neighbour, or held; 0:"
        " none are.",
    ),
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        envvar="NEMOCLI_TRACK",
        metavar="NUMBER|LANG",
        help="Which sound track of a file with several: its number from 1, or its language. By"
        " default the one that fits --lang best; 'nemocli doctor FILE' lists them.",
    ),
]
Channels = Annotated[
    str,
    typer.Option(
        "--channels",
        envvar="NEMOCLI_FILE_CHANNELS",
        help="mix, left, right, a channel's number from 1, or separate: each channel by itself, its"
        " name with every segment.",
    ),
]
Gain = Annotated[
    str | None,
    typer.Option(
        "--gain",
        envvar="NEMOCLI_GAIN",
        metavar="auto|DB",
        help="Amplify by so many dB; auto: by how loud the sound is. For very quiet recordings.",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="NEMOCLI_QUIET", help="Only results and errors.")
]

#: Lookahead in frames, by the latency in ms that a person may write instead.
_LATENCIES = {"80": 0, "320": 3, "560": 6, "1120": 13}


def parse_sound(track: str | None, channels: str, gain: str | None) -> SoundOptions:
    """What is chosen of a file's sound; UsageError for what cannot be."""
    return SoundOptions(parse_track(track), parse_channels(channels), parse_gain(gain))


def parse_lookahead(text: str | None) -> int | None:
    """Frames, from their number or from the latency in milliseconds; UsageError for others."""
    if text is None:
        return None
    number = text.strip().lower().removesuffix("ms").strip()
    if number in _LATENCIES:
        return _LATENCIES[number]
    if text.strip().isdecimal():
        return int(text)
    raise UsageError(
        f"--lookahead takes frames (0, 3, 6, 13) or a latency (80ms, 320ms, 560ms, 1120ms),"
        f" not {text!r}."
    )
