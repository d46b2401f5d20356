"""`nemocli convert`: a checkpoint becomes a model folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemocli.cli.printable import print_path
from nemocli.cli.runtime_help import list_words, precisions_by_kind
from nemocli.cli.streams import say
from nemocli.errors import UnsupportedError, UsageError
from nemocli.runtimes.kind import PORTABLE
from nemocli.runtimes.kinds import folder_kinds

if TYPE_CHECKING:
    from nemocli.cli.screen import Screen


def convert(
    checkpoint: Annotated[
        str,
        typer.Argument(help="Checkpoint folder, .nemo file, owner/name of the hub, or 'demo'."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            envvar="NEMOCLI_CONVERT_OUT",
            help="Model folder to write; by default nemocli's own place.",
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option(envvar="NEMOCLI_TO", help=f"Kind of model: {list_words(folder_kinds())}."),
    ] = PORTABLE,
    precision: Annotated[
        str | None, typer.Option(envvar="NEMOCLI_PRECISION", help=precisions_by_kind())
    ] = None,
    lookahead: Annotated[
        str,
        typer.Option(
            envvar="NEMOCLI_CONVERT_LOOKAHEAD",
            help="Lookaheads to write, such as 0,3; all that the model knows: all.",
        ),
    ] = "all",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            envvar="NEMOCLI_VERIFY",
            help="Run the new model on bundled sound, and compare with the checkpoint.",
        ),
    ] = True,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            envvar="NEMOCLI_CONVERT_FORCE",
            help="Convert again what is there, and replace another model folder.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="NEMOCLI_QUIET", help="No progress on stderr.")
    ] = False,
) -> None:
    """Convert a checkpoint, and print the folder it was written to.

    A model of the hub is downloaded first. The folder appears when it is complete and agrees with
    the checkpoint. If it holds this very conversion already, nothing is done, and if that is
    damaged, it is made again.
    """
    from nemocli.cli.screen import Screen

    lookaheads = None if lookahead == "all" else _numbers(lookahead)
    print_path(
        write_model(checkpoint, out, to, precision, lookaheads, verify, force, Screen(quiet))
    )


def write_model(
    checkpoint: str,
    out: Path | None,
    to: str,
    precision: str | None,
    lookaheads: list[int] | None,
    verify: bool,
    force: bool,
    screen: "Screen",
) -> Path:
    """Download if need be, convert, verify; the model folder. Raises as those do."""
    from nemocli.models.convert import convert as write
    from nemocli.models.convert import default_folder

    download(checkpoint, screen)
    folder = out or default_folder(checkpoint, to, precision)
    steps = 0
    with screen.bar(f"converting to {to}") as show:

        def progress(name: str, number: int, total: int) -> None:
            nonlocal steps
            steps = number
            show(f"writing {name}", number, total)

        def check(new: Path) -> None:
            show("comparing with the checkpoint", steps + 1, steps + 1)
            _verify(checkpoint, new, screen)

        write(
            *(checkpoint, folder, to, precision, lookaheads, progress, force),
            note=screen.note,
            check=check if verify else None,
        )
    if not steps:
        screen.note(f"{folder} holds this conversion already; nothing was done.")
    return folder


def download(checkpoint: str, screen: "Screen") -> None:
    """Get a model of the hub, unless `checkpoint` names something that is here."""
    from nemocli.models.hub import find_pulled, parse_hub_model
    from nemocli.models.pull import pull

    hub = None if Path(checkpoint).exists() else parse_hub_model(checkpoint)
    if hub is not None and find_pulled(hub) is None:
        pull(hub, lambda name: screen.note(f"downloading {name}"), say, show_bars=screen.draws)


def _verify(checkpoint: str, new: Path, screen: "Screen") -> None:
    """Compare a folder with its checkpoint, where this machine can. Raises if they differ."""
    from nemocli.bench.conversion import check_conversion
    from nemocli.models.find import find_checkpoint
    from nemocli.network.checkpoint import open_checkpoint

    try:
        report = check_conversion(new, open_checkpoint(find_checkpoint(checkpoint)))
    except UnsupportedError as error:
        screen.note(f"The new model was not verified: {error}")
        return
    screen.note(f"verified: {report}.")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--lookahead takes whole numbers separated by commas, or 'all', not {text!r}."
        ) from None
