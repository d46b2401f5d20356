"""Errors in who spoke when and who said what, against values counted by hand."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.bench.speaker_accuracy import (
    ScoredSpeakers,
    TurnErrors,
    count_permuted_errors,
    score_speakers,
    summarize_speakers,
)
from nemocli.bench.speaker_reference import ReferenceTurn

needs_pyannote = pytest.mark.usefixtures("pyannote")


@pytest.fixture(scope="module")
def pyannote():
    pytest.importorskip("pyannote.metrics")


def turns(*each):
    return [ReferenceTurn(*turn) for turn in each]


SPOKEN = turns(("Ann", 0, 10), ("Ben", 8, 20))


def score(found, spoken=SPOKEN, duration=30.0):
    return score_speakers(Path("a.wav"), duration, spoken, found)


@needs_pyannote
def test_an_overlap_counts_for_both_speakers():
    """Missed: the second that Ann speaks on, and the first that Ben does."""
    strict, lenient = score(turns(("1", 0, 9), ("2", 9, 20))).turns
    assert strict == TurnErrors(0.0, 22.0, 2.0, 0.0, 0.0)
    # without 0.25 s on both sides of 0, 8, 10 and 20: 19.75 - 0.5 - 0.5 s, of which 1.5 s twice
    assert lenient == TurnErrors(0.25, 20.0, 1.5, 0.0, 0.0)


@needs_pyannote
def test_what_is_missed_confused_and_heard_in_silence():
    one = score(turns(("x", 0, 10), ("y", 10, 15), ("x", 15, 20), ("y", 25, 26)))
    assert one.turns[0] == TurnErrors(0.0, 22.0, 2.0, 1.0, 5.0)
    assert one.turns[0].rate == 8 / 22
    assert (one.speakers, one.found) == (2, 2)
    # Ann and x: 5 s too many in 15; Ben and y: 7 s missed and 1 s too many in 13
    assert one.jaccard_errors == pytest.approx(5 / 15 + 8 / 13)


@needs_pyannote
def test_names_do_not_matter_and_further_speakers_are_errors():
    assert score(turns(("9", 8, 20), ("3", 0, 10))).turns[0].rate == 0.0
    third = score([*SPOKEN, ReferenceTurn("Cid", 20, 22)])
    assert (third.turns[0].rate, third.found) == (2 / 22, 3)


@needs_pyannote
def test_sounds_in_which_nobody_speaks_or_is_found():
    silent = score([], spoken=[])
    assert silent.turns[0].rate is None and silent.jaccard_errors == 0
    assert score([]).turns[0].rate == 1.0 and score([]).jaccard_errors == 2.0
    noise = score(turns(("x", 1, 2)), spoken=[])
    assert (noise.turns[0].false_alarm, noise.turns[0].rate) == (1.0, None)
    assert summarize_speakers([silent]).jer is None
    assert summarize_speakers([]).turns[0].rate is None


@needs_pyannote
def test_summaries_add_up_seconds_not_rates():
    short = score(turns(("x", 1, 2)), spoken=turns(("Ann", 0, 1)))
    summary = summarize_speakers([short, score(SPOKEN)])
    assert summary.turns[0].rate == 2 / 23
    assert (summary.files, summary.counted_right, summary.cpwer) == (2, 2, None)
    assert summary.jer == pytest.approx(1 / 3)
    kept = asdict(short)
    assert ScoredSpeakers.from_json(kept) == short


@needs_pyannote
@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 900), st.integers(1, 300)), max_size=8
    )
)
def test_a_reference_has_no_errors_against_itself(spans):
    from nemocli.bench.speaker_reference import join_turns

    spoken = join_turns(ReferenceTurn(who, at / 10, (at + n) / 10) for who, at, n in spans)
    one = score(spoken, spoken, 200.0)
    seconds = sum(turn.end - turn.start for turn in spoken)
    assert one.turns[0].spoken == pytest.approx(seconds)
    assert one.turns[0].missed + one.turns[0].false_alarm + one.turns[0].confusion < 1e-6


@needs_pyannote
def test_modules_that_the_command_hides_do_not_matter():
    """`nemocli` has None in their place, so that no runtime's library imports them."""
    code = (
        "import sys; sys.modules['torch'] = sys.modules['sklearn'] = None\n"
        "from nemocli.bench.speaker_accuracy import compare_turns, count_permuted_errors\n"
        "compare_turns(1.0, [], []); count_permuted_errors({'A': 'a'}, {'B': 'a'})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def scipy():
    pytest.importorskip("scipy")


@pytest.mark.usefixtures("scipy")
@pytest.mark.parametrize(
    ("spoken", "written", "expected"),
    [
        ({"A": "one two", "B": "three"}, {"1": "Three.", "0": "One, two"}, (3, 0)),
        ({"A": "one two", "B": "three"}, {"0": "one two three"}, (3, 2)),
        ({"A": "one two three"}, {"0": "one two", "1": "three"}, (3, 2)),
        ({"A": "one", "B": "two"}, {}, (2, 2)),
        ({}, {"0": "oh no"}, (0, 2)),
        # the pairs with the fewest errors together, not the best pair and what is left
        (
            {"A": "one two three four five six", "B": "x x x four five six"},
            {"0": "x two three four five six", "1": "one two three x x six"},
            (12, 4),
        ),
        ({"A": "今日は", "B": "はい"}, {"0": "今日は"}, None),
    ],
)
def test_words_of_speakers_are_compared_as_they_fit_best(spoken, written, expected):
    assert count_permuted_errors(spoken, written) == expected
