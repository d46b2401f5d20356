"""The options of `nemocli bench`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.boosting.phrases import DEFAULT_BOOST
from nemocli.cli.options import (
    Boost,
    BoostBlank,
    ComputeUnits,
    Lookahead,
    MaxSpeakers,
    Model,
    NoColor,
    PhraseFile,
    PhraseTexts,
    Precision,
    Quiet,
    Runtime,
    SpeakerModel,
    UntrainedLookahead,
    option,
)


@dataclass(frozen=True)
class BenchOptions:
    """Measure a model on this machine: its speed, its accuracy, or its exactness.

    Speed: the time of a chunk, latencies, loading, memory and energy, for a stream, for blocks of
    chunks, and for many files together. With --verify, the exit code is 1 if a runtime failed or is
    not exact; with --choose, if none is; with --manifest, if a file failed.
    """

    context: typer.Context
    audio: Annotated[
        list[Path] | None,
        typer.Argument(help="Sound files to transcribe; by default a bundled clip of 24 s."),
    ] = None
    model: Model = None
    runtime: Runtime = "auto"
    precision: Precision = None
    lookahead: Lookahead = None
    untrained_lookahead: UntrainedLookahead = False
    compute_units: ComputeUnits = None
    repeat: Annotated[
        int | None,
        option(
            "Number of repeats, each in processes of its own; 5, or 2 in a sweep.",
            "--repeat",
            variable="BENCH_REPEAT",
            min=1,
        ),
    ] = None
    json: Annotated[
        str | None,
        option(
            "Write all results, with every sample, to a JSON file, or to stdout (-).",
            "--json",
            variable="BENCH_JSON",
            metavar="FILE",
        ),
    ] = None
    compare: Annotated[
        Path | None,
        option(
            "Compare with an earlier --json file, and say which differences are real.",
            "--compare",
            variable="BENCH_COMPARE",
            metavar="OLD.json",
        ),
    ] = None
    sweep: Annotated[
        bool,
        option(
            "Measure every runtime, precision, lookahead and block size, and draw the curve.",
            "--sweep",
            variable="BENCH_SWEEP",
        ),
    ] = False
    plot: Annotated[
        Path | None,
        option(
            "With --sweep: also draw the curve into a .png, .svg or .pdf file.",
            "--plot",
            variable="BENCH_PLOT",
        ),
    ] = None
    manifest: Annotated[
        Path | None,
        option(
            "Measure WER and CER instead of speed, on NeMo's JSON lines, or on a folder of sounds"
            " with .txt files beside them.",
            "--manifest",
            variable="BENCH_MANIFEST",
            metavar="FILE_OR_FOLDER",
        ),
    ] = None
    speakers: Annotated[
        bool,
        option(
            "With --manifest: find who speaks, too, and count errors where it names RTTM files.",
            "--speakers",
            variable="BENCH_SPEAKERS",
        ),
    ] = False
    max_speakers: MaxSpeakers = None
    speaker_model: SpeakerModel = None
    lang: Annotated[
        str,
        option(
            "Language of files that the manifest gives none for.",
            "--lang",
            "--language",
        ),
    ] = "auto"
    phrase: PhraseTexts = None
    phrases: PhraseFile = None
    boost: Boost = DEFAULT_BOOST
    boost_blank: BoostBlank = False
    verify: Annotated[
        bool,
        option(
            "Check, instead of speed, that every runtime and precision gives the stored tokens.",
            "--verify",
            variable="BENCH_VERIFY",
        ),
    ] = False
    choose: Annotated[
        bool,
        option(
            "Find the fastest runtime, precision and compute units with exact tokens on this"
            " machine, and remember them for live and for files.",
            "--choose",
            variable="BENCH_CHOOSE",
        ),
    ] = False
    no_color: NoColor = False
    quiet: Quiet = False

    @property
    def speaker_names(self) -> None:
        """None: names do not matter where errors are counted."""

    def is_typed(self, name: str) -> bool:
        """Tell whether a field was given on the command line, not by a variable or by default."""
        source = self.context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"
