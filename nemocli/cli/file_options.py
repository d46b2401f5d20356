"""The options of `nemocli file`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import (
    Channels,
    ComputeUnits,
    Gain,
    Language,
    Lookahead,
    MinCue,
    Model,
    Quiet,
    Runtime,
    Track,
    confirmation,
    option,
)
from nemocli.transcript.cue_layout import MAX_LINE_COUNT, MAX_LINE_WIDTH, MIN_CUE


@dataclass(frozen=True)
class FileOptions:
    """Transcribe files: results to stdout, or into files; everything else to stderr.

    On stdout they come in the order of the files. With several, txt has the file's name in a line
    before each transcript, and json is one object a line. A file that fails is reported, the others
    go on, and the exit code is 1.
    """

    audio: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sound or video files (wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm, …), folders"
            " of them, patterns in quotes, or - for a file on stdin."
        ),
    ] = None
    model: Model = None
    lang: Language = "auto"
    lookahead: Lookahead = None
    stdout_format: Annotated[
        str, option("On stdout: txt, json, jsonl, tsv, srt or vtt.", "--format", "-f")
    ] = "txt"
    output_dir: Annotated[
        str | None,
        option(
            "Write files into this folder, with the folders' own paths below it. The same command"
            " again goes on with what is not done. Or one file, such as talk.srt.",
            "--output-dir",
            "-o",
        ),
    ] = None
    output_format: Annotated[
        str | None,
        option(
            "Write files in these formats, such as txt,srt, or all; beside the sound without"
            " --output-dir.",
            "--output-format",
        ),
    ] = None
    word_timestamps: Annotated[
        bool,
        option(
            "Each word by itself in srt and tsv, and with its time in vtt.",
            "--word-timestamps",
        ),
    ] = False
    max_line_width: Annotated[
        int,
        option("Cells of a line of srt and vtt; 0: a cue is one line.", "--max-line-width", min=0),
    ] = MAX_LINE_WIDTH
    max_line_count: Annotated[
        int,
        option("Lines of a cue of srt and vtt; 0: as many as it needs.", "--max-line-count", min=0),
    ] = MAX_LINE_COUNT
    min_cue: MinCue = MIN_CUE
    track: Track = None
    channels: Channels = "mix"
    gain: Gain = None
    recursive: Annotated[bool, option("Folders with their subfolders.", "--recursive", "-r")] = (
        False
    )
    from_file: Annotated[
        str | None,
        option(
            "A list of files and folders, one a line or with NUL between them; - for stdin.",
            "--from-file",
        ),
    ] = None
    extensions: Annotated[
        str | None,
        option(
            "What folders are searched for, such as wav,mp3, or '*'. By default those of sound and"
            " video.",
            "--extensions",
        ),
    ] = None
    dry_run: Annotated[
        bool, option("Only list what would be done, and what is done already.", "--dry-run")
    ] = False
    force: Annotated[
        bool,
        confirmation(
            "Transcribe also what is done already, and replace files of others.", "--force"
        ),
    ] = False
    strict: Annotated[
        bool,
        option(
            "A file whose sound is damaged, incomplete or without words fails, instead of a"
            " warning.",
            "--strict",
        ),
    ] = False
    report: Annotated[
        Path | None, option("Write what became of each file, as JSON, to this file.", "--report")
    ] = None
    max_memory: Annotated[
        str | None,
        option("Memory for files at work, beside the model's: such as 2G or 500M.", "--max-memory"),
    ] = None
    runtime: Runtime = "auto"
    compute_units: ComputeUnits = None
    cluster: Annotated[
        str | None,
        option(
            "Transcribe on a Ray cluster: auto, host:port, ray://host:port, or local to start one"
            " here. Its machines need nemocli, the model, and the files at the same paths.",
            "--cluster",
            metavar="ADDRESS",
        ),
    ] = None
    workers: Annotated[
        int | None,
        option(
            "Copies of the model on the cluster; by default one for four CPUs.", "--workers", min=1
        ),
    ] = None
    quiet: Quiet = False
