"""`nemocli live`: what is said into a microphone, or comes down a pipe, as it is said."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemocli.cli.live_source import open_source, print_devices, typed_one
from nemocli.cli.options import (
    ComputeUnits,
    Gain,
    Language,
    Lookahead,
    MinCue,
    Model,
    Quiet,
    Runtime,
    parse_lookahead,
)
from nemocli.cli.signals import EndRequests, exit_code
from nemocli.errors import UsageError
from nemocli.transcript.cue_layout import MIN_CUE, CueLayout
from nemocli.units import FRAME_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nemocli.cli.live_outputs import FileOutput, Output
    from nemocli.cli.live_screen import LiveScreen
    from nemocli.live.listener import StreamSummary
    from nemocli.transcript.formats import Provenance

STDOUT_FORMATS = ("txt", "jsonl")


def live(
    context: typer.Context,
    model: Model = None,
    lang: Language = "auto",
    lookahead: Lookahead = None,
    device: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_DEVICE", help="Microphone: its number, or (a part of) its name."
        ),
    ] = None,
    list_devices: Annotated[
        bool,
        typer.Option(
            "--list-devices", envvar="NEMOCLI_LIST_DEVICES", help="List the microphones, and end."
        ),
    ] = False,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            envvar="NEMOCLI_INPUT",
            help="Instead of a microphone: a sound file, at the pace of real time, or - for raw"
            " samples or WAV on stdin.",
        ),
    ] = None,
    rate: Annotated[
        int,
        typer.Option(envvar="NEMOCLI_RATE", help="Samples per second of raw samples on stdin."),
    ] = 16000,
    channels: Annotated[
        int, typer.Option(envvar="NEMOCLI_CHANNELS", help="Channels of raw samples on stdin.")
    ] = 1,
    gain: Gain = None,
    encoding: Annotated[
        str,
        typer.Option(envvar="NEMOCLI_ENCODING", help="Of raw samples on stdin: s16le or f32le."),
    ] = "s16le",
    output_format: Annotated[
        str,
        typer.Option(
            "--format", "-f", envvar="NEMOCLI_LIVE_FORMAT", help="On stdout: txt or jsonl."
        ),
    ] = "txt",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            envvar="NEMOCLI_LIVE_OUTPUT",
            help="Also write .txt, .srt, .vtt, .json, .jsonl or .tsv.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", envvar="NEMOCLI_LIVE_FORCE", help="Replace existing files."),
    ] = False,
    min_cue: MinCue = MIN_CUE,
    save_audio: Annotated[
        Path | None,
        typer.Option(envvar="NEMOCLI_SAVE_AUDIO", help="Also write the sound, as .flac or .wav."),
    ] = None,
    endpoint_ms: Annotated[
        int,
        typer.Option(
            envvar="NEMOCLI_ENDPOINT_MS",
            min=80,
            help="Pause that closes a segment; half of it after the end of a sentence.",
        ),
    ] = 800,
    reset_after: Annotated[
        float,
        typer.Option(
            envvar="NEMOCLI_RESET_AFTER",
            min=0,
            help="Seconds of silence after which the model begins anew; 0: never.",
        ),
    ] = 30.0,
    rescue_after: Annotated[
        float,
        typer.Option(
            envvar="NEMOCLI_RESCUE_AFTER",
            min=0,
            help="Seconds of sound as loud as speech without a word, after which the model begins"
            " anew and hears them once more; 0: never.",
        ),
    ] = 8.0,
    max_lag: Annotated[
        float,
        typer.Option(
            envvar="NEMOCLI_MAX_LAG",
            min=0.5,
            help="Seconds of sound that may wait; what is older is dropped, and that is told.",
        ),
    ] = 10.0,
    timestamps: Annotated[
        bool,
        typer.Option(
            "--timestamps", "-t", envvar="NEMOCLI_TIMESTAMPS", help="The time before each segment."
        ),
    ] = False,
    runtime: Runtime = "auto",
    compute_units: ComputeUnits = None,
    quiet: Quiet = False,
) -> None:
    """Transcribe what is said as it is said, until Ctrl-C, which ends normally.

    On a terminal the words appear while one speaks: space pauses, l changes the language, q ends.
    Into a pipe or a file goes each segment when it is closed, on a line of its own.
    """
    if list_devices:
        print_devices()
        return
    _check_format(output_format)
    if input_ is not None and device is not None:
        input_, device = typed_one(context, input_, device)
    _check_files(output, save_audio, force)
    layout = CueLayout(min_cue=min_cue)
    from nemocli.audio.gain import RunningGain
    from nemocli.audio.options import parse_gain
    from nemocli.audio.recorder import Recorder
    from nemocli.cli.live_loop import LiveLoop
    from nemocli.cli.live_outputs import JsonLines, TextLines
    from nemocli.cli.loading import load_model, note_other_region
    from nemocli.cli.screen import Screen
    from nemocli.live.listener import Listener
    from nemocli.live.stream import StreamLimits
    from nemocli.models.spec import ModelSpec

    screen = Screen(quiet)
    wanted_gain = parse_gain(gain)
    with ExitStack() as stack:
        frames = parse_lookahead(lookahead)
        source = open_source(input_, device, rate, channels, encoding, max_lag, lang)
        source.gain = RunningGain(wanted_gain)
        stack.callback(source.close)
        spec = ModelSpec(model, runtime, lookahead=frames, compute_units=compute_units)
        transcriber = load_model(spec, screen)
        language = transcriber.resolve_language(lang)
        note_other_region(lang, language, screen)
        limits = StreamLimits(endpoint_ms / 1000, reset_after, rescue_after)
        listener = Listener(transcriber, language, source, limits)
        live_screen = _live_screen(output_format, timestamps, transcriber.lookahead, quiet)
        loop = LiveLoop(listener, source, live_screen, screen)
        # From here on there is something to finish, which goes on until the outputs are closed.
        requests = stack.enter_context(EndRequests())
        outputs: list[Output] = []
        about = transcriber.about(source.name, language)
        written = _file_output(stack, output, about, layout, force, loop.tell)
        outputs += [written] if written else []
        if live_screen is None:
            outputs.append(TextLines(timestamps) if output_format == "txt" else JsonLines())
        recorder = None
        if save_audio is not None:
            recorder = stack.enter_context(Recorder(save_audio, source, force, loop.tell))
        try:
            loop.run(outputs, requests)
        except KeyboardInterrupt as interrupt:
            # Python's own way out would crash on the listening thread, which is in native code.
            stack.close()
            os._exit(exit_code(interrupt))
    if not quiet:
        print(_summary(listener.summary()), file=sys.stderr)
    failures = [listener.error, loop.failure, written.failure if written else None]
    _raise_first([*failures, recorder.failure if recorder else None])


def _check_format(output_format: str) -> None:
    if output_format not in STDOUT_FORMATS:
        raise UsageError(
            f"There is no format {output_format!r} for stdout; choose one of"
            f" {', '.join(STDOUT_FORMATS)}. The others are for --output."
        )


def _check_files(output: Path | None, save_audio: Path | None, force: bool) -> None:
    """Before the model is loaded, which takes long."""
    from nemocli.audio.recorder import check_recording
    from nemocli.transcript.formats import FORMATS
    from nemocli.transcript.growing_file import check_target

    if output is not None:
        if output.suffix[1:] not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise UsageError(f"--output writes files that end in {known}, not {output.name!r}.")
        check_target(output, force)
    if save_audio is not None:
        check_recording(save_audio, force)


def _live_screen(
    output_format: str, timestamps: bool, lookahead: int, quiet: bool
) -> "LiveScreen | None":
    """The screen, if stdout is a terminal that can be drawn on and text is wanted there."""
    from rich.console import Console

    from nemocli.cli.live_screen import LiveScreen

    console = Console(highlight=False)
    if quiet or output_format != "txt" or not console.is_terminal or console.is_dumb_terminal:
        return None
    return LiveScreen(console, timestamps, round((lookahead + 1) * FRAME_SECONDS * 1000))


def _file_output(
    stack: ExitStack,
    path: Path | None,
    about: "Provenance",
    layout: CueLayout,
    force: bool,
    tell: "Callable[[str], None]",
) -> "FileOutput | None":
    if path is None:
        return None
    from nemocli.cli.live_outputs import FileOutput
    from nemocli.transcript.formats import FORMATS
    from nemocli.transcript.growing_file import GrowingFile

    growing = GrowingFile(path, FORMATS[path.suffix[1:]](about, layout), force)
    return FileOutput(stack.enter_context(growing), tell)


def _raise_first(failures: "Iterable[Exception | None]") -> None:
    for failure in failures:
        if failure is not None:
            raise failure


def _summary(summary: "StreamSummary") -> str:
    dropped = ""
    if summary.dropped:
        counts = f"{summary.dropped_frames} of {summary.heard_frames} samples"
        dropped = f", {summary.dropped:.1f} s dropped ({counts})"
    rescued = f", {summary.rescued:.1f} s heard once more" if summary.rescued else ""
    return (
        f"nemocli: {summary.heard:.1f} s heard{dropped}{rescued}; lag {summary.mean_lag:.2f} s"
        f" (p95 {summary.p95_lag:.2f} s), RTF {summary.real_time_factor:.3f}"
    )
