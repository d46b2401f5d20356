"""Which files are meant by what a person types: files, folders, patterns and lists."""

import glob
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nemocli.errors import UsageError

#: What folders and patterns are searched for: sound, and video with sound.
EXTENSIONS = (
    *("3g2", "3gp", "aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "asf", "au", "avi", "awb"),
    *("caf", "dts", "eac3", "f4v", "flac", "flv", "m2ts", "m4a", "m4b", "m4p", "m4v", "mka", "mkv"),
    *("mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "mts", "oga", "ogg", "ogv", "opus", "snd", "spx"),
    *("tta", "w64", "wav", "webm", "wma", "wmv", "wv"),
)

#: Stands for every file, whatever its extension.
ANY = "*"

#: The argument that stands for stdin, and what the sound from there is called.
STDIN, STDIN_NAME = "-", "stdin"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to transcribe."""

    path: Path
    #: Whether it was named itself, and not found in a folder or by a pattern.
    is_named: bool
    #: Its place below an outputs' folder that is given: `monday/talk.mp3`.
    relative: str
    #: The folder that keeps the outputs if none is given, and the place below that.
    home: str
    in_home: str
    is_stdin: bool = False

    @property
    def name(self) -> str:
        """What it is called in documents, reports and messages."""
        return STDIN_NAME if self.is_stdin else str(self.path)


@dataclass
class Listing:
    """The files in the order they are worked on."""

    sources: list[Source] = field(default_factory=list)
    #: A sentence for each folder that could not be looked into.
    unreadable: list[str] = field(default_factory=list)
    #: A sentence for each folder and pattern in which there is nothing, beside others.
    empty: list[str] = field(default_factory=list)


def parse_extensions(text: str) -> tuple[str, ...]:
    """`wav,mp3` or `.wav .mp3` -> ("wav", "mp3"); UsageError if there is none."""
    wanted = tuple(part.lower().lstrip(".") for part in text.replace(",", " ").split())
    if not wanted or not all(wanted):
        raise UsageError("--extensions takes names such as wav,mp3, or '*' for every file.")
    return wanted


def read_list(content: bytes) -> list[str]:
    """The paths of a list, one a line, or separated by NUL as `find -print0` does it."""
    if b"\0" in content:
        parts = content.split(b"\0")
    else:
        parts = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    return [os.fsdecode(part) for part in parts if part]


def list_inputs(
    arguments: Sequence[str],
    listed: Sequence[str] = (),
    *,
    recursive: bool = False,
    extensions: Sequence[str] = EXTENSIONS,
    stdin: Path | None = None,
) -> Listing:
    """What is meant by `arguments` and the lines of a list, each file once, in a stable order.

    A folder's files come in the order of their names, before its subfolders. A file that can be
    reached in several ways, by links say, is taken where it is met first. A pattern is an argument
    that names no file and holds one of `*?[`. The argument `-` stands for the file `stdin`. Raises
    UsageError if there is nothing in all the folders and patterns.
    """
    lister = _Lister(recursive, extensions)
    names = [name for name in arguments if name != STDIN]
    if stdin is not None:
        heard = Source(stdin, True, STDIN_NAME, os.curdir, STDIN_NAME, is_stdin=True)
        lister.listing.sources.append(heard)
    patterns = {name for name in names if glob.has_magic(name) and not os.path.lexists(name)}
    names += listed
    folders = {name for name in names if os.path.isdir(name)}
    several = len({os.path.realpath(folder) for folder in folders}) > 1
    common = _common_folder([n for n in names if n not in patterns and n not in folders])
    for name in names:
        if name in folders:
            lister.add_folder(name, os.path.basename(os.path.abspath(name)) if several else "")
        elif name in patterns:
            lister.add_pattern(name)
        else:
            relative = os.path.relpath(os.path.abspath(name), common)
            lister.add(name, True, relative, os.path.dirname(name), os.path.basename(name))
    listing = lister.listing
    if listing.empty and not listing.sources and not listing.unreadable:
        raise UsageError(listing.empty[0])
    return listing


class _Lister:
    """Collects the files, each once by its real path."""

    def __init__(self, recursive: bool, extensions: Sequence[str]) -> None:
        self.listing = Listing()
        self._recursive = recursive
        self._any = ANY in extensions
        self._extensions = frozenset(extensions)
        self._seen: set[str] = set()
        # Files that were met, those seen before among them.
        self._met = 0

    def add(
        self,
        path: str,
        is_named: bool,
        relative: str,
        home: str,
        in_home: str,
        real: str | None = None,
    ) -> None:
        """Take a file; `real` is its real path if that is known."""
        self._met += 1
        real = os.path.realpath(path) if real is None else real
        if real not in self._seen:
            self._seen.add(real)
            source = Source(Path(path), is_named, relative, home or os.curdir, in_home)
            self.listing.sources.append(source)

    def add_folder(self, name: str, prefix: str) -> None:
        """The files of a folder; `prefix` is put before their relative paths."""
        before = self._met
        has_folders = self._walk(name, name, "", prefix)
        if self._met == before:
            hint = " Add --recursive for its subfolders." if has_folders else ""
            self.listing.empty.append(
                f"There is no sound file in the folder {name}; --extensions chooses which"
                f" extensions are looked for.{hint if not self._recursive else ''}"
            )

    def add_pattern(self, pattern: str) -> None:
        """The files that a pattern matches, and those in the folders that it matches."""
        before = self._met
        root = _fixed_part(pattern)
        # With an extension of its own, a pattern says which files are meant.
        extension = os.path.splitext(pattern)[1]
        chooses = len(extension) > 1 and not glob.has_magic(extension)
        for path in sorted(glob.iglob(pattern, recursive=True)):
            below = os.path.relpath(path, root or os.curdir)
            if os.path.isdir(path):
                self._walk(path, root, below, below)
            elif os.path.isfile(path) and (chooses or self._is_wanted(path)):
                self.add(path, False, below, root, below)
        if self._met == before:
            self.listing.empty.append(
                f"There is no sound file that {pattern} matches: check the pattern."
            )

    def _walk(self, top: str, home: str, in_home: str, relative: str) -> bool:
        """Take the files of a folder, and of its subfolders if wanted; whether it has subfolders.

        Links to folders are followed, but into no folder twice.
        """
        visited: set[str] = set()
        pending = [(top, in_home, relative)]
        has_folders = False
        while pending:
            folder, at_home, below = pending.pop()
            real = os.path.realpath(folder)
            if real in visited:
                continue
            visited.add(real)
            files, folders = self._entries(folder)
            has_folders = has_folders or bool(folders)
            for entry in files:
                known = None if entry.is_symlink() else os.path.join(real, entry.name)
                places = (os.path.join(below, entry.name), home, os.path.join(at_home, entry.name))
                self.add(entry.path, False, *places, known)
            if self._recursive:
                pending += [
                    (sub.path, os.path.join(at_home, sub.name), os.path.join(below, sub.name))
                    for sub in reversed(folders)
                ]
        return has_folders

    def _entries(self, folder: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
        """The wanted files and the folders in a folder, by name; nothing hidden."""
        files, folders = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.name.startswith("."):
                        continue
                    with suppress(OSError):  # a link that leads to itself
                        if entry.is_dir():
                            folders.append(entry)
                        elif self._is_wanted(entry.name) and entry.is_file():
                            files.append(entry)
        except OSError as error:
            self._met += 1
            self.listing.unreadable.append(f"{folder} cannot be looked into: {error.strerror}.")
        return files, folders

    def _is_wanted(self, name: str) -> bool:
        return self._any or os.path.splitext(name)[1][1:].lower() in self._extensions


def _common_folder(names: Iterable[str]) -> str:
    """The deepest folder that all the named files are below."""
    folders = {os.path.dirname(os.path.abspath(name)) for name in names}
    return os.path.commonpath(folders) if folders else os.curdir


def _fixed_part(pattern: str) -> str:
    """The folders of a pattern before the first sign that stands for others; may be empty."""
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder
