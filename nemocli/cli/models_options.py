"""The options of `nemocli models` and of its own subcommands."""

from dataclasses import dataclass
from typing import Annotated

import typer

from nemocli.cli.options import Quiet, confirmation, option

Listed = Annotated[
    str,
    typer.Argument(
        help="A name from 'nemocli models list', or owner/name, or owner/name@revision."
    ),
]


@dataclass(frozen=True)
class ListOptions:
    """List the models on this machine, each with the name to give as --model."""

    json: Annotated[bool, option("Print one JSON array.", "--json", variable="MODELS_JSON")] = False


@dataclass(frozen=True)
class PullOptions:
    """Download a model from the Hugging Face hub, and print where it lies.

    It goes into the hub's own cache: HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE are respected. A
    download that was interrupted goes on where it stopped, and what is damaged is fetched again.
    """

    model: Annotated[
        str,
        typer.Argument(
            help="owner/name of the hub, owner/name@revision (a branch, a tag, a commit or its"
            " beginning), or the address of its page."
        ),
    ]
    quiet: Quiet = False


@dataclass(frozen=True)
class PathOptions:
    """Print where a model lies."""

    model: Listed


@dataclass(frozen=True)
class VerifyOptions:
    """Read every file of a model, and say which are not what was written.

    A converted model is compared with its manifest, a download with the hashes that the hub calls
    its files by; of other checkpoints, the tensors are looked at. Exit code 3 if one is damaged.
    """

    model: Annotated[
        str | None, typer.Argument(help="A name from 'nemocli models list'; all of them if none.")
    ] = None


@dataclass(frozen=True)
class RemoveOptions:
    """Delete a model from the disk. Other programs that use the hub's cache lose it too.

    A link is removed, and not its target. What cannot be removed is named, and the exit code is 1.
    """

    model: Listed
    yes: Annotated[bool, confirmation("Do not ask.", "--yes", "-y")] = False
