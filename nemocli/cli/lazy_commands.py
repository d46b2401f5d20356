"""Declaration of subcommands, whose modules are imported only when they are run."""

import dataclasses
import inspect
import os
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import typer


def add_subcommand(app: typer.Typer, name: str, options: type[Any], work: str) -> None:
    """Add a subcommand to an app.

    `options` is a dataclass: its fields are declared for Typer, its docstring is the help text.
    `work` is `module:function`, called with those options. The module is imported only when the
    subcommand is run, so that `nemocli --help` is fast; other modules import at their top.
    """

    def run(**typed: Any) -> None:
        module, _, function = work.partition(":")
        found = {name: _expand_home(value) for name, value in typed.items()}
        getattr(import_module(module), function)(options(**found))

    run.__name__ = name
    run.__doc__ = options.__doc__
    run.__annotations__ = get_type_hints(options, include_extras=True)
    parameters = [
        _make_parameter(field, run.__annotations__) for field in dataclasses.fields(options)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app.command(name)(run)


def _expand_home(value: Any) -> Any:
    """Put the home folder in place of a path's ~, which no shell sees in a variable."""
    if isinstance(value, list):
        return [_expand_home(each) for each in value]
    if isinstance(value, str | Path) and str(value).startswith("~") and not os.path.exists(value):
        return type(value)(os.path.expanduser(value))
    return value


def _make_parameter(field: "dataclasses.Field[Any]", hints: dict[str, Any]) -> inspect.Parameter:
    is_required = field.default is dataclasses.MISSING
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if is_required else field.default,
        annotation=hints[field.name],
    )
