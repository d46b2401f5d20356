"""The modes of `nemocli bench`: each measures, writes the JSON, and prints tables."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from nemocli.bench.accuracy import (
    check_jiwer,
    check_languages,
    check_references,
    measure_accuracy,
)
from nemocli.bench.compare import Comparison, check_comparable, compare, find_counterpart
from nemocli.bench.curve import draw_curve
from nemocli.bench.dataset import read_utterances
from nemocli.bench.figures import list_figures
from nemocli.bench.machine import describe_load, read_load_average
from nemocli.bench.plot import check_plottable, write_plot
from nemocli.bench.report import (
    BenchReport,
    ModelResult,
    begin_report,
    check_writable,
    format_json,
    read_report,
    write_text,
)
from nemocli.bench.run_config import RunConfig
from nemocli.bench.speaker_accuracy import check_pyannote
from nemocli.bench.speed import describe_sounds, find_sounds, measure_speed
from nemocli.bench.subprocess_run import SubprocessError
from nemocli.bench.sweep import SweepChoice, compute_points, measure_sweep, sweep_models
from nemocli.cli.bench_options import BenchOptions
from nemocli.cli.bench_tables import (
    print_line,
    show_accuracy,
    show_comparison,
    show_speed,
    show_sweep,
)
from nemocli.cli.loading import complete_spec, note_tiers, note_unspelled
from nemocli.cli.options import parse_lookahead, parse_phrases
from nemocli.cli.screen import Screen
from nemocli.cli.speaker_choice import choose_speakers
from nemocli.cli.streams import say
from nemocli.cli.verifying import verify
from nemocli.diarization.modes import OFFLINE
from nemocli.errors import NemocliError, UsageError
from nemocli.models.resolve import ResolvedModel, resolve
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kinds import AUTO_RUNTIME

UNITS = "--compute-units"

#: Default number of repeats, and that of a sweep.
REPEATS, SWEEP_REPEATS = 5, 2

#: Limit on the files with the most errors that are shown.
MAX_WORST = 5

#: Width of the curve in columns without a terminal, and its limit on one.
DEFAULT_COLUMNS, MAX_COLUMNS = 80, 120


class BenchRequest:
    """The options of one call, and what all modes do with them; UsageError for a bad lookahead."""

    def __init__(self, options: BenchOptions) -> None:
        self.options = options
        self.lookahead = parse_lookahead(options.lookahead)
        self.screen = Screen(options.quiet)
        #: Where the JSON goes; None if it goes to stdout, or nowhere.
        self.json_path = None if options.json in (None, "-") else Path(str(options.json))

    def check_json_path(self) -> None:
        """Raise NemocliError if the JSON file cannot be written."""
        if self.json_path:
            check_writable(self.json_path)

    def refuse(self, mode: str, *names: str) -> None:
        """Raise UsageError if one of these options restricts a mode that tries everything."""
        options = self.options
        values = {
            "--model": options.model,
            "--runtime": None if options.runtime == AUTO_RUNTIME else options.runtime,
            "--precision": options.precision,
            "--lookahead": options.lookahead,
            "--untrained-lookahead": options.untrained_lookahead or None,
            UNITS: options.compute_units,
        }
        if given := [name for name in names if values[name] is not None]:
            raise UsageError(
                f"{mode} tries everything that this machine has; leave out {given[0]}."
            )

    def make_spec(self) -> ModelSpec:
        """Return the requested model, or the released one."""
        options = self.options
        spec = ModelSpec(
            options.model,
            options.runtime,
            options.precision,
            self.lookahead,
            options.compute_units,
            untrained_lookahead=options.untrained_lookahead,
        )
        return complete_spec(spec, self.screen)

    def prepare_model(self) -> ResolvedModel:
        """Resolve the model, and convert it if necessary."""
        spec = self.make_spec()
        with self.screen.show_wait("preparing the model") as progress:
            return resolve(spec).convert(progress)

    def write(self, report: BenchReport, comparison: Comparison | None = None) -> bool:
        """Write the JSON to its file or stdout; return whether tables may be printed on stdout."""
        data = report.to_json() | {"figures": list_figures(report)}
        if comparison:
            data["comparison"] = asdict(comparison)
        if self.options.json == "-":
            print(format_json(data), end="")
            return False
        if self.json_path:
            write_text(self.json_path, format_json(data))
            self.screen.note(f"written: {self.json_path}")
        return True


def run_speed(request: BenchRequest) -> None:
    """Measure one model, and compare it with an earlier report."""
    compare_with = request.options.compare
    earlier = read_report(compare_with) if compare_with else None
    sounds = find_sounds(request.options.audio or [])
    report = begin(request)
    report.sounds = describe_sounds(sounds)
    if earlier:
        check_comparable(earlier, report)
    model = request.prepare_model()
    if earlier:
        find_counterpart(earlier, ModelResult.of(model, False))
    with request.screen.show_bar("measuring") as progress:
        try:
            measure_speed(model, sounds, request.options.repeat or REPEATS, report, progress)
        except SubprocessError as error:
            raise NemocliError(f"{RunConfig.of(model)} cannot be measured: {error}.") from None
    comparison = compare(earlier, report) if earlier else None
    if request.write(report, comparison):
        show_speed(report)
        if comparison:
            print()
            show_comparison(comparison)


def run_sweep(request: BenchRequest) -> None:
    """Measure every variant of the model, and draw the curve; exit code 1 if one failed."""
    plot = request.options.plot
    if plot:
        check_plottable(plot)
        check_writable(plot)
    sounds = find_sounds(request.options.audio or [])
    report = begin(request)
    report.sounds = describe_sounds(sounds)
    options = request.options
    runtime = None if options.runtime == AUTO_RUNTIME else options.runtime
    choice = SweepChoice(
        *(runtime, options.precision, request.lookahead, options.compute_units),
        options.untrained_lookahead,
    )
    name = str(request.make_spec().model)
    with request.screen.show_wait("preparing the models") as report_conversion:
        models = sweep_models(name, choice, report_conversion, request.screen.note)
    with request.screen.show_bar("measuring") as progress:
        failed = measure_sweep(models, sounds, options.repeat or SWEEP_REPEATS, report, progress)
    points = compute_points(report)
    if request.write(report):
        width = min(shutil.get_terminal_size((DEFAULT_COLUMNS, 24)).columns, MAX_COLUMNS)
        show_sweep(points, draw_curve(points, width))
    if plot:
        write_plot(points, f"{models[0].name} on {report.machine.processor}", plot)
        request.screen.note(f"written: {plot}")
    _end(failed)


def run_accuracy(request: BenchRequest, manifest: Path) -> None:
    """Count errors on sounds with known text; exit code 1 if a file failed."""
    check_jiwer()
    options = request.options
    phrases = parse_phrases(options.phrase, options.phrases, options.boost, options.boost_blank)
    utterances = read_utterances(manifest)
    choice = choose_speakers(options, by_channel=False)
    if choice is not None:
        check_pyannote()
        check_references(utterances, manifest)
    report = begin_report(None)
    model = request.prepare_model()
    config = RunConfig.of(model)
    with request.screen.show_wait("loading the model"):
        transcriber = config.load()
    lang = options.lang
    transcriber.resolve_language(lang)
    check_languages(transcriber, utterances)
    requested = {transcriber.resolve_language(one.lang or lang) for one in utterances}
    note_tiers(sorted(requested), transcriber, request.screen)
    note_unspelled(transcriber, phrases, request.screen)
    diarizer = choice.resolve() if choice else None
    speakers = choice.load(diarizer, request.screen) if choice else None
    with request.screen.show_bar("transcribing") as progress:
        report.accuracy = measure_accuracy(
            transcriber, utterances, lang, progress, phrases, speakers
        )
    if choice is not None:
        report.accuracy.speaker_model = choice.describe(diarizer, OFFLINE)
    report.results.append(ModelResult.of(model, False))
    if request.write(report):
        print_line(f"{model.name}: {config}; model {model.revision[:12]}")
        show_accuracy(report.accuracy, MAX_WORST)
    _end(list(report.accuracy.failed.values()))


def run_verify(request: BenchRequest) -> None:
    """Verify as `nemocli doctor --verify` does: the demo and the released model."""
    lookaheads = ("--lookahead", "--untrained-lookahead")
    request.refuse("--verify", "--model", "--runtime", "--precision", *lookaheads, UNITS)
    verify(request.json_path, request.screen, as_json=request.options.json == "-")


def begin(request: BenchRequest) -> BenchReport:
    """Make a new report; print a remark if the machine is busy."""
    if note := describe_load():
        request.screen.note(note)
    return begin_report(read_load_average())


def _end(failed: Sequence[str]) -> None:
    """Print what failed; if there is anything, end with exit code 1."""
    for sentence in failed:
        say(sentence)
    if failed:
        raise typer.Exit(NemocliError.exit_code)
