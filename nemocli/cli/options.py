"""Declare options with their environment variables, and the options of several subcommands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nemocli.audio.options import SoundOptions, parse_channels, parse_gain, parse_track
from nemocli.boosting.phrases import MAX_BOOST, Phrases
from nemocli.cli import runtime_help
from nemocli.errors import UsageError

#: Prefix of every variable's name.
PREFIX = "NEMOCLI_"


def option(help_text: str, *names: str, variable: str = "", **more: Any) -> Any:
    """Declare an option and its variable: `--max-lag` is read from NEMOCLI_MAX_LAG as well.

    `variable` is its name after the prefix; by default, the option's first long name. Two
    subcommands that mean different things by the same option need different variables.
    """
    long = next(name for name in names if name.startswith("--"))
    derived = long.partition("/")[0].removeprefix("--").replace("-", "_").upper()
    return typer.Option(*names, envvar=PREFIX + (variable or derived), help=help_text, **more)


def declare_confirmation(help_text: str, *names: str) -> Any:
    """Declare an option that confirms a deletion or an overwrite.

    It has no variable: a variable that was set long ago must not destroy anything.
    """
    return typer.Option(*names, help=help_text)


def repeated(help_text: str, *names: str, **more: Any) -> Any:
    """Declare an option that may be given several times, with texts.

    It has no variable, which could not separate texts that have spaces.
    """
    return typer.Option(*names, help=help_text, **more)


#: Marks an option whose text has several values with commas between them: the config file may have
#: a list instead.
COMMAS = "commas"

Model = Annotated[
    str | None,
    option("Folder, .nemo file, name from 'nemocli models list', or 'demo'.", "--model"),
]
Language = Annotated[
    str, option("Such as ja-JP, en_us, de, deutsch, or auto.", "--lang", "--language")
]
Lookahead = Annotated[
    str | None,
    option(
        "0, 3, 6 or 13 frames of 80 ms (the English model: 0, 1, 6 or 13), or as latency: 80ms,"
        " 160ms, 320ms, 560ms, 1120ms; a larger one is more accurate, and its text comes later.",
        "--lookahead",
    ),
]
UntrainedLookahead = Annotated[
    bool,
    option(
        "Allow a --lookahead that the model was not trained for; how good it is then is unknown.",
        "--untrained-lookahead",
    ),
]
Runtime = Annotated[str, option(runtime_help.describe_runtimes(), "--runtime")]
Precision = Annotated[
    str | None,
    option(
        f"Precision that a checkpoint is converted to. {runtime_help.describe_precisions()}"
        " The first that is worth running on this machine is the default.",
        "--precision",
    ),
]
ComputeUnits = Annotated[
    str | None, option(runtime_help.describe_compute_units(), "--compute-units")
]
MinCue = Annotated[
    float,
    option(
        "Cues of srt and vtt that would be shorter are merged with a neighbour, or shown longer; 0"
        " leaves them as they are.",
        "--min-cue",
        metavar="SECONDS",
    ),
]
Align = Annotated[
    str | None,
    option(
        "Move the times of words to where they are in the sound, by its silences and by the delay"
        " of the model's tokens: a delay in seconds; auto: the one measured for the model, if there"
        " is one; sound: none.",
        "--align",
        metavar="auto|sound|SECONDS",
    ),
]
PhraseTexts = Annotated[
    list[str] | None,
    repeated(
        "A name or term to prefer where the sound is like it; give the option once for each.",
        "--phrase",
        metavar="TEXT",
    ),
]
PhraseFile = Annotated[
    Path | None,
    option(
        "A file of such phrases, one a line, with a weight behind a tab if it should not be 1;"
        " lines that begin with # are comments.",
        "--phrases",
        metavar="FILE",
    ),
]
Boost = Annotated[
    float,
    option(
        "How strongly phrases are preferred: 0 is not at all.",
        "--boost",
        min=0,
        max=MAX_BOOST,
    ),
]
BoostBlank = Annotated[
    bool,
    option(
        "Continue a phrase that has begun even where the model would write nothing.",
        "--boost-blank",
    ),
]
Track = Annotated[
    str | None,
    option(
        "Which sound track of a file with several: its number from 1, or its language. By default"
        " the one that fits --lang best; 'nemocli doctor FILE' lists them.",
        "--track",
        metavar="NUMBER|LANG",
    ),
]
Channels = Annotated[
    str,
    option(
        "mix, left, right, a channel's number from 1, or separate: each channel is transcribed"
        " alone, and every segment has its name.",
        "--channels",
        variable="FILE_CHANNELS",
    ),
]
Gain = Annotated[
    str | None,
    option(
        "Amplify very quiet recordings by this many dB; auto: by as much as the sound needs.",
        "--gain",
        metavar="auto|DB",
    ),
]
Speakers = Annotated[
    bool,
    option(
        "Say who speaks: each word has a speaker, and segments end where another one begins. With"
        " --channels separate, each channel is one; otherwise a model finds them"
        " (--speaker-model).",
        "--speakers",
    ),
]
SpeakerModel = Annotated[
    str | None,
    option(
        "The model that finds who speaks: a folder, a name, or 'demo'; by default"
        " nvidia/Nemotron-3-Diarization. It runs with the runtime that auto chooses, not with that"
        " of --runtime.",
        "--speaker-model",
    ),
]
MaxSpeakers = Annotated[
    int | None, option("The most speakers there are, if it is known.", "--max-speakers", min=1)
]


def speaker_names(order: str) -> Any:
    """Declare the option for names of speakers, in an `order` such as "of the channels"."""
    help_text = f'Names of the speakers, in the order {order}, such as "Ann,Ben".'
    return option(help_text, "--speaker-names", metavar="NAMES")


SpeakerNames = Annotated[str | None, speaker_names("of their first words"), COMMAS]
FileSpeakerNames = Annotated[
    str | None,
    speaker_names("of their first words or, with --channels separate, of the channels"),
    COMMAS,
]
Server = Annotated[
    str | None,
    option(
        "Address of a server that has the model: one of 'nemocli serve', such as"
        " http://192.168.0.5:8000, or another with OpenAI's interfaces. Sound is sent there."
        " --model is then the name of one of its models.",
        "--server",
        metavar="URL",
    ),
]
ServerKey = Annotated[
    str | None, option("Key of that server; best in its variable.", "--server-key", metavar="KEY")
]
NoColor = Annotated[bool, option("No colours on a terminal, as with NO_COLOR.", "--no-color")]
Quiet = Annotated[bool, option("Print only results and errors.", "--quiet", "-q")]

#: Milliseconds of a frame.
_FRAME_MS = 80

#: Lookahead in frames, by latency in ms: those that may also be written without ms.
_LATENCIES = {"80": 0, "160": 1, "320": 3, "560": 6, "1120": 13}


def parse_sound(track: str | None, channels: str, gain: str | None) -> SoundOptions:
    """Read the options that choose a file's sound; UsageError for values that make no sense."""
    return SoundOptions(parse_track(track), parse_channels(channels), parse_gain(gain))


def parse_phrases(
    texts: Sequence[str] | None, path: Path | None, boost: float, over_blank: bool
) -> Phrases:
    """Read the options about phrases. Raises UsageError for a text that cannot be a phrase."""
    if path is None:
        return Phrases.of(texts or (), boost=boost, over_blank=over_blank)
    return Phrases.read(path, boost=boost, over_blank=over_blank).adding(texts or ())


def parse_lookahead(text: str | None) -> int | None:
    """Read a lookahead, given in frames or as latency in ms; return frames, else UsageError."""
    if text is None:
        return None
    number = text.strip().lower().removesuffix("ms").strip()
    if number in _LATENCIES:
        return _LATENCIES[number]
    if text.strip().isdecimal():
        return int(text)
    if number.isdecimal() and int(number) and int(number) % _FRAME_MS == 0:
        return int(number) // _FRAME_MS - 1
    raise UsageError(
        "--lookahead takes frames (0, 1, 3, 6, 13) or a latency (80ms, 160ms, 320ms, 560ms,"
        f" 1120ms), not {text!r}."
    )
