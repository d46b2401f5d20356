"""The transcriber of `nemocli file --server`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nemocli.cli.file_cluster import TranscribesMany
from nemocli.cli.file_model import ModelChoice
from nemocli.cli.file_options import FileOptions
from nemocli.cli.screen import Screen
from nemocli.errors import UsageError
from nemocli.jobs.settings import Settings

#: Options that a server knows nothing of.
LOCAL_OPTIONS = {
    "lookahead": "--lookahead",
    "align": "--align",
    "phrase": "--phrase",
    "phrases": "--phrases",
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
        from nemocli.remote.files import RemoteFiles
        from nemocli.remote.model import find_model
        from nemocli.remote.server import parse_server

        model = find_model(parse_server(self.address, self.key), choice.model)
        language = model.resolve_language(choice.lang)
        yield (
            RemoteFiles(model),
            Settings(model.make_provenance("", language), choice.layout, choice.sound),
        )


def choose_server(options: FileOptions) -> ServerChoice:
    """Return the server of the options; UsageError if others are typed that it does not know."""
    assert options.server is not None
    for name, typed in LOCAL_OPTIONS.items():
        if options.is_typed(name):
            raise UsageError(f"{typed} is for a model of this process: leave it out with --server.")
    return ServerChoice(options.server, options.server_key)
