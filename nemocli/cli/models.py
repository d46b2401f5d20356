"""`nemocli models`: which models are on this machine, and getting and removing them."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.printable import print_path, printable
from nemocli.cli.streams import say
from nemocli.errors import ModelError, UsageError

app = typer.Typer(name="models", help="List, download and remove models.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="A name from 'nemocli models list', or owner/name.")]


@app.command("list")
def list_(
    as_json: Annotated[
        bool, typer.Option("--json", envvar="NEMOCLI_MODELS_JSON", help="Print one JSON array.")
    ] = False,
) -> None:
    """List the models on this machine, each with the name to give as --model."""
    from nemocli.models.listing import list_models

    models = list_models()
    if as_json:
        keys = ("name", "form", "source", "bytes", "path")
        rows = [{key: getattr(model, key) for key in keys} for model in models]
        print(json.dumps(rows, indent=1, default=str))
        return
    for model in models:
        source = f", from {model.source}" if model.source else ""
        place = f", in {model.path}" if model.name != str(model.path) else ""
        print(printable(model.name))
        print(printable(f"    {model.form}{source}, {size(model.bytes)}{place}"))


@app.command()
def pull(
    model: Annotated[str, typer.Argument(help="owner/name of the hub, or owner/name@revision.")],
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="NEMOCLI_QUIET", help="No progress on stderr.")
    ] = False,
) -> None:
    """Download a model from the Hugging Face hub, and print where it lies.

    It goes into the hub's own cache: HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE are respected. A
    download that was interrupted goes on where it stopped.
    """
    from nemocli.models.hub import parse_hub_model
    from nemocli.models.pull import pull as download

    def progress(name: str) -> None:
        if not quiet:
            print(f"downloading {printable(name)}", file=sys.stderr, flush=True)

    wanted = parse_hub_model(model)
    if wanted is None:
        raise UsageError(f"A model of the hub is written owner/name, not {model!r}.")
    print_path(download(wanted, progress, say, show_bars=not quiet and sys.stderr.isatty()))


@app.command()
def path(model: Model) -> None:
    """Print where a model lies."""
    from nemocli.models.find import find_model

    print_path(find_model(model).path)


@app.command()
def verify(
    model: Annotated[
        str | None, typer.Argument(help="A name from 'nemocli models list'; all of them if none.")
    ] = None,
) -> None:
    """Read every file of a model, and say which are not what was written.

    A converted model is compared with its manifest, a download with the hashes that the hub calls
    its files by; of other checkpoints, the tensors are looked at. Exit code 3 if one is damaged.
    """
    from nemocli.models.find import find_model
    from nemocli.models.integrity import examine
    from nemocli.models.listing import list_models

    listed = [] if model and Path(model).exists() else list_models()
    chosen = [(each.name, each.path) for each in listed if model in (None, each.name)]
    if model and not chosen:
        chosen = [(model, find_model(model).path)]
    damaged = 0
    for name, path in chosen:
        wrong = examine(path)
        damaged += bool(wrong)
        print(printable(f"{name}: {' '.join(wrong) or 'intact'}"), flush=True)
    if damaged:
        raise ModelError(f"Of {len(chosen)} models, {damaged} cannot be used as they are.")


@app.command()
def remove(
    model: Model,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", envvar="NEMOCLI_MODELS_YES", help="Do not ask.")
    ] = False,
) -> None:
    """Delete a model from the disk. Other programs that use the hub's cache lose it too."""
    from nemocli.models.listing import find_listed
    from nemocli.models.listing import remove as delete

    found = find_listed(model)
    if found.delete is not None and not yes:
        if not _can_ask():
            raise UsageError(f"To remove {found.name} without being asked, add --yes.")
        question = f"Remove {found.name} ({size(found.bytes)}) from {found.path}?"
        if not typer.confirm(printable(question), err=True):
            return
    delete(found)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
