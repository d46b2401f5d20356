"""Words of a server's answers, which may lack their times."""

import math
from typing import Any

from nemocli.transcript.types import Token, Word


def read_words(values: Any, offset: float = 0.0) -> tuple[Word, ...] | None:
    """Read a list of words as `nemocli serve` and others send it; None if it is none.

    Without a confidence, it is 0. Spaces before words are those of the server, or everywhere.
    """
    if not isinstance(values, list):
        return None
    words = []
    for value in values:
        if not isinstance(value, dict):
            return None
        text: Any = value.get("word")
        start: Any = value.get("start")
        end: Any = value.get("end")
        if not (isinstance(text, str) and _is_number(start) and _is_number(end)):
            return None
        if not text.strip():
            continue
        confidence = value.get("confidence", 0.0)
        words.append(
            Word(
                text.strip(),
                round(start + offset, 3),
                round(max(start, end) + offset, 3),
                float(confidence) if _is_number(confidence) and 0 <= confidence <= 1 else 0.0,
                value.get("space_before", True) is not False,
                is_boosted=value.get("boosted") is True,
            )
        )
    return tuple(words)


def read_tokens(values: Any) -> tuple[Token, ...]:
    """Read a list of tokens as documents have it; empty for anything else."""
    tokens = []
    for value in values if isinstance(values, list) else ():
        try:
            token = Token(
                int(value["id"]),
                str(value["piece"]),
                int(value["frame"]),
                float(value["confidence"]),
                is_boosted=value.get("boosted") is True,
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            return ()
        tokens.append(token)
    return tuple(tokens)


def estimate_words(text: str, start: float, end: float) -> tuple[Word, ...]:
    """Split a text into words, whose times are estimated by their lengths; confidence is 0."""
    texts = text.split()
    length = sum(map(len, texts)) or 1
    words, passed = [], 0
    for each in texts:
        first = start + (end - start) * passed / length
        passed += len(each)
        last = start + (end - start) * passed / length
        words.append(Word(each, round(first, 3), round(last, 3), 0.0))
    return tuple(words)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
