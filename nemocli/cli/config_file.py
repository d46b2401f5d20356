"""The config file: options that are not typed each time, in TOML."""

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.errors import UsageError
from nemocli.models.paths import find_config_file

#: Bytes of a config file at most.
MAX_CONFIG_SIZE = 1 << 20


@dataclass(frozen=True)
class Setting:
    """A value of the file, under its key and in the table of a command."""

    #: The words of a command, such as `models`, `pull`; empty above all tables.
    table: tuple[str, ...]
    #: Empty for a table that has none.
    key: str
    value: Any


@dataclass(frozen=True)
class ConfigFile:
    """A file that was read."""

    path: Path
    text: str
    settings: tuple[Setting, ...]

    def find_line(self, *keys: str) -> int:
        """Return the line, from 1, in which a key or a table begins."""
        places = (line for found, line in _iterate_lines(self.text) if found[: len(keys)] == keys)
        return next(places, 1)

    def error(self, keys: tuple[str, ...], reason: str) -> UsageError:
        """Return the error for a key or a table."""
        return UsageError(f"{self.path}, line {self.find_line(*keys)}: {reason}.")


def read_config_file() -> ConfigFile | None:
    """Read the file that NEMOCLI_CONFIG names, or the platform's if there is one, else None.

    Raises UsageError for a file that cannot be read or is not TOML, with the line.
    """
    place = find_config_file()
    if place is None:
        return None
    path, is_named = place
    if not is_named and not path.exists():
        return None
    text = _read_text(path, is_named)
    return ConfigFile(path, text, tuple(_flatten(_parse(path, text), ())))


def _read_text(path: Path, is_named: bool) -> str:
    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()), is_named)
            data = file.read(MAX_CONFIG_SIZE + 1)
    except OSError as error:
        raise UsageError(
            f"The config file {path} cannot be read: {error.strerror}; mend it, or set"
            " NEMOCLI_CONFIG to another, such as /dev/null."
        ) from None
    if len(data) > MAX_CONFIG_SIZE:
        raise UsageError(f"The config file {path} is larger than {MAX_CONFIG_SIZE >> 20} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: this is not UTF-8; save it as UTF-8.") from None


def _check_owner(path: Path, found: os.stat_result, is_named: bool) -> None:
    """Raise UsageError for a file that others may have written: it can name programs to run.

    Who names a file by NEMOCLI_CONFIG may trust another user's.
    """
    if os.name == "nt" or not stat.S_ISREG(found.st_mode):  # such as /dev/null
        return
    if found.st_mode & stat.S_IWOTH:
        raise UsageError(
            f"The config file {path} can be written by every user of this machine, so it is not"
            f" used: chmod o-w {shlex.quote(str(path))}"
        )
    if not is_named and found.st_uid not in (0, os.geteuid()):
        raise UsageError(
            f"The config file {path} belongs to another user, so it is not used; if you trust it,"
            " name it by NEMOCLI_CONFIG."
        )


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # only where there is a file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = " ".join(str(error).split())
        raise UsageError(f"{path} is not TOML: {words[:1].lower()}{words[1:]}.") from None
    except (RecursionError, ValueError):  # deeper, or with longer numbers, than Python reads
        raise UsageError(f"{path} is not a config file: its values are too large.") from None


def _flatten(found: dict[str, Any], table: tuple[str, ...]) -> Iterator[Setting]:
    for key, value in found.items():
        if isinstance(value, dict):
            if not value:
                yield Setting((*table, key), "", None)  # so that the table's name is checked
            yield from _flatten(value, (*table, key))
        else:
            yield Setting(table, key, value)


def _iterate_lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each key of a valid document, with its tables, and the line that it begins in.

    A statement is as many lines as make a document of its own.
    """
    import tomllib

    header: tuple[str, ...] = ()
    lines = text.split("\n")
    first = 0
    while first < len(lines):
        for end in range(first + 1, len(lines) + 1):
            try:
                found = tomllib.loads("\n".join(lines[first:end]) + "\n")
            except ValueError:  # it goes on in the next line
                continue
            break
        is_header = lines[first].lstrip().startswith("[")
        if is_header:
            header = next(_iterate_keys(found))
        for keys in _iterate_keys(found):
            yield (keys if is_header else (*header, *keys)), first + 1
        first = end


def _iterate_keys(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in found.items():
        if isinstance(value, dict) and value:
            yield from ((key, *inner) for inner in _iterate_keys(value))
        else:
            yield (key,)
