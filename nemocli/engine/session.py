"""The session: one stream of sound, as a program feeds it and gets its words."""

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.languages import Language, Languages
from nemocli.engine.stream import Stream, advance
from nemocli.errors import NemocliError
from nemocli.transcript.types import Transcript, Update

#: The most encoder frames in one call of the model.
MAX_BLOCK_FRAMES = 128


class Session:
    """One stream: feed it 16 kHz mono samples as they come, then finish it.

    Several threads may use sessions of one model at once, but each session only one thread at a
    time. With `keep_transcript=False`, a session of any length takes constant memory.
    """

    def __init__(self, stream: Stream, languages: Languages, language: Language) -> None:
        self._stream = stream
        self._languages = languages
        self._language = language
        self._finished = False
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
    def frames(self) -> int:
        """The number of encoder frames (of 80 ms) decoded so far."""
        return self._stream.frames

    @property
    def last_token_frame(self) -> int | None:
        """The number of the frame that the last token was emitted on; None before the first."""
        return self._stream.last_token_frame

    @property
    def enc_proj(self) -> list[NDArray[np.float32]] | None:
        """The encoder's frames [n, decoder size] of each call; None without `keep_encoder`."""
        return self._stream.enc_proj

    def feed(self, samples: NDArray[np.float32]) -> Update:
        """Transcribe any number of samples, float32 [n] of about -1 to 1; return the new words.

        Feeding many chunks at once is faster than one by one; the tokens are the same. Raises
        NemocliError for anything but a one-dimensional array of finite floats, and after `finish`.
        """
        self._check(samples)
        self._stream.push(self._stream.compute_rows(samples))
        self._transcribe_ready()
        return self._stream.update()

    def flush(self) -> Update:
        """Make the growing word final, as at a pause; return what is new.

        Tokens that continue the word later become another word, joined to it without a space.
        """
        return self._stream.update(close=True)

    def finish(self) -> Transcript:
        """Transcribe the rest, as the end of the sound; return the whole transcript.

        With `keep_transcript=False`, it has only the words and tokens that no update had.
        """
        if not self._finished:
            self._finished = True
            self._stream.push(self._stream.compute_last_rows())
            self._stream.end()
            self._transcribe_ready()
        if self._result is None:
            self._result = self._stream.transcript(final=True)
        return self._result

    def _transcribe_ready(self) -> None:
        lookahead = self._stream.recognizer.runtime.lookahead
        most = max(1, MAX_BLOCK_FRAMES // (lookahead + 1))
        while chunks := self._stream.chunks:
            advance([self._stream], min(chunks, most))

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
