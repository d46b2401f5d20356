"""Turns: probabilities above the threshold, row by row, however the rows were cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nemocli.diarization.turns import TurnFinder, find_turns, sort_turns
from nemocli.transcript.speakers import Speaker, Turn, make_speakers

ROWS = arrays(
    np.float32,
    st.tuples(st.integers(0, 60), st.integers(1, 4)),
    elements=st.sampled_from([0.0, 0.25, 0.5, np.float32(0.50001), 1.0]),
)
CUTS = st.lists(st.integers(0, 60), max_size=8)
BRIDGES = st.sampled_from([0.0, 0.01, 0.03, 0.5])


def rows(*lines):
    """Return rows from a line for each speaker: `#` is active, `.` is not."""
    return np.array([[mark == "#" for mark in line] for line in lines], np.float32).T


def times(turns):
    return [(turn.speaker.number, turn.start, turn.end) for turn in turns]


def test_turns_are_runs_of_rows_by_start_and_then_by_speaker():
    assert times(find_turns(rows(".##..#", ".#....", "###...", "......"))) == [
        (2, 0.0, 0.03),
        (0, 0.01, 0.03),
        (1, 0.01, 0.02),
        (0, 0.05, 0.06),
    ]


def test_a_probability_of_one_half_is_no_activity():
    assert find_turns(np.full((5, 1), 0.5, np.float32)) == []


def test_turns_have_the_speakers_names():
    assert find_turns(rows("#.", ".#"), ("Ann",)) == [
        Turn(Speaker(0, "Ann"), 0.0, 0.01),
        Turn(Speaker(1), 0.01, 0.02),
    ]


def test_short_pauses_are_bridged_and_no_longer_ones():
    assert times(find_turns(rows("##..##...#"), bridge_s=0.02)) == [
        (0, 0.0, 0.06),
        (0, 0.09, 0.1),
    ]


def test_a_turn_is_final_only_when_no_bridge_can_reach_it():
    finder = TurnFinder(make_speakers(1), bridge_s=0.02)
    assert finder.push(rows("##..")) == []
    assert times(finder.push(rows("#"))) == []
    assert times(finder.push(rows("..."))) == [(0, 0.0, 0.05)]
    assert finder.finish() == []


@given(ROWS, BRIDGES)
def test_turns_are_what_a_walk_over_single_rows_finds(probabilities, bridge_s):
    expected = []
    for number, column in enumerate(probabilities.T):
        active = [row for row, value in enumerate(column) if value > 0.5]
        for row in active:
            mine = expected and expected[-1][0] == number
            if mine and row - expected[-1][2] <= round(bridge_s * 100):
                expected[-1][2] = row + 1
            else:
                expected.append([number, row, row + 1])
    expected.sort(key=lambda turn: (turn[1], turn[0]))
    found = find_turns(probabilities, bridge_s=bridge_s)
    assert times(found) == [(n, round(a / 100, 2), round(b / 100, 2)) for n, a, b in expected]


@given(ROWS, CUTS, BRIDGES)
def test_turns_are_the_same_however_rows_are_cut(probabilities, cuts, bridge_s):
    finder = TurnFinder(make_speakers(probabilities.shape[1]), bridge_s=bridge_s)
    found = []
    for part in np.split(probabilities, sorted(cut for cut in cuts if cut < len(probabilities))):
        new = finder.push(part)
        # None of them may grow later: the speaker is silent for longer than a bridge.
        assert all(finder.rows - round(100 * turn.end) > round(100 * bridge_s) for turn in new)
        found += new
    assert sort_turns(found + finder.finish()) == find_turns(probabilities, bridge_s=bridge_s)
