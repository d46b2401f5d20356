"""Who speaks: speakers, their names, and their turns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from nemocli.errors import UsageError

#: Characters of a name at most, wide ones counted twice, as in lines of subtitles.
MAX_NAME = 30

#: Signs that a name may not have: WebVTT and the colon behind a name give them a meaning.
_MEANINGFUL = set("<>&:")

#: Stands before the words of which it is not known who said them, where others are known.
UNKNOWN = "Unknown"

#: What speakers without a name are called, and those of whom nothing is known.
_TAKEN = re.compile(rf"speaker[ _]?\d+|{UNKNOWN}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, by its number, and its name if the user gave one.

    Numbers go by the first words or, if each channel is a speaker, by the channels.
    """

    #: From 0.
    number: int
    name: str | None = None

    @property
    def id(self) -> str:
        """What programs read: the name, or such as `SPEAKER_00`."""
        return self.name or f"SPEAKER_{self.number:02}"

    @property
    def label(self) -> str:
        """What people read: the name, or such as `Speaker 1`."""
        return self.name or f"Speaker {self.number + 1}"


@dataclass(frozen=True, slots=True)
class Turn:
    """A time in which a speaker is active without a break, in seconds; turns may overlap."""

    speaker: Speaker
    start: float
    end: float


def is_name(text: str) -> bool:
    """Tell whether a text can stand for a person in all formats, and on the screen."""
    is_short = len(text) <= MAX_NAME and 0 < cell_len(text) <= MAX_NAME
    return is_short and text.isprintable() and not _MEANINGFUL & set(text)


def parse_speaker_names(text: str | None) -> tuple[str, ...]:
    """Read names such as `Ann,Ben`, those of the first speakers. Raises UsageError for others."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    check_speaker_names(names, "--speaker-names")
    return names


def check_speaker_names(names: Sequence[str], option: str) -> None:
    """Raise UsageError for names that are equal, or that cannot stand for a person everywhere.

    `option` is what takes them, for the sentence.
    """
    # A blank is an underscore where fields may have none.
    different = {"_".join(name.split()) for name in names}
    if not all(map(is_name, names)) or len(different) < len(names):
        raise UsageError(
            f"{option} takes different names, such as Ann,Ben, of {MAX_NAME} characters at most"
            " (wide ones counted twice), without any of < > & :, not"
            f" {quote_names(','.join(names))}."
        )
    if taken := next(filter(_TAKEN.fullmatch, names), None):
        raise UsageError(
            f"{taken} is what speakers without a name are called: choose another in {option}."
        )


def quote_names(text: str) -> str:
    """Return refused names as a sentence quotes them: as they were typed, on one line."""
    return "“" + "".join(c if c.isprintable() else "\ufffd" for c in text) + "”"


def make_speakers(count: int, names: tuple[str, ...] = ()) -> tuple[Speaker, ...]:
    """Return `count` speakers; the first ones have the names."""
    return tuple(
        Speaker(number, names[number] if number < len(names) else None) for number in range(count)
    )
