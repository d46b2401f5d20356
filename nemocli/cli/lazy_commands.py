"""Subcommands whose modules are imported only when they are needed.

Those of the options are imported when a subcommand is typed or shown, those of its work when it is
run: `nemocli file` imports nothing of other subcommands, and its `--help` nothing of its work.
Other modules import at their top.
"""

import dataclasses
import gc
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from nemocli.cli.config_command import ConfiguredCommand, TolerantCommand
from nemocli.cli.refused_values import explain_value

#: How sentences of Pydantic begin, which do not say what was refused.
_BY_PYDANTIC = "Input should be"


class Subcommand(NamedTuple):
    """A subcommand: `module:class` of its options, and `module:function` of its work.

    The options are a dataclass: its fields are declared for Typer, its docstring is the help text.
    The function is called with them.
    """

    options: str
    work: str
    #: What the config file is to it; `optional` means that it runs also if that cannot be used.
    config: Literal["used", "optional", "ignored"] = "used"


class Subgroup(NamedTuple):
    """A subcommand that has subcommands of its own, by name, and its help text."""

    help: str
    subcommands: Mapping[str, Subcommand]


class _PlainValues:
    """Keeps Typer from converting values that need no conversion, before it parses arguments.

    Typer imports Pydantic for that, and builds a validator for each option, also for those that
    were not typed, which takes as long as importing numpy.
    """

    callback: Any

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        hints = getattr(self.callback, "__annotations__", {})
        for parameter in self.get_params(ctx):  # type: ignore[attr-defined]  # Typer's method
            _take_plain_values(parameter, hints.get(parameter.name))
        parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]  # Typer's method
        return parsed


def _take_plain_values(parameter: Any, annotation: Any) -> None:
    """Have a parameter take defaults, absent values, and texts if it is a text, as they are.

    Where it refuses another value, have the sentence quote that, and say what it takes.
    """
    convert, is_text = parameter.process_value, _is_text(annotation)

    def process_value(context: Any, value: Any) -> Any:
        is_default = value is parameter.default and isinstance(value, str | int | float | Path)
        texts = value if isinstance(value, list | tuple) else [value]
        is_plain = is_default or (is_text and all(type(text) is str for text in texts))
        if not (is_plain or (value is None and not parameter.required)):
            try:
                return convert(context, value)
            except Exception as error:
                sentence = explain_value(annotation, value)
                if sentence and str(getattr(error, "message", "")).startswith(_BY_PYDANTIC):
                    error.message = sentence  # type: ignore[attr-defined]  # of Typer's errors
                raise
        callback = parameter.callback
        return value if callback is None else callback(context, parameter, value)

    parameter.process_value = process_value


def _is_text(annotation: Any) -> bool:
    """Tell whether an option's value is a text or a list of texts, if it is given."""
    kind, *_ = get_args(annotation) or (annotation,)
    return {kind, *get_args(kind)} - {NoneType} <= {str, list[str], str | None, list[str] | None}


class _Command(_PlainValues, TyperCommand):
    """A subcommand without subcommands, for which there is no config file."""


class _ConfiguredCommand(_PlainValues, ConfiguredCommand):
    """One whose options may be in the config file."""


class _TolerantCommand(_PlainValues, TolerantCommand):
    """One that runs although the config file cannot be used."""


_COMMANDS: dict[str, type[TyperCommand]] = {
    "used": _ConfiguredCommand,
    "optional": _TolerantCommand,
    "ignored": _Command,
}


class LazyGroup(_PlainValues, TyperGroup):
    """A group of subcommands, each of which is made when it is first looked up."""

    def __init__(
        self, *, subcommands: Mapping[str, Subcommand | Subgroup], **attributes: Any
    ) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(subcommands)  # type: ignore[assignment]  # it is only read

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the help text; makes no command."""
        return list(self.commands)


class _Commands(Mapping[str, Any]):
    """Typer's commands by name."""

    def __init__(self, subcommands: Mapping[str, Subcommand | Subgroup]) -> None:
        self._subcommands = subcommands
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _make_command(name, self._subcommands[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._subcommands)

    def __len__(self) -> int:
        return len(self._subcommands)


def _make_command(name: str, subcommand: Subcommand | Subgroup) -> Any:
    if isinstance(subcommand, Subgroup):
        return LazyGroup(
            name=name,
            help=subcommand.help,
            no_args_is_help=True,
            subcommands=subcommand.subcommands,
        )
    alone = typer.Typer(add_completion=False)
    alone.command(name, cls=_COMMANDS[subcommand.config])(declare(subcommand))
    return get_command(alone)


def declare(subcommand: Subcommand) -> Callable[..., None]:
    """Return a function as Typer takes it, with the options as its parameters.

    Called with their values, it imports the module that does the work, and does it.
    """
    options = _find(subcommand.options)

    def run(**typed: Any) -> None:
        if typed.get("no_color"):
            os.environ["NO_COLOR"] = "1"
        found = {name: _expand_home(value) for name, value in typed.items()}
        work = _find(subcommand.work)
        _resume_collection()
        work(options(**found))

    run.__doc__ = _join_lines(inspect.getdoc(options) or "")
    run.__annotations__ = get_type_hints(options, include_extras=True)
    parameters = [
        _make_parameter(field, run.__annotations__) for field in dataclasses.fields(options)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _join_lines(text: str) -> str:
    """Return a text whose paragraphs are one line each: the terminal breaks them where it ends."""
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in text.split("\n\n"))


def _resume_collection() -> None:
    """Have Python look for garbage again, if `main` of nemocli/__main__.py has stopped that.

    Modules stay, so they are left out: else every search would go through all of them.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _find(where: str) -> Any:
    """Return the class or the function of `module:name`."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


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
