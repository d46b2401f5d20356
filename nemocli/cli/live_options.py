"""The options of `nemocli live`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.boosting.phrases import DEFAULT_BOOST
from nemocli.cli.options import (
    COMMAS,
    Align,
    Boost,
    BoostBlank,
    ComputeUnits,
    Gain,
    Language,
    Lookahead,
    MaxSpeakers,
    MinCue,
    Model,
    NoColor,
    PhraseFile,
    PhraseTexts,
    Quiet,
    Runtime,
    Server,
    ServerKey,
    SpeakerModel,
    SpeakerNames,
    UntrainedLookahead,
    declare_confirmation,
    option,
)
from nemocli.cli.runtime_help import list_words
from nemocli.transcript.cue_layout import MIN_CUE
from nemocli.transcript.formats import FORMATS


@dataclass(frozen=True)
class LiveOptions:
    """Transcribe what is said as it is said, until Ctrl-C, which ends normally.

    On a terminal the words appear while one speaks: space pauses, l changes the language, p adds
    a phrase, / searches what was said (n is older, N newer), c copies the last segment and C
    everything, q ends.
    Into a pipe or a file goes each segment when it is closed, on a line of its own.
    """

    #: What Typer knows of the command line: which options were typed.
    context: typer.Context
    model: Model = None
    lang: Language = "auto"
    lookahead: Lookahead = None
    untrained_lookahead: UntrainedLookahead = False
    device: Annotated[
        str | None,
        option(
            "Microphone, or source of the sound server: its number, or (a part of) its name.",
            "--device",
        ),
    ] = None
    mic: Annotated[
        bool,
        option(
            "Transcribe the microphone, which is the default; with --system, both, as two people.",
            "--mic",
        ),
    ] = False
    system: Annotated[
        bool,
        option(
            "Transcribe what this machine plays: on Linux by PulseAudio or PipeWire, on a Mac by a"
            " loopback device such as BlackHole.",
            "--system",
        ),
    ] = False
    labels: Annotated[
        str,
        option(
            "With --mic and --system: what the microphone and the system are called, separated by"
            " a comma.",
            "--labels",
            metavar="MIC,SYSTEM",
        ),
        COMMAS,
    ] = "You,Them"
    wait_for_device: Annotated[
        float | None,
        option(
            "Seconds to wait for a microphone that stopped giving sound; inf: for ever, which is"
            " the default on a terminal. In a pipe it is 30.",
            "--wait-for-device",
            min=0,
        ),
    ] = None
    list_devices: Annotated[bool, option("List the microphones, and end.", "--list-devices")] = (
        False
    )
    input: Annotated[
        str | None,
        option(
            "Instead of a microphone: a sound file, at the pace of real time, or - for raw samples"
            " or WAV on stdin.",
            "--input",
        ),
    ] = None
    rate: Annotated[int, option("Samples per second of raw samples on stdin.", "--rate")] = 16000
    channels: Annotated[int, option("Channels of raw samples on stdin.", "--channels")] = 1
    encoding: Annotated[str, option("Of raw samples on stdin: s16le or f32le.", "--encoding")] = (
        "s16le"
    )
    gain: Gain = None
    stdout_format: Annotated[
        str, option("On stdout: txt or jsonl.", "--format", "-f", variable="LIVE_FORMAT")
    ] = "txt"
    output: Annotated[
        Path | None,
        option(
            f"Also write {list_words(f'.{name}' for name in FORMATS)}.",
            "--output",
            "-o",
            variable="LIVE_OUTPUT",
        ),
    ] = None
    force: Annotated[bool, declare_confirmation("Replace existing files.", "--force")] = False
    min_cue: MinCue = MIN_CUE
    align: Align = None
    phrase: PhraseTexts = None
    phrases: PhraseFile = None
    boost: Boost = DEFAULT_BOOST
    boost_blank: BoostBlank = False
    speakers: Annotated[
        bool,
        option(
            "Say who speaks: each segment has a speaker, and ends where another one begins."
            " A second model finds them (--speaker-model).",
            "--speakers",
        ),
    ] = False
    max_speakers: MaxSpeakers = None
    speaker_names: SpeakerNames = None
    speaker_model: SpeakerModel = None
    save_audio: Annotated[
        Path | None,
        option(
            "Also write the sound, as .flac or .wav; with --mic and --system, the microphone is its"
            " left channel and the system its right one.",
            "--save-audio",
        ),
    ] = None
    on_final: Annotated[
        str | None,
        option(
            "Program to run for each segment when it is closed, with its JSON on stdin; without a"
            " shell, unless it is one, such as 'sh -c \"...\"'.",
            "--on-final",
            metavar="COMMAND",
        ),
    ] = None
    on_final_limit: Annotated[
        float,
        option("Seconds after which such a run is ended.", "--on-final-limit", min=0.1),
    ] = 10.0
    type: Annotated[
        bool,
        option(
            "Type each segment into the focused window, unless that is this terminal; with --mic"
            " and --system, only what the microphone gives. Needs nemocli[type], on Wayland wtype"
            " or ydotool.",
            "--type",
        ),
    ] = False
    hotkey: Annotated[
        str | None,
        option(
            "Keys of the whole desktop that open the microphone, which is paused otherwise, such as"
            " '<ctrl>+<alt>+d'.",
            "--hotkey",
            metavar="KEYS",
        ),
    ] = None
    hotkey_mode: Annotated[
        str,
        option(
            "toggle: they open and close it in turn; hold: it is open while they are held.",
            "--hotkey-mode",
        ),
    ] = "toggle"
    endpoint_ms: Annotated[
        int,
        option(
            "Pause that closes a segment; half of it after the end of a sentence.",
            "--endpoint-ms",
            min=80,
        ),
    ] = 800
    reset_after: Annotated[
        float,
        option(
            "Seconds of silence after which the model begins anew; 0: never.",
            "--reset-after",
            min=0,
        ),
    ] = 30.0
    rescue_after: Annotated[
        float,
        option(
            "Seconds of sound as loud as speech without a word, after which the model begins anew"
            " and is given them once more; 0: never, and no single word without one either.",
            "--rescue-after",
            min=0,
        ),
    ] = 8.0
    max_lag: Annotated[
        float,
        option(
            "Seconds of sound that may wait; what is older is dropped, and a message says so.",
            "--max-lag",
            min=0.5,
        ),
    ] = 10.0
    timestamps: Annotated[bool, option("The time before each segment.", "--timestamps", "-t")] = (
        False
    )
    plain: Annotated[
        bool,
        option(
            "Only whole lines, and nothing that is drawn again, as screen readers need it; the keys"
            " are the same.",
            "--plain",
        ),
    ] = False
    partials: Annotated[
        bool,
        option(
            "With --plain: also what still changes, in lines that begin with …, at most one a"
            " second.",
            "--partials",
        ),
    ] = False
    no_color: NoColor = False
    server: Server = None
    server_key: ServerKey = None
    runtime: Runtime = "auto"
    compute_units: ComputeUnits = None
    quiet: Quiet = False

    def is_typed(self, name: str) -> bool:
        """Tell whether a field was given on the command line, not by a variable or by default."""
        source = self.context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"
