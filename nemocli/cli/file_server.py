"""The transcriber of `nemocli file --server`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nemocli.cli.file_backend import TranscribesMany
from nemocli.cli.file_model import ModelChoice
from nemocli.cli.file_options import FileOptions
from nemocli.cli.screen import Screen
from nemocli.errors import UsageError
from nemocli.jobs.settings import Settings
from nemocli.remote.files import RemoteFiles
from nemocli.remote.model import find_model
from nemocli.remote.phrases import prepare_phrases
from nemocli.remote.server import parse_server

#: Options that a server knows nothing of.
LOCAL_OPTIONS = {
    "lookahead": "--lookahead",
    "untrained_lookahead": "--untrained-lookahead",
    "align": "--align",
    "boost": "--boost",
    "boost_blank": "--boost-blank",
    "track": "--track",
    "channels": "--channels",
    "gain": "--gain",
    "max_memory": "--max-memory",
    "cluster": "--cluster",
    "workers": "--workers",
    "runtime": "--runtime",
    "compute_units": "--compute-units",
}


@dataclass(frozen=True)
class ServerChoice:
    """The options for a server."""

    address: str
    key: str | None

    @contextmanager
    def open(
        self, choice: ModelChoice, screen: Screen, max_memory: int | None
    ) -> Iterator[tuple[TranscribesMany, Settings]]:
        """Ask the server for its model; yield what transcribes there, and its settings.

        Raises NemocliError if the server does not answer.
        """
        model = find_model(parse_server(self.address, self.key), choice.model)
        language = model.resolve_language(choice.lang)
        prepared = prepare_phrases(model, choice.phrases)
        for text in prepared.notes:
            screen.note(text)
        about = model.make_provenance("", language, prepared.about)
        settings = Settings(about, choice.layout, choice.sound, prepared.phrases)
        yield RemoteFiles(model, screen.note), settings

    def describe(self, choice: ModelChoice, screen: Screen, max_memory: int | None) -> Settings:
        """Ask the server for its model, and return its settings."""
        with self.open(choice, screen, max_memory) as (_, settings):
            return settings


def choose_server(options: FileOptions) -> ServerChoice:
    """Return the server of the options; UsageError if others are typed that it does not know."""
    assert options.server is not None
    for name, typed in LOCAL_OPTIONS.items():
        if options.is_typed(name):
            raise UsageError(f"{typed} is for a model of this process: leave it out with --server.")
    return ServerChoice(options.server, options.server_key)
