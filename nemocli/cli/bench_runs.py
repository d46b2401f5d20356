"""What `nemocli bench` does in each of its modes: measure, write the JSON, print."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nemocli.bench.report import (
    BenchReport,
    as_text,
    check_writable,
    new_report,
    read_report,
    write_text,
)
from nemocli.cli.loading import named_spec
from nemocli.cli.streams import say
from nemocli.errors import NemocliError, UsageError
from nemocli.models.spec import ModelSpec

if TYPE_CHECKING:
    from nemocli.bench.compare import Comparison
    from nemocli.cli.screen import Screen
    from nemocli.models.resolve import ResolvedModel

#: Repeats by default, and in a sweep.
REPEATS, SWEEP_REPEATS = 5, 2

#: Files that are listed as the worst.
WORST = 5

#: Columns of the curve where there is no terminal, and at most.
COLUMNS, MOST_COLUMNS = 80, 120


@dataclass(frozen=True)
class Asked:
    """What the modes have in common; None where nothing was said."""

    model: str | None
    runtime: str | None
    precision: str | None
    lookahead: int | None
    compute_units: str | None
    repeat: int | None
    #: A file, or `-` for stdout.
    json: str | None
    screen: "Screen"

    @property
    def json_path(self) -> Path | None:
        return None if self.json in (None, "-") else Path(str(self.json))

    def check_place(self) -> None:
        """NemocliError, before any work, if the JSON file cannot be written."""
        if self.json_path:
            check_writable(self.json_path)

    def spec(self) -> ModelSpec:
        """What was asked for, or the released model."""
        spec = ModelSpec(
            self.model,
            self.runtime or "auto",
            self.precision,
            self.lookahead,
            self.compute_units,
        )
        return named_spec(spec, self.screen)

    def prepare_model(self) -> "ResolvedModel":
        """Resolve the model, and convert it if need be."""
        from nemocli.models.resolve import resolve

        spec = self.spec()
        with self.screen.waiting("preparing the model") as step:
            return resolve(spec).convert(step)

    def write(self, report: BenchReport, comparison: "Comparison | None" = None) -> bool:
        """Write the JSON where it was asked for; whether stdout is left for a person."""
        from nemocli.bench.figures import all_figures

        data = report.to_json() | {"figures": all_figures(report)}
        if comparison:
            data["comparison"] = asdict(comparison)
        if self.json == "-":
            print(as_text(data), end="")
            return False
        if self.json_path:
            write_text(self.json_path, as_text(data))
            self.screen.note(f"written: {self.json_path}")
        return True


def run_speed(asked: Asked, audio: Sequence[Path], compare_with: Path | None) -> None:
    """Measure one model, and compare it with an earlier report."""
    from nemocli.bench.compare import check_comparable, compare, counterpart
    from nemocli.bench.report import ModelResult
    from nemocli.bench.run_config import RunConfig
    from nemocli.bench.speed import describe_sounds, find_sounds, measure_speed
    from nemocli.bench.subprocess_run import TrialError
    from nemocli.cli.bench_tables import show_comparison, show_speed

    earlier = read_report(compare_with) if compare_with else None
    sounds = find_sounds(audio)
    report = _begin(asked)
    report.sounds = describe_sounds(sounds)
    if earlier:
        check_comparable(earlier, report)
    model = asked.prepare_model()
    if earlier:
        counterpart(earlier, ModelResult.of(model, False))
    with asked.screen.bar("measuring") as step:
        try:
            measure_speed(model, sounds, asked.repeat or REPEATS, report, step)
        except TrialError as error:
            raise NemocliError(f"{RunConfig.of(model)} cannot be measured: {error}.") from None
    comparison = compare(earlier, report) if earlier else None
    if asked.write(report, comparison):
        show_speed(report)
        if comparison:
            print()
            show_comparison(comparison)


def run_sweep(asked: Asked, audio: Sequence[Path], plot: Path | None) -> None:
    """Measure every variant of the model, and draw the curve; exit code 1 if one failed."""
    from nemocli.bench.curve import draw_curve
    from nemocli.bench.plot import check_plottable, write_plot
    from nemocli.bench.speed import describe_sounds, find_sounds
    from nemocli.bench.sweep import SweepChoice, measure_sweep, points, sweep_models
    from nemocli.cli.bench_tables import show_sweep

    if plot:
        check_plottable(plot)
        check_writable(plot)
    sounds = find_sounds(audio)
    report = _begin(asked)
    report.sounds = describe_sounds(sounds)
    runtime = None if asked.runtime == "auto" else asked.runtime
    wanted = SweepChoice(runtime, asked.precision, asked.lookahead, asked.compute_units)
    name = str(asked.spec().model)
    with asked.screen.waiting("preparing the models") as progress:
        models = sweep_models(name, wanted, progress, asked.screen.note)
    with asked.screen.bar("measuring") as step:
        failed = measure_sweep(models, sounds, asked.repeat or SWEEP_REPEATS, report, step)
    found = points(report)
    if asked.write(report):
        width = min(shutil.get_terminal_size((COLUMNS, 24)).columns, MOST_COLUMNS)
        show_sweep(found, draw_curve(found, width))
    if plot:
        write_plot(found, f"{models[0].name} on {report.machine.processor}", plot)
        asked.screen.note(f"written: {plot}")
    _end(failed)


def run_accuracy(asked: Asked, manifest: Path, lang: str) -> None:
    """Count errors on sounds with known text; exit code 1 if a file failed."""
    from nemocli.bench.accuracy import check_jiwer, check_languages, measure_accuracy
    from nemocli.bench.dataset import read_utterances
    from nemocli.bench.report import ModelResult
    from nemocli.bench.run_config import RunConfig
    from nemocli.cli.bench_tables import show_accuracy, tell

    check_jiwer()
    utterances = read_utterances(manifest)
    report = new_report(None)
    model = asked.prepare_model()
    config = RunConfig.of(model)
    with asked.screen.waiting("loading the model"):
        transcriber = config.load()
    transcriber.resolve_language(lang)
    check_languages(transcriber, utterances)
    with asked.screen.bar("hearing") as step:
        report.accuracy = measure_accuracy(transcriber, utterances, lang, step)
    report.results.append(ModelResult.of(model, False))
    if asked.write(report):
        tell(f"{model.name}: {config}; model {model.revision[:12]}")
        show_accuracy(report.accuracy, WORST)
    _end(list(report.accuracy.failed.values()))


def run_verify(asked: Asked) -> None:
    """The same as `nemocli doctor --verify`, which tries the demo and the released model."""
    from nemocli.cli.verifying import verify

    told = {
        "--model": asked.model,
        "--runtime": asked.runtime,
        "--precision": asked.precision,
        "--lookahead": asked.lookahead,
        "--compute-units": asked.compute_units,
    }
    if given := [name for name, value in told.items() if value is not None]:
        raise UsageError(f"--verify tries everything that this machine has; leave out {given[0]}.")
    verify(asked.json_path, asked.screen, as_json=asked.json == "-")


def _begin(asked: Asked) -> BenchReport:
    """A new report, and a remark if the machine is not quiet."""
    from nemocli.bench.machine import busy_note, load_average

    if note := busy_note():
        asked.screen.note(note)
    return new_report(load_average())


def _end(failed: Sequence[str]) -> None:
    """Tell what failed, which makes the exit code 1."""
    for sentence in failed:
        say(sentence)
    if failed:
        raise typer.Exit(NemocliError.exit_code)
