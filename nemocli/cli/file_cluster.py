"""The transcriber of `nemocli file --cluster`: the workers of a Ray cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial

import nemocli
from nemocli.cli.file_backend import TranscribesMany
from nemocli.cli.file_model import ModelChoice
from nemocli.cli.screen import Screen
from nemocli.cluster.connection import (
    LOCAL,
    READY_TIMEOUT_S,
    START_TIMEOUT_S,
    connect,
    parse_address,
)
from nemocli.cluster.cpus import choose_worker_cpus
from nemocli.cluster.workers import Workers
from nemocli.jobs.settings import Settings
from nemocli.transcriber import Transcriber


@dataclass(frozen=True)
class ClusterChoice:
    """The options for a cluster. Raises UsageError for those that make no sense."""

    address: str
    #: Number of workers; None for the default.
    workers: int | None

    def __post_init__(self) -> None:
        parse_address(self.address)

    @contextmanager
    def open(
        self, choice: ModelChoice, screen: Screen, max_memory: int | None
    ) -> Iterator[tuple[TranscribesMany, Settings]]:
        """Load the model in workers; yield them with the settings of its transcripts.

        Raises UsageError, before any work, if the model does not know the language, or if
        `max_memory` is too little.
        """
        transcriber, settings = choice.load(screen)
        transcriber.check_request(settings.language, max_memory)
        # It was loaded to check it here, and to convert it only once.
        del transcriber
        here = os.cpu_count() or 1
        count, cpus = self.workers, None
        if self.address == LOCAL:
            count = count or max(1, here // choose_worker_cpus(here))
            cpus = choose_worker_cpus(here // count)
        load = _make_loader(choice, settings)
        begin = partial(Workers, load, settings, count=count, cpus=cpus, note=screen.note)
        with connect(self.address, (count or 1) * (cpus or 1)) as ray_calls, ExitStack() as stack:
            with screen.show_wait("starting workers"):
                workers = ray_calls.call(begin, START_TIMEOUT_S, "Ray took no workers")
                stack.enter_context(closing(workers))
                ray_calls.call(workers.wait, READY_TIMEOUT_S, "No worker was ready")
            yield workers, settings

    def describe(self, choice: ModelChoice, screen: Screen, max_memory: int | None) -> Settings:
        """Return the settings without loading the model; ModelError if it is not here."""
        return choice.describe()


def _make_loader(choice: ModelChoice, settings: Settings) -> Callable[[], Transcriber]:
    """Return the function by which a worker loads the model, by its absolute path."""
    model = choice.model or settings.provenance.model
    if os.path.exists(os.path.expanduser(model)) and model != "demo":
        model = os.path.abspath(os.path.expanduser(model))
    return partial(
        nemocli.load,
        model,
        # As it was resolved here, also where another runtime was measured to be faster there.
        runtime=settings.provenance.runtime,
        precision=settings.provenance.precision,
        lookahead=choice.lookahead,
        compute_units=choice.compute_units,
        untrained_lookahead=choice.untrained_lookahead,
    )
