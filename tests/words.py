"""Invented words with times, for tests of written formats."""

import unicodedata

from hypothesis import strategies as st

from nemocli.transcript.provenance import Provenance
from nemocli.transcript.types import Word

ABOUT = Provenance("a.wav", "demo", "0" * 64, "fp32", "onnx", 3, "auto")

TEXTS = st.sampled_from(["a", "word,", "end.", "ja?", "今日", "は。", "<b>&", "J.", "3.", "x" * 50])

#: Letters of several scripts, signs that mean something in a format, and what breaks lines.
ANY_TEXTS = st.one_of(
    TEXTS,
    st.sampled_from(["-->", "&amp;", "<i>", "{1}", "7", "NOTE", "a\n\nb", "\t", "\u2028x", "\x00"]),
    st.text("abcdeé,.", min_size=1, max_size=12),
    st.text("今日はどようび、。", min_size=1, max_size=30),
    st.text("กขฃคฅ่้ีื", min_size=1, max_size=30),
    st.text("नमस्ते।क", min_size=1, max_size=12),
    st.text("مرحبا؟، ", min_size=1, max_size=12),
    st.text("abcdefgh<>&- \n한국어", min_size=1, max_size=150),
)


@st.composite
def words(draw, texts=TEXTS):
    """Generate words in order, some of no length, some after a pause."""
    made, frame = [], 0
    for text in draw(st.lists(texts, max_size=40)):
        frame += draw(st.sampled_from([0, 0, 1, 2, 30]))
        length = draw(st.sampled_from([0, 1, 3]))
        start, end = round(frame * 0.08, 2), round((frame + length) * 0.08, 2)
        made.append(Word(text, start, end, 0.5, space_before=draw(st.booleans())))
        frame += length
    return made


def spoken(text, start=0.0, pace=0.24, spaces=True):
    """Return a word for each part of a text between spaces, one every `pace` seconds."""
    return [
        Word(part, round(start + n * pace, 2), round(start + n * pace + 0.16, 2), 0.9, spaces)
        for n, part in enumerate(text.split())
    ]


def cells(text):
    """Return the cells of a terminal for the letters above: none for marks, two for wide ones."""
    kinds = (unicodedata.category(character) for character in text)
    wide = (unicodedata.east_asian_width(character) in "WF" for character in text)
    return sum(
        0 if kind in ("Mn", "Me") else 1 + is_wide
        for kind, is_wide in zip(kinds, wide, strict=True)
    )


def visible(text):
    """Return the text without spaces, line breaks and controls."""
    return "".join(
        character
        for character in text
        if not character.isspace() and unicodedata.category(character) != "Cc"
    )
