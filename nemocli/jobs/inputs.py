"""Input files: found by the files, folders, patterns and lists that the user names."""

import codecs
import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nemocli.addresses import advise_on_address
from nemocli.errors import UsageError
from nemocli.jobs.extensions import ALSO_TEXT, ANY, EXTENSIONS
from nemocli.transcript.formats import FORMATS

#: The argument that stands for stdin, and the name of the sound from there.
STDIN, STDIN_NAME = "-", "stdin"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to transcribe."""

    path: Path
    #: Whether the user named the file itself; otherwise it was found in a folder or by a pattern.
    is_named: bool
    #: Its path below an --output-dir, such as `monday/talk.mp3`.
    relative: str
    #: The folder whose log has the outputs if there is no --output-dir.
    home: str
    #: Its path below `home`.
    in_home: str
    is_stdin: bool = False

    @property
    def name(self) -> str:
        """Name in documents, reports and messages."""
        return STDIN_NAME if self.is_stdin else str(self.path)


@dataclass
class Listing:
    """The files to transcribe, in their order."""

    sources: list[Source] = field(default_factory=list)
    #: A sentence for each folder that could not be read, and each internet address.
    unreadable: list[str] = field(default_factory=list)
    #: A sentence for each folder and pattern without a sound file.
    empty: list[str] = field(default_factory=list)
    #: Number of other files in folders, by extension in lower case with its dot.
    passed_over: Counter[str] = field(default_factory=Counter)


def list_inputs(
    arguments: Sequence[str],
    listed: Sequence[str] = (),
    *,
    recursive: bool = False,
    extensions: Sequence[str] = EXTENSIONS,
    stdin: Path | None = None,
) -> Listing:
    """List the files that arguments and the lines of a list name, each once, in a stable order.

    A folder's files are sorted by name and come before its subfolders. A file with several paths,
    for example by links, has the first one. A pattern is an argument that names no file and has one
    of `*?[`. The argument `-` stands for the file `stdin`. Raises UsageError if no file is found.
    """
    lister = _Lister(recursive, extensions)
    names = [name for name in arguments if name != STDIN]
    if stdin is not None:
        source = Source(stdin, True, STDIN_NAME, os.curdir, STDIN_NAME, is_stdin=True)
        lister.listing.sources.append(source)
    patterns = {name for name in names if glob.has_magic(name) and not os.path.lexists(name)}
    names += listed
    addresses = {name: advise_on_address(name) for name in names if not os.path.lexists(name)}
    advice = [sentence for sentence in addresses.values() if sentence]
    lister.listing.unreadable += advice
    names = [name for name in names if not addresses.get(name)]
    folders = {name for name in names if os.path.isdir(name)}
    several = len({os.path.realpath(folder) for folder in folders}) > 1
    common = _find_common_folder([n for n in names if n not in patterns and n not in folders])
    for name in names:
        if name in folders:
            lister.add_folder(name, os.path.basename(os.path.abspath(name)) if several else "")
        elif name in patterns:
            lister.add_pattern(name)
        else:
            relative = os.path.relpath(os.path.abspath(name), common)
            lister.add(name, True, relative, os.path.dirname(name), os.path.basename(name))
    listing = lister.listing
    if advice and not listing.sources:
        raise UsageError(advice[0])
    if listing.empty and not listing.sources and not listing.unreadable:
        raise UsageError(listing.empty[0])
    return listing


class _Lister:
    """Collects the files, each once by its real path."""

    def __init__(self, recursive: bool, extensions: Sequence[str]) -> None:
        self.listing = Listing()
        self._recursive = recursive
        self._any = ANY in extensions
        # Whether the user named the extensions.
        self._is_chosen = extensions is not EXTENSIONS
        self._extensions = frozenset(extensions)
        self._seen: set[str] = set()
        # Number of files found, including those found before, and of unreadable folders.
        self._found = 0

    def add(
        self,
        path: str,
        is_named: bool,
        relative: str,
        home: str,
        in_home: str,
        real: str | None = None,
    ) -> None:
        """Add a file if it is new; `real` is its real path, if already known."""
        self._found += 1
        real = os.path.realpath(path) if real is None else real
        if real not in self._seen:
            self._seen.add(real)
            source = Source(Path(path), is_named, relative, home or os.curdir, in_home)
            self.listing.sources.append(source)

    def add_folder(self, name: str, prefix: str) -> None:
        """Add the files of a folder; `prefix` is put before their relative paths."""
        before = self._found
        has_folders = self._walk(name, name, "", prefix)
        if self._found == before:
            hint = " Add --recursive for its subfolders." if has_folders else ""
            self.listing.empty.append(
                f"There is no sound file in the folder {name}; --extensions chooses which"
                f" extensions are looked for.{hint if not self._recursive else ''}"
            )

    def add_pattern(self, pattern: str) -> None:
        """Add the files that a pattern matches, and those in the folders that it matches."""
        before = self._found
        root = _find_fixed_folder(pattern)
        # With an extension of its own, a pattern says which files are meant.
        extension = os.path.splitext(pattern)[1]
        chooses = len(extension) > 1 and not glob.has_magic(extension)
        for path in sorted(glob.iglob(pattern, recursive=True)):
            below = os.path.relpath(path, root or os.curdir)
            if os.path.isdir(path):
                self._walk(path, root, below, below)
            elif os.path.isfile(path):
                if chooses or self._is_wanted(path):
                    self.add(path, False, below, root, below)
                else:
                    self._pass_over([os.path.basename(path)], ())
        if self._found == before:
            self.listing.empty.append(
                f"There is no sound file that {pattern} matches: check the pattern."
            )

    def _walk(self, top: str, home: str, in_home: str, relative: str) -> bool:
        """Add the files of a folder, and with --recursive those of its subfolders.

        Return whether it has subfolders. Links to folders are followed, but each folder is read
        only once.
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
            files, folders = self._scan(folder)
            has_folders = has_folders or bool(folders)
            for entry in files:
                known = None if entry.is_symlink() else os.path.join(real, entry.name)
                relative_path = os.path.join(below, entry.name)
                in_home_path = os.path.join(at_home, entry.name)
                self.add(entry.path, False, relative_path, home, in_home_path, known)
            if self._recursive:
                pending += [
                    (sub.path, os.path.join(at_home, sub.name), os.path.join(below, sub.name))
                    for sub in reversed(folders)
                ]
        return has_folders

    def _scan(self, folder: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
        """Return a folder's sound files and subfolders, sorted by name, without hidden ones."""
        files: list[os.DirEntry[str]] = []
        folders: list[os.DirEntry[str]] = []
        others: list[os.DirEntry[str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.name.startswith("."):
                        continue
                    with suppress(OSError):  # a link that leads to itself
                        if entry.is_dir():
                            folders.append(entry)
                        elif entry.is_file():
                            (files if self._is_wanted(entry.path) else others).append(entry)
        except OSError as error:
            self._found += 1
            self.listing.unreadable.append(f"{folder} cannot be looked into: {error.strerror}.")
        self._pass_over([entry.name for entry in others], [entry.name for entry in files])
        return files, folders

    def _is_wanted(self, path: str) -> bool:
        """Return whether a file has a chosen extension; some default ones exclude text files."""
        extension = os.path.splitext(path)[1][1:].lower()
        if self._any or extension not in self._extensions:
            return self._any
        return self._is_chosen or extension not in ALSO_TEXT or not _is_text(path)

    def _pass_over(self, names: Iterable[str], sound_files: Iterable[str]) -> None:
        """Count other files, without transcripts of the sound files."""
        sounds = {stem for name in sound_files for stem in (name, os.path.splitext(name)[0])}
        for name in names:
            stem, extension = os.path.splitext(name)
            if extension[1:] not in FORMATS or stem not in sounds:
                self.listing.passed_over[extension.lower()] += 1


def _is_text(path: str) -> bool:
    """Return whether the beginning of a file is text."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(1024)
    except OSError:  # reported when it is opened to be transcribed
        return False
    if not beginning or b"\0" in beginning:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeError:
        return False
    return True


def _find_common_folder(names: Iterable[str]) -> str:
    """Return the deepest folder that contains all the named files."""
    folders = {os.path.dirname(os.path.abspath(name)) for name in names}
    return os.path.commonpath(folders) if folders else os.curdir


def _find_fixed_folder(pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard; may be empty."""
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder
