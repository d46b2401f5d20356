"""One stream of sound being transcribed, and several of them advanced together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encode import encode
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.engine.greedy import Emission, GreedyDecoder, decode
from nemocli.engine.languages import Languages
from nemocli.engine.mel import MelStream
from nemocli.errors import NemocliError
from nemocli.runtimes.base import Runtime
from nemocli.transcript.detokenizer import Detokenizer
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Transcript, Word
from nemocli.units import FRAME_SECONDS

#: Encoder frames that are encoded in one call at most, if so many are there.
BLOCK_FRAMES = 128


class Session:
    """One stream: feed it 16 kHz mono samples as they come, then finish it.

    Encoder and decoder hold a constant amount of memory; only the transcript grows, unless its
    words are taken.
    """

    def __init__(
        self,
        runtime: Runtime,
        pieces: TokenDecoder,
        languages: Languages,
        lang: str,
        keep_encoder: bool,
    ) -> None:
        self._runtime = runtime
        self._languages = languages
        self._language = languages.find(lang)
        self._rate = runtime.config.features.sampling_rate
        self._mel = MelStream(runtime.config.features)
        self._encoder = EncoderStream(runtime.config, runtime.lookahead, self._language.prompt)
        self._decoder = GreedyDecoder(runtime)
        self._text = Detokenizer(pieces)
        self._finished = False
        #: Encoder frames of 80 ms that were decoded so far.
        self.frames = 0
        #: The number of the frame that the last symbol was emitted on; None before the first.
        self.last_token_frame: int | None = None
        #: With `keep_encoder`, the encoder's frames [n, decoder size], chunk by chunk.
        self.enc_proj: list[NDArray[np.float32]] | None = [] if keep_encoder else None

    @property
    def lang(self) -> str:
        """The language being transcribed, or `auto`. Set it to switch from the next chunk on."""
        return self._language.tag

    @lang.setter
    def lang(self, wanted: str) -> None:
        self._language = self._languages.find(wanted)
        self._encoder.set_prompt(self._language.prompt)

    def feed(self, samples: NDArray[np.float32]) -> Transcript:
        """Transcribe any number of samples, float32 [n] of about -1 to 1; the transcript so far.

        Many chunks at once cost less than one by one; the tokens are the same. Raises NemocliError
        for anything but a one-dimensional array of finite floats, and after `finish`.
        """
        self._check(samples)
        self.push(self.features(samples))
        self._transcribe_ready()
        return self._text.transcript(self._duration)

    def finish(self) -> Transcript:
        """Transcribe what is left as the end of the sound; the whole transcript."""
        if not self._finished:
            self.push(self.last_features())
            self.end()
            self._transcribe_ready()
        return self._text.transcript(self._duration, final=True)

    # What `feed` and `finish` do in one go, in parts: for several streams in step.

    def features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mel rows [n, mels] that samples complete. May be called by a thread of its own."""
        return self._mel.push(samples)

    def last_features(self) -> NDArray[np.float32]:
        """The mel rows that the end of the sound completes."""
        return self._mel.finish()

    def push(self, rows: NDArray[np.float32]) -> None:
        """Let mel rows wait for `advance`."""
        self._encoder.push(rows)

    def end(self) -> None:
        """No more rows will come."""
        self._finished = True
        self._encoder.end()

    @property
    def chunks(self) -> int:
        """Chunks that wait for `advance`; the last one of a sound that has ended may be partial."""
        return self._encoder.chunks

    def so_far(self) -> Transcript:
        """The transcript of the frames that were decoded; its duration is theirs."""
        return self._text.transcript(min(self._duration, self.frames * FRAME_SECONDS))

    def take_words(self, close: bool = False) -> list[Word]:
        """The words that will not change, which later transcripts leave out: for endless streams.

        With `close`, also the word that may still grow.
        """
        return self._text.take(close)

    @property
    def _duration(self) -> float:
        return self._mel.samples / self._rate

    def _transcribe_ready(self) -> None:
        most = max(1, BLOCK_FRAMES // (self._runtime.lookahead + 1))
        while chunks := self._encoder.chunks:
            advance([self], min(chunks, most))

    def _add(self, frames: NDArray[np.float32], emissions: list[Emission]) -> None:
        if self.enc_proj is not None:
            self.enc_proj.append(frames)
        for emission in emissions:
            self._text.add(emission.token, emission.frame, emission.probability)
            self.last_token_frame = emission.frame
        self.frames += len(frames)

    def _check(self, samples: NDArray[np.float32]) -> None:
        if self._finished:
            raise NemocliError("This session is finished; begin another for more sound.")
        if samples.ndim != 1 or samples.dtype.kind != "f":
            raise NemocliError(
                "A session takes one-dimensional arrays of floats (16 kHz mono),"
                f" not {samples.dtype} of shape {list(samples.shape)}."
            )
        if not np.isfinite(samples).all():
            raise NemocliError("The samples fed to a session must be numbers, not NaN or infinite.")


def advance(sessions: Sequence[Session], chunks: int) -> None:
    """Transcribe the next chunks of several streams of one model together.

    Each must have so many waiting, or all that there will be of it.
    """
    runtime = sessions[0]._runtime
    frames = encode(runtime, [session._encoder for session in sessions], chunks)
    emissions = decode(runtime, [session._decoder for session in sessions], frames)
    for session, encoded, emitted in zip(sessions, frames, emissions, strict=True):
        session._add(encoded, emitted)
