"""A command, or a JSON schema, as Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.documents.commands import Command, Parameter


def command_page(command: Command, codes: Iterable[tuple[str, str]]) -> str:
    """Usage, arguments, options and exit codes of a subcommand, or of each in a group."""
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
    parts += ["### Exit codes", table(("code", "meaning"), codes)]
    return "\n\n".join(parts)


def option_table(options: Iterable[Parameter]) -> str:
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


def schema_table(schema: Mapping[str, Any]) -> str:
    """A row for each member of an object, and a table for each object defined beside it."""
    parts = [_members(schema)] if "properties" in schema else []
    for name, inner in schema.get("$defs", {}).items():
        if "properties" in inner:
            about = inner.get("description", "")
            parts += [f"A **{name}**: {about}".rstrip(), _members(inner)]
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars in its cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def _usage(command: Command) -> str:
    return f"```text\n{command.usage}\n```"


def _option(option: Parameter) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    return f"{names} {option.metavar}".rstrip()


def _text(text: str) -> str:
    """Words that begin with dashes as code, lest they become typography."""
    return " ".join(
        f"`{w}`" if w.startswith("--") and w[2:].isalpha() else w for w in text.split(" ")
    )


def _members(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        (
            f"`{name}`",
            _type(member),
            "always" if name in needed else "not always",
            member.get("description", ""),
        )
        for name, member in schema["properties"].items()
    ]
    return table(("member", "type", "present", "meaning"), rows)


def _type(member: Mapping[str, Any]) -> str:
    if "const" in member:
        return f"`{json.dumps(member['const'])}`"
    if "enum" in member:
        return ", ".join(f"`{json.dumps(value)}`" for value in member["enum"])
    if member.get("type") == "array":
        return f"array of {_type(member['items'])}"
    if "$ref" in member:
        name = member["$ref"].split("/")[-1].removesuffix(".schema.json")
        return {"confidence": "number, 0 to 1", "language": "string or null"}.get(name, name)
    kinds = member["type"]
    return " or ".join(kinds) if isinstance(kinds, list) else kinds
