"""Who speaks: speakers, their names, and their turns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nemocli.errors import UsageError

#: Characters of a name at most.
MAX_NAME = 30

#: Signs that a name may not have: WebVTT and the colon behind a name give them a meaning.
_MEANINGFUL = set("<>&:")

#: What speakers without a name are called.
_NUMBERED = re.compile(r"speaker[ _]?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, by its number in the order of the first words, and its name if the user gave one."""

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
    return text.isprintable() and 0 < len(text) <= MAX_NAME and not _MEANINGFUL & set(text)


def parse_speaker_names(text: str | None) -> tuple[str, ...]:
    """Read names such as `Ann,Ben`, those of the first speakers. Raises UsageError for others."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    check_speaker_names(names)
    return names


def check_speaker_names(names: Sequence[str]) -> None:
    """Raise UsageError for names that are equal, or that cannot stand for a person everywhere."""
    # A blank is an underscore where fields may have none.
    different = {"_".join(str(name).split()) for name in names}
    if not all(map(is_name, names)) or len(different) < len(names):
        raise UsageError(
            "--speaker-names takes different names in the order of their first words, such"
            f' as "Ann,Ben", of {MAX_NAME} characters at most, without any of < > & :, not'
            f" {','.join(map(str, names))!r}."
        )
    if taken := next(filter(_NUMBERED.fullmatch, names), None):
        raise UsageError(
            f"{taken!r} is what speakers without a name are called: choose another in"
            " --speaker-names."
        )


def make_speakers(count: int, names: tuple[str, ...] = ()) -> tuple[Speaker, ...]:
    """Return `count` speakers; the first ones have the names."""
    return tuple(
        Speaker(number, names[number] if number < len(names) else None) for number in range(count)
    )
