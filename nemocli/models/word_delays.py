"""How late models emit their tokens, as far as it was measured.

`scripts/measure_word_times.py` measures it.
"""

from nemocli.transcript.alignment import AUTO_DELAY, SOUND_ALONE, Align, Alignment

#: Seconds from the end of a token's sound to the end of its encoder frame, by the checkpoint's
#: SHA-256 and by lookahead.
MEASURED_DELAYS: dict[str, dict[int, float]] = {
    # demo
    "a4699d9f869d64fb8b0ff9fdfdb722b2ce6d893504c750016d1d02d237759e70": {
        0: 0.2,
        3: 0.2,
        6: 0.2,
        13: 0.2,
    },
}


def choose_alignment(align: Align, revision: str | None, lookahead: int) -> Alignment | None:
    """Return how to align what was requested, for a model at a lookahead; None for no alignment."""
    if align is None:
        return None
    if align == AUTO_DELAY:
        return Alignment(MEASURED_DELAYS.get(revision or "", {}).get(lookahead))
    return Alignment(None if align == SOUND_ALONE else float(align))


def find_word_delay(revision: str | None, lookahead: int) -> float:
    """Return by how many seconds words are late that are not aligned; 0 if it was not measured."""
    return MEASURED_DELAYS.get(revision or "", {}).get(lookahead, 0.0)
