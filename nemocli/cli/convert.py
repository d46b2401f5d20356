"""`nemocli convert`: convert a checkpoint into a model folder."""

from collections.abc import Callable
from pathlib import Path

from nemocli.bench.diarizer_conversion import check_any_conversion
from nemocli.cli.convert_options import NEMOCLI, ConvertOptions
from nemocli.cli.printable import print_path
from nemocli.cli.screen import Screen
from nemocli.errors import UnsupportedError, UsageError
from nemocli.models.compile_bundle import compile_bundle, has_compiled
from nemocli.models.convert import choose_default_folder, choose_target, convert
from nemocli.models.convert_bundle import (
    KIND,
    choose_bundle_precision,
    choose_default_bundle_folder,
    convert_to_bundle,
)
from nemocli.models.hub import find_pulled, parse_hub_model
from nemocli.models.pull import pull
from nemocli.models.runtime_and_precision import choose_folder_kind
from nemocli.runtimes.coreai.ahead_of_time import check_architectures, check_xcode
from nemocli.runtimes.coreai.layout import LAYOUT
from nemocli.runtimes.system import read_system


def convert_checkpoint(options: ConvertOptions) -> None:
    """Convert a checkpoint, and print the path of the model folder."""
    lookaheads = None if options.lookahead == "all" else _parse_numbers(options.lookahead)
    if options.layout == LAYOUT:
        print_path(convert_bundle(options, lookaheads, Screen(options.quiet)))
        return
    if options.layout != NEMOCLI:
        raise UsageError(
            f"There is no layout {options.layout!r}; choose one of {NEMOCLI}, {LAYOUT}."
        )
    if options.ahead_of_time is not None:
        raise UsageError(f"--ahead-of-time is for bundles: add --to coreai --layout {LAYOUT}.")
    folder = write_model(
        options.checkpoint,
        options.out,
        options.to,
        options.precision,
        lookaheads,
        options.verify,
        options.force,
        Screen(options.quiet),
        options.untrained_lookahead,
    )
    print_path(folder)


def convert_bundle(options: ConvertOptions, lookaheads: list[int] | None, screen: Screen) -> Path:
    """Write a bundle in the layout of coreaikit, compile it if requested, and return its folder.

    Raises what `convert_to_bundle`, `check_conversion` and `compile_bundle` raise.
    """
    precision = choose_bundle_precision(options.to, options.precision, lookaheads)
    architectures = _parse_architectures(options.ahead_of_time, precision)
    choose_folder_kind(KIND).check_machine(read_system())
    download(options.checkpoint, screen)
    folder = options.out or choose_default_bundle_folder(options.checkpoint, precision)
    with screen.show_bar(f"writing a bundle for {LAYOUT}") as show:
        steps = _Steps(show, options.checkpoint, screen)
        checked = steps.check if options.verify else None
        convert_to_bundle(
            *(options.checkpoint, folder, precision, steps.write),
            *(options.force, screen.note, checked),
        )
    if not steps.written:
        screen.note(f"{folder} holds this bundle already; it was not written again.")
    if architectures:
        with screen.show_bar("compiling ahead of time") as show:
            new = compile_bundle(folder, architectures, show)
        for path in new:
            screen.note(f"compiled: {path}; only loading it on the device proves that it runs.")
    elif not has_compiled(folder):
        screen.note(
            "The half for iPhones lacks the conformer, which is compiled by Xcode: on a Mac, run"
            " the same command with --ahead-of-time h18p."
        )
    return folder


class _Steps:
    """Shows the steps of a conversion in a bar: the graphs, and the check behind them."""

    def __init__(
        self, show: Callable[[str, int, int], None], checkpoint: str, screen: Screen
    ) -> None:
        self._show, self._checkpoint, self._screen = show, checkpoint, screen
        #: Graphs that were written.
        self.written = 0

    def write(self, name: str, number: int, total: int) -> None:
        """Show which graph is written."""
        self.written = number
        self._show(f"writing {name}", number, total)

    def check(self, new: Path) -> None:
        """Compare the new model with its checkpoint. Raises what `check_conversion` raises."""
        self._show("comparing with the checkpoint", self.written + 1, self.written + 1)
        _verify(self._checkpoint, new, self._screen)


def _parse_architectures(text: str | None, precision: str) -> list[str]:
    """Return the names in --ahead-of-time; UnsupportedError if they cannot be compiled here."""
    if text is None:
        return []
    architectures = list(dict.fromkeys(part.strip() for part in text.split(",")))
    check_architectures(architectures)
    if precision != "fp16":
        raise UsageError("--ahead-of-time is for float16 graphs; leave out --precision.")
    check_xcode()
    return architectures


def write_model(
    checkpoint: str,
    out: Path | None,
    to: str,
    precision: str | None,
    lookaheads: list[int] | None,
    verify: bool,
    force: bool,
    screen: Screen,
    untrained_lookaheads: bool = False,
) -> Path:
    """Download the checkpoint if necessary, convert and verify it; return the model folder.

    Raises what `pull`, `convert` and `check_conversion` raise.
    """
    choose_folder_kind(to, precision)  # unknown names are refused before the download
    download(checkpoint, screen)
    to, precision = choose_target(checkpoint, to, precision)
    folder = out or choose_default_folder(checkpoint, to, precision)
    with screen.show_bar(f"converting to {to}") as show:
        steps = _Steps(show, checkpoint, screen)
        convert(
            *(checkpoint, folder, to, precision, lookaheads, steps.write, force),
            note=screen.note,
            check=steps.check if verify else None,
            untrained_lookaheads=untrained_lookaheads,
        )
    if not steps.written:
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

    Raises what `check_any_conversion` raises.
    """
    try:
        result = check_any_conversion(new, checkpoint)
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
