"""Many files transcribed together by one model."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nemocli.audio import open_sound
from nemocli.errors import AudioError
from nemocli.transcriber import Transcriber
from nemocli.transcript.types import Transcript


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a file is."""

    path: Path
    #: Seconds that its header promises, if it promises anything.
    promised: float | None
    #: The transcript so far; its duration is the sound decoded so far.
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its transcript, or why there is none."""

    path: Path
    transcript: Transcript | None
    error: AudioError | None = None


def transcribe_many(
    transcriber: Transcriber,
    paths: Iterable[str | Path],
    lang: str,
    *,
    max_memory: int | None = None,
    progress: Callable[[Heard], None] | None = None,
) -> Iterator[Outcome]:
    """See Transcriber.transcribe_many."""
    language = transcriber.resolve_language(lang)
    for path in map(Path, paths):
        session = transcriber.session(language)
        try:
            with open_sound(path) as sound:
                for samples in sound:
                    heard = session.feed(samples)
                    if progress:
                        progress(Heard(path, sound.duration, heard))
        except AudioError as error:
            yield Outcome(path, None, error)
        else:
            yield Outcome(path, session.finish())
