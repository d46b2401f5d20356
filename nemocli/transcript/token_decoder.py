"""The pieces of a model's tokenizer, and the text that they make."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nemocli.errors import ModelError, model_errors
from nemocli.network.tokenizer_file import open_tokenizer

#: What errors call it.
WHAT = "The model's tokenizer"

#: Steps of a decoder at most.
MOST_STEPS = 10

#: Steps of a decoder that cost little, and whose text is never longer than what they are given.
PLAIN_STEPS = (
    *("BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Strip", "WordPiece"),
)


class TokenDecoder:
    """A model folder's tokenizer.json, of which this is the text: pieces by id, and text of ids.

    Raises ModelError if it is not a tokenizer, or one that does more than a tokenizer has to.
    """

    def __init__(self, tokenizer_json: str) -> None:
        self._tokenizer = open_tokenizer(tokenizer_json, WHAT)
        with model_errors(f"{WHAT} is not a tokenizer"):
            decoder = self._tokenizer.decoder
            steps = json.loads(decoder.__getstate__()) if decoder is not None else {}
        if not _is_plain(steps):
            raise ModelError(
                f"{WHAT} does more than to put pieces together; get the model from a source you"
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
