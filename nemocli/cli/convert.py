"""`nemocli convert`: a checkpoint becomes a model folder."""

from pathlib import Path

from nemocli.bench.conversion import verify_folder
from nemocli.bench.reference import SECONDS, bundled_sound
from nemocli.cli.convert_options import ConvertOptions
from nemocli.cli.printable import print_path
from nemocli.cli.screen import Screen
from nemocli.cli.streams import say
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.models.convert import convert, default_folder
from nemocli.models.find import find_checkpoint
from nemocli.models.hub import find_pulled, parse_hub_model
from nemocli.models.pull import pull
from nemocli.network.checkpoint import open_checkpoint
from nemocli.network.parameters import count_weights

#: Weights above which the numpy reference is too slow for more than a few chunks.
LARGE_MODEL_WEIGHTS = 50_000_000


def convert_checkpoint(options: ConvertOptions) -> None:
    """Convert a checkpoint, and print the folder it was written to."""
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
    """Download if need be, convert, verify; the model folder. Raises as those do."""
    download(checkpoint, screen)
    folder = out or default_folder(checkpoint, to, precision)
    steps = 0
    with screen.bar(f"converting to {to}") as show:

        def progress(name: str, number: int, total: int) -> None:
            nonlocal steps
            steps = number
            show(f"writing {name}", number, total)

        convert(checkpoint, folder, to, precision, lookaheads, progress, force)
    if not steps:
        screen.note(f"{folder} holds this conversion already; nothing was done.")
    elif verify:
        _verify(checkpoint, folder, screen)
    return folder


def download(checkpoint: str, screen: Screen) -> None:
    """Get a model of the hub, unless `checkpoint` names something that is here."""
    hub = None if Path(checkpoint).exists() else parse_hub_model(checkpoint)
    if hub is not None and find_pulled(hub) is None:
        pull(hub, lambda name: screen.note(f"downloading {name}"), say, show_bars=screen.draws)


def _verify(checkpoint: str, folder: Path, screen: Screen) -> None:
    source = open_checkpoint(find_checkpoint(checkpoint))
    is_large = count_weights(source.config) > LARGE_MODEL_WEIGHTS
    try:
        with screen.waiting("verifying") as show:
            show("running the new model and the numpy reference")
            report = verify_folder(folder, source, bundled_sound(1.5 if is_large else SECONDS))
    except UnsupportedError as error:
        screen.note(f"The new model was not verified: {error}")
        return
    screen.note(f"verified: {report}.")
    if report.agreement < 0.5 and report.tokens:
        raise NemocliError(f"{folder} does not say what its checkpoint says; do not use it.")


def _parse_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--lookahead takes whole numbers separated by commas, or 'all', not {text!r}."
        ) from None
