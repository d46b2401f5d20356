"""Streams at the pace of real time: which chunks are counted, and from when."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nemocli
from scripts import measure_streams
from scripts.measure_streams import Row, Span, chunk_ends, find_most
from scripts.peers.worker import PACKET, RATE, Pace

SCRIPT = Path(measure_streams.__file__)


@pytest.mark.parametrize("lookahead", [0, 3])
def test_chunks_end_where_the_engine_has_them(lookahead):
    step = 40
    with nemocli.load("demo", lookahead=lookahead) as transcriber:
        session, found = transcriber.session(), []
        for end in range(step, RATE + 1, step):
            frames = session.frames
            session.feed(np.zeros(step, np.float32))
            if session.frames > frames:
                found.append(end)
    assert found == chunk_ends(lookahead, RATE)


@given(st.integers(0, 70), st.integers(1, 9), st.integers(1, 9), st.integers(1, 64))
def test_a_search_finds_the_largest_number_in_time(largest, first, step, most):
    tried = []

    def is_in_time(count):
        tried.append(count)
        return count <= largest

    assert find_most(is_in_time, first, step, most) == min(largest, most)
    assert len(tried) == len(set(tried))
    assert all(1 <= count <= most for count in tried)


def test_a_chunk_is_complete_with_its_last_packet():
    pace = Pace(100.0)
    assert pace.due(0) == 100
    assert pace.due(1) == pace.due(PACKET) == 100.05
    assert pace.due(PACKET + 1) == 100.1
    late = Pace(time.monotonic() - 10)
    late.wait(PACKET)
    late.record(PACKET)
    ((due, lag),) = late.lags
    assert due == late.due(PACKET)
    assert lag >= 9.9


def test_only_chunks_of_the_span_count():
    span = Span(warm_up=2, seconds=5)
    lags = [(100.0 + second, second) for second in range(8)]
    assert span.select(100.0, lags) == [2, 3, 4]
    assert Row([0.1] * 96 + [9] * 4).is_in_time(0.32)
    assert not Row([0.1] * 90 + [9] * 10).is_in_time(0.32)
    assert not Row([]).is_in_time(0.32)


def test_a_server_and_processes_from_the_command_line():
    """No figure of it is checked: on a busy machine, any may come out."""
    command = [sys.executable, SCRIPT, "demo", "--streams", "2", "--processes", "1"]
    done = subprocess.run(
        [*command, "--seconds", "1.3", "--warm-up", "0.3"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == ["| 2, one server", "| 1, a process each"]
    ends = chunk_ends(3, 3 * RATE)
    expected = [
        sum(0.3 <= Pace(n / count).due(end) < 1.3 for n in range(count) for end in ends)
        for count in (2, 1)
    ]
    assert [int(row[1]) for row in rows] == expected
    assert json.loads(rows[0][6]) >= 1
