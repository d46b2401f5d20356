"""A command as Markdown."""

from collections.abc import Iterable, Sequence

from scripts.documents.commands import Command, ParameterDoc


def command_page(command: Command) -> str:
    """Usage, arguments and options of a subcommand, or of each in a group."""
    parts = []
    for each in command.all():
        if command.commands:
            parts.append(f"### nemocli {each.name}")
        parts += [_usage(each), each.summary, *each.paragraphs]
        if each.arguments:
            rows = [(f"`{a.metavar}`", _text(a.help)) for a in each.arguments]
            parts.append(table(("argument", "what it is"), rows))
        if each.options:
            parts.append(option_table(each.options))
    parts.append("Exit codes: see [all pages](README.md#exit-codes).")
    return "\n\n".join(parts)


def option_table(options: Iterable[ParameterDoc]) -> str:
    """A row for each option."""
    rows = [
        (
            _option(option),
            _text(option.help),
            f"`{option.default}`" if option.default else "",
            f"`{option.environment}`" if option.environment else "",
        )
        for option in options
    ]
    return table(("option", "what it does", "default", "environment"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars in its cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def _usage(command: Command) -> str:
    return f"```text\n{command.usage}\n```"


def _option(option: ParameterDoc) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    return f"{names} {option.metavar}".rstrip()


def _text(text: str) -> str:
    """Words that begin with dashes as code, lest they become typography."""
    return " ".join(
        f"`{w}`" if w.startswith("--") and w[2:].isalpha() else w for w in text.split(" ")
    )
