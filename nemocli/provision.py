"""Getting models from a program: download, convert, list."""

import os
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import Any

from nemocli.arguments import check_argument
from nemocli.bench.diarizer_conversion import check_any_conversion
from nemocli.errors import UnsupportedError, UsageError
from nemocli.models import listing
from nemocli.models.convert import choose_default_folder, choose_target
from nemocli.models.convert import convert as write_folder
from nemocli.models.hub import DEFAULT_MODEL, HubModel, find_pulled, parse_hub_model
from nemocli.models.pull import pull as download
from nemocli.models.runtime_and_precision import choose_folder_kind
from nemocli.progress import Progress, report_to
from nemocli.runtimes.kinds import AUTO_RUNTIME


def pull(model: str = DEFAULT_MODEL, *, progress: "Progress | bool | None" = None) -> Path:
    """Download a model of the hub, as far as it is not here; return its folder or .nemo file.

    `model` is `owner/name` or `owner/name@revision`, by default the released model. `progress` is
    as for `nemocli.load`. Raises ModelError if the hub has no such model, NemocliError if it cannot
    be reached or the disk is full: what has come is kept, and the same call goes on there.
    """
    check_argument("model", model, str, "the name of a model of the hub, such as owner/name")
    hub = parse_hub_model(model)
    if hub is None:
        raise UsageError(f"A model of the hub is written owner/name, not {model!r}.")
    with report_to(progress) as report:
        return _download(hub, report)


def convert(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    to: str = AUTO_RUNTIME,
    precision: str | None = None,
    lookaheads: Iterable[int] | None = None,
    untrained_lookaheads: bool = False,
    verify: bool = True,
    force: bool = False,
    progress: "Progress | bool | None" = None,
) -> Path:
    """Convert a checkpoint for a runtime, and return the model folder, as `nemocli convert` does.

    `checkpoint` is a folder, a .nemo file, `demo`, or `owner/name` of the hub, which is downloaded
    if it is not here. `out` is by default a folder that `nemocli models` lists. `to` is a
    runtime, such as `onnx`, or `auto` for the one that suits this machine; `precision` is one of
    its precisions. All lookaheads of the model are written, or those in `lookaheads`, which may be
    some that it was not trained for if `untrained_lookaheads` is set. `verify`
    compares the result with the checkpoint on bundled sound, where this machine can run it. If this
    very conversion is there already, nothing is done; `force` does it again, and replaces another
    model folder. `progress` is as for `nemocli.load`.
    Raises ModelError for a checkpoint that is damaged, UsageError for options that do not exist,
    NemocliError if the two differ or the folder cannot be written; then there is no new folder.
    """
    check_argument("checkpoint", checkpoint, (str, os.PathLike), "a path or the name of a model")
    check_argument("out", out, (str, os.PathLike, NoneType), "the path of a folder")
    check_argument("to", to, str, "the name of a runtime, such as 'onnx'")
    check_argument("precision", precision, (str, NoneType), "a name such as 'int8'")
    check_argument("untrained_lookaheads", untrained_lookaheads, bool, "True or False")
    check_argument("verify", verify, bool, "True or False")
    check_argument("force", force, bool, "True or False")
    chosen = _check_lookaheads(lookaheads)
    checkpoint, target = os.fspath(checkpoint), _parse_target(out)
    choose_folder_kind(to, precision)  # unknown names are refused before the download
    with report_to(progress) as report:
        hub = None if Path(checkpoint).expanduser().exists() else parse_hub_model(checkpoint)
        if hub is not None and find_pulled(hub) is None:
            _download(hub, report)
        to, precision = choose_target(checkpoint, to, precision)
        folder = target or choose_default_folder(checkpoint, to, precision)

        def describe(graph: str, number: int, total: int) -> None:
            report(f"converting to {to}: {graph}, {number} of {total}")

        def check(new: Path) -> None:
            report("comparing with the checkpoint")
            try:
                agreement = check_any_conversion(new, checkpoint)
                report(f"verified, {agreement}.")
            except UnsupportedError as error:
                report(f"The new model was not verified, since {error}")

        write_folder(
            *(checkpoint, folder, to, precision, chosen, describe, force),
            note=report,
            check=check if verify else None,
            untrained_lookaheads=untrained_lookaheads,
        )
    return folder


def list_models() -> list[dict[str, Any]]:
    """List the models on this machine, as `nemocli models list --json` does."""
    keys = ("name", "form", "source", "bytes")
    return [
        {**{key: getattr(model, key) for key in keys}, "path": str(model.path)}
        for model in listing.list_models()
    ]


def _parse_target(out: str | os.PathLike[str] | None) -> Path | None:
    if out is None:
        return None
    if not os.fspath(out):
        raise UsageError("The path of the model folder is empty; pass None for the default.")
    return Path(os.path.expanduser(out))


def _check_lookaheads(lookaheads: Iterable[int] | None) -> Sequence[int] | None:
    if lookaheads is None:
        return None
    description = "whole numbers, such as [0, 3]"
    check_argument("lookaheads", lookaheads, Iterable, description)
    chosen = list(lookaheads)
    for lookahead in chosen:
        check_argument("lookaheads", lookahead, Integral, description)
    return [int(lookahead) for lookahead in chosen]


def _download(hub: HubModel, report: Progress) -> Path:
    def describe(name: str, here: int, total: int) -> None:
        report(f"downloading {name}: {here / 1e9:.2f} of {total / 1e9:.2f} GB")

    return download(hub, describe, report)
