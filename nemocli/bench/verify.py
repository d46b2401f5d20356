"""Verification: every variant that this machine can run must give the reference tokens."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from nemocli.bench.conversion import count_agreeing
from nemocli.bench.diarizer_conversion import (
    DiarizerCheck,
    check_diarizer_conversion,
    compare_diarizers,
)
from nemocli.bench.reference import Reference, compute_reference, load_demo_reference
from nemocli.bench.run_config import RunConfig, run_config
from nemocli.bench.subprocess_run import SubprocessError
from nemocli.bench.variants import is_slow, list_compute_units, list_other_transfers, list_variants
from nemocli.doctor.examine import examine
from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.conversions import list_converted
from nemocli.models.find import find_model
from nemocli.models.folder import Manifest
from nemocli.models.hub import (
    DEFAULT_MODEL,
    RELEASED_MODELS,
    HubModel,
    find_pulled,
    parse_hub_model,
)
from nemocli.models.load_diarizer import load_diarizer
from nemocli.models.paths import (
    DEMO,
    DIARIZATION_DEMO,
    find_diarization_demo_folder,
    find_models_folder,
)
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import open_checkpoint
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import read_system
from nemocli.whole_file import write_whole_file

#: Version of the report; rises when a reader of the old one would break.
REPORT_VERSION = 1

#: Precisions that must give exactly the reference tokens; the others may differ.
EXACT = ("fp32", "fp16")


@dataclass(frozen=True)
class VariantCheck:
    """Result of verifying one variant. Times are None if it did not run."""

    model: str
    runtime: str
    precision: str
    compute_units: str | None
    lookahead: int | None
    #: `same`, `differs`, `failed`, or `not here` for what this machine cannot run.
    verdict: str
    message: str = ""
    #: Where the reference tokens come from.
    reference: str = ""
    #: Tokens of the reference, and how many of them the variant gave in the same order.
    tokens: int | None = None
    agreeing: int | None = None
    load_seconds: float | None = None
    chunk_ms_median: float | None = None
    chunk_ms_p95: float | None = None
    real_time_factor: float | None = None
    #: How arrays go in and out; None for the runtime's default.
    transfer: str | None = None

    @property
    def is_bad(self) -> bool:
        """Whether this is a fault: not if it is `not here`, or differs in a lossy precision."""
        return self.verdict == "failed" or (self.verdict == "differs" and self.precision in EXACT)


def verify_all(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    """Verify every variant and transfer of the demos, and every folder of the released models.

    `note` is called with what is being done. Folders of a released model are compared, at its
    default lookahead, with the tokens that numpy computes from its checkpoint; folders of a
    diarization model are compared with its logits.
    """
    yield from _verify_demo(note)
    yield from _verify_diarizer_demo(note)
    yield from _verify_released(note)
    yield from _verify_diarizers(note)


def _verify_demo(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    reference = load_demo_reference()
    found = find_model(DEMO)
    for runtime, precision in list_variants():
        try:
            model = resolve(ModelSpec(DEMO, runtime, precision), found)
            if model.needs_conversion:
                note(f"converting the demo to {runtime} {precision}")
            config = RunConfig.of(model.convert())
        except NemocliError as error:
            yield VariantCheck(DEMO, runtime, precision, None, None, *_describe_failure(error))
            continue
        for lookahead in sorted(reference.tokens):
            for units in list_compute_units(runtime):
                one = replace(config, lookahead=lookahead, compute_units=units)
                yield _verify(DEMO, one, reference, note)
            # Once for each runtime: they do not depend on the precision.
            is_default = precision == KINDS[runtime].choose_precision(read_system())
            for transfer in list_other_transfers(runtime) if is_default else ():
                one = replace(config, lookahead=lookahead, transfer=transfer)
                yield _verify(DEMO, one, reference, note)


def _verify_released(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    converted = list(list_converted(find_models_folder()))
    by_model = {
        model: [each for each in converted if each[1].source.partition("@")[0] == model]
        for model in RELEASED_MODELS
    }
    if not any(by_model.values()):
        note(f"{DEFAULT_MODEL} is not converted on this machine; only the demo was tried.")
    for model, folders in by_model.items():
        if folders:
            yield from _verify_folders(model, folders, note)


def _verify_folders(
    model: str, folders: Sequence[tuple[Path, Manifest]], note: Callable[[str], None]
) -> Iterator[VariantCheck]:
    """Verify the conversions of one released model."""
    pulled = find_pulled(HubModel(model))
    if pulled is None:
        note(f"{model} is converted, but its checkpoint to compare with is not here.")
        return
    note(f"computing the tokens of {model} by numpy, once")
    checkpoint = open_checkpoint(pulled)
    lookahead = checkpoint.config.default_lookahead
    reference = compute_reference(checkpoint, lookahead)
    for path, manifest in folders:
        if is_slow(manifest.kind):
            note(f"{path.name} is too slow for this machine and was left out.")
            continue
        for units in list_compute_units(manifest.kind):
            config = RunConfig(path, manifest.kind, manifest.precision, units, lookahead)
            yield _verify(model, config, reference, note)


def _verify_diarizers(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    """Verify the conversions of diarization models whose checkpoints are in the hub's cache."""
    for path, manifest in list_converted(find_models_folder()):
        if not isinstance(manifest.config, DiarizerConfig):
            continue
        hub = parse_hub_model(manifest.source)
        pulled = find_pulled(hub) if hub else None
        if pulled is None:
            note(f"{path.name} is converted, but its checkpoint to compare with is not here.")
            continue
        note(f"running {path.name}, and its checkpoint by numpy")
        name = manifest.source.partition("@")[0]
        check = partial(check_diarizer_conversion, path, pulled)
        yield _verify_diarizer(name, manifest.kind, manifest.precision, check)


