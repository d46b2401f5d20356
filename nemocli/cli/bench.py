"""`nemocli bench`: what this machine can do: speed, accuracy, exactness."""

from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli import runtime_help
from nemocli.cli.options import ComputeUnits, Lookahead, Model, parse_lookahead
from nemocli.errors import UsageError


def bench(
    audio: Annotated[
        list[Path] | None,
        typer.Argument(help="Sound files to hear; by default a bundled clip of 24 s."),
    ] = None,
    model: Model = None,
    runtime: Annotated[
        str | None,
        typer.Option(envvar="NEMOCLI_RUNTIME", help=runtime_help.runtimes()),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_PRECISION",
            help=f"What a checkpoint is converted to, once: {runtime_help.precisions()}.",
        ),
    ] = None,
    lookahead: Lookahead = None,
    compute_units: ComputeUnits = None,
    repeat: Annotated[
        int | None,
        typer.Option(
            envvar="NEMOCLI_BENCH_REPEAT",
            min=1,
            help="Repeats, in processes of their own; 5, or 2 in a sweep.",
        ),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json",
            envvar="NEMOCLI_BENCH_JSON",
            metavar="FILE",
            help="Write everything with every sample to a file, or to stdout (-).",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            envvar="NEMOCLI_BENCH_COMPARE",
            metavar="OLD.json",
            help="Then say which differences from an earlier --json are real.",
        ),
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            envvar="NEMOCLI_BENCH_SWEEP",
            help="Every runtime, precision, lookahead and size of block; draws the curve.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            envvar="NEMOCLI_BENCH_PLOT",
            help="With --sweep: also draw the curve into a .png, .svg or .pdf.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            envvar="NEMOCLI_BENCH_MANIFEST",
            metavar="FILE_OR_FOLDER",
            help="Instead of speed, WER and CER on NeMo's JSON lines, or a folder of sounds with"
            " .txt beside them.",
        ),
    ] = None,
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            "--language",
            envvar="NEMOCLI_LANG",
            help="With --manifest: of the sounds whose language it does not tell.",
        ),
    ] = "auto",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            envvar="NEMOCLI_BENCH_VERIFY",
            help="Instead of speed, whether every runtime and precision gives the stored tokens.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="NEMOCLI_QUIET", help="No progress on stderr.")
    ] = False,
) -> None:
    """Measure what this machine can do with a model: speed, accuracy, or exactness.

    Speed: the time of a chunk, latencies, loading, memory and energy, for a stream, for blocks of
    chunks, and for many files together. With --verify, the exit code is 1 if a runtime failed or is
    not exact; with --manifest, if a file failed.
    """
    from nemocli.cli.bench_runs import Asked, run_accuracy, run_speed, run_sweep, run_verify
    from nemocli.cli.screen import Screen

    _check_modes(sweep, manifest, verify, compare, plot, audio)
    asked = Asked(
        model,
        runtime,
        precision,
        parse_lookahead(lookahead),
        compute_units,
        repeat,
        json_file,
        Screen(quiet),
    )
    asked.check_place()
    if verify:
        run_verify(asked)
    elif manifest is not None:
        run_accuracy(asked, manifest, lang)
    elif sweep:
        run_sweep(asked, audio or [], plot)
    else:
        run_speed(asked, audio or [], compare)


def _check_modes(
    sweep: bool,
    manifest: Path | None,
    verify: bool,
    compare: Path | None,
    plot: Path | None,
    audio: list[Path] | None,
) -> None:
    """UsageError for options that contradict one another."""
    modes = {"--sweep": sweep, "--manifest": manifest is not None, "--verify": verify}
    chosen = [name for name, is_on in modes.items() if is_on]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} are measured one at a time; leave out one.")
    if chosen and compare is not None:
        raise UsageError(f"--compare compares speed; leave out {chosen[0]}.")
    if plot is not None and not sweep:
        raise UsageError("--plot draws what --sweep measures; add --sweep.")
    if audio and (verify or manifest is not None):
        raise UsageError(f"{chosen[0]} brings its own sounds; leave out {audio[0]}.")
