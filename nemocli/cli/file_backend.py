"""Where `nemocli file` transcribes: on this machine, on a cluster, or on a server."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from nemocli.audio.options import DEFAULT_OPTIONS, SEPARATE, SoundOptions, parse_channels
from nemocli.batch.many import FileProgress, FileResult
from nemocli.boosting.phrases import Phrases
from nemocli.cli.file_model import ModelChoice
from nemocli.cli.file_options import FileOptions
from nemocli.cli.screen import Screen
from nemocli.diarization.options import SpeakerOptions
from nemocli.errors import UsageError
from nemocli.jobs.settings import Settings
from nemocli.transcript.alignment import Align


class TranscribesMany(Protocol):
    """A Transcriber, a cluster's Workers, or a server."""

    def transcribe_many(
        self,
        paths: Iterable[str | Path],
        lang: str,
        *,
        max_memory: int | None = None,
        progress: Callable[[FileProgress], None] | None = None,
        sound: SoundOptions = DEFAULT_OPTIONS,
        align: Align = None,
        phrases: Phrases | None = None,
        speakers: SpeakerOptions | None = None,
    ) -> Iterator[FileResult]: ...


class Place(Protocol):
    """Where files are transcribed."""

    def open(
        self, choice: ModelChoice, screen: Screen, max_memory: int | None
    ) -> AbstractContextManager[tuple[TranscribesMany, Settings]]:
        """Prepare the model; yield what transcribes, with the settings of its transcripts.

        Raises UsageError, before any work, if the model does not know the language, or if
        `max_memory` is too little.
        """
        ...

    def describe(self, choice: ModelChoice, screen: Screen, max_memory: int | None) -> Settings:
        """Return the settings without loading a model."""
        ...


class ThisMachine:
    """Transcribes in this process."""

    @contextmanager
    def open(
        self, choice: ModelChoice, screen: Screen, max_memory: int | None
    ) -> Iterator[tuple[TranscribesMany, Settings]]:
        """Load the model; see `Place.open`."""
        transcriber, settings = choice.load(screen)
        transcriber.check_request(
            settings.language, max_memory, sound=settings.sound, speakers=settings.speakers
        )
        yield transcriber, settings

    def describe(self, choice: ModelChoice, screen: Screen, max_memory: int | None) -> Settings:
        """Return the settings; ModelError if the model is not here."""
        return choice.describe()


def choose_place(options: FileOptions) -> Place:
    """Return the place that the options name, and import what that needs; UsageError for nonsense.

    A server is asked nothing yet, and no cluster is started.
    """
    if options.cluster is None and options.workers is not None:
        raise UsageError("--workers is for --cluster: add --cluster local, or leave it out.")
    if options.speakers and (options.server is not None or options.cluster is not None):
        _check_speakers(options)
    if options.server is not None:
        from nemocli.cli.file_server import choose_server

        return choose_server(options)
    if options.cluster is not None:
        from nemocli.cli.file_cluster import ClusterChoice

        return ClusterChoice(options.cluster, options.workers)
    return ThisMachine()


def _check_speakers(options: FileOptions) -> None:
    """Raise UsageError for speakers that only a model on this machine can find."""
    is_by_channel = parse_channels(options.channels) == SEPARATE
    if options.server is not None or not is_by_channel:
        place = "--cluster" if options.server is None else "--server"
        raise UsageError(
            f"--speakers is for files that are transcribed on this machine: leave out {place}, or"
            " --speakers."
        )
