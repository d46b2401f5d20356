"""Cues and their lines are broken where it costs least."""

import re
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from nemocli.errors import UsageError
from nemocli.transcript import cues
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.cues import (
    CUE_COST,
    FORBIDDEN_COST,
    MISSING_COST,
    PAUSE_COST,
    WORD_COST,
    split_cues,
)
from nemocli.transcript.types import Word, join_words
from tests.words import cells, spoken


def laid_out(words, width, count):
    return [
        [join_words(line) for line in cue.lines]
        for cue in split_cues(words, CueLayout(max_line_width=width, max_line_count=count))
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


def test_of_two_cues_none_has_all_the_lines():
    assert [len(cue) for cue in laid_out(spoken("word " * 6), 4, 4)] == [3, 3]


@st.composite
def short_words(draw):
    """Draw a few words of at most six cells, some after a pause."""
    made, start = [], 0.0
    texts = st.sampled_from(["a", "is", "word,", "今日は", "four", "we"])
    for text in draw(st.lists(texts, min_size=4, max_size=7)):
        start += draw(st.sampled_from([0.0, 0.25, 0.375]))
        made.append(Word(text, start, start + 0.5, 0.9, draw(st.booleans())))
        start += 0.5
    return made


@settings(max_examples=100)
@given(short_words(), st.integers(6, 14), st.sampled_from([None, 1, 2, 3, 4]))
def test_no_other_layout_costs_less(made, width, count):
    assume(cells(join_words(made)) > width)
    found = [[len(line) for line in cue.lines] for cue in split_cues(made, CueLayout(width, count))]
    assert sum(map(sum, found)) == len(made)
    least = min(cost(made, cues, width, count) for cues in all_layouts(len(made), count))
    assert cost(made, found, width, count) == pytest.approx(least)


def all_layouts(count, max_lines):
    """Give all layouts of so many words: for each cue, the number of words of each line."""
    for breaks in product(("none", "line", "cue"), repeat=count - 1):
        cues = [[1]]
        for kind in breaks:
            if kind == "cue":
                cues.append([1])
            elif kind == "line":
                cues[-1].append(1)
            else:
                cues[-1][-1] += 1
        if len(cues) == 1 if max_lines is None else max(map(len, cues)) <= max_lines:
            yield cues


def cost(made, cues, width, max_lines):
    """Compute the cost of a layout, as the constants of cues.py are described."""
    total, rest = CUE_COST * (len(cues) - 1), made
    most = 1 if max_lines is None else min(max_lines, len(made))
    for cue in cues:
        lacking = 0 if max_lines is None else 1 - len(cue) / most
        total += MISSING_COST * lacking**2
        for number, count in enumerate(cue, 1):
            line, rest = rest[:count], rest[count:]
            filled = cells(join_words(line))
            if filled > width:
                return float("inf")
            total += (1 - filled / width) ** 2 * (2 if max_lines and len(cue) == 1 else 1)
            if rest:
                total += place_cost(line[-1], rest[0]) / (1 if number == len(cue) else 2)
    return total


def place_cost(before, after):
    if not after.space_before and (before.text + after.text).isascii() and before.text.isalpha():
        return FORBIDDEN_COST  # within a Latin word
    if before.text[-1] in ".,":
        return 0.0
    return PAUSE_COST if after.start - before.end >= 0.3 else WORD_COST


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
    (cue,) = split_cues([Word("x" * 25, 1.0, 2.0, 0.9)], CueLayout(10, 3))
    assert [[(w.text, w.start, w.end) for w in line] for line in cue.lines] == [
        [("x" * 10, 1.0, pytest.approx(1.4))],
        [("x" * 10, pytest.approx(1.4), pytest.approx(1.8))],
        [("x" * 5, pytest.approx(1.8), pytest.approx(2.0))],
    ]


def test_parts_of_a_word_have_its_confidence_and_the_first_its_space():
    for space in (True, False):
        (cue,) = split_cues([Word("a" * 12, 0.0, 1.2, 0.7, space)], CueLayout(5, 3))
        parts = [part for line in cue.lines for part in line]
        assert [(part.confidence, part.space_before) for part in parts] == [
            (0.7, space),
            (0.7, False),
            (0.7, False),
        ]


@pytest.mark.parametrize("width", [2, 3, 4, 5])
@pytest.mark.parametrize("seen", ["กี่", "❤\ufe0f", "👩\u200d💻"], ids=["marks", "emoji", "joined"])
def test_a_word_is_not_broken_within_a_grapheme_cluster(seen, width):
    text = f"x{seen}" * 4
    (cue,) = split_cues([Word(text, 0.0, 1.0, 0.9)], CueLayout(width, None))
    lines = [join_words(line) for line in cue.lines]
    assert "".join(lines) == text
    for line in lines:
        assert re.fullmatch(f"({seen}|x)+", line)
        assert cell_len(line) <= max(width, cell_len(seen))


def test_a_grapheme_cluster_wider_than_a_line_has_a_line_of_its_own(monkeypatch):
    """Older versions of rich measure joined emoji as the sum of their parts."""
    monkeypatch.setattr(cues, "cell_len", lambda text: sum(map(cell_len, text)))
    text = "x👩\u200d💻" * 2
    (cue,) = split_cues([Word(text, 0.0, 1.0, 0.9)], CueLayout(3, None))
    assert [join_words(line) for line in cue.lines] == ["x", "👩\u200d💻", "x", "👩\u200d💻"]


def test_words_of_nothing_but_control_characters_are_left_out():
    assert split_cues([Word("\x00\n", 0.0, 1.0, 0.9)], CueLayout()) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"max_line_width": 1},
            "--max-line-width takes at least 2 cells, or 0 for no limit, not 1.",
        ),
        ({"max_line_count": 0}, "--max-line-count takes at least 1 line, not 0."),
        ({"min_cue": -0.1}, "--min-cue takes 0 to 5 seconds, not -0.1."),
        ({"min_cue": 5.1}, "--min-cue takes 0 to 5 seconds, not 5.1."),
        ({"min_cue": float("nan")}, "--min-cue takes 0 to 5 seconds, not nan."),
    ],
)
def test_impossible_layouts_are_refused(wrong, sentence):
    with pytest.raises(UsageError) as refused:
        CueLayout(**wrong)
    assert str(refused.value) == sentence
