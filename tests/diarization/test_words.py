"""The speakers of words, of invented probabilities."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nemocli.diarization.words import WordSpeakers, smooth
from nemocli.transcript.segments import may_part, split_segments
from nemocli.transcript.speakers import make_speakers
from nemocli.transcript.types import Word
from tests.words import spoken, words

SPEAKERS = make_speakers(3)
STEPS = {"#": 1.0, "+": 0.6, "-": 0.4, ".": 0.0}


def rows(*lines, step=10):
    """Return rows from a line for each speaker, of which each sign is `step` rows."""
    columns = [[STEPS[mark] for mark in line for _ in range(step)] for line in lines]
    return np.array(columns, np.float32).T


def assign(said, probabilities, **more):
    """Return the words, with speakers that have the numbers of their columns."""
    stream = WordSpeakers(SPEAKERS, **more)
    return by_column(stream, stream.assign(said, probabilities))


def by_column(stream, said):
    return [
        word
        if word.speaker is None
        else replace(word, speaker=SPEAKERS[stream.columns[word.speaker.number]])
        for word in said
    ]


def numbers(said):
    return [None if word.speaker is None else word.speaker.number for word in said]


def test_speakers_are_numbered_by_their_first_words():
    """Not by their first sound, which may be music."""
    probabilities = rows("##......", ".....###", "...##...")
    said = [*single(0.3, 0.5), *single(0.5, 0.7)]
    stream = WordSpeakers(SPEAKERS)
    assert numbers(stream.assign(said, probabilities)) == [0, 1]
    assert stream.columns == [2, 1, 0]


def single(start, end, text="word"):
    return [Word(text, start, end, 1.0)]


def test_a_word_is_of_the_speaker_with_the_most_activity_over_it():
    both = rows("#####.....", "...+++####", "..........")
    said = [*single(0.0, 0.3), *single(0.3, 0.5), *single(0.7, 0.9)]
    assert numbers(assign(said, both)) == [0, 0, 1]


def test_probabilities_are_summed_rather_than_rows_counted():
    """The first is active in fewer rows, and more probable over all of them."""
    assert numbers(assign(single(0.0, 0.3), rows("#--", "++.", "..."))) == [0]


def test_of_equal_speakers_the_former_goes_on():
    equal = rows(".++++", "#++++", ".....")
    said = [*single(0.0, 0.1), *single(0.1, 0.3), *single(0.3, 0.4)]
    assert numbers(assign(said, equal)) == [1, 1, 1]
    assert numbers(assign(said[1:], equal)) == [0, 0]


@pytest.mark.parametrize(("gap", "expected"), [(50, 1), (51, None)])
def test_a_word_in_silence_is_of_the_nearest_turn_within_half_a_second(gap, expected):
    for before in (True, False):
        silence = np.zeros((120, 3), np.float32)
        silence[60 - gap - 1 if before else 65 + gap, 1] = 1.0
        assert numbers(assign(single(0.6, 0.65), silence)) == [expected]


def test_of_two_turns_as_near_the_former_speaker_goes_on():
    between = rows("##.....", "......#", "#......")
    said = [*single(0.0, 0.1), *single(0.35, 0.45)]
    assert numbers(assign(said, between)) == [0, 0]


def test_a_late_word_between_two_turns_is_of_the_first_unless_it_is_aligned():
    between = rows("##.....", ".....##", ".......")
    (late,) = single(0.42, 0.48)
    assert numbers(assign([late], between)) == [0]
    assert numbers(assign([replace(late, model_times=(0.42, 0.48))], between)) == [1]


def test_a_word_behind_the_last_row_is_of_the_nearest_turn():
    assert numbers(assign(single(0.45, 0.7), rows(".....", "...##", "....."))) == [1]
    assert numbers(assign(single(2.0, 2.2), rows(".....", "...##", "....."))) == [None]
    assert numbers(assign(single(2.0, 2.2), np.zeros((0, 3), np.float32))) == [None]


@pytest.mark.parametrize(("second", "is_overlapped"), [("++++.....", True), ("+++......", False)])
def test_a_word_is_overlapped_if_somebody_speaks_for_half_of_it(second, is_overlapped):
    (word,) = assign(single(0.0, 0.8), rows("#########", second, "........."))
    assert word.speaker == SPEAKERS[0] and word.is_overlapped is is_overlapped


@pytest.mark.parametrize(
    ("said", "talk", "expected"),
    [
        # One and two words inside a sentence.
        ("one two three four.", "0100", "0000"),
        ("one two three four five.", "00110", "00000"),
        # Three words are no island, nor are two between one and one.
        ("a b c d e f g.", "0011100", "0011100"),
        ("one two three four.", "0110", "0110"),
        # A sentence of its own, or its beginning and end, is none either.
        ("one. Yes. Two three.", "0100", "0100"),
        ("one two three. Four", "0001", "0001"),
        ("one two three.", "100", "100"),
        # Words of nobody are an island as well.
        ("one two three four.", "0.00", "0000"),
        # Between two others.
        ("one two three.", "012", "012"),
    ],
)
def test_islands_inside_a_sentence(said, talk, expected):
    probabilities = np.zeros((24 * len(talk), 3), np.float32)
    for n, speaker in enumerate(talk):
        if speaker != ".":
            probabilities[24 * n : 24 * n + 16, int(speaker)] = 1.0
    if "." in talk:  # where nobody is, nobody is near
        said = [replace(word, start=4 * word.start, end=4 * word.end) for word in spoken(said)]
        probabilities = np.repeat(probabilities, 4, axis=0)
    else:
        said = spoken(said)
    assert numbers(assign(said, probabilities)) == [int(n) for n in expected]


def test_a_pause_ends_a_sentence():
    said = [*single(0.0, 0.2), *single(2.0, 2.2), *single(4.0, 4.2)]
    probabilities = np.zeros((430, 3), np.float32)
    for n, word in enumerate(said):
        probabilities[round(100 * word.start) : round(100 * word.end), n % 2] = 1.0
    assert numbers(assign(said, probabilities)) == [0, 1, 0]


def test_no_line_that_may_not_be_broken_has_two_speakers():
    """The signs at the end of a sentence are words of their own in some vocabularies."""
    said = [Word("今日", 0.0, 0.2, 1.0, False), Word("。", 0.2, 0.5, 1.0, False)]
    assert numbers(assign(said, rows("###...", "...###", "......", step=9))) == [0, 0]


def test_words_were_said_before_the_model_wrote_them():
    probabilities = rows("#####.....", ".....#####", "..........")
    assert numbers(assign(single(0.55, 0.7), probabilities)) == [1]
    assert numbers(assign(single(0.55, 0.7), probabilities, delay_s=0.2)) == [0]
    aligned = [replace(single(0.55, 0.7)[0], model_times=(0.7, 0.9))]
    assert numbers(assign(aligned, probabilities, delay_s=0.2)) == [1]


def test_a_stream_goes_on_with_the_former_speaker_and_a_part_of_the_rows():
    probabilities = rows("#....++", ".#...++", ".......", step=20)
    said = [*single(0.2, 0.4), *single(1.1, 1.3)]
    stream = WordSpeakers(SPEAKERS)
    first = stream.assign(said[:1], probabilities[:60])
    second = stream.assign(said[1:], probabilities[90:], first_row=90)
    found = by_column(stream, first + second)
    assert numbers(found) == numbers(assign(said, probabilities)) == [1, 1]


PROBABILITIES = arrays(
    np.float32, st.tuples(st.integers(0, 300), st.just(3)), elements=st.floats(0, 1, width=32)
)


@given(words(), PROBABILITIES)
def test_words_stay_as_they_are_and_segments_have_one_speaker(made, probabilities):
    found = assign(made, probabilities)
    assert [replace(word, speaker=None, is_overlapped=False) for word in found] == made
    for before, after in pairwise(found):
        assert may_part(before, after) or before.speaker == after.speaker
    for segment in split_segments(found):
        assert len({word.speaker for word in segment.words}) == 1


@given(st.lists(st.sampled_from([0, 1, None]), max_size=20), st.data())
def test_smoothing_takes_nothing_from_the_ends_and_is_done_at_once(speakers, data):
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(speakers), max_size=len(speakers)))
    smoothed = smooth(speakers, counts)
    assert len(smoothed) == len(speakers)
    assert smoothed[:1] == speakers[:1] and smoothed[-1:] == speakers[-1:]
    assert smooth(smoothed, counts) == smoothed
