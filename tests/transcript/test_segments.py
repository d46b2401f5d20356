"""Where segments end, and what is known of them."""

import pytest
from hypothesis import given

from nemocli.transcript.segments import MAX_CHARACTERS, Segment, ends_sentence, split_segments
from nemocli.transcript.types import Token, Word
from tests.words import spoken, words


@given(words())
def test_every_word_is_in_one_segment_in_order(made):
    segments = split_segments(made)
    assert [word for segment in segments for word in segment.words] == made
    assert [segment.id for segment in segments] == list(range(len(segments)))
    for segment in segments:
        assert len(segment.words) == 1 or len(segment.text) <= MAX_CHARACTERS


def test_where_sentences_end():
    for text in ("end.", "wirklich?", "で。", "no!”", "نعم؟", "…", "है।"):
        assert ends_sentence(text), text
    for text in ("J.", "3.", "word", "a,", "”", ""):
        assert not ends_sentence(text), text


def test_long_sentences_part_after_a_clause():
    made = spoken("word " * 12 + "clause, " + "word " * 6)
    first, second = split_segments(made)
    assert first.text.endswith("clause,")
    assert len(second.words) == 6


def test_long_sentences_without_a_clause_part_at_the_longest_pause():
    made = [*spoken("word " * 12), *spoken("again " * 8, start=3.6)]
    first, second = split_segments(made)
    assert len(first.words) == 12
    assert second.text.startswith("again")


def test_the_confidence_is_the_mean():
    made = tuple(Word("a", 0.0, 0.1, confidence) for confidence in (0.5, 0.7, 0.9))
    assert Segment(0, made).confidence == pytest.approx(0.7)


def tag(language, seconds):
    return Token(1, f"<{language}>", round(seconds / 0.08), 0.9)


HELLO, KONNICHIWA = spoken("Hello there."), spoken("こんにちは。", start=4.0)


@pytest.mark.parametrize(
    ("tokens", "languages"),
    [
        pytest.param([], ["de-DE"] * 2, id="no tags"),
        pytest.param([tag("en-US", 0.4), tag("ja-JP", 4.16)], ["en-US", "ja-JP"], id="behind"),
        pytest.param([tag("en-US", 0.0), tag("ja-JP", 4.0)], ["en-US", "ja-JP"], id="before"),
        pytest.param([tag("en-US", 0.4)], ["en-US"] * 2, id="the last tag is still to come"),
        pytest.param([tag("en-US", 0.0)], ["en-US"] * 2, id="one before all"),
        pytest.param([tag("ja-JP", 5.0)], ["ja-JP"] * 2, id="one behind all"),
        pytest.param(
            [tag("en-US", 0.0), tag("en-US", 0.4), tag("ja-JP", 4.16)],
            ["en-US", "ja-JP"],
            id="both",
        ),
    ],
)
def test_the_language_is_by_the_models_tags(tokens, languages):
    segments = split_segments(HELLO + KONNICHIWA, tokens, "de-DE")
    assert [segment.language for segment in segments] == languages


def test_a_tag_behind_a_sentence_is_that_of_all_its_segments():
    made = spoken("word " * 30 + "end.")
    first, second, *_ = split_segments(made, [tag("fr-FR", made[-1].end)], "en-US")
    assert first.language == second.language == "fr-FR"


def test_tags_without_words():
    assert split_segments([], [tag("fr-FR", 1.0)]) == []
