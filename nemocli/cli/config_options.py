"""The options of `nemocli config`."""

from dataclasses import dataclass
from typing import Annotated

import typer


@dataclass(frozen=True)
class ConfigPathOptions:
    """Print the path of the config file, which need not exist."""


@dataclass(frozen=True)
class ShowOptions:
    """Show which options the config file and variables set, and where each value comes from.

    With the words of a COMMAND, such as live or models pull, its other options are listed too,
    with their defaults. Keys of servers are not shown.
    """

    command: Annotated[
        list[str] | None, typer.Argument(help="Words of the subcommand to show.")
    ] = None
