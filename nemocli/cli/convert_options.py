"""The options of `nemocli convert`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import Precision, Quiet, confirmation, option
from nemocli.cli.runtime_help import list_words
from nemocli.runtimes.kind import PORTABLE
from nemocli.runtimes.kinds import folder_kinds


@dataclass(frozen=True)
class ConvertOptions:
    """Convert a checkpoint, and print the folder it was written to.

    A model of the hub is downloaded first. The folder appears when it is complete and agrees with
    the checkpoint. If it holds this very conversion already, nothing is done, and if that is
    damaged, it is made again.
    """

    checkpoint: Annotated[
        str,
        typer.Argument(help="Checkpoint folder, .nemo file, owner/name of the hub, or 'demo'."),
    ]
    out: Annotated[
        Path | None,
        option(
            "Model folder to write; by default nemocli's own place.",
            "--out",
            "-o",
            variable="CONVERT_OUT",
        ),
    ] = None
    to: Annotated[str, option(f"Kind of model: {list_words(folder_kinds())}.", "--to")] = PORTABLE
    precision: Precision = None
    lookahead: Annotated[
        str,
        option(
            "Lookaheads to write, such as 0,3; all that the model knows: all.",
            "--lookahead",
            variable="CONVERT_LOOKAHEAD",
        ),
    ] = "all"
    verify: Annotated[
        bool,
        option(
            "Run the new model on bundled sound, and compare with the checkpoint.",
            "--verify/--no-verify",
        ),
    ] = True
    force: Annotated[
        bool,
        confirmation("Convert again what is there, and replace another model folder.", "--force"),
    ] = False
    quiet: Quiet = False
