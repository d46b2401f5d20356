"""Loading of a subcommand's model, shown on the screen, with the released one by default."""

import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

import typer

from nemocli.boosting.phrases import Phrases, explain_unspelled
from nemocli.cli.screen import Screen
from nemocli.errors import ModelError
from nemocli.models.find import find_model
from nemocli.models.hub import DEFAULT_MODEL, HubModel
from nemocli.models.measured_choices import COMMAND, is_first_use
from nemocli.models.paths import DEMO
from nemocli.models.resolve import ResolvedModel
from nemocli.models.runtime_and_precision import check_runtime_on, choose_kind
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kind import FolderKind
from nemocli.runtimes.kinds import AUTO_RUNTIME
from nemocli.runtimes.system import System, read_system
from nemocli.transcriber import Transcriber, load_transcriber


def load_model(
    spec: ModelSpec,
    screen: Screen,
    before_load: Callable[[ResolvedModel, Callable[[str], None]], None] | None = None,
) -> Transcriber:
    """Load the requested model, or the released one; show the progress on the screen.

    `before_load` is called once it is decided what will be loaded, with that and with what shows a
    step of the progress.
    """
    spec = complete_spec(spec, screen)
    assert spec.model is not None
    with screen.show_wait("loading the model") as progress:
        call = None if before_load is None else lambda resolved: before_load(resolved, progress)
        transcriber = load_transcriber(spec, progress, call)
    _suggest_measuring(spec, transcriber, screen, read_system())
    return transcriber


def _suggest_measuring(
    spec: ModelSpec, transcriber: Transcriber, screen: Screen, system: System
) -> None:
    """On a Mac, say once for each model how to find out which runtime is the fastest.

    Not for the demo, which is small, and not if the user chose the runtime.
    """
    if not system.is_apple_silicon or spec.runtime != AUTO_RUNTIME or spec.model == DEMO:
        return
    if transcriber.revision is not None and is_first_use(transcriber.revision, system):
        model = "" if spec.model == DEFAULT_MODEL else f" --model {shlex.quote(str(spec.model))}"
        screen.note(f"To find out what is fastest for it on this Mac, once: {COMMAND}{model}")


def complete_spec(spec: ModelSpec, screen: Screen) -> ModelSpec:
    """Return the spec with a model: the released one if none was named.

    If that is not on this machine, the user of a terminal is offered to download it; elsewhere,
    ModelError says how to get it.
    """
    if spec.model is not None:
        return spec
    check_runtime_on(spec.runtime, read_system())
    try:
        find_model(None, spec.runtime, spec.precision, purpose=spec.purpose)
    except ModelError:
        if not (screen.draws and sys.stdin.isatty()):
            raise ModelError(
                f"No model was given, and {DEFAULT_MODEL} is not on this machine: try the bundled"
                f" demo with --model demo, or get it with: {HubModel(DEFAULT_MODEL).pull_command}"
            ) from None
        question = f"{DEFAULT_MODEL} is not here. Download it (2.6 GB) and convert it?"
        if not typer.confirm(question, err=True):
            raise
        _get_released(spec, screen)
    return replace(spec, model=DEFAULT_MODEL)


def _get_released(spec: ModelSpec, screen: Screen) -> None:
    """Download the released model, and convert it for a runtime that needs that."""
    from nemocli.cli import convert

    kind = choose_kind(spec.runtime, read_system(), spec.precision, spec.compute_units)
    if not isinstance(kind, FolderKind):
        convert.download(DEFAULT_MODEL, screen)
        return
    precision = spec.precision or kind.released_precision
    convert.write_model(DEFAULT_MODEL, None, kind.name, precision, None, True, False, screen)


def note_unspelled(transcriber: Transcriber, phrases: Phrases | None, screen: Screen) -> None:
    """Print a note if the model has no pieces to write some of the phrases."""
    unspelled = transcriber.find_unspelled(phrases) if phrases else ()
    if unspelled:
        screen.note(explain_unspelled(unspelled, len(phrases or ())))


def note_language(requested: str, transcriber: Transcriber, screen: Screen) -> str:
    """Return the language's locale, or `auto`; print what the user should know about it.

    That is a region that the model replaced, or that its card lists the language as one that needs
    adaptation. Raises UsageError for an unknown language.
    """
    language = transcriber.resolve_language(requested)
    note_other_region(requested, language, screen)
    note_tiers([language], transcriber, screen)
    return language


def note_tiers(languages: Iterable[str], transcriber: Transcriber, screen: Screen) -> None:
    """Print a note for each language that the model's card lists as one that needs adaptation."""
    for language in languages:
        if warning := transcriber.warn_of_language(language):
            screen.note(warning)


def note_other_region(requested: str, language: str, screen: Screen) -> None:
    """Print a note if the model replaced the region, such as `en-DE` by `en-US`.

    Other spellings of the same, such as `en_us` or `english`, need no note.
    """
    region = requested.strip().replace("_", "-").partition("-")[2]
    if 1 < len(region) < 4 and region.lower() != language.partition("-")[2].lower():
        screen.note(f"The model does not know {requested}; transcribing in {language}.")
