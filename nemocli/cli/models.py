"""`nemocli models`: list, download, verify and remove models."""

import json
import sys
from functools import partial
from pathlib import Path

import typer

from nemocli.cli.models_options import (
    ListOptions,
    PathOptions,
    PullOptions,
    RemoveOptions,
    VerifyOptions,
)
from nemocli.cli.printable import make_printable, print_path
from nemocli.cli.screen import Screen
from nemocli.counting import count_things
from nemocli.engine.language_names import name_language
from nemocli.engine.languages import SUPPORTED, list_tiers
from nemocli.errors import ModelError, UsageError
from nemocli.models import listing
from nemocli.models.find import find_model
from nemocli.models.hub import DEFAULT_MODEL, ENGLISH_MODEL, HubModel, parse_hub_model
from nemocli.models.integrity import describe_damage
from nemocli.models.pull import pull
from nemocli.models.runtime_and_precision import choose_folder_kind
from nemocli.runtimes.kinds import AUTO_RUNTIME


def list_models(options: ListOptions) -> None:
    """Print the models on this machine, or the languages of the released ones."""
    if options.languages:
        _list_languages(options.json)
        return
    models = listing.list_models()
    if options.json:
        keys = ("name", "form", "source", "bytes", "path")
        rows = [{key: getattr(model, key) for key in keys} for model in models]
        print(json.dumps(rows, indent=1, default=str))
        return
    for model in models:
        source = f", from {model.source}" if model.source else ""
        place = f", in {model.path}" if model.name != str(model.path) else ""
        print(make_printable(model.name))
        print(make_printable(f"    {model.form}{source}, {format_size(model.bytes)}{place}"))


def _list_languages(as_json: bool) -> None:
    english = [("en-US", name_language("en"), SUPPORTED)]
    by_model = {DEFAULT_MODEL: list_tiers(), ENGLISH_MODEL: english}
    if as_json:
        keys = ("model", "language", "name", "tier")
        rows = [
            dict(zip(keys, (model, *row), strict=True))
            for model, languages in by_model.items()
            for row in languages
        ]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for model, languages in by_model.items():
        print(model)
        for tag, name, tier in languages:
            print(f"    {tag}  {name:18} {tier}")


def pull_model(options: PullOptions) -> None:
    """Download a model, and print its path."""
    hub = parse_hub_model(options.model)
    if hub is None:
        raise UsageError(f"A model of the hub is written owner/name, not {options.model!r}.")
    screen = Screen(options.quiet)
    with screen.show_downloads() as progress:
        path = pull(hub, progress, screen.note)
    print_path(path)
    if screen.draws:
        _advise_on_conversion(hub, screen)


def _advise_on_conversion(hub: HubModel, screen: Screen) -> None:
    """Say which runtime a downloaded model would be converted for, if it is not converted yet."""
    if not find_model(str(hub)).is_converted:
        kind = choose_folder_kind(AUTO_RUNTIME).name
        screen.note(f"To convert it for {kind}, which suits this machine: nemocli convert {hub}")


def print_model_path(options: PathOptions) -> None:
    """Print the path of a model."""
    print_path(find_model(options.model).path)


def verify_models(options: VerifyOptions) -> None:
    """Print which models are intact; ModelError if one is damaged."""
    model = options.model
    listed = [] if model and Path(model).exists() else listing.list_models()
    models = [each for each in listed if not each.is_leftover]
    chosen = [each for each in models if model in (None, each.name)]
    checks = [(each.name, partial(_describe_damage, each)) for each in chosen]
    if model and not chosen:
        checks = [(model, partial(describe_damage, find_model(model).path))]
    damaged = 0
    for name, check in checks:
        sentences = check()
        damaged += bool(sentences)
        print(make_printable(f"{name}: {' '.join(sentences) or 'intact'}"), flush=True)
    if damaged:
        raise ModelError(f"{damaged} of {count_things(len(checks), 'model')} failed the check.")


def _describe_damage(model: listing.ListedModel) -> list[str]:
    if model.form == listing.INTERRUPTED_DOWNLOAD:
        return [f"files are missing; get them with: nemocli models pull {model.name}"]
    return describe_damage(model.path)


def remove_model(options: RemoveOptions) -> None:
    """Delete a model, if the user confirms it or typed --yes."""
    found = listing.find_listed(options.model)
    if found.delete is not None and not options.yes:
        if not _can_ask():
            raise UsageError(f"To remove {found.name} without being asked, add --yes.")
        question = f"Remove {found.name} ({format_size(found.bytes)}) from {found.path}?"
        if not typer.confirm(make_printable(question), err=True):
            return
    listing.remove(found)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def format_size(count: int) -> str:
    """Return a number of bytes in GB or MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
