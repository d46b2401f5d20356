"""The token decoder: pieces and text of a model's tokens, by its tokenizer."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nemocli.errors import ModelError, explain_model_errors
from nemocli.network.tokenizer_file import open_tokenizer

#: The tokenizer's name in errors.
WHAT = "The model's tokenizer"

#: A piece that is a sign of its own: a language tag, `<unk>`, or a byte such as `<0xE3>`.
_SIGN = re.compile(r"<[^<>]+>")

#: The most steps of a decoder.
MAX_STEPS = 10

#: Steps of a decoder that cost little, and whose text is never longer than their input.
PLAIN_STEPS = (
    *("BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Strip", "WordPiece"),
)


class TokenDecoder:
    """Returns pieces and text of ids, by the text of a model folder's tokenizer.json.

    Raises ModelError if that is not a tokenizer, or if its decoder does more than join pieces.
    """

    def __init__(self, tokenizer_json: str) -> None:
        self._tokenizer = open_tokenizer(tokenizer_json, WHAT)
        with explain_model_errors(f"{WHAT} is not a tokenizer"):
            decoder = self._tokenizer.decoder
            steps = json.loads(decoder.__getstate__()) if decoder is not None else {}
        if not _is_plain(steps):
            raise ModelError(
                f"{WHAT} does more than to put pieces together; get the model from a source you"
                " trust."
            )

    def get_piece(self, token: int) -> str:
        """Return an id's piece in the vocabulary; `<id>` for an id that is not in it."""
        piece: str | None = self._tokenizer.id_to_token(token)
        return f"<{token}>" if piece is None else piece

    def list_pieces(self) -> list[str | None]:
        """Return the piece of each id; None for those that are no text by themselves.

        These are special tokens, such as language tags, and bytes of a character.
        """
        special = {
            index
            for index, token in self._tokenizer.get_added_tokens_decoder().items()
            if token.special
        }
        found = {index: piece for piece, index in self._tokenizer.get_vocab(False).items()}
        pieces: list[str | None] = [None] * (max([*found, *special], default=-1) + 1)
        for index, piece in found.items():
            if index not in special and not _SIGN.fullmatch(piece):
                pieces[index] = piece
        return pieces

    def decode_text(self, tokens: Sequence[int]) -> str:
        """Return the text of consecutive ids, without special tokens.

        Raises ModelError if the tokenizer's own rules fail.
        """
        with explain_model_errors("The model's tokenizer cannot make text of what the model says"):
            text: str = self._tokenizer.decode(list(tokens))
        return text


def _is_plain(step: Mapping[str, Any]) -> bool:
    """Tell whether a step of a decoder can neither fill the memory nor take forever."""
    kind = step.get("type")
    if kind == "Sequence":
        steps = step["decoders"]
        return len(steps) <= MAX_STEPS and all(
            each["type"] != "Sequence" and _is_plain(each) for each in steps
        )
    if kind == "Replace":  # of one text by another, not of a pattern
        replaced = step["pattern"].get("String", "")
        return len(replaced) > 0 and len(step["content"]) <= len(replaced)
    return kind is None or kind in PLAIN_STEPS
