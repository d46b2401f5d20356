"""`nemocli convert`: convert a checkpoint into a model folder."""

from pathlib import Path

from nemocli.bench.conversion import check_conversion
from nemocli.cli.convert_options import ConvertOptions
from nemocli.cli.printable import print_path
from nemocli.cli.screen import Screen
from nemocli.errors import UnsupportedError, UsageError
from nemocli.models.choose import choose_folder_kind
from nemocli.models.convert import choose_target, convert, default_folder
from nemocli.models.find import find_checkpoint
from nemocli.models.hub import find_pulled, parse_hub_model
from nemocli.models.pull import pull
from nemocli.network.checkpoint import open_checkpoint


def convert_checkpoint(options: ConvertOptions) -> None:
    """Convert a checkpoint, and print the path of the model folder."""
    lookaheads = None if options.lookahead == "all" else _parse_numbers(options.lookahead)
    folder = write_model(
        options.checkpoint,
        options.out,
        options.to,
        options.precision,
        lookaheads,
        options.verify,
        options.force,
        Screen(options.quiet),
    )
    print_path(folder)


def write_model(
    checkpoint: str,
    out: Path | None,
    to: str,
    precision: str | None,
    lookaheads: list[int] | None,
    verify: bool,
    force: bool,
    screen: Screen,
) -> Path:
    """Download the checkpoint if necessary, convert and verify it; return the model folder.

    Raises what `pull`, `convert` and `check_conversion` raise.
    """
    choose_folder_kind(to, precision)  # what there is not is refused before the download
    download(checkpoint, screen)
    to, precision = choose_target(checkpoint, to, precision)
    folder = out or default_folder(checkpoint, to, precision)
    steps = 0
    with screen.show_bar(f"converting to {to}") as show:

        def progress(name: str, number: int, total: int) -> None:
            nonlocal steps
            steps = number
            show(f"writing {name}", number, total)

        def check(new: Path) -> None:
            show("comparing with the checkpoint", steps + 1, steps + 1)
            _verify(checkpoint, new, screen)

        convert(
            *(checkpoint, folder, to, precision, lookaheads, progress, force),
            note=screen.note,
            check=check if verify else None,
        )
    if not steps:
        screen.note(f"{folder} holds this conversion already; nothing was done.")
    return folder


def download(checkpoint: str, screen: Screen) -> None:
    """Download `checkpoint` if it names a model of the hub that is not on this machine."""
    hub = None if Path(checkpoint).expanduser().exists() else parse_hub_model(checkpoint)
    if hub is not None and find_pulled(hub) is None:
        with screen.show_downloads() as progress:
            pull(hub, progress, screen.note)


def _verify(checkpoint: str, new: Path, screen: Screen) -> None:
    """Compare a model folder with its checkpoint, if this machine can run it.

    Raises what `check_conversion` raises.
    """
    try:
        result = check_conversion(new, open_checkpoint(find_checkpoint(checkpoint)))
    except UnsupportedError as error:
        screen.note(f"The new model was not verified: {error}")
        return
    screen.note(f"verified: {result}.")


def _parse_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--lookahead takes whole numbers separated by commas, or 'all', not {text!r}."
        ) from None
