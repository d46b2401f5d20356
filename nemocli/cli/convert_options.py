"""The options of `nemocli convert`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import (
    COMMAS,
    NoColor,
    Quiet,
    UntrainedLookahead,
    declare_confirmation,
    option,
)
from nemocli.cli.runtime_help import describe_precisions, list_words
from nemocli.runtimes.coreai.layout import LAYOUT
from nemocli.runtimes.kinds import AUTO_RUNTIME, list_folder_kinds

#: The layout of nemocli's own model folders.
NEMOCLI = "nemocli"


@dataclass(frozen=True)
class ConvertOptions:
    """Convert a checkpoint, and print the path of the model folder.

    A model of the hub is downloaded first. The folder appears when it is complete and agrees with
    the checkpoint. If it has the same conversion already, nothing is done; if that is damaged, or
    by another version of nemocli, it is replaced.
    """

    checkpoint: Annotated[
        str,
        typer.Argument(help="Checkpoint folder, .nemo file, owner/name of the hub, or 'demo'."),
    ]
    out: Annotated[
        Path | None,
        option(
            "Model folder to write; by default one in nemocli's own folder of models.",
            "--out",
            "-o",
            variable="CONVERT_OUT",
        ),
    ] = None
    to: Annotated[
        str,
        option(
            f"Kind of model: {list_words([AUTO_RUNTIME, *list_folder_kinds()])}; auto is the one"
            " that suits this machine.",
            "--to",
        ),
    ] = AUTO_RUNTIME
    layout: Annotated[
        str,
        option(
            f"{NEMOCLI}: a folder that nemocli runs; {LAYOUT}: a bundle of Core AI graphs for the"
            " apps of that kit, which nemocli runs too, with lookahead 3 only.",
            "--layout",
            variable="CONVERT_LAYOUT",
        ),
    ] = NEMOCLI
    ahead_of_time: Annotated[
        str | None,
        option(
            f"With --layout {LAYOUT}: also compile the conformer for these kinds of devices, such"
            " as h18p (iPhone 17 Pro); needs Xcode 27 or later.",
            "--ahead-of-time",
            metavar="ARCH[,ARCH]",
        ),
        COMMAS,
    ] = None
    precision: Annotated[
        str | None,
        option(
            f"Precision of the model folder. {describe_precisions()} The first is the default.",
            "--precision",
        ),
    ] = None
    lookahead: Annotated[
        str,
        option(
            "Lookaheads to write, such as 0,3, or all that the model has: all.",
            "--lookahead",
            variable="CONVERT_LOOKAHEAD",
        ),
        COMMAS,
    ] = "all"
    untrained_lookahead: UntrainedLookahead = False
    verify: Annotated[
        bool,
        option(
            "Run the new model on the bundled sound, and compare it with the checkpoint.",
            "--verify/--no-verify",
        ),
    ] = True
    force: Annotated[
        bool,
        declare_confirmation(
            "Convert again, and replace the folder even if it has another model.", "--force"
        ),
    ] = False
    no_color: NoColor = False
    quiet: Quiet = False
