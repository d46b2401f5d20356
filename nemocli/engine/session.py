"""The session: one stream of sound, as a program feeds it and gets its words."""

from collections.abc import Callable, Iterable
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nemocli.arguments import check_argument
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases, check_phrases
from nemocli.engine.languages import Language, Languages
from nemocli.engine.samples import as_samples
from nemocli.engine.stream import Stream, advance
from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.types import Transcript, Update

#: The most encoder frames in one call of the model.
MAX_BLOCK_FRAMES = 128


class Session:
    """One stream: feed it 16 kHz mono samples as they come, then finish it.

    Several threads may use sessions of one model at once, but each session only one thread at a
    time. With `keep_transcript=False`, a session of any length takes constant memory.
    """

    def __init__(
        self,
        stream: Stream,
        languages: Languages,
        language: Language,
        phrases: Phrases | None,
        compile_phrases: Callable[[Phrases | None], PhraseMatcher | None],
    ) -> None:
        self._stream = stream
        self._phrases = phrases
        self._compile_phrases = compile_phrases
        self._languages = languages
        self._language = language
        self._sound_ended = self._finished = False
        self._result: Transcript | None = None

    @property
    def lang(self) -> str:
        """The requested language, or `auto`. Set it to switch from the next chunk on.

        Setting it raises UsageError for a language that the model does not know.
        """
        return self._language.tag

    @lang.setter
    def lang(self, name: str) -> None:
        self._language = self._languages.find(name)
        self._stream.set_prompt(self._language.prompt)

    @property
    def phrases(self) -> Phrases | None:
        """The preferred phrases, or None. Set them to prefer others from the next chunk on.

        A list of texts may be set too. UsageError is raised for a text that cannot be one.
        """
        return self._phrases

    @phrases.setter
    def phrases(self, phrases: Phrases | Iterable[str] | None) -> None:
        checked = check_phrases(phrases)
        self._stream.set_phrases(self._compile_phrases(checked))
        self._phrases = checked

    @property
    def frames(self) -> int:
        """The number of encoder frames (of 80 ms) decoded so far."""
        return self._stream.frames

    @property
    def samples_to_chunk(self) -> int:
        """The number of samples that complete the next chunk: only these can give new words."""
        return self._stream.samples_to_chunk

    @property
    def last_token_frame(self) -> int | None:
        """The number of the frame that the last token was emitted on; None before the first."""
        return self._stream.last_token_frame

    @property
    def enc_proj(self) -> list[NDArray[np.float32]] | None:
        """The encoder's frames [n, decoder size] of each call; None without `keep_encoder`."""
        return self._stream.enc_proj

    def feed(self, samples: ArrayLike) -> Update:
        """Transcribe any number of samples, 16 kHz mono; return the new words.

        Samples are one-dimensional: floats of about -1 to 1, or integers of 8, 16 or 32 bits, which
        are divided by their full scale; in an array, a list, or a tensor on the CPU. Feeding many
        chunks at once is faster than one by one; the tokens are the same. Raises UsageError for
        anything else, and NemocliError for NaN and infinity, after `finish`, if the transcriber is
        closed, and if the model failed or was interrupted in an earlier call of this session.
        """
        if self._sound_ended:
            raise NemocliError("This session is finished; begin another for more sound.")
        self._stream.recognizer.check_open()
        self._stream.check_whole()
        self._stream.push(self._stream.compute_rows(as_samples(samples)))
        self._transcribe_ready()
        return self._stream.update()

    def feed_silence(self, samples: int) -> Update:
        """Feed this many samples of silence behind the sound, so that its last words come.

        Aligned words end before it. Tokens behind the first end of a sentence in the silence are
        dropped: nobody spoke them. Only `flush` and `finish` may follow. Raises UsageError for
        anything but a number of samples.
        """
        check_argument("samples", samples, Integral, "a whole number of samples")
        if samples < 0:
            raise UsageError(f"samples takes a number of at least 0, not {samples}.")
        self._stream.end_words()
        update = self.feed(np.zeros(samples, np.float32))
        self._sound_ended = True
        return update

    def flush(self) -> Update:
        """Make the growing word final, as at a pause; return what is new.

        Tokens that continue the word later become another word, joined to it without a space.
        """
        return self._stream.update(close=True)

    def finish(self) -> Transcript:
        """Transcribe the rest, as the end of the sound; return the whole transcript.

        With `keep_transcript=False`, it has only the words and tokens that no update had. Raises
        NemocliError if the transcriber was closed before, or if the model failed.
        """
        if not self._finished:
            self._stream.recognizer.check_open()
            self._finished = self._sound_ended = True
            self._stream.push(self._stream.compute_last_rows())
            self._stream.end()
            self._transcribe_ready()
            self._stream.finish()
            self._result = self._stream.build_transcript(final=True)
        if self._result is None:
            self._stream.check_whole()
            raise NemocliError("The end of this session was not transcribed; begin another.")
        return self._result

    def _transcribe_ready(self) -> None:
        lookahead = self._stream.recognizer.runtime.lookahead
        most = max(1, MAX_BLOCK_FRAMES // (lookahead + 1))
        while chunks := self._stream.chunks:
            advance([self._stream], min(chunks, most))
