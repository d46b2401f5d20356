"""Which model a subcommand runs, and how its loading is shown."""

import sys
from typing import TYPE_CHECKING

import typer

from nemocli.errors import ModelError

if TYPE_CHECKING:
    from nemocli.cli.screen import Screen
    from nemocli.transcriber import Transcriber


def load_model(
    model: str | None,
    runtime: str,
    lookahead: int | None,
    compute_units: str | None,
    screen: "Screen",
) -> "Transcriber":
    """The model asked for, or the released one, with its loading shown."""
    import nemocli

    if model is None:
        model = default_model(screen)
    with screen.waiting("loading the model") as step:
        return nemocli.load(
            model,
            runtime=runtime,
            lookahead=lookahead,
            compute_units=compute_units,
            progress=step,
        )


def default_model(screen: "Screen") -> str:
    """The released model; on a terminal, an offer to get it if it is not here."""
    from nemocli.cli.convert import write_model
    from nemocli.models.hub import DEFAULT_MODEL
    from nemocli.models.named import find_model

    try:
        find_model(DEFAULT_MODEL)
    except ModelError as error:
        if not (screen.draws and sys.stdin.isatty()):
            raise ModelError(f"{error} Or try the bundled demo: --model demo.") from None
        question = f"{DEFAULT_MODEL} is not here. Download it (2.6 GB) and convert it?"
        if not typer.confirm(question, err=True):
            raise
        write_model(DEFAULT_MODEL, None, "onnx", "int8", None, True, False, screen)
    return DEFAULT_MODEL


def note_other_region(wanted: str, language: str, screen: "Screen") -> None:
    """`en-DE` is taken for `en-US`, and that is said; `en` and `en_us` are only other spellings."""
    region = wanted.strip().replace("_", "-").partition("-")[2]
    if region and region.lower() != language.partition("-")[2].lower():
        screen.note(f"The model does not know {wanted}; transcribing in {language}.")
