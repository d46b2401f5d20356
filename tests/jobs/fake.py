"""A transcriber that needs no model: what it hears in a file is the file's own text."""

import random
import time
from pathlib import Path

from nemocli.batch.many import FileProgress, FileResult
from nemocli.errors import AudioError
from nemocli.jobs.settings import Settings
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.types import Transcript, Word
from nemocli.transcript.writer import Provenance

SETTINGS = Settings(Provenance("", "fake", "f00d" * 16, "fp32", "fake", 3, "auto"))


def heard_in(text):
    words = [Word(word, n / 2, n / 2 + 0.4, 0.9) for n, word in enumerate(text.split())]
    return Transcript(words, [], "en-US", len(words) / 2)


class FakeTranscriber:
    """Has up to `at_once` files under way, and ends them in any order.

    `heard` collects the files it transcribed.
    """

    def __init__(self, at_once=16, seconds=0.0, seed=None):
        self._at_once, self._seconds = at_once, seconds
        self._random = random.Random(seed)
        self.heard = []

    def check_request(self, lang="auto", max_memory=None):
        pass

    def transcribe_many(self, paths, lang="auto", *, max_memory=None, progress=None, sound=None):
        coming, at_work = iter(paths), []
        while True:
            while len(at_work) < self._at_once and (path := next(coming, None)) is not None:
                at_work.append(Path(path))
                if progress:
                    progress(FileProgress(Path(path), None, Transcript([], [], None, 0.0)))
            if not at_work:
                return
            yield self._outcome(at_work.pop(self._random.randrange(len(at_work))))

    def _outcome(self, path):
        time.sleep(self._seconds)
        self.heard.append(path.name)
        try:
            text = path.read_text()
        except OSError:
            return FileResult(path, None, AudioError("does not exist: check the path.", path))
        if text.startswith("broken"):
            return FileResult(path, None, AudioError("is damaged: copy it again.", path))
        warnings = (SoundWarning("gap", 1.0, "Sound is missing."),) if "[gap]" in text else ()
        return FileResult(path, heard_in(text), None, warnings=warnings)
