"""The documents of a finished transcript, as they are written to files."""

import os
from collections.abc import Iterable

from nemocli.audio import DecodedSound
from nemocli.errors import UsageError
from nemocli.jobs.settings import Settings
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.formats import FORMATS, WholeTranscript, write_whole
from nemocli.transcript.types import Transcript

#: Stands for every format.
ALL = "all"


def parse_format(text: str) -> str:
    """The name of a format; UsageError for an unknown one."""
    if text not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"There is no format {text!r}; choose one of {known}.")
    return text


def parse_formats(text: str) -> tuple[str, ...]:
    """`all`, or names of formats such as `txt,srt`; UsageError for an unknown one, or for none."""
    names = tuple(dict.fromkeys(text.lower().replace(",", " ").split()))
    if names == (ALL,):
        return tuple(FORMATS)
    return tuple(parse_format(name) for name in names or (text,))


def render(
    name: str,
    transcript: Transcript,
    settings: Settings,
    formats: Iterable[str],
    decoded: DecodedSound | None = None,
    warnings: tuple[SoundWarning, ...] = (),
) -> dict[str, bytes]:
    """By format: the document of a file's transcript, in UTF-8.

    Of a name that is no UTF-8, it has what can be read.
    """
    readable = os.fsencode(name).decode("utf-8", "replace")
    result = WholeTranscript(settings.about_file(readable, decoded), transcript, warnings)
    return {
        form: write_whole(result, form, settings.layout).encode("utf-8", "replace")
        for form in formats
    }