def _verify_diarizer_demo(note: Callable[[str], None]) -> Iterator[VariantCheck]:
    """Verify every variant of the diarization demo, if it is here."""
    try:
        demo = find_diarization_demo_folder()
    except ModelError:
        return

    def compare(runtime: str, precision: str) -> DiarizerCheck:
        with load_diarizer(demo, runtime, precision) as new, load_diarizer(demo, "numpy") as numpy:
            return compare_diarizers(new, numpy, precision)

    for runtime, precision in list_variants():
        if KINDS[runtime].runs_diarizers:
            note(f"running the diarization demo: {runtime} {precision}")
            check = partial(compare, runtime, precision)
            yield _verify_diarizer(DIARIZATION_DEMO, runtime, precision, check)


def _verify_diarizer(
    model: str, runtime: str, precision: str, compare: Callable[[], DiarizerCheck]
) -> VariantCheck:
    check = VariantCheck(model, runtime, precision, None, None, "failed", reference="numpy")
    try:
        return replace(check, verdict="same", message=str(compare()))
    except NemocliError as error:
        verdict, message = _describe_failure(error)
        return replace(check, verdict=verdict, message=message)


def _verify(
    model: str, config: RunConfig, reference: Reference, note: Callable[[str], None]
) -> VariantCheck:
    note(f"running {model}: {config}")
    check = VariantCheck(
        model,
        config.runtime,
        config.precision,
        config.compute_units,
        config.lookahead,
        verdict="failed",
        reference=reference.origin,
        transfer=config.transfer,
    )
    try:
        measured = run_config(config, reference.sound)
    except (NemocliError, SubprocessError, OSError) as error:
        verdict, message = _describe_failure(error)
        return replace(check, verdict=verdict, message=message)
    expected = reference.tokens[config.lookahead]
    milliseconds = [1000 * seconds for seconds in measured.chunks]
    return replace(
        check,
        verdict="same" if measured.tokens == expected else "differs",
        tokens=len(expected),
        agreeing=count_agreeing(measured.tokens, expected),
        load_seconds=round(measured.load, 3),
        chunk_ms_median=round(median(milliseconds), 3),
        chunk_ms_p95=round(quantiles(milliseconds, n=20)[-1], 3),
        real_time_factor=round(measured.real_time_factor, 5),
    )


def _describe_failure(error: Exception) -> tuple[str, str]:
    """Return verdict and message."""
    return "not here" if isinstance(error, UnsupportedError) else "failed", str(error)


def format_report(checks: list[VariantCheck]) -> str:
    """Return the report as JSON: the machine, and every check so far."""
    report = {
        "version": REPORT_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {finding.name: finding.value for finding in examine()},
        "outcomes": [asdict(check) for check in checks],
    }
    return json.dumps(report, indent=1) + "\n"


def write_report(path: Path, checks: list[VariantCheck]) -> None:
    """Write the report as a file; NemocliError if it cannot be written."""
    if path.is_dir():
        raise NemocliError(f"The report {path} cannot be written: it is a folder.")
    try:
        write_whole_file(path, format_report(checks))
    except OSError as error:
        raise NemocliError(f"The report {path} cannot be written: {error.strerror}.") from None


def check_verifiable() -> None:
    """Raise ModelError if this installation has no sound to verify with."""
    try:
        load_demo_reference()
    except ModelError as error:
        raise ModelError(f"{error} Verify in a clone of the repository.") from None
