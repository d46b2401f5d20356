"""Every runtime, precision and compute unit this machine has, against reference tokens."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from nemocli.bench.conversion import count_agreeing
from nemocli.bench.reference import Reference, computed_reference, demo_reference
from nemocli.bench.run_config import RunConfig, run_config
from nemocli.bench.subprocess_run import TrialError
from nemocli.bench.variants import compute_units, is_slow, list_variants
from nemocli.doctor.examine import examine
from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.find import find_model, list_converted
from nemocli.models.hub import DEFAULT_MODEL, HubModel, find_pulled
from nemocli.models.paths import DEMO, models_folder
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import open_checkpoint
from nemocli.whole_file import write_whole_file

#: Version of the report; rises when a reader of the old one would break.
REPORT_VERSION = 1

#: Precisions that must give the very tokens; the others are compared and reported.
EXACT = ("fp32", "fp16")

LOOKAHEAD = 3


@dataclass(frozen=True)
class VariantCheck:
    """What became of one config. Times are null if it did not run."""

    model: str
    runtime: str
    precision: str
    compute_units: str | None
    lookahead: int | None
    #: `same`, `differs`, `failed`, or `not here` for what this machine cannot run.
    verdict: str
    message: str = ""
    #: Where the tokens come from that it was compared with.
    reference: str = ""
    #: Tokens of the reference, and how many of them came in the same order.
    tokens: int | None = None
    agreeing: int | None = None
    load_seconds: float | None = None
    chunk_ms_median: float | None = None
    chunk_ms_p95: float | None = None
    real_time_factor: float | None = None

    @property
    def is_bad(self) -> bool:
        """Whether something is wrong: not for what is not here, nor for a lossy precision."""
        return self.verdict == "failed" or (self.verdict == "differs" and self.precision in EXACT)


def verify_all(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    """Try the demo in everything there is, and the released model as far as it is converted.

    `note` is called with what is being done. The released model's folders are compared at one
    lookahead with what numpy computes from its checkpoint.
    """
    yield from _demo(note)
    yield from _released(note)


def _demo(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    reference = demo_reference()
    found = find_model(DEMO)
    for runtime, precision in list_variants():
        try:
            model = resolve(ModelSpec(DEMO, runtime, precision), found)
            if model.needs_conversion:
                note(f"converting the demo to {runtime} {precision}")
            config = RunConfig.of(model.convert())
        except NemocliError as error:
            yield VariantCheck(DEMO, runtime, precision, None, None, *_failure(error))
            continue
        for lookahead in sorted(reference.tokens):
            for units in compute_units(runtime):
                one = replace(config, lookahead=lookahead, compute_units=units)
                yield _tried(DEMO, one, reference, note)


def _released(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    pulled = find_pulled(HubModel(DEFAULT_MODEL))
    folders = [
        (path, manifest)
        for path, manifest in list_converted(models_folder())
        if manifest.source.partition("@")[0] == DEFAULT_MODEL
    ]
    if not folders:
        note(f"{DEFAULT_MODEL} is not converted on this machine; only the demo was tried.")
        return
    if pulled is None:
        note(f"{DEFAULT_MODEL} is converted, but its checkpoint to compare with is not here.")
        return
    note("computing the released model's tokens by numpy, once")
    reference = computed_reference(open_checkpoint(pulled), LOOKAHEAD)
    for path, manifest in folders:
        if is_slow(manifest.kind):
            note(f"{path.name} is too slow for this machine and was left out.")
            continue
        for units in compute_units(manifest.kind):
            config = RunConfig(path, manifest.kind, manifest.precision, units, LOOKAHEAD)
            yield _tried(DEFAULT_MODEL, config, reference, note)


def _tried(
    model: str, config: RunConfig, reference: Reference, note: Callable[[str], None]
) -> VariantCheck:
    note(f"running {model}: {config}")
    outcome = VariantCheck(
        model,
        config.runtime,
        config.precision,
        config.compute_units,
        config.lookahead,
        verdict="failed",
        reference=reference.origin,
    )
    try:
        measured = run_config(config, reference.sound)
    except (NemocliError, TrialError, OSError) as error:
        verdict, message = _failure(error)
        return replace(outcome, verdict=verdict, message=message)
    expected = reference.tokens[config.lookahead]
    milliseconds = [1000 * seconds for seconds in measured.chunks]
    return replace(
        outcome,
        verdict="same" if measured.tokens == expected else "differs",
        tokens=len(expected),
        agreeing=count_agreeing(measured.tokens, expected),
        load_seconds=round(measured.load, 3),
        chunk_ms_median=round(median(milliseconds), 3),
        chunk_ms_p95=round(quantiles(milliseconds, n=20)[-1], 3),
        real_time_factor=round(measured.real_time_factor, 5),
    )


def _failure(error: Exception) -> tuple[str, str]:
    return "not here" if isinstance(error, UnsupportedError) else "failed", str(error)


def report_text(outcomes: list[VariantCheck]) -> str:
    """JSON: the machine, and every outcome so far."""
    report = {
        "version": REPORT_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {finding.name: finding.value for finding in examine()},
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    return json.dumps(report, indent=1) + "\n"


def write_report(path: Path, outcomes: list[VariantCheck]) -> None:
    """The same as a file. Raises NemocliError."""
    if path.is_dir():
        raise NemocliError(f"The report {path} cannot be written: it is a folder.")
    try:
        write_whole_file(path, report_text(outcomes))
    except OSError as error:
        raise NemocliError(f"The report {path} cannot be written: {error.strerror}.") from None


def check_verifiable() -> None:
    """ModelError, before anything is done, if this installation has no sound to verify with."""
    try:
        demo_reference()
    except ModelError as error:
        raise ModelError(f"{error} Verify in a clone of the repository.") from None
