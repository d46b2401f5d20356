"""Which model a subcommand runs, and how its loading is shown."""

import sys

import typer

import nemocli
from nemocli.cli import convert
from nemocli.cli.screen import Screen
from nemocli.errors import ModelError
from nemocli.models.hub import DEFAULT_MODEL, HubModel
from nemocli.models.named import find_model
from nemocli.models.opening import check_runtime
from nemocli.transcriber import Transcriber


def load_model(
    model: str | None,
    runtime: str,
    lookahead: int | None,
    compute_units: str | None,
    screen: Screen,
) -> Transcriber:
    """The model asked for, or the released one, with its loading shown."""
    if model is None:
        model = default_model(screen, runtime)
    with screen.waiting("loading the model") as step:
        return nemocli.load(
            model,
            runtime=runtime,
            lookahead=lookahead,
            compute_units=compute_units,
            progress=step,
        )


def default_model(screen: Screen, runtime: str = "auto") -> str:
    """The released model; on a terminal, an offer to get it if it is not here."""
    check_runtime(runtime)
    try:
        find_model(DEFAULT_MODEL)
    except ModelError:
        if not (screen.draws and sys.stdin.isatty()):
            raise ModelError(
                f"No model was given, and {DEFAULT_MODEL} is not on this machine: try the bundled"
                f" demo with --model demo, or get it with: {HubModel(DEFAULT_MODEL).pull_command}"
            ) from None
        question = f"{DEFAULT_MODEL} is not here. Download it (2.6 GB) and convert it?"
        if not typer.confirm(question, err=True):
            raise
        if runtime == "numpy":
            convert.download(DEFAULT_MODEL, screen)
        else:
            kind, precision = ("onnx", "int8") if runtime in ("auto", "onnx") else (runtime, None)
            convert.write_model(DEFAULT_MODEL, None, kind, precision, None, True, False, screen)
    return DEFAULT_MODEL


def note_other_region(wanted: str, language: str, screen: Screen) -> None:
    """`en-DE` is taken for `en-US`, and that is said; `en` and `en_us` are only other spellings."""
    region = wanted.strip().replace("_", "-").partition("-")[2]
    if region and region.lower() != language.partition("-")[2].lower():
        screen.note(f"The model does not know {wanted}; transcribing in {language}.")
