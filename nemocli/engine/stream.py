"""One stream of sound, from samples to words, in steps that let several streams share a call."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.engine.added_silence import AddedSilence
from nemocli.engine.aligner import Aligner
from nemocli.engine.decoding import Emission, GreedyDecoder
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.engine.greedy import decode, finish
from nemocli.engine.mel import MelStream
from nemocli.engine.recognizer import Recognizer
from nemocli.errors import NemocliError
from nemocli.transcript.alignment import Alignment
from nemocli.transcript.detokenizer import Detokenizer
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Transcript, Update
from nemocli.units import FRAME_SECONDS


class Stream:
    """Turns samples into mel rows, which wait for `advance`, and then into words.

    Only `advance` calls the model: any thread may make a stream and compute its rows.
    Encoder and decoder take constant memory. The transcript grows, unless it is not kept.
    `keep_encoder` collects the encoder's output in `enc_proj`. With `alignment`, the times of words
    are aligned with the sound. `phrases` are preferred by the decoder.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        pieces: TokenDecoder,
        prompt: int,
        keep_transcript: bool = True,
        keep_encoder: bool = False,
        alignment: Alignment | None = None,
        phrases: PhraseMatcher | None = None,
    ) -> None:
        runtime = recognizer.runtime
        self.recognizer = recognizer
        #: Whether somebody waits for the words as they are spoken. A scheduler lets these streams
        #: go first.
        self.is_live = True
        self._rate = runtime.config.features.sampling_rate
        self._mel = MelStream(runtime.config.features)
        self._encoder = EncoderStream(runtime.config, runtime.lookahead, prompt)
        self._decoder = GreedyDecoder(runtime.config)
        self.set_phrases(phrases)
        self._aligner = None if alignment is None else Aligner(alignment, runtime.lookahead)
        self._pieces = pieces
        self._text = Detokenizer(pieces, keep_transcript, self._aligner)
        self._silence: AddedSilence | None = None
        #: The number of encoder frames (of 80 ms) decoded so far.
        self.frames = 0
        #: The number of the frame that the last token was emitted on; None before the first.
        self.last_token_frame: int | None = None
        #: The encoder's frames [n, decoder size] of each call; None without `keep_encoder`.
        self.enc_proj: list[NDArray[np.float32]] | None = [] if keep_encoder else None

    def set_prompt(self, prompt: int) -> None:
        """Set the language from the next chunk on."""
        self._encoder.set_prompt(prompt)

    def set_phrases(self, phrases: PhraseMatcher | None) -> None:
        """Set the preferred phrases from the next chunk on; one that has begun stays as it is."""
        if self._decoder.trial is not None:
            self._emit(self._decoder.trial.held)
            self._decoder.trial = None
        self._decoder.phrases = None if phrases is None else PhraseCursor(phrases)

    def compute_rows(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the mel rows [n, mels] that samples complete. Another thread may call it."""
        return self._mel.push(samples)

    def compute_last_rows(self) -> NDArray[np.float32]:
        """Compute the last mel rows [n, mels], at the end of the sound."""
        return self._mel.finish()

    def push(self, rows: NDArray[np.float32]) -> None:
        """Add mel rows [n, mels], which then wait for `advance`."""
        self._encoder.push(rows)
        if self._aligner is not None:
            self._aligner.push(rows)

    def end_words(self) -> None:
        """Mark the end of the words: rows that are pushed later are silence behind the sound.

        Aligned words end before it, and tokens that a model invents in it are dropped.
        """
        self._silence = AddedSilence(math.ceil(self._duration / FRAME_SECONDS))
        if self._aligner is not None:
            self._aligner.end_sound()

    def end(self) -> None:
        """Mark the end of the sound: no more rows will come."""
        self._encoder.end()

    def finish(self) -> None:
        """Add the tokens that are held back, when the sound has ended and all is transcribed."""
        if self._decoder.trial is not None:
            with self.recognizer.turn() as runtime:
                self._emit(finish(runtime, self._decoder))

    def check_whole(self) -> None:
        """Raise NemocliError if a call failed that this stream needed: words would be missing."""
        if self._encoder.has_failed:
            raise NemocliError(
                "The model failed or was interrupted in this session, which lacks sound since then;"
                " begin another."
            )

    @property
    def chunks(self) -> int:
        """The number of chunks that wait for `advance`; after `end`, the last may be partial."""
        return self._encoder.chunks

    @property
    def samples_to_chunk(self) -> int:
        """The number of samples that complete the next chunk; 0 if it is complete."""
        rows = self._encoder.rows_to_chunk
        return self._mel.count_samples_for(rows) if rows > 0 else 0

    def update(self, close: bool = False) -> Update:
        """Return what is new since the last update; with `close`, make the growing word final."""
        return self._text.update(self._duration, close)

    def build_transcript(self, final: bool = False) -> Transcript:
        """Return the transcript, with the duration of the sound received.

        With `final`, it also shows bytes that do not make a whole character.
        """
        return self._text.build_transcript(self._duration, final)

    def build_transcript_so_far(self) -> Transcript:
        """Return the transcript of the frames decoded so far, with their duration."""
        return self._text.build_transcript(min(self._duration, self.frames * FRAME_SECONDS))

    @property
    def _duration(self) -> float:
        return self._mel.samples / self._rate

    def _add(self, frames: NDArray[np.float32], emissions: list[Emission]) -> None:
        if self.enc_proj is not None:
            self.enc_proj.append(frames)
        self._emit(emissions)
        self.frames += len(frames)
        if self._aligner is not None:
            self._aligner.forget(self.frames)

    def _emit(self, emissions: list[Emission]) -> None:
        for emission in emissions:
            if self._silence is not None:
                piece = self._pieces.get_piece(emission.token)
                if not self._silence.keeps(piece, emission.frame):
                    continue
            self._text.add(
                emission.token, emission.frame, emission.probability, emission.is_boosted
            )
            self.last_token_frame = emission.frame


def advance(streams: Sequence[Stream], chunks: int) -> None:
    """Transcribe the next chunks of several streams of one model together.

    Each stream must have `chunks` chunks waiting; only one that has ended may have fewer. If the
    model has a scheduler, its thread does that, in calls that other threads' streams may share.
    Raises what the model raises. After any error, also an interrupt, these streams cannot go on:
    NemocliError says so.
    """
    for stream in streams:
        stream.check_whole()
    scheduler = streams[0].recognizer.scheduler
    try:
        if scheduler is None:
            advance_now(streams, chunks)
        else:
            scheduler.advance(streams, chunks)
    except BaseException:
        for stream in streams:
            stream._encoder.has_failed = True
        raise


def advance_now(
    streams: Sequence[Stream], chunks: int, prepared: Callable[[], None] | None = None
) -> None:
    """Do what `advance` does in this thread. Other threads get their turn between two calls.

    For `prepared`, see `Encoder.encode`.
    """
    recognizer = streams[0].recognizer
    runtime, encoder = recognizer.runtime, recognizer.encoder
    size = encoder.max_streams or len(streams)
    for at in range(0, len(streams), size):
        some = streams[at : at + size]
        with recognizer.turn():
            frames = encoder.encode([stream._encoder for stream in some], chunks, prepared)
            emissions = decode(runtime, [stream._decoder for stream in some], frames)
        for stream, encoded, emitted in zip(some, frames, emissions, strict=True):
            stream._add(encoded, emitted)
