"""The options of `nemocli phrases`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import Model, option


@dataclass(frozen=True)
class CheckOptions:
    """Check a list of phrases for --phrases, and say how a model would write each of them.

    Each phrase is printed with its pieces, and with what is wrong: it is refused, it cannot be
    written, it is short, it is there twice or nearly, or ordinary words could be taken for it. The
    exit code is 1 if a phrase is refused or cannot be written.
    """

    file: Annotated[Path, typer.Argument(help="The list: a phrase on each line.")]
    model: Model = None
    words: Annotated[
        Path | None,
        option(
            "A list of ordinary words, one a line, to compare with. By default the words among the"
            " model's pieces.",
            "--words",
            variable="PHRASES_WORDS",
        ),
    ] = None
