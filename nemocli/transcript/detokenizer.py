"""Making words of a stream's tokens, as they come.

Incomplete characters are not shown, and a word does not change once the next one has begun.
"""

import unicodedata
from dataclasses import replace

from nemocli.network.tokenizer_file import SPACE
from nemocli.transcript.alignment import WordAligner
from nemocli.transcript.line_breaks import continues, is_unspaced, may_break, opens
from nemocli.transcript.snapshot import Snapshot
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Token, Transcript, Update, Word
from nemocli.units import FRAME_SECONDS

#: What a token decoder writes for bytes that are no complete character.
BROKEN = "\ufffd"


class Detokenizer:
    """A stream's tokens and words so far; without `keep_transcript`, those that no update had.

    With an `aligner`, the times of words are those that it finds.
    """

    def __init__(
        self,
        pieces: TokenDecoder,
        keep_transcript: bool = True,
        aligner: WordAligner | None = None,
    ) -> None:
        self._pieces = pieces
        self._aligner = aligner
        self._keep_transcript = keep_transcript
        self._tokens: list[Token] = []
        self._words: list[Word] = []
        self._language: str | None = None
        # The number of words and tokens that an update had.
        self._words_given = self._tokens_given = 0
        # The word that may still grow. Its last tokens may be bytes of an incomplete character.
        self._open: list[Token] = []  # all its tokens
        self._open_text = ""  # the text of its tokens, without the bytes
        self._bytes: list[int] = []  # ids of those bytes
        self._space = False  # whether there is a space before it

    def add(self, token: int, frame: int, confidence: float, is_boosted: bool = False) -> None:
        """Add the next token, by its id."""
        piece = self._pieces.get_piece(token)
        added = Token(token, piece, frame, confidence, is_boosted=is_boosted)
        self._tokens.append(added)
        if added.language:
            self._language = added.language
            self._close(frame)
            return
        if self._begins_word(piece):
            self._close(frame)
            self._space = self._space or piece.startswith(SPACE)
        if self._aligner is not None:
            is_spoken = not _is_punctuation(piece)
            self._aligner.add(frame, begins_word=not self._open, is_spoken=is_spoken)
        self._open.append(added)
        self._bytes.append(token)
        text = self._pieces.decode_text(self._bytes)
        if not text.endswith(BROKEN):
            self._open_text = (self._open_text + text).strip()
            self._bytes = []

    def build_transcript(self, duration: float, final: bool = False) -> Transcript:
        """Return the transcript so far; with `final`, incomplete characters are shown too."""
        word = self._open_word(final)
        return Transcript(
            words=Snapshot(self._words, [word] if word else []),
            tokens=Snapshot(self._tokens),
            language=self._language,
            duration=duration,
        )

    def update(self, duration: float, close: bool = False) -> Update:
        """Return what is new since the last update; without `keep_transcript`, then forget it.

        With `close`, the growing word becomes final; tokens that would have continued it become
        another word, without a space before it.
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
        """Finish the growing word; `next_frame` is the frame of the next token, if there is one."""
        word = self._open_word(final=True, next_frame=next_frame)
        if word:
            self._words.append(word)
            self._space = False
            if self._aligner is not None:
                self._aligner.close()
        self._open, self._open_text, self._bytes = [], "", []

    def _open_word(self, final: bool, next_frame: int | None = None) -> Word | None:
        text = self._open_text
        if final and self._bytes:
            text += self._pieces.decode_text(self._bytes)
        if not text:
            return None
        last = self._open[-1].frame + 1
        end = last if next_frame is None else min(last, next_frame)
        word = Word(
            text=text,
            start=self._open[0].time,
            end=round(end * FRAME_SECONDS, 2),
            confidence=min(token.confidence for token in self._open),
            space_before=self._space,
            is_boosted=any(token.is_boosted for token in self._open),
        )
        if self._aligner is None:
            return word
        start, aligned_end = self._aligner.span
        return replace(word, start=start, end=aligned_end, model_times=(word.start, word.end))


def _is_punctuation(piece: str) -> bool:
    bare = piece.removeprefix(SPACE)
    return bool(bare) and all(unicodedata.category(c).startswith("P") for c in bare)


def _may_begin(character: str) -> bool:
    """Tell whether a word may begin with a character: a letter, a digit, an opening bracket.

    Others belong to the word before: marks, other punctuation, small kana, and bytes of a
    character, whose pieces begin with `<`.
    """
    if not character or continues(character):
        return False
    return unicodedata.category(character).startswith(("L", "N")) or opens(character)
