"""At most so many speakers: the further ones' speech is the nearest one's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nemocli.diarization.capping import LiveCap, cap_speakers
from nemocli.diarization.transcripts import add_speakers
from nemocli.diarization.turns import find_turns
from nemocli.models.load_diarizer import load_diarizer
from nemocli.transcript.types import Transcript
from tests.diarizers import write_tiny_diarizer
from tests.words import spoken


def rows(*lines):
    return np.array([[float(mark == "#") for mark in line] for line in lines], np.float32).T


def drawn(probabilities):
    return ["".join("#" if value > 0.5 else "." for value in column) for column in probabilities.T]


def test_those_who_speak_longest_are_kept_in_their_order():
    assert drawn(cap_speakers(rows("#.......", ".###....", "....####"), 2)) == [
        "####....",
        "....####",
    ]


def test_others_are_given_to_the_nearest_before_or_behind_or_at_once():
    found = cap_speakers(rows("##.....#####", ".......#####", "#.#.#.#....."), 2)
    assert drawn(found) == ["###.#.######", ".......#####"]


def test_a_stream_keeps_those_who_came_first():
    cap = LiveCap(2)
    found = [
        cap.push(rows(*lines)) for lines in (("##..", "..#.", "...."), ("....", "....", "##.#"))
    ]
    assert drawn(np.concatenate(found)) == ["##......", "..#.##.#"]


PROBABILITIES = arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
)


@given(PROBABILITIES, st.integers(1, 5), st.lists(st.integers(0, 40), max_size=4))
def test_somebody_speaks_where_somebody_did(probabilities, most, cuts):
    cap = LiveCap(most)
    live = np.concatenate([cap.push(part) for part in np.split(probabilities, sorted(cuts))])
    before = probabilities.copy()
    for capped in (cap_speakers(probabilities, most), live):
        assert capped.shape == (len(probabilities), min(most, probabilities.shape[1]))
        assert ((capped > 0.5).any(axis=1) == (probabilities > 0.5).any(axis=1)).all()
    assert (probabilities == before).all()
    assert (live == LiveCap(most).push(probabilities)).all()


@pytest.mark.parametrize(("most", "names"), [(None, ["Ann", "SPEAKER_01"]), (1, ["Ann", "Ann"])])
def test_a_transcript_with_speakers(most, names):
    transcript = Transcript(spoken("Yes. No."), (), None, 0.4)
    probabilities = np.repeat(rows("#..", ".##"), 20, axis=0)[:40]
    found = add_speakers(transcript, probabilities, most=most, names=("Ann",))
    assert [word.speaker.id for word in found.words] == names
    assert found.text == "Yes. No."
    capped = probabilities if most is None else cap_speakers(probabilities, most)
    assert found.turns == find_turns(capped, ("Ann",))


def test_a_live_stream_forgets_speakers_beyond_the_most(tmp_path):
    mel = np.random.default_rng(0).normal(size=(6000, 16)).astype(np.float32)
    with load_diarizer(write_tiny_diarizer(tmp_path / "checkpoint"), runtime="numpy") as diarizer:
        found = []
        for most in (None, 2):
            stream = diarizer.begin("low_latency", most_remembered=most)
            stream.feed(mel)
            found.append(stream.cache.probabilities.max(axis=0))
    free, capped = found
    assert (free[2:] > 0).any()
    assert (capped[:2] > 0).all()
    assert (capped[2:] == 0).all()
