"""The options of `nemocli file`."""

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
    Channels,
    ComputeUnits,
    FileSpeakerNames,
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
    Speakers,
    Track,
    UntrainedLookahead,
    declare_confirmation,
    option,
)
from nemocli.cli.runtime_help import list_words
from nemocli.transcript.cue_layout import MAX_LINE_COUNT, MAX_LINE_WIDTH, MIN_CUE
from nemocli.transcript.formats import FORMATS


@dataclass(frozen=True)
class FileOptions:
    """Transcribe files: results to stdout, or into files; everything else to stderr.

    On stdout they come in the order of the files. With several files, txt has the file's name in a
    line before each transcript, and json is one object per line. A file that fails is reported, the
    other files are still transcribed, and the exit code is 1.
    """

    context: typer.Context
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
    untrained_lookahead: UntrainedLookahead = False
    stdout_format: Annotated[
        str, option(f"On stdout: {list_words(FORMATS)}.", "--format", "-f")
    ] = "txt"
    output_dir: Annotated[
        str | None,
        option(
            "Write files into this folder, in subfolders like those of the sound. Run again to"
            " resume. Or a file, such as talk.srt.",
            "--output-dir",
            "-o",
        ),
    ] = None
    output_format: Annotated[
        str | None,
        option(
            "Write files in these formats, such as txt,srt, or all; without --output-dir, beside"
            " the sound.",
            "--output-format",
        ),
        COMMAS,
    ] = None
    word_timestamps: Annotated[
        bool,
        option(
            "A cue for each word in srt, a row for each in tsv, and the time of each in vtt.",
            "--word-timestamps",
        ),
    ] = False
    max_line_width: Annotated[
        int,
        option(
            "Characters per line of srt and vtt, wide ones counted twice; 0: a cue is one line.",
            "--max-line-width",
            min=0,
        ),
    ] = MAX_LINE_WIDTH
    max_line_count: Annotated[
        int,
        option("Lines per cue of srt and vtt; 0: as many as it needs.", "--max-line-count", min=0),
    ] = MAX_LINE_COUNT
    min_cue: MinCue = MIN_CUE
    align: Align = None
    phrase: PhraseTexts = None
    phrases: PhraseFile = None
    boost: Boost = DEFAULT_BOOST
    boost_blank: BoostBlank = False
    track: Track = None
    channels: Channels = "mix"
    gain: Gain = None
    speakers: Speakers = False
    max_speakers: MaxSpeakers = None
    speaker_names: FileSpeakerNames = None
    speaker_model: SpeakerModel = None
    recursive: Annotated[
        bool, option("Search the subfolders of folders too.", "--recursive", "-r")
    ] = False
    from_file: Annotated[
        str | None,
        option(
            "A list of files and folders, one per line or each followed by NUL; - for stdin.",
            "--from-file",
        ),
    ] = None
    extensions: Annotated[
        str | None,
        option(
            "Extensions that folders are searched for, such as wav,mp3, or '*' for every file. By"
            " default those of sound and video.",
            "--extensions",
        ),
        COMMAS,
    ] = None
    dry_run: Annotated[
        bool, option("Only list which files would be transcribed, and which are done.", "--dry-run")
    ] = False
    force: Annotated[
        bool,
        declare_confirmation(
            "Transcribe again what is done, and replace files that nemocli did not write.",
            "--force",
        ),
    ] = False
    strict: Annotated[
        bool,
        option(
            "Let a file fail, instead of a warning, if its sound is damaged, incomplete or without"
            " words.",
            "--strict",
        ),
    ] = False
    report: Annotated[
        Path | None, option("Write the result of each file into this JSON file.", "--report")
    ] = None
    max_memory: Annotated[
        str | None,
        option(
            "Memory for the files being transcribed, besides the models', such as 2G or 500M.",
            "--max-memory",
        ),
    ] = None
    server: Server = None
    server_key: ServerKey = None
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
            "Copies of the model on the cluster; by default one for every four CPUs.",
            "--workers",
            min=1,
        ),
    ] = None
    no_color: NoColor = False
    quiet: Quiet = False

    def is_typed(self, name: str) -> bool:
        """Tell whether a field was given on the command line, not by a variable or by default."""
        source = self.context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"
