"""Find what is fastest for a model on this machine, for live streams and for files."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nemocli.bench.reference import Reference, compute_reference, load_demo_reference
from nemocli.bench.run_config import RunConfig
from nemocli.bench.trials import Trial, rank_for_files, rank_for_live, try_variants
from nemocli.bench.variants import (
    is_large,
    is_slow,
    list_compute_units,
    list_other_transfers,
    list_variants,
)
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.models.conversions import list_conversions, list_converted
from nemocli.models.find import FoundModel, find_checkpoint, find_model, refuse_diarizer_name
from nemocli.models.measured_choices import Choice, Variant, write_choice
from nemocli.models.paths import DEMO, find_cache_folder
from nemocli.models.resolve import resolve
from nemocli.models.runtime_and_precision import choose_lookahead, list_untrained
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kind import CheckpointKind, Progress
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.machine import describe_machine
from nemocli.runtimes.system import read_system


@dataclass(frozen=True)
class Candidates:
    """The variants of a model that compete, and the tokens that they must give."""

    model: str
    #: SHA-256 of the checkpoint, in hexadecimal.
    revision: str
    lookahead: int
    configs: tuple[RunConfig, ...]
    reference: Reference


def list_candidates(
    model: str,
    lookahead: int | None,
    progress: Progress,
    note: Callable[[str], None],
    untrained_lookahead: bool = False,
) -> Candidates:
    """Return every variant of a model that this machine can run and that is converted.

    A small model is converted for every runtime, into the cache; of a large one, what is not
    converted is left out, and slow runtimes are. `progress` is called with what is being done,
    `note` with what is left out, and why. Raises UsageError for a model folder, and what finding
    and opening the checkpoint raises.
    """
    found = _find_checkpoint(model)
    config = found.config
    untrained = list_untrained(config, untrained_lookahead)
    possible = list_untrained(config, True)
    chosen = choose_lookahead(config, config.lookaheads, lookahead, untrained, possible)
    if is_large(config):
        configs = list(_list_converted(found, chosen, note))
        _note_missing(found, configs, note)
    else:
        configs = list(_convert_all(found, chosen, progress, note))
    if not configs:
        raise UsageError(
            f"Nothing of {model} is converted that this machine could run;"
            f" first: nemocli convert {shlex.quote(model)}"
        )
    if found.name == DEMO and chosen in config.lookaheads:
        reference = load_demo_reference()
    else:
        progress("computing its tokens by numpy, once")
        reference = compute_reference(found.checkpoint, chosen)
    return Candidates(found.name, found.revision, chosen, tuple(configs), reference)


def measure_candidates(
    candidates: Candidates, progress: Callable[[str, int, int], None]
) -> tuple[Choice, list[Trial]]:
    """Try all variants; return what is fastest, and every trial. Remembers nothing.

    First all are tried with their runtime's default transfer of arrays, then the fastest that have
    other transfers with each of them: to try all variants so would take four times as long.
    """
    trials = try_variants(candidates.configs, candidates.reference, progress)
    others = list_transfers(candidates.configs, trials)
    trials += try_variants(others, candidates.reference, progress)
    choice = Choice(
        model=candidates.model,
        revision=candidates.revision,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(read_system()),
        live=rank_for_live(trials),
        files=rank_for_files(trials),
    )
    return choice, trials


def list_transfers(configs: Sequence[RunConfig], trials: Sequence[Trial]) -> list[RunConfig]:
    """Return, for each purpose, the fastest config that has other transfers, with each of them.

    `configs` were tried in `trials`, in the same order, with the default transfer.
    """
    configs_by_variant = {
        trial.variant: config for trial, config in zip(trials, configs, strict=True)
    }
    fastest: dict[Variant, RunConfig] = {}
    for ranked in (rank_for_live(trials), rank_for_files(trials)):
        for variant in [one for one in ranked if list_other_transfers(one.runtime)][:1]:
            fastest[variant] = configs_by_variant[variant]
    return [
        replace(config, transfer=transfer)
        for config in fastest.values()
        for transfer in list_other_transfers(config.runtime)
    ]


def describe(candidates: Candidates, choice: Choice, trials: Sequence[Trial]) -> dict[str, Any]:
    """Return everything that was found as plain data, as `remember` and --json write it."""
    return choice.to_json() | _describe_trials(candidates, trials)


def remember(candidates: Candidates, choice: Choice, trials: Sequence[Trial]) -> Path:
    """Write the choice for this machine; return its file.

    Raises NemocliError if it cannot be written, or if no variant was exact: then what was
    remembered before stays.
    """
    if not choice.live:
        raise NemocliError(
            f"No runtime gave the reference tokens of {candidates.model}, so none is chosen;"
            " 'nemocli doctor --verify' says more."
        )
    return write_choice(choice, read_system(), _describe_trials(candidates, trials))


def _describe_trials(candidates: Candidates, trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "lookahead": candidates.lookahead,
        "reference": candidates.reference.origin,
        "trials": [asdict(trial) for trial in trials],
    }


def _find_checkpoint(model: str) -> FoundModel:
    refuse_diarizer_name(model)
    found = find_model(model)
    if found.is_converted and not found.is_chosen:
        raise UsageError(
            f"{found.path} is converted for one runtime; to compare runtimes, name the checkpoint"
            " that it was made from."
        )
    return FoundModel(found.name, find_checkpoint(model))


def _convert_all(
    found: FoundModel, lookahead: int, progress: Progress, note: Callable[[str], None]
) -> Iterator[RunConfig]:
    left_out: set[str] = set()
    for runtime, precision in list_variants():
        if runtime in left_out:
            continue
        try:
            # Whether the lookahead may be an untrained one was decided before.
            spec = ModelSpec(found.path, runtime, precision, lookahead, untrained_lookahead=True)
            resolved = resolve(spec, found)
            path = resolved.convert(progress).path
        except UnsupportedError as error:
            note(f"{runtime} is left out: {error}")
            left_out.add(runtime)
            continue
        for units in list_compute_units(runtime):
            yield RunConfig(path, runtime, precision, units, lookahead)


def _list_converted(
    found: FoundModel, lookahead: int, note: Callable[[str], None]
) -> Iterator[RunConfig]:
    system = read_system()
    seen: set[tuple[str, str]] = set()
    cached = list_converted(find_cache_folder() / "converted")
    made = [(one.folder, one.manifest) for one in list_conversions()] + list(cached)
    for folder, manifest in made:
        variant = (manifest.kind, manifest.precision)
        is_of_it = manifest.source_sha256 == found.revision and lookahead in manifest.lookaheads
        if not is_of_it or variant in seen or not KINDS[manifest.kind].runs_on(system):
            continue
        is_first = all(kind != manifest.kind for kind, _ in seen)
        seen.add(variant)
        if is_slow(manifest.kind):
            if is_first:
                note(f"{manifest.kind} is left out: with so many weights it would take hours.")
            continue
        for units in list_compute_units(manifest.kind):
            yield RunConfig(folder, *variant, units, lookahead)


def _note_missing(
    found: FoundModel, configs: Sequence[RunConfig], note: Callable[[str], None]
) -> None:
    """Say for which runtimes of this machine a large model is not converted."""
    here = {config.runtime for config in configs}
    system = read_system()
    for name, kind in KINDS.items():
        is_needed = not isinstance(kind, CheckpointKind) and not kind.is_slow_on(system)
        if is_needed and kind.runs_on(system) and name not in here:
            command = f"nemocli convert {shlex.quote(found.name)} --to {name}"
            note(f"{name} is left out: {found.name} is not converted for it: {command}")
