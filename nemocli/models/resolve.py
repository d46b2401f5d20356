"""Decide which model runs, and how, without loading it."""

from dataclasses import dataclass, replace
from pathlib import Path

from nemocli.errors import UsageError
from nemocli.models.choose import (
    check_runtime_on,
    choose_kind,
    choose_lookahead,
    choose_precision,
)
from nemocli.models.conversion_cache import convert_into_cache
from nemocli.models.find import FoundModel, find_model
from nemocli.models.load import LoadedModel, load_model
from nemocli.models.spec import ModelSpec
from nemocli.network.config import ModelConfig
from nemocli.runtimes.kind import CheckpointKind, Kind, Progress
from nemocli.runtimes.kinds import AUTO, KINDS
from nemocli.runtimes.system import System, this_system


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

    def convert(self, progress: Progress | None = None) -> "ResolvedModel":
        """Return the model with its model folder, made in the cache folder if necessary.

        Raises what `convert_into_cache` raises.
        """
        if not self.needs_conversion:
            return self
        folder = convert_into_cache(
            self.path, self.revision, self.runtime, self.precision, progress
        )
        return replace(self, path=folder, needs_conversion=False)

    def load(self, progress: Progress | None = None) -> LoadedModel:
        """Convert the model if necessary, and load it; `progress` is called with each slow step.

        Raises ModelError for damaged files, and what `convert` raises.
        """
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
    system = system or this_system()
    # Before a model is looked for, which may have to be downloaded.
    check_runtime_on(spec.runtime, system)
    found = found or find_model(spec.model, spec.runtime, spec.precision, system)
    kind = _choose_kind(spec, found, system)
    kind.check_machine(system)
    precision = _choose_precision(spec, found, kind, system)
    return ResolvedModel(
        name=found.name,
        path=found.path,
        runtime=kind.name,
        precision=precision,
        lookahead=choose_lookahead(found.config, found.lookaheads, spec.lookahead),
        compute_units=kind.choose_units(spec.compute_units, system),
        revision=found.revision,
        config=found.config,
        needs_conversion=not (found.is_converted or isinstance(kind, CheckpointKind)),
    )


def _choose_kind(spec: ModelSpec, found: FoundModel, system: System) -> Kind:
    """Return a model folder's own kind; for a checkpoint, the requested one or that of `auto`."""
    if not found.is_converted:
        return choose_kind(spec.runtime, system)
    kind = found.manifest.kind
    if spec.runtime not in (AUTO, kind):
        raise UsageError(
            f"{found.path} is converted for {kind}, not for {spec.runtime};"
            " give the checkpoint itself, or convert it again."
        )
    return KINDS[kind]


def _choose_precision(spec: ModelSpec, found: FoundModel, kind: Kind, system: System) -> str:
    """Return a model folder's precision; for a checkpoint, the requested or the default one."""
    if not found.is_converted:
        return choose_precision(kind, spec.precision, system)
    precision = found.manifest.precision
    if spec.precision not in (None, precision):
        raise UsageError(
            f"{found.path} is converted in {precision}, not in {spec.precision};"
            " give the checkpoint, or leave out --precision."
        )
    return precision
