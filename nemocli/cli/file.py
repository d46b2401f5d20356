"""`nemocli file`: transcribe sound files, with the growing transcript on the terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemocli.cli.streams import say
from nemocli.errors import AudioError, NemocliError, UsageError

if TYPE_CHECKING:
    from nemocli.cli.screen import Screen
    from nemocli.transcriber import Transcriber
    from nemocli.transcript.formats import Result


def file(
    audio: Annotated[
        list[Path],
        typer.Argument(
            help="Sound or video files: wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_MODEL",
            help="Folder, .nemo file, name from 'nemocli models list', or 'demo'.",
        ),
    ] = None,
    lang: Annotated[
        str,
        typer.Option(
            "--lang", "--language", envvar="NEMOCLI_LANG", help="Such as ja-JP, en_us, de, or auto."
        ),
    ] = "auto",
    lookahead: Annotated[
        int | None,
        typer.Option(
            envvar="NEMOCLI_LOOKAHEAD",
            help="0, 3, 6 or 13 frames of 80 ms; more is slower to come and more accurate.",
        ),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            envvar="NEMOCLI_FORMAT",
            help="txt, json, jsonl, tsv, srt or vtt.",
        ),
    ] = "txt",
    runtime: Annotated[
        str,
        typer.Option(envvar="NEMOCLI_RUNTIME", help="auto, onnx, coreml, coreai or numpy."),
    ] = "auto",
    compute_units: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_COMPUTE_UNITS", help="For coreml and coreai: cpu, gpu, ane, all."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="NEMOCLI_QUIET", help="Only results and errors.")
    ] = False,
) -> None:
    """Transcribe files: results to stdout as each is done, everything else to stderr.

    With several files, txt has the file's name in a line before each transcript, and json is one
    object a line. A file that fails is reported, the others go on, and the exit code is 1.
    """
    from nemocli.cli.loading import load_model, note_other_region
    from nemocli.cli.screen import Screen
    from nemocli.transcript.formats import FORMATS

    if output_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"There is no format {output_format!r}; choose one of {known}.")
    if len(audio) > 1 and output_format not in ("txt", "json"):
        raise UsageError(
            f"Several files cannot share stdout as {output_format}; give {audio[0]} alone."
        )
    screen = Screen(quiet)
    transcriber = load_model(model, runtime, lookahead, compute_units, screen)
    language = transcriber.resolve_language(lang)
    note_other_region(lang, language, screen)
    failed = []
    for path in audio:
        try:
            result = transcribe(transcriber, path, language, screen)
        except AudioError as error:
            failed.append(path)
            say(str(error))
        else:
            sys.stdout.write(_written(result, output_format, several=len(audio) > 1))
            sys.stdout.flush()
    if failed:
        if len(audio) > 1:
            names = ", ".join(str(path) for path in failed)
            say(f"{len(failed)} of {len(audio)} files failed: {names}")
        raise typer.Exit(NemocliError.exit_code)


def transcribe(transcriber: "Transcriber", path: Path, language: str, screen: "Screen") -> "Result":
    """One file through a session of its own; AudioError if it cannot be decoded."""
    from nemocli.audio import open_sound
    from nemocli.transcript.formats import Result

    session = transcriber.session(language)
    with open_sound(path) as sound, screen.file(path.name, sound.duration) as show:
        for samples in sound:
            show(session.feed(samples))
        transcript = session.finish()
    return Result(transcriber.about(str(path), language), transcript)


def _written(result: "Result", output_format: str, several: bool) -> str:
    from nemocli.transcript.formats import json_line, write_whole

    if not several:
        return write_whole(result, output_format)
    if output_format == "json":
        return json_line(result)
    return f"{result.about.file}:\n{write_whole(result, output_format)}\n"
