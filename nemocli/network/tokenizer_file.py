"""Opening a tokenizer.json with its library, after a check for what would crash the library."""

import json
from typing import TYPE_CHECKING, Any

from nemocli.errors import ModelError, explain_model_errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: The most characters that a piece may have; models' pieces have a few dozen at most.
MAX_PIECE_LENGTH = 1000

#: SentencePiece's sign for the space before a word.
SPACE = "\u2581"


def open_tokenizer(text: str, what: str) -> "Tokenizer":
    """Open a tokenizer.json's text. Raises ModelError, which names `what`, if it is none.

    It is also raised for a piece longer than MAX_PIECE_LENGTH: one that is long enough crashes the
    process.
    """
    from tokenizers import Tokenizer

    try:
        model: Any = json.loads(text)["model"]
        pieces = [entry if isinstance(entry, str) else entry[0] for entry in model["vocab"]]
        is_plain = all(len(piece) <= MAX_PIECE_LENGTH for piece in pieces)
    except (ValueError, RecursionError, LookupError, TypeError):
        raise ModelError(f"{what} is not a tokenizer: it has no list of pieces.") from None
    if not is_plain:
        raise ModelError(f"{what} has a piece of more than {MAX_PIECE_LENGTH} characters.")
    with explain_model_errors(f"{what} is not a tokenizer"):
        return Tokenizer.from_str(text)
