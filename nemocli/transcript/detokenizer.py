"""Words and text from tokens as they come.

A character is never shown in halves, and a word is never changed once the next one has begun.
"""

import unicodedata

from nemocli.network.tokenizer_file import SPACE
from nemocli.transcript.line_breaks import continues, is_unspaced, may_break, opens
from nemocli.transcript.snapshot import Snapshot
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Token, Transcript, Update, Word
from nemocli.units import FRAME_SECONDS

#: What a decoder writes for bytes that are not, or not yet, a character.
BROKEN = "\ufffd"


class Detokenizer:
    """One stream's tokens, and the words and the text made of them so far.

    Without `keep_transcript`, only of those that no update had yet.
    """

    def __init__(self, pieces: TokenDecoder, keep_transcript: bool = True) -> None:
        self._pieces = pieces
        self._keep_transcript = keep_transcript
        self._tokens: list[Token] = []
        self._words: list[Word] = []
        self._language: str | None = None
        # How many of them an update had.
        self._words_given = self._tokens_given = 0
        # The word that may still grow: its tokens, the text of all but the last few, those last
        # few, which are bytes that are no character yet, and whether a space stands before it.
        self._open: list[Token] = []
        self._open_text = ""
        self._bytes: list[int] = []
        self._space = False

    def add(self, token: int, frame: int, confidence: float) -> None:
        """Take the next symbol."""
        piece = self._pieces.piece(token)
        added = Token(token, piece, frame, confidence)
        self._tokens.append(added)
        if added.language:
            self._language = added.language
            self._close(frame)
            return
        if self._begins_word(piece):
            self._close(frame)
            self._space = self._space or piece.startswith(SPACE)
        self._open.append(added)
        self._bytes.append(token)
        text = self._pieces.text(self._bytes)
        if not text.endswith(BROKEN):
            self._open_text = (self._open_text + text).strip()
            self._bytes = []

    def transcript(self, duration: float, final: bool = False) -> Transcript:
        """The result so far; `final` shows even bytes that never became a character."""
        word = self._open_word(final)
        return Transcript(
            words=Snapshot(self._words, [word] if word else []),
            tokens=Snapshot(self._tokens),
            language=self._language,
            duration=duration,
        )

    def update(self, duration: float, close: bool = False) -> Update:
        """What is new since the last update; without `keep_transcript` it is then forgotten.

        With `close`, the word that may still grow is final; what would have been added to it
        becomes a word without a space before it.
        """
        if close:
            self._close()
        word = self._open_word(final=False)
        update = Update(
            final=tuple(self._words[self._words_given :]),
            growing=(word,) if word else (),
            tokens=tuple(self._tokens[self._tokens_given :]),
            language=self._language,
            duration=duration,
        )
        if not self._keep_transcript:
            self._words, self._tokens = [], []
        self._words_given, self._tokens_given = len(self._words), len(self._tokens)
        return update

    def _begins_word(self, piece: str) -> bool:
        if piece.startswith(SPACE):
            return True
        if not self._open_text or not _may_begin(piece[:1]):
            return False
        if not (is_unspaced(piece[0]) or is_unspaced(self._open_text[0])):
            return False
        return may_break(self._open_text, piece)

    def _close(self, next_frame: int | None = None) -> None:
        """The open word is finished; the next symbol, if it is there, comes on `next_frame`."""
        word = self._open_word(final=True, next_frame=next_frame)
        if word:
            self._words.append(word)
            self._space = False
        self._open, self._open_text, self._bytes = [], "", []

    def _open_word(self, final: bool, next_frame: int | None = None) -> Word | None:
        text = self._open_text
        if final and self._bytes:
            text += self._pieces.text(self._bytes)
        if not text:
            return None
        last = self._open[-1].frame + 1
        end = last if next_frame is None else min(last, next_frame)
        return Word(
            text=text,
            start=self._open[0].time,
            end=round(end * FRAME_SECONDS, 2),
            confidence=min(token.confidence for token in self._open),
            space_before=self._space,
        )


def _may_begin(character: str) -> bool:
    """Letters, digits and what opens begin words; what else there is belongs to what is before.

    So do marks, other punctuation, small kana, and bytes of a character, whose pieces begin with
    `<`.
    """
    if not character or continues(character):
        return False
    return unicodedata.category(character).startswith(("L", "N")) or opens(character)
