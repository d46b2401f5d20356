"""Documents of a transcript in the chosen formats, for files."""

import os
from collections.abc import Iterable

from nemocli.audio.sound import DecodedSound
from nemocli.errors import UsageError
from nemocli.jobs.settings import Settings
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.formats import FORMATS, WholeTranscript, render_whole
from nemocli.transcript.types import Transcript

#: Stands for every format of transcripts.
ALL = "all"


def parse_format(text: str) -> str:
    """Return the name of a format; UsageError for an unknown one."""
    if text not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"There is no format {text!r}; choose one of {known}.")
    return text


def parse_formats(text: str, has_speakers: bool = False) -> tuple[str, ...]:
    """Return the formats named by `all` or by text such as `txt,srt`.

    Those that only say who speaks when are among all if something says that. Raises UsageError for
    an unknown format, and if none is named.
    """
    names = tuple(dict.fromkeys(text.lower().replace(",", " ").split()))
    if names == (ALL,):
        return tuple(
            name for name, writer in FORMATS.items() if has_speakers or not writer.has_only_turns
        )
    return tuple(parse_format(name) for name in names or (text,))


def check_formats(formats: Iterable[str], has_speakers: bool, option: str) -> None:
    """Raise UsageError for a format that only says who speaks when, if nothing says that.

    `option` is what chose them, for the sentence.
    """
    for name in formats:
        if FORMATS[name].has_only_turns and not has_speakers:
            raise UsageError(
                f"{name} only says who speaks when: add --speakers, or choose another format"
                f" in {option}."
            )


def render(
    name: str,
    transcript: Transcript,
    settings: Settings,
    formats: Iterable[str],
    decoded: DecodedSound | None = None,
    warnings: tuple[SoundWarning, ...] = (),
) -> dict[str, bytes]:
    """Return the documents of a file's transcript in UTF-8, by format.

    In a file name that is not UTF-8, bytes that cannot be decoded are replaced.
    """
    readable = os.fsencode(name).decode("utf-8", "replace")
    about = settings.describe_file(readable, decoded)
    result = WholeTranscript(about, transcript, (*settings.warnings, *warnings))
    return {
        form: render_whole(result, form, settings.layout).encode("utf-8", "replace")
        for form in formats
    }
