"""Tokens and frames are transformers', and so is the encoder's output, up to rounding."""

import pytest

from tests.oracle.compare import check_tokens
from tests.repeats import repeats
from tests.sounds import speech_like

LANGUAGES = ("en-US", "ja-JP", "auto", "de-DE")
LOOKAHEADS = (0, 3, 6, 13)


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_every_checkpoint_at_every_lookahead(oracle, name, runtime, lookahead):
    """Seven seconds fill the caches; over the lookaheads, each checkpoint meets each language."""
    number = sum(name.encode())
    lang = LANGUAGES[(number + LOOKAHEADS.index(lookahead)) % len(LANGUAGES)]
    check_tokens(oracle, name, runtime, lookahead, lang, speech_like(7, seed=number))


@pytest.mark.parametrize(
    "name,lookahead", repeats([("small-1", 3), ("window-29", 13), ("deep", 6)], 2)
)
def test_a_minute(oracle, name, runtime, lookahead):
    check_tokens(oracle, name, runtime, lookahead, "auto", speech_like(60, seed=7))
