"""A tokenizer.json as the library opens it, after a look at what could crash the library."""

import json
from typing import TYPE_CHECKING, Any

from nemocli.errors import ModelError, model_errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Characters of a piece at most; those of models have up to some dozen.
MAX_PIECE_LENGTH = 1000

#: SentencePiece's sign for the space before a word.
SPACE = "\u2581"


def open_tokenizer(text: str, what: str) -> "Tokenizer":
    """The tokenizer of a tokenizer.json's text; ModelError, which says `what`, if it is none.

    So it is too if there is a piece that no model has: a long enough one crashes the process.
    """
    from tokenizers import Tokenizer  # here: the engine's sessions need no more than words

    try:
        model: Any = json.loads(text)["model"]
        pieces = [entry if isinstance(entry, str) else entry[0] for entry in model["vocab"]]
        is_plain = all(len(piece) <= MAX_PIECE_LENGTH for piece in pieces)
    except (ValueError, RecursionError, LookupError, TypeError):
        raise ModelError(f"{what} is not a tokenizer: it has no list of pieces.") from None
    if not is_plain:
        raise ModelError(f"{what} has a piece of more than {MAX_PIECE_LENGTH} characters.")
    with model_errors(f"{what} is not a tokenizer"):
        return Tokenizer.from_str(text)
