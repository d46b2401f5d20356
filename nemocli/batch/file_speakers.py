"""Who speaks in a file, found beside its transcription, from the same mel rows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nemocli.diarization.modes import OFFLINE
from nemocli.diarization.options import SpeakerOptions
from nemocli.diarization.transcripts import add_speakers
from nemocli.engine.mel import MelStream
from nemocli.engine.samples import as_samples
from nemocli.transcript.types import Transcript

#: Samples whose mel rows are computed at once: a minute.
BLOCK_SAMPLES = 960_000


class FileSpeakers:
    """Takes the mel rows of one file, and then adds speakers to its transcript.

    Some seconds of rows wait for `advance`, which alone calls the model. The probabilities of all
    rows are kept, 12 MB for an hour and eight speakers.
    """

    def __init__(self, options: SpeakerOptions, word_delay_s: float = 0.0) -> None:
        """Begin a file, by the model of the options; words come `word_delay_s` late."""
        assert options.diarizer is not None
        self._options = options
        self._word_delay_s = word_delay_s
        self._stream = options.diarizer.begin(OFFLINE)
        self._rows: list[NDArray[np.float32]] = []
        self._probabilities: list[NDArray[np.float32]] = []
        self._has_all_rows = False
        #: Whether all rows are decided.
        self.is_finished = False

    def push(self, rows: NDArray[np.float32]) -> None:
        """Add mel rows [n, mels]."""
        self._rows.append(rows)

    def end(self) -> None:
        """Mark the end of the sound: no more rows will come."""
        self._has_all_rows = True

    def advance(self) -> None:
        """Decide who speaks, as far as there are rows."""
        for rows in self._rows:
            self._probabilities.append(self._stream.feed(rows))
        self._rows.clear()
        if self._has_all_rows and not self.is_finished:
            self._probabilities.append(self._stream.finish())
            self.is_finished = True

    def add_to(self, transcript: Transcript) -> Transcript:
        """Return the file's transcript with speakers, when all rows are decided."""
        return add_speakers(
            transcript,
            np.concatenate(self._probabilities),
            most=self._options.max_speakers,
            names=self._options.names,
            delay_s=self._word_delay_s,
        )


def find_speakers(
    transcript: Transcript, sound: ArrayLike, options: SpeakerOptions, word_delay_s: float
) -> Transcript:
    """Return the transcript of samples, as `Session.feed` takes them, with its speakers."""
    assert options.diarizer is not None
    speakers = FileSpeakers(options, word_delay_s)
    mel = MelStream(options.diarizer.config.features)
    samples = as_samples(sound)
    for at in range(0, len(samples), BLOCK_SAMPLES):
        speakers.push(mel.push(samples[at : at + BLOCK_SAMPLES]))
        speakers.advance()
    speakers.push(mel.finish())
    speakers.end()
    speakers.advance()
    return speakers.add_to(transcript)
