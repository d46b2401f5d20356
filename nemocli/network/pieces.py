"""A look at a tokenizer.json before the library gets it, which a long enough piece would crash."""

import json
from typing import Any

from nemocli.errors import ModelError

#: Characters of a piece at most; those of models have up to some dozen.
LONGEST = 1000


def check_pieces(text: str, what: str) -> None:
    """ModelError if `text` is no JSON, or has a piece that no model has."""
    try:
        model: Any = json.loads(text)["model"]
        pieces = [entry if isinstance(entry, str) else entry[0] for entry in model["vocab"]]
        is_plain = all(len(piece) <= LONGEST for piece in pieces)
    except (ValueError, RecursionError, LookupError, TypeError):
        raise ModelError(f"{what} is not a tokenizer: it has no list of pieces.") from None
    if not is_plain:
        raise ModelError(f"{what} has a piece of more than {LONGEST} characters.")
