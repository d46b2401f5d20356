"""Decide which model runs, and how, without loading it."""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from nemocli.errors import UsageError
from nemocli.models.conversion_cache import convert_into_cache
from nemocli.models.conversions import find_conversion
from nemocli.models.find import FoundModel, find_model, refuse_diarizer_name
from nemocli.models.load import LoadedModel, load_model
from nemocli.models.measured_choices import ChoiceError, Variant, rank_measured, read_choice
from nemocli.models.paths import DEMO
from nemocli.models.runtime_and_precision import (
    check_runtime_on,
    choose_kind,
    choose_lookahead,
    choose_precision,
    list_untrained,
)
from nemocli.models.spec import ModelSpec
from nemocli.network.config import ModelConfig
from nemocli.remark import Remark
from nemocli.runtimes.kind import CheckpointKind, Kind, Progress
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS
from nemocli.runtimes.system import System, read_system


@dataclass(frozen=True)
class ResolvedModel:
    """What will run: plain data, which may be sent to another process."""

    #: The name that the user gave: `demo`, `owner/name`, or a path.
    name: str
    #: The model folder; or the checkpoint (a folder or a .nemo archive) if that `needs_conversion`
    #: or the runtime opens checkpoints.
    path: Path
    runtime: str
    #: Precision of the encoder's weights, such as `int8`.
    precision: str
    #: Lookahead in encoder frames of 80 ms.
    lookahead: int
    #: None if the runtime has no choice of compute units.
    compute_units: str | None
    #: SHA-256 of the checkpoint that the weights come from, hexadecimal.
    revision: str
    config: ModelConfig
    #: Whether the checkpoint must be converted into the cache folder before it is loaded.
    needs_conversion: bool
    #: How arrays go in and out, one of the runtime's `transfers`; None for its default.
    transfer: str | None = None
    #: What the user should know about this decision; said when the model is loaded.
    remark: str | None = field(default=None, compare=False)

    def convert(self, progress: Progress | None = None) -> "ResolvedModel":
        """Return the model with its model folder, made in the cache folder if necessary.

        Raises what `convert_into_cache` raises.
        """
        if not self.needs_conversion:
            return self
        untrained = None if self.lookahead in self.config.lookaheads else self.lookahead
        folder = convert_into_cache(
            *(self.path, self.revision, self.runtime, self.precision, self.name),
            progress,
            untrained,
        )
        return replace(self, path=folder, needs_conversion=False)

    def load(self, progress: Progress | None = None) -> LoadedModel:
        """Convert the model if necessary, and load it; `progress` is called with each slow step.

        Raises ModelError for damaged files, and what `convert` raises.
        """
        if self.remark and progress:
            progress(Remark(self.remark))
        return load_model(self.convert(progress), progress)


def resolve(
    spec: ModelSpec, found: FoundModel | None = None, system: System | None = None
) -> ResolvedModel:
    """Decide which folder or checkpoint runs, by which runtime, in which precision and so on.

    Reads manifests and configurations, hashes a checkpoint, and imports no runtime. `found` is the
    result of an earlier `find_model`; `system` is this machine by default. Raises ModelError for a
    missing or damaged model, UsageError for options that do not exist or contradict the model, and
    UnsupportedError if this machine cannot run it.
    """
    system = system or read_system()
    # Before a model is looked for, which may have to be downloaded.
    check_runtime_on(spec.runtime, system)
    if found is None:
        found = _find(spec, system)
    config = found.config  # another kind of model is refused before anything is decided for it
    variant = _choose_variant(spec, found, system)
    kind = KINDS[variant.runtime]
    kind.check_machine(system)
    return ResolvedModel(
        name=found.name,
        path=found.path,
        runtime=kind.name,
        precision=variant.precision,
        lookahead=choose_lookahead(
            *(config, found.lookaheads, spec.lookahead),
            # A model folder has graphs for the lookaheads that it was converted for.
            list_untrained(config, spec.untrained_lookahead and not found.is_converted),
            list_untrained(config, not found.is_converted),
        ),
        compute_units=kind.choose_units(spec.compute_units or variant.compute_units, system),
        revision=found.revision,
        config=config,
        needs_conversion=not (found.is_converted or isinstance(kind, CheckpointKind)),
        transfer=spec.transfer or variant.transfer,
        remark=_remark(spec, found, kind, system),
    )


def _find(spec: ModelSpec, system: System) -> FoundModel:
    """Find the model; of a checkpoint, return the conversion that would be made of it, if any.

    The demo, which is small, is always converted as it is needed.
    """
    refuse_diarizer_name(spec.model)
    found = find_model(
        *(spec.model, spec.runtime, spec.precision, system),
        compute_units=spec.compute_units,
        purpose=spec.purpose,
        lookahead=spec.lookahead if spec.untrained_lookahead else None,
    )
    if found.is_converted or found.name == DEMO:
        return found
    variant = next(rank_measured(found.revision, spec, system), None)
    if variant is None:
        kind = choose_kind(spec.runtime, system, spec.precision, spec.compute_units).name
        precision = spec.precision
    else:
        kind, precision = variant.runtime, variant.precision
    folder = find_conversion(found.revision, kind, precision, spec.lookahead)
    return replace(found, path=folder, is_chosen=True) if folder else found


def _choose_variant(spec: ModelSpec, found: FoundModel, system: System) -> Variant:
    """Return runtime, precision and compute units; the units are None if nothing decides them.

    A model folder has its own runtime and precision, which options must not contradict. A
    checkpoint runs by those requested, those that were measured to be the fastest, or defaults.
    """
    if found.is_converted:
        manifest = found.manifest
        check_folder_options(spec, found)
        spec = replace(spec, precision=manifest.precision)
        for variant in rank_measured(found.revision, spec, system):
            if variant.runtime == manifest.kind:
                return variant
        return Variant(manifest.kind, manifest.precision, None)
    if (fastest := next(rank_measured(found.revision, spec, system), None)) is not None:
        return fastest
    kind = choose_kind(spec.runtime, system, spec.precision, spec.compute_units)
    return Variant(kind.name, choose_precision(kind, spec.precision, system), None)


def check_folder_options(spec: ModelSpec, found: FoundModel) -> None:
    """Raise UsageError for a runtime or precision that a model folder was not converted for."""
    kind, precision = found.manifest.kind, found.manifest.precision
    if spec.runtime not in (AUTO_RUNTIME, kind):
        raise UsageError(
            f"{found.path} is converted for {kind}, not for {spec.runtime};"
            " give the checkpoint itself, or convert it again."
        )
    if spec.precision not in (None, precision):
        raise UsageError(
            f"{found.path} is converted in {precision}, not in {spec.precision};"
            " give the checkpoint, or leave out --precision."
        )


def _remark(spec: ModelSpec, found: FoundModel, kind: Kind, system: System) -> str | None:
    """Return what the user should know: a choice that is ignored, or a runtime that suits better.

    None if there is nothing, or if the user named the runtime.
    """
    if spec.runtime != AUTO_RUNTIME:
        return None
    try:
        is_measured = read_choice(found.revision, system) is not None
    except ChoiceError as error:
        return str(error)
    best = choose_kind(AUTO_RUNTIME, system, spec.precision, spec.compute_units).name
    if is_measured or not found.is_chosen or best == kind.name:
        return None
    return (
        f"{found.name} runs with {kind.name}, for which it is converted; {best} suits this machine"
        f" better: nemocli convert {shlex.quote(found.name)}"
    )
