"""Where cues and their lines are broken."""

import pytest

from nemocli.errors import UsageError
from nemocli.transcript.cues import split_cues
from nemocli.transcript.layout import Layout
from nemocli.transcript.types import Word, join_words
from tests.words import cells, spoken


def laid_out(words, width, count):
    return [
        [join_words(line) for line in cue.lines]
        for cue in split_cues(words, Layout(max_line_width=width, max_line_count=count))
    ]


def test_what_fits_is_one_line():
    made = spoken("This is a short sentence.")
    assert laid_out(made, 25, 2) == [["This is a short sentence."]]
    assert laid_out(made, None, 1) == [["This is a short sentence."]]


def test_lines_are_balanced():
    assert laid_out(spoken("one two three four five six seven eight nine"), 42, 2) == [
        ["one two three four five", "six seven eight nine"]
    ]


def test_lines_break_after_a_clause():
    assert laid_out(spoken("When it rains, we will stay in the house all day."), 42, 2) == [
        ["When it rains,", "we will stay in the house all day."]
    ]


def test_cues_end_after_a_clause():
    made = spoken("If the weather is fine, we shall go to the sea and swim.")
    assert laid_out(made, 40, 1) == [
        ["If the weather is fine,"],
        ["we shall go to the sea and swim."],
    ]


def test_cues_end_at_a_pause():
    made = [*spoken("we shall go to"), *spoken("the sea and swim all day", start=1.4)]
    assert laid_out(made, 30, 1) == [["we shall go to"], ["the sea and swim all day"]]


def test_no_more_lines_than_asked_for_and_no_more_cues_than_needed():
    made = spoken("word " * 16)  # 79 cells
    assert [len(cue) for cue in laid_out(made, 42, 2)] == [2]
    assert [len(cue) for cue in laid_out(made, 20, 3)] == [2, 2]
    assert [len(cue) for cue in laid_out(made, 42, 1)] == [1, 1]
    assert [len(cue) for cue in laid_out(made, 20, None)] == [4]


def test_wide_characters_count_two():
    made = [Word(letter, n * 0.1, n * 0.1, 1.0, False) for n, letter in enumerate("今日は" * 7)]
    assert laid_out(made, 42, 1) == [["今日は" * 7]]
    lines = [line for cue in laid_out(made, 40, 2) for line in cue]
    assert sorted(map(cells, lines)) == [20, 22]


def test_japanese_breaks_after_its_commas():
    made = [
        Word(text, n * 0.2, n * 0.2 + 0.1, 1.0, False)
        for n, text in enumerate(["きょう", "は", "どようび、", "いち", "じ", "はん", "です。"])
    ]
    assert laid_out(made, 20, 2) == [["きょうはどようび、", "いちじはんです。"]]


def test_a_word_wider_than_a_line_is_broken_and_its_time_shared():
    (cue,) = split_cues([Word("x" * 25, 1.0, 2.0, 0.9)], Layout(10, 3))
    assert [[(w.text, w.start, w.end) for w in line] for line in cue.lines] == [
        [("x" * 10, 1.0, pytest.approx(1.4))],
        [("x" * 10, pytest.approx(1.4), pytest.approx(1.8))],
        [("x" * 5, pytest.approx(1.8), pytest.approx(2.0))],
    ]


def test_a_word_is_not_broken_between_a_letter_and_its_marks():
    (cue,) = split_cues([Word("กี่" * 6, 0.0, 1.0, 0.9)], Layout(4, 2))
    assert [join_words(line) for line in cue.lines] == ["กี่" * 4, "กี่" * 2]


def test_words_of_nothing_but_control_characters_are_left_out():
    assert split_cues([Word("\x00\n", 0.0, 1.0, 0.9)], Layout()) == []


@pytest.mark.parametrize("wrong", [{"max_line_width": 1}, {"max_line_count": 0}])
def test_a_layout_that_cannot_be(wrong):
    with pytest.raises(UsageError, match="must"):
        Layout(**wrong)
