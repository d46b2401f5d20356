"""Silence that is added behind a sound: which of the tokens in it were spoken."""

from nemocli.network.tokenizer_file import SPACE
from nemocli.transcript.segments import SENTENCE_ENDS
from nemocli.transcript.types import LANGUAGE_TAG


class AddedSilence:
    """Drops the tokens that a model invents in silence behind a sound that was cut off.

    The last word and the end of its sentence come late, in that silence. Models were seen to go on
    behind them: with the same word, several times on a frame of 80 ms, or with more full stops.
    """

    def __init__(self, frame: int) -> None:
        """Begin at an encoder frame: the first that no sound belongs to."""
        self._frame = frame
        # The end of a sentence in the silence, if that is the last piece that was kept.
        self._end = ""
        self._has_tag = self._is_over = False

    def keeps(self, piece: str, frame: int) -> bool:
        """Take the next token, by its piece and frame; return whether it was spoken."""
        if LANGUAGE_TAG.fullmatch(piece):
            had_tag, self._has_tag = self._has_tag, bool(self._end)
            return not had_tag
        self._is_over = self._is_over or (bool(self._end) and not self._continues_word(piece))
        if self._is_over:
            return False
        bare = piece.lstrip(SPACE)
        is_end = bool(bare) and not bare.strip(SENTENCE_ENDS)
        self._end = bare if is_end and frame >= self._frame else ""
        self._has_tag = False
        return True

    def _continues_word(self, piece: str) -> bool:
        """Tell whether a piece belongs to the word before the full stop, as in `3.5`."""
        return self._end == "." and not self._has_tag and piece[:1].isalnum()
