"""Commands as manual pages, in the macros of man(7)."""

import re
from collections.abc import Iterable

from nemocli import __version__
from scripts.documents.commands import Command, ParameterDoc


def command_manual(command: Command, codes: Iterable[tuple[str, str]]) -> str:
    """The page `nemocli-NAME(1)`."""
    name = f"nemocli-{command.name}"
    lines = _head(name, command.summary)
    lines.append(".SH SYNOPSIS")
    for each in command.all():
        lines += [".nf", _escaped(each.usage), ".fi"]
    if not command.commands:
        lines += [".SH DESCRIPTION", *_paragraphs(command), *_parameters(command, ".SH")]
    for each in command.commands:
        title = f"nemocli {each.name}"
        lines += [f".SH {_quoted(title)}", *_paragraphs(each), *_parameters(each, ".SS")]
    return _joined([*lines, *_exit_status(codes), ".SH SEE ALSO", _reference("nemocli")])


def program_manual(
    summary: str,
    commands: Iterable[Command],
    options: Iterable[ParameterDoc],
    variables: Iterable[tuple[str, str]],
    codes: Iterable[tuple[str, str]],
) -> str:
    """The page `nemocli(1)`."""
    commands = list(commands)
    lines = _head("nemocli", summary)
    lines += [".SH SYNOPSIS", _escaped("nemocli COMMAND [OPTIONS] [ARGUMENT]...")]
    lines += [".SH COMMANDS"]
    for command in commands:
        lines += [".TP", _reference(f"nemocli-{command.name}"), _escaped(command.summary)]
    lines += [".SH OPTIONS", *_options(options)]
    lines += [".SH ENVIRONMENT", _escaped("Every option of a subcommand has a variable, which its")]
    lines.append(
        _escaped("page names; what is typed goes before it. Only what confirms a deletion")
    )
    lines.append(_escaped("or an overwrite has none, and must be typed. Besides:"))
    for name, text in variables:
        lines += [".TP", f".B {_quoted(name)}", _escaped(text.replace("`", ""))]
    lines += [*_exit_status(codes), ".SH SEE ALSO"]
    lines.append(" ,\n".join(_reference(f"nemocli-{command.name}") for command in commands))
    return _joined(lines)


def _head(name: str, summary: str) -> list[str]:
    title = f'.TH {_quoted(name.upper())} 1 "" {_quoted(f"nemocli {__version__}")} "nemocli manual"'
    return [title, ".SH NAME", f"{_escaped(name)} \\- {_escaped(summary.rstrip('.'))}"]


def _paragraphs(command: Command) -> list[str]:
    lines = []
    for paragraph in (command.summary, *command.paragraphs):
        lines += [".PP", _escaped(paragraph)]
    return lines


def _parameters(command: Command, heading: str) -> list[str]:
    lines = []
    if command.arguments:
        lines.append(f"{heading} ARGUMENTS")
        for argument in command.arguments:
            lines += [".TP", f".I {_quoted(argument.metavar)}", _escaped(argument.help)]
    if command.options:
        lines += [f"{heading} OPTIONS", *_options(command.options)]
    return lines


def _options(options: Iterable[ParameterDoc]) -> list[str]:
    lines = []
    for option in options:
        names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in option.names)
        metavar = f" \\fI{_escaped(option.metavar)}\\fR" if option.metavar else ""
        lines += [".TP", names + metavar, _escaped(option.help)]
        if option.default:
            lines.append(_escaped(f"Default: {option.default}."))
        if option.environment:
            lines.append(_escaped(f"Environment: {option.environment}."))
    return lines


def _exit_status(codes: Iterable[tuple[str, str]]) -> list[str]:
    lines = [".SH EXIT STATUS"]
    for code, meaning in codes:
        lines += [".TP", f".B {code}", _escaped(meaning)]
    return lines


def _reference(name: str) -> str:
    return f".BR {_escaped(name)} (1)"


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', "\\(dq") + '"'


def _escaped(text: str) -> str:
    """Text as it is, on one line: no character of it is taken for a request or for typography."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
