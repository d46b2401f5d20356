"""The config file's values for each subcommand, checked against the options that it declares."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.cli.config_file import ConfigFile, Setting, read_config_file
from nemocli.cli.declared_options import DeclaredSubcommand, Option, list_subcommands
from nemocli.cli.quoted_values import is_quoted
from nemocli.errors import quote

#: Types of a value for each kind of option, and what they are called in a sentence. A text may be
#: written as a number, as for a lookahead.
_TYPES: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str, int, float), "a text"),
    Path: ((str,), "a text"),
}


@dataclass(frozen=True)
class Value:
    """A value of the file for an option of a subcommand."""

    value: Any
    setting: Setting


def list_all_subcommands() -> list[DeclaredSubcommand]:
    """Return the subcommands of nemocli."""
    from nemocli.cli.app import SUBCOMMANDS  # which imports what is configured by this module

    return list_subcommands(SUBCOMMANDS)


def find_values(file: ConfigFile) -> dict[tuple[str, ...], dict[str, Value]]:
    """Return the values for each subcommand, by its words, and by the fields of its options.

    What is in the table of a command is used before what is above all tables. Raises UsageError for
    the first key or value that cannot be used.
    """
    if not file.settings:
        return {}  # the options of all subcommands take time to import
    subcommands = list_all_subcommands()
    values: dict[tuple[str, ...], dict[str, Value]] = {one.words: {} for one in subcommands}
    # Tables of groups before those of their commands, which take precedence.
    for setting in sorted(file.settings, key=lambda setting: len(setting.table)):
        table, key = setting.table, setting.key
        within = [one for one in subcommands if one.words[: len(table)] == table]
        if not within:
            raise file.error(table, _explain_table(table, subcommands))
        if not key:
            continue
        try:
            found = _choose_options(setting, within)
            for words, option in found.items():
                earlier = values[words].get(option.field)
                if earlier is not None and earlier.setting.table == table:
                    raise ValueError(f"{key} is the same as {earlier.setting.key}")
                values[words][option.field] = Value(_convert(setting, option), setting)
        except ValueError as error:
            raise file.error((*table, key), str(error)) from None
    return values


def _choose_options(
    setting: Setting, within: list[DeclaredSubcommand]
) -> dict[tuple[str, ...], Option]:
    """Return the options that a key sets, by the words of their commands.

    Options that share a variable mean the same. Above all tables, a key sets those of the meaning
    that several commands share. Raises ValueError for a key that sets nothing.
    """
    named = {one.words: option for one in within if (option := one.find(setting.key))}
    if not named:
        raise ValueError(_explain_key(setting, within))
    if any(option.must_be_typed for option in named.values()):
        raise ValueError(
            f"{setting.key} confirms a deletion or an overwrite, so it can only be typed"
        )
    by_variable: dict[str, dict[tuple[str, ...], Option]] = {}
    for words, option in named.items():
        by_variable.setdefault(option.variable, {})[words] = option
    if len(by_variable) == 1:
        return named
    shared = [options for options in by_variable.values() if len(options) > 1]
    if len(shared) != 1:
        tables = ", ".join(f"[{'.'.join(words)}]" for words in named)
        raise ValueError(
            f"{setting.key} means something else for each command, so it belongs in one of the"
            f" tables {tables}"
        )
    return shared[0]


def _explain_table(table: tuple[str, ...], subcommands: list[DeclaredSubcommand]) -> str:
    known = {one.words[:depth] for one in subcommands for depth in range(1, len(one.words) + 1)}
    name = ".".join(table)
    return f"there is no command {quote(name)}" + _guess(name, {".".join(words) for words in known})


def _explain_key(setting: Setting, within: list[DeclaredSubcommand]) -> str:
    name = setting.key.replace("_", "-")
    place = (*setting.table, setting.key)
    if any(one.words[: len(place)] == place for one in within):
        return f"write the table [{'.'.join(place)}], not a value or [[{'.'.join(place)}]]"
    options = [option for one in within for option in one.options]
    for option in options:
        if name in option.opposites:
            return f"write {option.names[0]} = false instead of {setting.key}"
    whose = f" of {' '.join(setting.table)}" if setting.table else ""
    guess = _guess(name, {known for option in options for known in option.names})
    return f"there is no option {quote(setting.key)}{whose}{guess}"


def _guess(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"; perhaps {near[0]} is meant" if near else ""


def _convert(setting: Setting, option: Option) -> Any:
    """Return a value as the option takes it; ValueError for one that it does not take."""
    value = setting.value
    if option.takes_many:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            given = _write_value(value)
            raise ValueError(
                f'{setting.key} needs a list of texts, such as ["one", "two"], not {given}'
            )
        if any("\0" in each for each in value):
            raise ValueError(f"{setting.key} cannot have a NUL in it")
        return value
    if option.has_commas and isinstance(value, list):
        return _join(setting.key, value)
    types, name = _TYPES[option.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and option.kind is not bool):
        raise ValueError(f"{setting.key} needs {name}, not {_write_value(value)}")
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{setting.key} cannot have a NUL in it")
    if isinstance(value, int | float) and option.kind in (int, float):
        if option.least is not None and not value >= option.least:
            raise ValueError(f"{setting.key} must be at least {option.least:g}, not {quote(value)}")
        if option.greatest is not None and not value <= option.greatest:
            raise ValueError(
                f"{setting.key} must be at most {option.greatest:g}, not {quote(value)}"
            )
        return value
    return value if option.kind is bool else str(value)


def _join(key: str, values: list[Any]) -> str:
    """Return a list as the text that the option takes, with commas."""
    texts = [str(each) for each in values if type(each) in (str, int)]
    if len(texts) != len(values) or not texts or any("," in text for text in texts):
        given = _write_value(values)
        raise ValueError(
            f'{key} needs a list of texts without commas, such as ["one"], not {given}'
        )
    if any("\0" in text for text in texts):
        raise ValueError(f"{key} cannot have a NUL in it")
    return ",".join(texts)


def _write_value(value: Any) -> str:
    """Return a value as the file has it."""
    return str(value).lower() if isinstance(value, bool) else quote(value)


class LazyValues(dict[str, Any]):
    """What Click looks up for options that neither the command line nor a variable gives.

    The file is read when the first one is looked up.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self._words = words
        self._file: ConfigFile | None = None
        self._values: dict[str, Value] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a parameter; raises UsageError for a file that cannot be used."""
        if self._values is None:
            self._file = read_config_file()
            found = {} if self._file is None else find_values(self._file)
            self._values = found.get(self._words, {})
        value = self._values.get(name)
        return default if value is None else value.value

    def explain_value(self, names: list[str], sentence: str) -> str:
        """Return what follows a sentence that quotes a value of these parameters: its line."""
        for name in names:
            value = (self._values or {}).get(name)
            if value and self._file and is_quoted(name, value.value, sentence):
                setting = value.setting
                line = self._file.find_line(*setting.table, setting.key)
                return f" It is what {self._file.path} says in line {line} ({setting.key})."
        return ""

    def locate(self, name: str) -> str:
        """Return where the file sets a parameter, to begin a sentence with."""
        assert self._file is not None and self._values is not None
        setting = self._values[name].setting
        return f"Line {self._file.find_line(*setting.table, setting.key)} of {self._file.path}"
