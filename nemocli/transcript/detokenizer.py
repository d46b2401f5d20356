"""Words and text from tokens as they come.

A character is never shown in halves, and a word is never changed once the next one has begun.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nemocli.errors import ModelError, model_errors
from nemocli.network.pieces import check_pieces
from nemocli.network.small_file import read_text
from nemocli.transcript.growing import Snapshot
from nemocli.transcript.types import Token, Transcript, Word
from nemocli.units import FRAME_SECONDS

#: SentencePiece's sign for the space before a word.
SPACE = "\u2581"

#: What a decoder writes for bytes that are not, or not yet, a character.
BROKEN = "\ufffd"

#: Scripts written without spaces: first and last code point of Thai and Lao, Burmese, Khmer,
#: kana, Chinese characters.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


#: Steps of a decoder at most.
MOST_STEPS = 10

#: Steps of a decoder that cost little, and whose text is never longer than what they are given.
PLAIN_STEPS = (
    *("BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Strip", "WordPiece"),
)


class Pieces:
    """A checkpoint's tokenizer.json: pieces by id, and the text of ids.

    Takes the file's path, or its text. Raises ModelError if it is not a tokenizer.
    """

    def __init__(self, source: Path | str) -> None:
        from tokenizers import Tokenizer  # here: the engine's sessions need no more than words

        what = f"The file {source}" if isinstance(source, Path) else "The model's tokenizer"
        with model_errors(f"{what} is not a tokenizer"):
            text = read_text(source) if isinstance(source, Path) else source
            check_pieces(text, what)
            self._tokenizer = Tokenizer.from_str(text)
            decoder = self._tokenizer.decoder
            steps = json.loads(decoder.__getstate__()) if decoder is not None else {}
        if not _is_plain(steps):
            raise ModelError(
                f"{what} does more than to put pieces together; get the model from a source you"
                " trust."
            )

    def piece(self, token: int) -> str:
        """The piece as it stands in the vocabulary; `<id>` for an id that is not in it."""
        piece: str | None = self._tokenizer.id_to_token(token)
        return f"<{token}>" if piece is None else piece

    def text(self, tokens: Sequence[int]) -> str:
        """The text of consecutive ids, special tokens left out.

        Raises ModelError where the tokenizer's own rules fail.
        """
        with model_errors("The model's tokenizer cannot make text of what the model says"):
            text: str = self._tokenizer.decode(list(tokens))
        return text


def _is_plain(step: Mapping[str, Any]) -> bool:
    """Whether a step of a decoder cannot be made to fill the memory, or to take forever."""
    kind = step.get("type")
    if kind == "Sequence":
        steps = step["decoders"]
        return len(steps) <= MOST_STEPS and all(
            each["type"] != "Sequence" and _is_plain(each) for each in steps
        )
    if kind == "Replace":  # of a letter by another; not of a pattern
        replaced = step["pattern"].get("String", "")
        return len(replaced) > 0 and len(step["content"]) <= len(replaced)
    return kind is None or kind in PLAIN_STEPS


class Detokenizer:
    """One stream's tokens, and the words and the text made of them so far."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._tokens: list[Token] = []
        self._words: list[Word] = []
        self._language: str | None = None
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

    def take(self, close: bool) -> list[Word]:
        """The words that will not change, which are then forgotten along with the tokens so far.

        With `close`, the one that may still grow is among them; what would have been added to it
        becomes a word without a space before it.
        """
        if close:
            self._close()
        words, self._words, self._tokens = self._words, [], []
        return words

    def _begins_word(self, piece: str) -> bool:
        if piece.startswith(SPACE):
            return True
        if not self._open_text or not _is_letter(piece[:1]):
            return False
        return _is_unspaced(piece[0]) or _is_unspaced(self._open_text[0])

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


def _is_letter(character: str) -> bool:
    """Letters and digits begin words; what else there is belongs to what is before.

    So do marks, punctuation, small kana, and bytes of a character: their pieces begin with `<`.
    """
    if character in "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮーゝゞヽヾ々":
        return False
    return unicodedata.category(character).startswith(("L", "N"))


def _is_unspaced(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in UNSPACED)
