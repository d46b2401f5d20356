"""The subcommands and their options as plain data, read from what was declared for Typer."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from typer.models import OptionInfo

from nemocli.cli.lazy_commands import Subcommand, Subgroup, declare
from nemocli.cli.options import COMMAS

#: What an option takes, besides lists of texts.
KINDS = (bool, int, float, Path, str)


@dataclass(frozen=True)
class Option:
    """An option of a subcommand."""

    #: Name of the field that it sets, and its long names, without dashes.
    field: str
    names: tuple[str, ...]
    #: Its names for the opposite, such as `no-verify`.
    opposites: tuple[str, ...]
    #: One of KINDS.
    kind: type
    takes_many: bool
    default: Any
    #: Its environment variable; empty if it has none.
    variable: str
    least: float | None
    greatest: float | None
    #: Whether its text has several values, with commas between them.
    has_commas: bool = False

    @property
    def must_be_typed(self) -> bool:
        """Whether it confirms a deletion or an overwrite: it has no variable, and is a switch."""
        return not self.variable and self.kind is bool

    @property
    def is_secret(self) -> bool:
        """Whether its value should not be shown."""
        return "key" in self.field.split("_")


@dataclass(frozen=True)
class DeclaredSubcommand:
    """A subcommand, by the words it is called with."""

    words: tuple[str, ...]
    options: tuple[Option, ...]

    def find(self, name: str) -> Option | None:
        """Return the option with this name; `max-lag` and `max_lag` are the same."""
        wanted = name.replace("_", "-")
        return next((option for option in self.options if wanted in option.names), None)


def list_subcommands(
    subcommands: Mapping[str, Subcommand | Subgroup], words: tuple[str, ...] = ()
) -> list[DeclaredSubcommand]:
    """Return the subcommands of a program and of its groups, in the order of its help text."""
    found = []
    for name, subcommand in subcommands.items():
        if isinstance(subcommand, Subgroup):
            found += list_subcommands(subcommand.subcommands, (*words, name))
        else:
            options = tuple(_list_options(declare(subcommand)))
            found.append(DeclaredSubcommand((*words, name), options))
    return found


def _list_options(function: Any) -> Iterator[Option]:
    for field, parameter in inspect.signature(function).parameters.items():
        hint = function.__annotations__[field]
        if get_origin(hint) is not Annotated:
            continue  # the context, which Typer hands over
        kind, declared, *marks = get_args(hint)
        if isinstance(declared, OptionInfo):
            option = _describe(field, kind, declared, parameter.default)
            yield replace(option, has_commas=COMMAS in marks)


def _describe(field: str, kind: Any, declared: OptionInfo, default: Any) -> Option:
    # Beside an annotation, Typer takes the first name for a default.
    first = (declared.default,) if isinstance(declared.default, str) else ()
    names, opposites = [], []
    for name in (*first, *(declared.param_decls or ())):
        positive, _, negative = name.partition("/")
        names += [positive[2:]] if positive.startswith("--") else []
        opposites += [negative[2:]] if negative else []
    choices = (kind, *get_args(kind))
    variable = declared.envvar or ""
    assert isinstance(variable, str)
    return Option(
        field,
        tuple(names),
        tuple(opposites),
        next((one for one in choices if one in KINDS), str),
        any(get_origin(one) is list for one in choices),
        default,
        variable,
        declared.min,
        declared.max,
    )
