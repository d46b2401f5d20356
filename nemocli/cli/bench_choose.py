"""`nemocli bench --choose`: measure all variants, print a table, and remember the fastest."""

from collections.abc import Sequence

from nemocli.bench.choosing import describe, list_candidates, measure_candidates, remember
from nemocli.bench.machine import describe_load
from nemocli.bench.report import format_json, write_text
from nemocli.bench.trials import Trial
from nemocli.cli.bench_runs import UNITS, BenchRequest
from nemocli.cli.bench_tables import format_number, print_line, show_table
from nemocli.cli.printable import make_path_printable
from nemocli.models.measured_choices import Choice, check_choices_folder


def run_choose(request: BenchRequest) -> None:
    """Measure every variant of the model, and remember the fastest for live and for files.

    Raises NemocliError if none was exact, and before the work if nothing can be remembered.
    """
    request.refuse("--choose", "--runtime", "--precision", UNITS)
    check_choices_folder()
    screen = request.screen
    if note := describe_load():
        screen.note(note)
    model = str(request.make_spec().model)
    with screen.show_wait("preparing the models") as progress:
        candidates = list_candidates(
            *(model, request.lookahead, progress, screen.note),
            request.options.untrained_lookahead,
        )
    with screen.show_bar("measuring") as show:
        choice, trials = measure_candidates(candidates, show)
    report = describe(candidates, choice, trials)
    if request.options.json == "-":
        print(format_json(report), end="")
    else:
        if request.json_path:
            write_text(request.json_path, format_json(report))
        _show(choice, trials)
    path = remember(candidates, choice, trials)
    screen.note(f"remembered in {make_path_printable(str(path))}; --runtime goes before it.")


def _show(choice: Choice, trials: Sequence[Trial]) -> None:
    """Print a row for each variant, and what was chosen."""
    rows = [
        [
            str(trial.variant),
            _format_tokens(trial),
            *map(
                format_number,
                (
                    trial.chunk_ms_p50,
                    trial.chunk_ms_p99,
                    trial.block_chunk_ms,
                    trial.load_seconds,
                    trial.peak_memory_mb,
                    trial.joules_per_second,
                ),
            ),
        ]
        for trial in trials
    ]
    show_table(["", "tokens", "p50 ms", "p99 ms", "blocks", "load s", "MB", "J/s"], rows)
    for trial in trials:
        if trial.message:
            print_line(f"{trial.variant} {trial.verdict}: {trial.message}")
    print_line(
        "p50, p99: of a chunk of a stream; blocks: ms for each chunk of a block; tokens: right ones"
        " of all, in blocks behind a comma if they differ; J/s: joules for a second of sound, where"
        " the system says it."
    )
    for purpose, variants in (("live", choice.live), ("files", choice.files)):
        if variants:
            print_line(f"fastest with exact tokens, for {purpose}: {variants[0]}")


def _format_tokens(trial: Trial) -> str:
    """Return such as `110/110`, or `110/110, 109` if blocks differ; the verdict if it did not run.

    One that emits too much is marked by a plus sign.
    """
    if trial.tokens is None:
        return trial.verdict
    text = f"{trial.agreeing}/{trial.tokens}"
    if trial.agreeing == trial.tokens and not trial.is_exact:
        text += "+"
    if trial.is_exact_in_blocks == trial.is_exact:
        return text
    return f"{text}, {trial.agreeing_in_blocks}"
