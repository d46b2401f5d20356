"""Where segments end, and their language and confidence."""

from dataclasses import replace

import pytest
from hypothesis import given

from nemocli.transcript.segments import (
    MAX_CHARACTERS,
    Segment,
    Segmenter,
    ends_clause,
    ends_sentence,
    split_segments,
)
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


@pytest.mark.parametrize(
    ("text", "sentence", "clause"),
    [
        ("J.", False, False),
        ("j.", True, False),
        ("Mr.", True, False),
        ("3.", False, False),
        ("12.", False, False),
        ("3?", True, False),
        ("J!", True, False),
        ("word”)", False, False),
        ("(word,”", False, True),
        ("。", True, False),
        ("ですか？」", True, False),
        ("،", False, True),
        ("a,b", False, False),
        ("a.b", False, False),
    ],
)
def test_where_sentences_and_clauses_end(text, sentence, clause):
    assert ends_sentence(text) is sentence
    assert ends_clause(text) is clause


def texts(made):
    return [segment.text for segment in split_segments(made)]


def words_at(*spans):
    """Make a word for each start and end, with its number as the text."""
    return [Word(f"w{n}", start, end, 0.9) for n, (start, end) in enumerate(spans)]


def test_a_pause_of_a_second_and_a_half_parts_segments():
    assert texts(words_at((0, 0.5), (2.0, 2.5))) == ["w0", "w1"]
    assert texts(words_at((0, 0.5), (1.99, 2.5))) == ["w0 w1"]


@pytest.mark.parametrize(
    ("made", "sentences"),
    [
        pytest.param(
            ["今日は雨です。", "」", "と言う。"], ["今日は雨です。」", "と言う。"], id="quote"
        ),
        pytest.param(
            ["何", "？", "！", "！", "」", "）", "はい"], ["何？！！」）", "はい"], id="enders"
        ),
        pytest.param(["ええ", "。", "。", "。", "今"], ["ええ。。。", "今"], id="dots"),
        pytest.param(["行く", "。", "…", "今"], ["行く。…", "今"], id="ellipsis"),
        pytest.param([" He", " went.", "”", " So."], ["He went.”", "So."], id="English"),
        pytest.param(["「", "はい。", "「", "今"], ["「はい。", "「今"], id="the next quote opens"),
        pytest.param([" Dit", " oui.", " »", " Puis"], ["Dit oui. »", "Puis"], id="French"),
    ],
)
def test_what_closes_after_a_sentence_belongs_to_it(made, sentences):
    words = [
        Word(text.strip(), n / 10, n / 10 + 0.1, 0.9, text.startswith(" "))
        for n, text in enumerate(made)
    ]
    assert texts(words) == sentences


def test_a_sentence_ends_before_the_next_word_is_finished():
    segmenter = Segmenter()
    end = Word("はい。", 0.0, 0.4, 0.9, False)
    assert segmenter.push(end) == []
    assert segmenter.end_before(Word("」", 0.4, 0.5, 0.9, False)) == []
    assert segmenter.end_before(Word("今", 0.4, 0.5, 0.9, False)) == [(end,)]
    assert segmenter.flush() == []


def test_what_fits_into_two_lines_is_not_parted():
    fits = [Word("x" * 37, 0.0, 0.5, 0.9), Word("y" * 38, 0.5, 1.0, 0.9)]
    assert texts(fits) == [f"{'x' * 37} {'y' * 38}"]
    fits.append(Word("z", 1.0, 1.1, 0.9, space_before=False))
    assert texts(fits) == [f"{'x' * 37} {'y' * 38}", "z"]
    assert texts([Word("x" * 99, 0.0, 9.0, 0.9)]) == ["x" * 99]  # one word alone is never parted


def test_seven_seconds_are_not_parted():
    assert texts(words_at((1, 4), (5, 8))) == ["w0 w1"]
    assert texts(words_at((1, 4), (5, 8.01))) == ["w0", "w1"]


def test_long_sentences_part_after_the_last_clause_of_the_later_half():
    made = words_at(*((n, n + 0.9) for n in range(8)))  # too long with the eighth

    def first_part(*clauses):
        words = [
            replace(w, text=f"{w.text}," if n in clauses else w.text) for n, w in enumerate(made)
        ]
        return len(split_segments(words)[0].words)

    assert first_part() == 7
    assert first_part(3) == 7  # in the first half
    assert first_part(4) == 5
    assert first_part(4, 5) == 6
    assert first_part(7) == 7  # the eighth belongs to the next part, with its comma


def test_long_sentences_part_at_a_pause_of_the_later_half():
    def first_part(**pauses):
        """Count the words of the first part if the words of these numbers begin so much later."""
        at, spans = 0.0, []
        for n in range(8):
            at += pauses.get(f"_{n}", 0.0)
            spans.append((at, at + 0.875))
            at += 0.875
        return len(split_segments(words_at(*spans, (at, at + 1.0)))[0].words)

    assert first_part(_5=0.5) == 5
    assert first_part(_5=0.25) == 7  # too short a pause: all but the last
    assert first_part(_5=0.5, _6=0.5625) == 6
    assert first_part(_5=0.5625, _6=0.5) == 5
    assert first_part(_5=0.5, _6=0.5) == 6  # the later of two
    assert first_part(_3=1.0, _5=0.5) == 5  # that of the first half is left out


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
