"""Where sound is placed by a file's clock, however that jitters, drifts, jumps or stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.sound_warnings import MAX_INCIDENTS, WarningLog
from nemocli.audio.timeline import (
    MAX_DRIFT,
    MAX_FILLED_SHARE,
    MAX_GAP_S,
    TOLERANCE_S,
    Piece,
    Timeline,
)

FRAME = 0.02


def placed(pieces, origin=0.0):
    """Where each piece begins, how many seconds of it are left out, and the kinds of warnings."""
    log = WarningLog()
    timeline = Timeline(origin, log)
    given_out, starts, skipped = 0.0, {}, {}
    seconds = {piece.samples: piece.seconds for piece in pieces}
    for place in timeline.place(pieces):
        given_out += place.silence
        starts[place.samples], skipped[place.samples] = given_out, place.skipped
        given_out += seconds[place.samples] - place.skipped
        assert timeline.position == pytest.approx(given_out)
    assert list(starts) == [piece.samples for piece in pieces]
    return starts, skipped, [warning.kind for warning in log.warnings]


def frames(times):
    return [Piece(number, time, FRAME) for number, time in enumerate(times)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.booleans(), min_size=200, max_size=600),
    st.floats(-100, 1e5),
    st.integers(0, 2**32 - 1),
)
def test_lost_packets_and_jitter_leave_every_frame_near_its_time(kept, begin, seed):
    jitter = np.random.default_rng(seed).uniform(-0.004, 0.004, len(kept))
    kept[0] = True
    times = [begin + n * FRAME + jitter[n] for n, keep in enumerate(kept) if keep]
    starts, skipped, _ = placed(frames(times), origin=begin)
    for number, time in enumerate(times):
        assert abs(starts[number] - (time - begin)) <= TOLERANCE_S + 0.009
    assert not any(skipped.values())


@pytest.mark.parametrize("drift", [1e-4, 0.01, -1e-4, -0.01, -0.05])
def test_a_clock_that_drifts_is_followed(drift):
    times = [n * FRAME * (1 + drift) for n in range(20_000)]
    starts, skipped, kinds = placed(frames(times))
    assert max(abs(starts[n] - time) for n, time in enumerate(times)) <= 0.05
    if abs(drift * times[-1]) > 0.1:
        assert (sum(skipped.values()) > 0) == (drift < 0)
        assert kinds


def test_a_clock_that_stands_or_runs_wild_is_not_followed():
    for times in ([1.0] * 500, [n * FRAME * (1 - 2 * MAX_DRIFT) for n in range(500)]):
        starts, skipped, kinds = placed(frames(times))
        late = times[0]
        assert all(abs(starts[n] - late - n * FRAME) < FRAME + 1e-6 for n in range(500))
        assert not any(skipped.values()) and set(kinds) == {"clock"}


def test_a_clock_that_jumps_back_goes_on():
    times = [n * FRAME for n in range(100)] * 3
    starts, _, kinds = placed(frames(times))
    assert [starts[n] for n in range(300)] == pytest.approx([n * FRAME for n in range(300)])
    assert kinds == ["clock"]


def test_a_jump_ahead_is_a_hole_up_to_an_hour():
    for jump in (0.05, 3.0, MAX_GAP_S - 1, MAX_GAP_S + 9):
        times = [n * FRAME + (jump if n >= 50 else 0) for n in range(100)]
        starts, _, kinds = placed(frames(times))
        hole = jump if jump <= MAX_GAP_S else 0
        assert starts[99] == pytest.approx(99 * FRAME + hole)
        assert kinds == ["gap" if hole else "clock"]


@pytest.mark.parametrize("wrong", [0.0, -5000.0, 17.0, 1e6])
def test_one_wrong_time_moves_nothing(wrong):
    times = [10 + n * FRAME for n in range(100)]
    times[50] = wrong
    starts, _, _ = placed(frames(times), origin=10.0)
    assert [starts[n] for n in range(100)] == pytest.approx([n * FRAME for n in range(100)])


def test_times_that_are_wrong_for_a_while():
    times = [n * FRAME for n in range(300)]
    times[100:120] = [28_000 + n * FRAME for n in range(20)]
    starts, _, kinds = placed(frames(times))
    assert starts[299] == pytest.approx(299 * FRAME, abs=0.05)
    assert "clock" in kinds


def test_a_late_beginning_is_silence_without_a_warning():
    starts, _, kinds = placed(frames([3 + n * FRAME for n in range(50)]))
    assert starts[0] == 3 and kinds == []
    starts, _, kinds = placed(frames([3 + n * FRAME for n in range(50)]), origin=None)
    assert starts[0] == 0 and kinds == []


def test_what_damage_left_out_is_filled_at_once():
    pieces = [Piece(n, n * FRAME, FRAME, n == 51) for n in range(100) if n != 50]
    starts, _, kinds = placed(pieces)
    assert starts[51] == pytest.approx(51 * FRAME) and kinds == ["damage"]
    pieces = [Piece(n, n * FRAME, FRAME, n == 51) for n in range(100)]
    starts, _, kinds = placed(pieces)
    assert starts[99] == pytest.approx(99 * FRAME) and kinds == ["damage"]


def test_a_small_loss_at_the_end_is_said():
    _, _, kinds = placed(frames([n * FRAME for n in range(100) if n != 95]))
    assert kinds == ["gap"]


def test_frames_without_times_follow_each_other():
    pieces = [Piece(n, n * FRAME if n % 10 == 0 else None, FRAME) for n in range(100)]
    starts, _, kinds = placed(pieces)
    assert starts[99] == pytest.approx(99 * FRAME) and kinds == []


def test_a_million_incidents_are_a_few_warnings():
    log = WarningLog()
    for n in range(1_000_000):
        log.note("missing", n * 100.0, 0.5)
    assert len(log.warnings) == MAX_INCIDENTS
    assert "999,981 places" in log.warnings[-1].message
    assert [warning.at_s for warning in log.warnings] == [n * 100 for n in range(MAX_INCIDENTS)]


def test_a_piece_that_is_too_long_moves_nothing_behind_it():
    """Damage can make of a packet of 20 ms one of 60 or 120."""
    pieces = [Piece(n, n * FRAME, 6 * FRAME if n == 50 else FRAME) for n in range(100)]
    starts, skipped, _ = placed(pieces)
    assert starts[99] == pytest.approx(99 * FRAME, abs=TOLERANCE_S)
    assert sum(skipped.values()) == pytest.approx(5 * FRAME, abs=TOLERANCE_S)


def test_a_second_frame_with_the_time_of_the_first():
    """FFmpeg makes one if it does not know how long the first is."""
    times = [12.0, 12.0, *(12.0 + n * 0.072 for n in range(2, 50))]
    pieces = [Piece(number, time, 0.072) for number, time in enumerate(times)]
    starts, skipped, kinds = placed(pieces)
    assert not kinds and not any(skipped.values())
    assert starts[49] == pytest.approx(times[49])


def test_gaps_far_longer_than_all_sound_are_not_filled_for_ever():
    """A damaged header may say that each packet lasts a quarter of an hour."""
    count = 2000
    starts, _, kinds = placed(frames([1000.0 * n for n in range(count)]))
    assert starts[count - 1] <= MAX_GAP_S + (1 + MAX_FILLED_SHARE) * count * FRAME
    assert set(kinds) == {"gap", "clock"}
