"""Which files are meant by what a person types: files, folders, patterns and lists."""

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
from nemocli.transcript.formats import FORMATS

#: What folders and patterns are searched for: sound, and video with sound, by everything that the
#: decoders know, but raw samples, whose rate nobody knows, and what mostly stands for other things.
EXTENSIONS = (
    # What people record, download and are sent.
    *("3g2", "3gp", "3gpp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "amr", "ape", "asf", "au"),
    *("avi", "awb", "bwf", "caf", "dts", "ec3", "eac3", "f4a", "f4v", "flac", "flv", "m1a", "m2a"),
    *("m2p", "m2t", "m2ts", "m4a", "m4b", "m4p", "m4r", "m4v", "mk3d", "mka", "mkv", "mod", "mov"),
    *("mp1", "mp2", "mp3", "mp4", "mpa", "mpc", "mpe", "mpeg", "mpg", "mpga", "mts", "mxf", "oga"),
    *("ogg", "ogm", "ogv", "ogx", "opus", "qt", "ra", "rf64", "rm", "rmvb", "snd", "spx", "tod"),
    *("trp", "ts", "tta", "vob", "w64", "wav", "wave", "weba", "webm", "wma", "wmv", "wtv", "wv"),
    # Telephones, dictation, cameras, broadcast, discs, speech research.
    *(
        "722",
        "aa",
        "ac4",
        "aptx",
        "aptxhd",
        "c2",
        "dav",
        "dif",
        "dss",
        "dtshd",
        "dv",
        "dvd",
        "g722",
    ),
    *("g723_1", "g728", "g729", "gsm", "gxf", "iamf", "ifv", "isma", "ismv", "ivr", "kux", "laf"),
    *(
        "latm",
        "lbc",
        "lc3",
        "loas",
        "lvf",
        "mlp",
        "mmf",
        "msbc",
        "nist",
        "nsv",
        "nut",
        "oma",
        "omg",
    ),
    *("aa3", "qcp", "sbc", "sln", "sph", "spdif", "swf", "thd", "ty", "ty+"),
    # What was in use once, and sounds of games and of instruments.
    *("302", "8svx", "aax", "acm", "adp", "ads", "adx", "aea", "afc", "aix", "amv", "apc", "apm"),
    *("ast", "aud", "avr", "bcstm", "bfstm", "binka", "bmv", "bonk", "brstm", "cpk", "cvg", "daud"),
    *(
        "dcstr",
        "dfpwm",
        "dtk",
        "fap",
        "fsb",
        "fwse",
        "genh",
        "hca",
        "ircam",
        "mca",
        "mods",
        "moflex",
    ),
    *("msf", "mtaf", "musx", "mvi", "osq", "paf", "psp", "pvf", "qoa", "redspark", "rka", "roq"),
    *("rsd", "rso", "sdns", "sdr2", "sds", "sdx", "sf", "shn", "sox", "ss2", "svag", "svs", "svx"),
    *("tak", "thp", "usm", "vag", "viv", "voc", "vpk", "vqe", "vqf", "vql", "wa", "way", "wsd"),
    *("wve", "xmd", "xmv", "xvag", "xwma"),
)

#: Of these, what programs, notes and signatures are called too: it is no sound if it is text.
_ALSO_TEXT = frozenset(("ts", "mts", "mod", "sf", "aud", "acm", "way", "ads", "rsd"))

#: Stands for every file, whatever its extension.
ANY = "*"

#: What a list may begin with, and how it is written then; the longer ones first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)

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
    #: A sentence for each folder that could not be looked into, and each address.
    unreadable: list[str] = field(default_factory=list)
    #: A sentence for each folder and pattern in which there is nothing, beside others.
    empty: list[str] = field(default_factory=list)
    #: Files in folders that were not taken, by their extension in small letters, with its point.
    passed_over: Counter[str] = field(default_factory=Counter)


def parse_extensions(text: str) -> tuple[str, ...]:
    """`wav,mp3` or `.wav .mp3` -> ("wav", "mp3"); UsageError if there is none."""
    wanted = tuple(part.lower().lstrip(".") for part in text.replace(",", " ").split())
    if not wanted or not all(wanted):
        raise UsageError("--extensions takes names such as wav,mp3, or '*' for every file.")
    return wanted


def read_list(content: bytes) -> list[str]:
    """The paths of a list, one a line, or each followed by NUL as `find -print0` writes it.

    Lists of Windows are read too: UTF-16, a mark at the beginning (BOM), carriage returns. Raises
    UsageError for what is no list of paths.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            content = content.removeprefix(mark)
            if encoding != "utf-8":  # of which any bytes are a path
                content = _decoded(content, encoding)
            break
    else:
        if guessed := _unmarked_encoding(content):
            content = _decoded(content, guessed)
    if content.endswith(b"\0"):
        parts = content.split(b"\0")
    else:
        parts = [line.removesuffix(b"\r") for line in content.split(b"\n")]
        for number, part in enumerate(parts, 1):
            if b"\0" in part:
                raise UsageError(
                    f"Line {number} of the list has a NUL in it: write one path a line, or a NUL"
                    " behind every path."
                )
    return [os.fsdecode(part) for part in parts if part]


def _decoded(content: bytes, encoding: str) -> bytes:
    """Text of another encoding in UTF-8."""
    try:
        return content.decode(encoding).encode()
    except UnicodeError:
        name = encoding.upper()
        raise UsageError(
            f"The list is damaged: it is not {name} to its end. Write it anew."
        ) from None


def _unmarked_encoding(content: bytes) -> str | None:
    """Whether a list is UTF-16 without its mark, by where its NULs are; None if it is not.

    Every other byte of Latin letters is one, which is not so for paths of more than a letter or
    two, each followed by NUL.
    """
    if len(content) % 2 or not content:
        return None
    for encoding, high, low in (
        ("utf-16-le", content[1::2], content[::2]),
        ("utf-16-be", content[::2], content[1::2]),
    ):
        is_dense = 2 * high.count(0) > len(high)
        if is_dense and not low.count(0) and (b"." in low or b"/" in low):
            return encoding
    return None


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
    addresses = {name: advise_on_address(name) for name in names if not os.path.lexists(name)}
    told = [sentence for sentence in addresses.values() if sentence]
    lister.listing.unreadable += told
    names = [name for name in names if not addresses.get(name)]
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
    if told and not listing.sources:
        raise UsageError(told[0])
    if listing.empty and not listing.sources and not listing.unreadable:
        raise UsageError(listing.empty[0])
    return listing


class _Lister:
    """Collects the files, each once by its real path."""

    def __init__(self, recursive: bool, extensions: Sequence[str]) -> None:
        self.listing = Listing()
        self._recursive = recursive
        self._any = ANY in extensions
        # Whether a person named the extensions.
        self._is_chosen = extensions is not EXTENSIONS
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
            elif os.path.isfile(path):
                if chooses or self._is_wanted(path):
                    self.add(path, False, below, root, below)
                else:
                    self._pass_over([os.path.basename(path)], ())
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
            self._met += 1
            self.listing.unreadable.append(f"{folder} cannot be looked into: {error.strerror}.")
        self._pass_over([entry.name for entry in others], [entry.name for entry in files])
        return files, folders

    def _is_wanted(self, path: str) -> bool:
        extension = os.path.splitext(path)[1][1:].lower()
        if self._any or extension not in self._extensions:
            return self._any
        return self._is_chosen or extension not in _ALSO_TEXT or not _is_text(path)

    def _pass_over(self, names: Iterable[str], wanted: Iterable[str]) -> None:
        """Count files that are not taken, but for transcripts of those that are."""
        sounds = {stem for name in wanted for stem in (name, os.path.splitext(name)[0])}
        for name in names:
            stem, extension = os.path.splitext(name)
            if extension[1:] not in FORMATS or stem not in sounds:
                self.listing.passed_over[extension.lower()] += 1


def _is_text(path: str) -> bool:
    """Whether a file begins as text does, and no sound."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(1024)
    except OSError:  # said where it is opened to be heard
        return False
    if not beginning or b"\0" in beginning:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeError:
        return False
    return True


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
