"""`nemocli config`: where the config file is, and where the value of each option comes from."""

import os
from collections.abc import Iterator
from typing import Any

from nemocli.cli.config_file import ConfigFile, read_config_file
from nemocli.cli.config_options import ConfigPathOptions, ShowOptions
from nemocli.cli.config_values import Value, find_values, list_all_subcommands
from nemocli.cli.declared_options import DeclaredSubcommand
from nemocli.cli.printable import make_path_printable, make_printable, print_path
from nemocli.cli.streams import say
from nemocli.errors import UsageError
from nemocli.models.paths import explain_no_home, find_config_file

#: What is shown instead of a key.
HIDDEN = "(not shown)"


def print_config_path(options: ConfigPathOptions) -> None:
    """Print the path of the config file; raises UnsupportedError without a home folder."""
    place = find_config_file()
    if place is None:
        raise explain_no_home("NEMOCLI_CONFIG")
    print_path(place[0])


def show_options(options: ShowOptions) -> None:
    """Print a line for each option that is set; of a subcommand, for each that it has."""
    subcommands = list_all_subcommands()
    words = tuple(options.command or ())
    chosen = [one for one in subcommands if one.words[: len(words)] == words]
    if not chosen:
        names = ", ".join(" ".join(one.words) for one in subcommands)
        raise UsageError(f"There is no command {' '.join(words)!r}; choose one of {names}.")
    file = read_config_file()
    values = {} if file is None else find_values(file)
    rows = [
        row
        for one in chosen
        for row in _list_rows(one, values.get(one.words, {}), file, with_defaults=bool(words))
    ]
    say(_describe_place(file))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, value, source in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")


def _describe_place(file: ConfigFile | None) -> str:
    if file is not None:
        return f"The config file is {make_path_printable(file.path)}."
    place = find_config_file()
    if place is None:
        return "There is no config file, as this user has no home folder."
    return f"There is no config file; it would be {make_path_printable(place[0])}."


def _list_rows(
    one: DeclaredSubcommand,
    values: dict[str, Value],
    file: ConfigFile | None,
    *,
    with_defaults: bool,
) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the value and the source of options."""
    for option in one.options:
        value = values.get(option.field)
        line = ""
        if value is not None and file is not None:
            line = f"line {file.find_line(*value.setting.table, value.setting.key)}"
        if option.variable and (found := os.environ.get(option.variable)):
            shown, source = found, option.variable + (f" instead of {line}" if line else "")
        elif value is not None:
            shown, source = _render(value.value), line
        elif with_defaults:
            shown, source = _render(option.default), "default"
        else:
            continue
        if source != "default" and option.is_secret:
            shown = HIDDEN
        yield f"{' '.join(one.words)} --{option.names[0]}", make_printable(shown), source


def _render(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
