"""`nemocli convert`: a checkpoint becomes a model folder."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nemocli.errors import UsageError


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder in the hub's layout.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Model folder to write.")],
    to: Annotated[
        str, typer.Option(envvar="NEMOCLI_TO", help="Kind of model: onnx, coreml or coreai.")
    ] = "onnx",
    precision: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_PRECISION",
            help="onnx: fp32 or int8. coreml: fp16, int8, int4 or palettized-6. coreai: fp16 or"
            " fp32. The first is the default.",
        ),
    ] = None,
    lookahead: Annotated[
        str, typer.Option(help="Lookaheads to write, such as 0,3; all that the model knows: all.")
    ] = "all",
    force: Annotated[bool, typer.Option("--force", help="Replace another model folder.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Convert a checkpoint, and print the folder it was written to.

    The folder appears when it is complete. If it holds this very conversion already, nothing is
    done.
    """
    from nemocli.models.convert import convert as write_model

    def progress(name: str) -> None:
        if not quiet:
            print(f"writing {name}", file=sys.stderr, flush=True)

    lookaheads = None if lookahead == "all" else _numbers(lookahead)
    write_model(checkpoint, out, to, precision, lookaheads, progress, force)
    print(out)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--lookahead takes whole numbers separated by commas, or 'all', not {text!r}."
        ) from None
