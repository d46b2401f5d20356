"""Silence behind a sound: the last sentence is ended in it, and none begins behind that."""

import pytest

from nemocli.engine.added_silence import AddedSilence

SOUND_FRAMES = 45


def keep(tokens):
    """Return the kept pieces; a `|` stands where the silence begins."""
    spoken, late = ([*part.split()] for part in tokens.split("|"))
    silence = AddedSilence(SOUND_FRAMES)
    pieces = [(piece, SOUND_FRAMES - 1) for piece in spoken]
    pieces += [(piece, SOUND_FRAMES + 1) for piece in late]
    return " ".join(piece for piece, frame in pieces if silence.keeps(piece, frame))


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ("▁Num | ber . <en-US>", "▁Num ber . <en-US>"),
        ("▁Number | . <en-US> ▁Number . <en-US> ▁Number .", "▁Number . <en-US>"),
        ("▁Number | . ▁Number . <en-US>", "▁Number . <en-US>"),
        ("▁Open ▁the | . . <en-US>", "▁Open ▁the . <en-US>"),
        (
            "▁Yes . <en-US> ▁No . | <en-US> ▁Good . <en-US>",
            "▁Yes . <en-US> ▁No . <en-US> ▁Good . <en-US>",
        ),
        ("▁It ▁is ▁ 3 | . 5 . ▁It", "▁It ▁is ▁ 3 . 5 ."),
        ("▁is | ▁ 3 . ▁5 .", "▁is ▁ 3 ."),
        ("す | 。 す 。 <ja-JP>", "す 。 <ja-JP>"),
        ("▁so , | ▁the ▁door", "▁so , ▁the ▁door"),
        ("▁no . ▁no . ▁no . |", "▁no . ▁no . ▁no ."),
    ],
)
def test_what_was_spoken_stays(tokens, kept):
    assert keep(tokens) == kept
