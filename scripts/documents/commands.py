"""The subcommands as plain data, read from their declarations for Typer in nemocli/cli."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from nemocli import errors
from nemocli.cli.app import PIPE_CLOSED, SUBCOMMANDS, app
from nemocli.cli.lazy_commands import Subcommand, Subgroup, declare
from nemocli.cli.signals import INTERRUPTED, SIGNALLED

#: Placeholders of options' values, by type, where the declaration has none.
METAVARS = {str: "TEXT", Path: "PATH", int: "INTEGER", float: "NUMBER"}


@dataclass(frozen=True)
class ParameterDoc:
    """An option, or an argument if it has no names."""

    names: tuple[str, ...]
    #: Placeholder of its value; empty for a switch.
    metavar: str
    help: str
    #: As the user would type it; empty if there is none.
    default: str = ""
    environment: str = ""
    is_required: bool = False
    takes_many: bool = False


@dataclass(frozen=True)
class Command:
    """One subcommand; a group such as `models` has commands of its own."""

    #: With the name of its group, such as `models pull`.
    name: str
    #: First paragraph of the help text; `paragraphs` are the others.
    summary: str
    paragraphs: tuple[str, ...]
    arguments: tuple[ParameterDoc, ...] = ()
    options: tuple[ParameterDoc, ...] = ()
    commands: tuple["Command", ...] = ()

    @property
    def usage(self) -> str:
        """Command line with its placeholders, on one line."""
        parts = ["nemocli", self.name]
        parts += ["COMMAND"] if self.commands else []
        parts += ["[OPTIONS]"] if self.options else []
        for argument in self.arguments:
            many = "..." if argument.takes_many else ""
            parts.append(
                (argument.metavar if argument.is_required else f"[{argument.metavar}]") + many
            )
        return " ".join(parts)

    def all(self) -> Iterator["Command"]:
        """Yield the command itself, or those of a group."""
        if not self.commands:
            yield self
        for command in self.commands:
            yield from command.all()


def read_commands() -> list[Command]:
    """Return the subcommands, in the order of `nemocli --help`."""
    return [_describe(name, subcommand) for name, subcommand in SUBCOMMANDS.items()]


def _describe(name: str, subcommand: Subcommand | Subgroup) -> Command:
    if isinstance(subcommand, Subcommand):
        return _command(declare(subcommand), name)
    members = [_command(declare(c), f"{name} {m}") for m, c in subcommand.subcommands.items()]
    return Command(name, subcommand.help, (), commands=tuple(members))


def program_options() -> list[ParameterDoc]:
    """Return the options before any subcommand; those for completion are Typer's."""
    return [
        *_parameters(app.registered_callback.callback)[1],
        ParameterDoc(("--install-completion",), "", "Install completion for the current shell."),
        ParameterDoc(("--show-completion",), "", "Print the completion instead of installing it."),
        ParameterDoc(("-h", "--help"), "", "Show the help text; each subcommand has its own."),
    ]


def exit_codes() -> list[tuple[str, str]]:
    """Return codes and meanings: those of nemocli.errors, and those of programs that are ended."""
    rows = [line.split("|")[1:3] for line in errors.__doc__.splitlines() if line.startswith("| ")]
    codes = [(code.strip(), meaning.strip()) for code, meaning in rows[1:]]
    return [
        *codes,
        (str(SIGNALLED + 1), "ended by a closed terminal with something left undone"),
        (str(INTERRUPTED), "ended by Ctrl-C with something left undone"),
        (str(PIPE_CLOSED), "the program that read the results has ended"),
        (str(SIGNALLED + 15), "ended by SIGTERM with something left undone"),
    ]


def _command(function: Any, name: str) -> Command:
    arguments, options = _parameters(function)
    first, *paragraphs = inspect.getdoc(function).split("\n\n")
    return Command(
        name,
        _joined(first),
        tuple(map(_joined, paragraphs)),
        tuple(arguments),
        tuple(options),
    )


def _parameters(function: Any) -> tuple[list[ParameterDoc], list[ParameterDoc]]:
    """Arguments and options."""
    arguments, options = [], []
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if get_origin(hints[name]) is not Annotated:
            continue  # the context, which Typer hands over
        kind, declared, *_ = get_args(hints[name])
        if isinstance(declared, ArgumentInfo):
            arguments.append(_argument(name, kind, declared, parameter.default))
        elif isinstance(declared, OptionInfo):
            options.append(_option(name, kind, declared, parameter.default))
    return arguments, options


def _argument(name: str, kind: Any, declared: ArgumentInfo, default: Any) -> ParameterDoc:
    required = default is inspect.Parameter.empty
    many = any(get_origin(one) is list for one in (kind, *get_args(kind)))
    metavar = declared.metavar or name.upper()
    return ParameterDoc((), metavar, declared.help, is_required=required, takes_many=many)


def _option(name: str, kind: Any, declared: OptionInfo, default: Any) -> ParameterDoc:
    names = _declared_names(declared) or [f"--{name.replace('_', '-')}"]
    short_first = tuple(sorted(names, key=lambda option: option.startswith("--")))
    bare = next((one for one in (kind, *get_args(kind)) if one in METAVARS), None)
    metavar = "" if kind is bool else declared.metavar or METAVARS[bare]
    return ParameterDoc(
        short_first,
        metavar,
        declared.help + _least(declared.min),
        "" if default is None or (kind is bool and not default) else _typed(default, names),
        declared.envvar or "",
    )


def _declared_names(declared: OptionInfo) -> list[str]:
    """`--verify/--no-verify` is two; beside an annotation, Typer takes the first for a default."""
    first = (declared.default,) if isinstance(declared.default, str) else ()
    return [name for one in (*first, *(declared.param_decls or ())) for name in one.split("/")]


def _least(least: float | None) -> str:
    return f" At least {least:g}." if least else ""


def _typed(default: Any, names: list[str]) -> str:
    if default is True:
        return names[0]
    return f"{default:g}" if isinstance(default, float) else str(default)


def _joined(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())
