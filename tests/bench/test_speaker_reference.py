"""References of speakers: RTTM and SegLST files, good and bad, and parts of sounds."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from nemocli.bench.dataset import Utterance, read_utterances
from nemocli.bench.speaker_reference import (
    ReferenceTurn,
    SpeakerReference,
    join_texts,
    join_turns,
    read_rttm,
    read_seglst,
)
from nemocli.errors import UsageError

ANN = "SPEAKER a 1 0.5 2.0 <NA> <NA> Ann <NA> <NA>"
BEN = "SPEAKER a 1 2 1.25 <NA> <NA> Ben <NA>"


def rttm(folder, *lines):
    path = folder / "a.rttm"
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path, sound="a.wav", offset=0.0, duration=None):
    return read_rttm(path, Path(sound), offset, duration)


def test_turns_are_read(tmp_path):
    path = rttm(tmp_path, ";; by hand", "SPKR-INFO a 1 <NA>", BEN, "", ANN)
    assert read(path) == [ReferenceTurn("Ann", 0.5, 2.5), ReferenceTurn("Ben", 2.0, 3.25)]


def test_a_part_has_its_own_clock(tmp_path):
    path = rttm(tmp_path, ANN, BEN)
    assert read(path, offset=1.0, duration=1.25) == [
        ReferenceTurn("Ann", 0.0, 1.25),
        ReferenceTurn("Ben", 1.0, 1.25),
    ]
    assert read(path, offset=3.0) == [ReferenceTurn("Ben", 0.0, 0.25)]


def test_the_turns_of_the_sound_are_taken_where_there_are_several_recordings(tmp_path):
    path = rttm(tmp_path, ANN, BEN.replace(" a ", " b "))
    assert [turn.speaker for turn in read(path, "b.flac")] == ["Ben"]
    with pytest.raises(UsageError, match="turns of 2 recordings, but none of c"):
        read(path, "c.flac")


@pytest.mark.parametrize("sound", ["a.flac", "a.Mix-Headset.wav", "a b.wav"])
def test_turns_of_a_recording_whose_name_begins_alike(tmp_path, sound):
    assert len(read(rttm(tmp_path, ANN), sound)) == 1
    assert len(read(rttm(tmp_path, ANN.replace(" a ", " a_b.mix ")), "a b.wav")) == 1


@pytest.mark.parametrize("sound", ["c.flac", "aa.wav", "a1.wav"])
def test_turns_of_another_recording_are_refused(tmp_path, sound):
    with pytest.raises(UsageError, match="is about the recording 'a', not about"):
        read(rttm(tmp_path, ANN), sound)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SPEAKER a 1 0.5 2.0", "line 2: it has 5 fields; a turn is 'SPEAKER file channel start"),
        (ANN + " more", "line 2: it has 11 fields"),
        (ANN.replace("0.5", "soon"), "line 2: its start is 'soon', not a number of seconds"),
        (ANN.replace("2.0", "-2.0"), "line 2: its duration is '-2.0'"),
        (ANN.replace("2.0", "nan"), "line 2: its duration is 'nan'"),
        (ANN.replace("0.5", "1e99"), "line 2: its start is '1e99'"),
    ],
)
def test_bad_turns_are_named(tmp_path, line, words):
    with pytest.raises(UsageError, match=r"a\.rttm, " + words):
        read(rttm(tmp_path, BEN, line))


def test_files_without_turns(tmp_path):
    with pytest.raises(UsageError, match="has no turns: a line is 'SPEAKER file"):
        read(rttm(tmp_path, "hello"))
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none.rttm")
    (tmp_path / "a.rttm").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read(tmp_path / "a.rttm")


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 60), st.integers(1, 20)), max_size=12)
)
def test_joining_keeps_who_speaks_when(spans):
    joined = join_turns(ReferenceTurn(who, at, at + n) for who, at, n in spans)
    expected = {(who, t) for who, at, n in spans for t in range(at, at + n)}
    found = [(turn.speaker, t) for turn in joined for t in range(int(turn.start), int(turn.end))]
    assert len(found) == len(set(found)) and set(found) == expected
    assert joined == join_turns(joined)


def segment(speaker, words, start):
    return {"session_id": "a", "speaker": speaker, "words": words, "start_time": start}


def seglst(folder, entries):
    path = folder / "a.seglst.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


SAID = [
    segment("Ben", "Good day.", "2.0"),
    segment("Ann", "Hello,", 0.5),
    segment("Ann", "Ben.", 3),
]


def test_segments_are_read_in_the_order_of_time(tmp_path):
    path = seglst(tmp_path, SAID)
    said = read_seglst(path, 0.0, None)
    assert said == [("Ann", "Hello,"), ("Ben", "Good day."), ("Ann", "Ben.")]
    assert join_texts(said) == {"Ann": "Hello, Ben.", "Ben": "Good day."}
    assert read_seglst(path, 1.0, 1.5) == [("Ben", "Good day.")]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("{", "is not a SegLST file"),
        ({"speaker": "Ann"}, "is not a SegLST file"),
        ([], "is not a SegLST file"),
        ("[" * 100_000, "is not a SegLST file"),
        ([SAID[0], 3], "segment 2: it is not a JSON object"),
        ([{"words": "x", "start_time": 1}], "segment 1: it has no speaker"),
        ([{"speaker": "x", "start_time": 1}], "segment 1: it has no words"),
        ([segment("x", "x", None)], "segment 1: its start_time is None"),
        ([segment("x", "x", "soon")], "segment 1: its start_time is 'soon'"),
        ([segment("x", "x", True)], "segment 1: its start_time is True"),
    ],
)
def test_bad_segments_are_named(tmp_path, entries, words):
    with pytest.raises(UsageError, match=words):
        read_seglst(seglst(tmp_path, entries), 0.0, None)


TURNS = (ReferenceTurn("Ann", 0.5, 2.5), ReferenceTurn("Ben", 2.0, 3.25))
SEGMENTS = (("Ann", "Hello,"), ("Ben", "Good day."), ("Ann", "Ben."))


@pytest.fixture
def folder(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16000)
    rttm(tmp_path, ANN, BEN)
    seglst(tmp_path, SAID)
    return tmp_path


def read_line(folder, **fields):
    path = folder / "m.jsonl"
    path.write_text(json.dumps({"audio_filepath": "a.wav"} | fields))
    return read_utterances(path)


def test_a_manifest_names_the_files_of_speakers(folder):
    sound = folder / "a.wav"
    assert read_line(folder, text="x", rttm_filepath="a.rttm") == [
        Utterance(sound, "x", speakers=SpeakerReference(TURNS))
    ]
    both = {"rttm_filepath": "a.rttm", "seglst_filepath": str(folder / "a.seglst.json")}
    (found,) = read_line(folder, **both)
    assert found.text == "Hello, Good day. Ben."
    assert found.speakers == SpeakerReference(TURNS, SEGMENTS)
    (part,) = read_line(folder, text="y", offset=2.0, duration=0.5, **both)
    assert part.text == "y" and part.speakers.segments == SEGMENTS[1:2]
    assert part.speakers.turns[0] == ReferenceTurn("Ann", 0.0, 0.5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rttm_filepath": "a.rttm"}, "it has no text"),
        ({"text": "x", "rttm_filepath": "b.rttm"}, "there is no file .*b.rttm"),
        ({"text": "x", "rttm_filepath": 3}, "its rttm_filepath is 3, not a path"),
        ({"text": "x", "rttm_filepath": {}}, "its rttm_filepath is {}, not a path"),
        ({"text": 3}, "its text is 3, not a text"),
        (
            {"text": "x", "seglst_filepath": "a.seglst.json"},
            "it has a seglst_filepath, but no rttm",
        ),
        ({"text": "x", "rttm_filepath": "a\0"}, "there is no file"),
    ],
)
def test_bad_lines_are_named(folder, fields, words):
    with pytest.raises(UsageError, match="m.jsonl, line 1: " + words):
        read_line(folder, **fields)


def test_a_folder_has_them_beside_its_sounds(folder):
    (folder / "a.txt").write_text("x")
    assert read_utterances(folder) == [
        Utterance(folder / "a.wav", "x", speakers=SpeakerReference(TURNS, SEGMENTS))
    ]
    (folder / "a.rttm").unlink()
    assert read_utterances(folder) == [Utterance(folder / "a.wav", "x")]
