"""A fake transcriber for workers of a cluster, which fails or dies at some files."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from nemocli.batch.many import FileProgress
from nemocli.errors import ModelError
from nemocli.transcript.types import Transcript
from tests.jobs.fake import SETTINGS, FakeTranscriber


class FailingTranscriber(FakeTranscriber):
    """Obeys the text of a file.

    `kills` kills the process, `kills once` only the first time, and `raises` raises. `slowly`
    takes three seconds, and its progress says that half is done.
    """

    def __init__(self, revision):
        super().__init__(at_once=4)
        self._revision = revision

    def make_provenance(self, file, lang):
        return replace(SETTINGS.provenance, model_revision=self._revision, requested_language=lang)

    def transcribe_many(self, paths, lang="auto", *, max_memory=None, progress=None, **options):
        for path in paths:
            if path.exists() and path.read_text().startswith("slowly"):
                progress(FileProgress(path, 3.0, Transcript([], [], None, 1.5)))
                time.sleep(3)
        yield from super().transcribe_many(paths, lang, **options)

    def _outcome(self, path):
        text = path.read_text() if path.exists() else ""
        if text.startswith(("kills", "raises")):
            with Path(f"{path}.begun").open("a") as begun:
                begun.write("x")
        if text.startswith("kills") and (text != "kills once" or begun_times(path) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if text.startswith("raises"):
            raise ValueError("a defect")
        return super()._outcome(path)


def begun_times(path):
    """How often a worker began a file that kills it or raises."""
    return len(Path(f"{path}.begun").read_text())


def load(revision=SETTINGS.provenance.model_revision):
    return FailingTranscriber(revision)


def load_nothing():
    raise ModelError("There is no model here.")


def load_and_die():
    os.kill(os.getpid(), signal.SIGKILL)
