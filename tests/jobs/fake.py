"""A transcriber without a model: the transcript of a file is the file's own text."""

import random
import time
from dataclasses import replace
from pathlib import Path

from nemocli.batch.many import FileProgress, FileResult
from nemocli.errors import AudioError
from nemocli.jobs.settings import Settings
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.types import Transcript, Word

SETTINGS = Settings(Provenance("", "fake", "f00d" * 16, "fp32", "fake", 3, "auto"))


def transcript_of(text, align=None):
    """Return the transcript of a text; with `align`, that is the start of its first word."""
    words = [Word(word, n / 2, n / 2 + 0.4, 0.9) for n, word in enumerate(text.split())]
    if align is not None:
        words[:1] = [replace(word, start=align, model_times=(0.0, 0.4)) for word in words[:1]]
    return Transcript(words, [], "en-US", len(words) / 2)


class FakeTranscriber:
    """Transcribes up to `at_once` files at the same time, and ends them in random order.

    `transcribed` has the names of the files.
    """

    def __init__(self, at_once=16, seconds=0.0, seed=None):
        self._at_once, self._seconds = at_once, seconds
        self._random = random.Random(seed)
        self.transcribed = []
        self._align = self._text = None

    def check_request(self, lang="auto", max_memory=None, *, sound=None, speakers=None):
        pass

    def transcribe_many(
        self,
        paths,
        lang="auto",
        *,
        max_memory=None,
        progress=None,
        sound=None,
        align=None,
        phrases=None,
        speakers=None,
    ):
        """With phrases, their texts are what each file has."""
        self._align = align
        self._text = " ".join(each.text for each in phrases.phrases) if phrases else None
        remaining, active = iter(paths), []
        while True:
            while len(active) < self._at_once and (path := next(remaining, None)) is not None:
                active.append(Path(path))
                if progress:
                    progress(FileProgress(Path(path), None, Transcript([], [], None, 0.0)))
            if not active:
                return
            yield self._outcome(active.pop(self._random.randrange(len(active))))

    def _outcome(self, path):
        time.sleep(self._seconds)
        self.transcribed.append(path.name)
        try:
            text = path.read_text()
        except OSError:
            return FileResult(path, None, AudioError("does not exist: check the path.", path))
        if text.startswith("broken"):
            return FileResult(path, None, AudioError("is damaged: copy it again.", path))
        warnings = (SoundWarning("gap", 1.0, "Sound is missing."),) if "[gap]" in text else ()
        text = self._text or text
        return FileResult(path, transcript_of(text, self._align), None, warnings=warnings)
