"""The options of `nemocli models` and of its own subcommands."""

from dataclasses import dataclass
from typing import Annotated

import typer

from nemocli.cli.options import NoColor, Quiet, declare_confirmation, option

ListedName = Annotated[
    str,
    typer.Argument(
        help="A name from 'nemocli models list', or owner/name, or owner/name@revision."
    ),
]


@dataclass(frozen=True)
class ListOptions:
    """List the models on this machine, each with the name to use with --model."""

    json: Annotated[bool, option("Print one JSON array.", "--json", variable="MODELS_JSON")] = False
    languages: Annotated[
        bool,
        option(
            "List the languages of the released models instead, as their cards do: supported, or"
            " only ready for adaptation.",
            "--languages",
            variable="MODELS_LANGUAGES",
        ),
    ] = False


@dataclass(frozen=True)
class PullOptions:
    """Download a model from the Hugging Face hub, and print its path.

    It goes into the hub's own cache: HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE are respected. A
    download that was interrupted continues where it stopped, and damaged files are downloaded
    again.
    """

    model: Annotated[
        str,
        typer.Argument(
            help="owner/name of the hub, owner/name@revision (a branch, a tag, a commit or its"
            " beginning), or the address of its page."
        ),
    ]
    no_color: NoColor = False
    quiet: Quiet = False


@dataclass(frozen=True)
class PathOptions:
    """Print the path of a model."""

    model: ListedName


@dataclass(frozen=True)
class VerifyOptions:
    """Read every file of a model, and report the damaged ones.

    A converted model is compared with its manifest, and a download with the hub's hashes; in other
    checkpoints, the tensors are checked. The exit code is 3 if a file is damaged or missing.
    """

    model: Annotated[
        str | None, typer.Argument(help="A name from 'nemocli models list'; by default, all.")
    ] = None


@dataclass(frozen=True)
class RemoveOptions:
    """Delete a model from the disk. Other programs that use the hub's cache lose it too.

    A link is removed, but not its target. If something cannot be removed, it is named, and the
    exit code is 1.
    """

    model: ListedName
    yes: Annotated[bool, declare_confirmation("Delete without asking.", "--yes", "-y")] = False
