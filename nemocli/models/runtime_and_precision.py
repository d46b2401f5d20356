"""Choose runtime, precision and lookahead, by what was asked for and what a model has."""

from collections.abc import Collection, Sequence

from nemocli.errors import UsageError
from nemocli.network.config import ModelConfig
from nemocli.runtimes.kind import FolderKind, Kind
from nemocli.runtimes.kinds import (
    AUTO_RUNTIME,
    KINDS,
    check_runtime,
    choose_runtime,
    list_folder_kinds,
)
from nemocli.runtimes.system import System, read_system


def check_runtime_on(runtime: str, system: System) -> None:
    """Raise UsageError for a name of no runtime, UnsupportedError for one that cannot run here.

    `auto` always can.
    """
    check_runtime(runtime)
    if runtime != AUTO_RUNTIME:
        KINDS[runtime].check_machine(system)


def choose_kind(
    runtime: str,
    system: System,
    precision: str | None = None,
    compute_units: str | None = None,
) -> Kind:
    """Return the runtime that a checkpoint is run by: the one named, or what `auto` stands for.

    `precision` and `compute_units` are what `auto` should have, if they were requested.
    """
    if runtime == AUTO_RUNTIME:
        runtime = choose_runtime(KINDS, system, precision, compute_units)
    return KINDS[runtime]


def choose_diarizer_kind(runtime: str, system: System, precision: str | None = None) -> Kind:
    """Return the runtime that a diarization model is run by, as `choose_kind` does.

    Raises UsageError for one that does not run them.
    """
    kinds = {name: kind for name, kind in KINDS.items() if kind.runs_diarizers}
    if runtime == AUTO_RUNTIME:
        runtime = choose_runtime(kinds, system, precision)
    if runtime not in kinds:
        names = ", ".join([AUTO_RUNTIME, *kinds])
        raise UsageError(
            f"The {runtime} runtime does not run diarization models; choose one of {names}."
        )
    return kinds[runtime]


def choose_folder_kind(
    to: str,
    precision: str | None = None,
    system: System | None = None,
    *,
    for_diarizer: bool = False,
) -> FolderKind:
    """Return the runtime that a checkpoint is converted for: the one named, or that of `auto`.

    `precision` is what `auto` should have, if it was requested; the system is this one by default.
    Raises UsageError for a runtime that has no folders, or none for diarization models where one
    is wanted.
    """
    kinds = list_folder_kinds()
    if for_diarizer:
        kinds = {name: kind for name, kind in kinds.items() if kind.runs_diarizers}
    if to == AUTO_RUNTIME:
        to = choose_runtime(kinds, system or read_system(), precision)
    if to not in kinds:
        names = ", ".join([AUTO_RUNTIME, *kinds])
        what = "diarization model" if for_diarizer else "model"
        raise UsageError(f"There is no kind of {what} {to!r}; choose one of {names}.")
    return kinds[to]


def choose_precision(kind: Kind, requested: str | None, system: System | None = None) -> str:
    """Return the precision asked for, or the default: on a system, or of a folder for any.

    Raises UsageError if the runtime does not have it.
    """
    if requested is None:
        return kind.default_precision if system is None else kind.choose_precision(system)
    kind.check_precision(requested)
    return requested


def choose_lookaheads(
    present: Collection[int],
    requested: Sequence[int] | None = None,
    untrained: Collection[int] = (),
    possible: Collection[int] = (),
) -> tuple[int, ...]:
    """Return the lookaheads asked for, or all, sorted; UsageError if the model lacks one.

    An empty choice is an error too. `untrained` are those that may be chosen besides, see
    `list_untrained`; `possible` are those that could be, if the user allowed it.
    """
    if requested is not None and not requested:
        raise UsageError("No lookahead is chosen; leave the choice out for all of them.")
    for lookahead in requested or ():
        if lookahead not in present and lookahead not in untrained:
            most = f", or from 0 to {max(untrained)} untrained" if untrained else ""
            advice = ""
            if lookahead in possible and not untrained:
                advice = (
                    f" With --untrained-lookahead, it also runs at {lookahead}, which it was not"
                    " trained for."
                )
            raise UsageError(
                f"The model has no lookahead {lookahead};"
                f" choose from {', '.join(str(n) for n in sorted(present))}{most}.{advice}"
            )
    return tuple(sorted(set(requested or present)))


def list_untrained(config: ModelConfig, are_allowed: bool) -> range:
    """Return the lookaheads at which a checkpoint can run, trained for or not; none by default.

    A chunk is at most as long as the left context, so that it always sees one before it.
    """
    return range(config.left_context if are_allowed else 0)


def choose_lookahead(
    config: ModelConfig,
    present: tuple[int, ...],
    requested: int | None,
    untrained: Collection[int] = (),
    possible: Collection[int] = (),
) -> int:
    """Return the lookahead asked for, or the model's default; UsageError if the model lacks it.

    `untrained` and `possible` are as for `choose_lookaheads`.
    """
    if requested is None:
        return config.default_lookahead if config.default_lookahead in present else present[0]
    (lookahead,) = choose_lookaheads(present, [requested], untrained, possible)
    return lookahead
