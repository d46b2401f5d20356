"""The numbers that compare_peers.py reports, from results that are made up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.peers import comparison, report

FEW = st.lists(st.integers(0, 3), max_size=7)


def stream(*chunks: float, tokens: tuple[int, ...] = (1, 2, 3)) -> dict:
    return {"chunks": list(chunks), "tokens": [list(tokens)], "load": 1.0, "peak": 10**9}


@given(FEW, FEW)
def test_common_tokens_are_the_longest_subsequence_of_both(a, b):
    longest = max(
        n
        for n in range(len(a) + 1)
        if {*itertools.combinations(a, n)} & {*itertools.combinations(b, n)}
    )
    assert comparison.common(a, b) == longest


def test_agreement_is_a_share_of_the_longer_text_over_all_files():
    assert comparison.agreement([[1, 2, 3], []], [[1, 3], [4, 4]]) == 2 / 5
    assert comparison.agreement([[]], [[]]) == 1


def test_ratios_are_taken_turn_by_turn():
    """The machine is twice as slow in the second turn, for all: the ratio does not move."""
    turns = {
        "nemocli int8": [stream(0.1, 0.1, 0.1), stream(0.2, 0.2, 0.2)],
        "other": [stream(0.4, 0.4, 0.4), stream(0.8, 0.8, 0.8)],
    }
    own, other = comparison.rows(turns, 0.96, 0.32)
    assert vars(own.ratio) == {"median": 1, "least": 1, "largest": 1}
    assert vars(other.ratio) == {"median": 0.25, "least": 0.25, "largest": 0.25}
    assert vars(other.chunk[50]) == pytest.approx({"median": 0.6, "least": 0.4, "largest": 0.8})
    assert other.speed.largest == pytest.approx(0.8)


def test_files_count_by_the_sound_done_in_a_second():
    def files(seconds: float) -> dict:
        return {"seconds": seconds, "tokens": [[1], [2]], "load": 1.0, "peak": 10**9}

    turns = {"nemocli int8": [files(2), files(4)], comparison.REFERENCE: [files(8), files(10)]}
    own, other = comparison.rows(turns, 40, 0.32)
    assert vars(own.speed) == pytest.approx({"median": 15, "least": 10, "largest": 20})
    assert vars(other.ratio) == pytest.approx({"median": 0.325, "least": 0.25, "largest": 0.4})
    assert other.agreement == 1
    table = report.files_table([own, other])
    assert "3.08 (2.50..4.00)" in table[3]  # the inverse of the ratio


def test_one_who_failed_once_is_left_out_and_named():
    turns = {
        "nemocli int8": [stream(0.1), stream(0.1)],
        comparison.REFERENCE: [stream(0.3), {"error": "no memory"}],
    }
    rows = comparison.rows(turns, 0.32, 0.32)
    assert [row.name for row in rows] == ["nemocli int8"]
    assert rows[0].agreement is None
    assert report.failure_lines(turns) == [f"{comparison.REFERENCE} failed: no memory"]


def test_the_others_are_reported_when_nemocli_failed():
    turns = {"nemocli int8": [{"error": "gone"}], "other": [stream(0.1)]}
    (row,) = comparison.rows(turns, 0.32, 0.32)
    assert (row.name, row.ratio) == ("other", None)
    assert len({line.count("|") for line in report.stream_table([row])}) == 1
