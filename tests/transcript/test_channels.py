"""Separate channels: they are merged into one transcript, with their names in every format."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.transcript.channels import merge_channels
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.formats import FORMATS, WholeTranscript, render_whole
from nemocli.transcript.provenance import SoundProvenance
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Token, Transcript
from tests.schemas import checked
from tests.words import ABOUT, spoken, words

SEPARATE = replace(ABOUT, sound=SoundProvenance(1, 1, None, "separate", None))

LEFT = Transcript(
    [*spoken("Hello there."), *spoken("I am fine.", 6.0)],
    [Token(1, "<en-US>", 5, 1.0), Token(2, "<en-US>", 85, 1.0)],
    "en-US",
    8.0,
)
RIGHT = Transcript(spoken("Guten Tag.", 2.0), [Token(3, "<de-DE>", 30, 1.0)], "de-DE", 8.0)


def call():
    return merge_channels({"left": LEFT, "right": RIGHT})


def document(name, layout=None, transcript=None):
    whole = WholeTranscript(SEPARATE, transcript or call())
    return render_whole(whole, name, layout or CueLayout())


def test_sentences_are_in_the_order_of_time_with_their_own_language():
    transcript = call()
    assert transcript.text == "Hello there. Guten Tag. I am fine."
    assert (transcript.language, transcript.duration) == ("en-US", 8.0)
    segments = split_segments(transcript.words, transcript.tokens)
    assert [(s.id, s.channel, s.language, s.text) for s in segments] == [
        (0, "left", "en-US", "Hello there."),
        (1, "right", "de-DE", "Guten Tag."),
        (2, "left", "en-US", "I am fine."),
    ]


def test_txt_and_tsv_name_the_channel():
    assert document("txt") == "left: Hello there.\nright: Guten Tag.\nleft: I am fine.\n"
    assert document("tsv").splitlines()[:3] == [
        "start\tend\ttext\tchannel",
        "0\t400\tHello there.\tleft",
        "2000\t2400\tGuten Tag.\tright",
    ]
    by_word = document("tsv", CueLayout(word_timestamps=True)).splitlines()
    assert by_word[1] == "0\t160\tHello\tleft"
    assert all(line.endswith(("\tleft", "\tright")) for line in by_word[1:])


def test_subtitles_name_the_channel():
    assert document("srt").startswith(
        "1\n00:00:00,000 --> 00:00:01,000\nleft: Hello there.\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nright: Guten Tag.\n\n"
        "3\n00:00:06,000 --> 00:00:07,000\nleft: I am fine.\n"
    )
    assert document("vtt").startswith(
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v left>Hello there.\n\n"
        "00:00:02.000 --> 00:00:03.000\n<v right>Guten Tag.\n\n"
    )


def test_json_has_the_channel_of_segments_words_and_tokens():
    found = checked(json.loads(document("json")), "document")
    assert found["sound"]["channels"] == "separate"
    for segment in found["segments"]:
        assert {word["channel"] for word in segment["words"]} == {segment["channel"]}
    assert [token["channel"] for token in found["tokens"]] == ["left", "right", "left"]
    lines = [json.loads(line) for line in document("jsonl").splitlines()]
    assert lines == found["segments"]
    for line in lines:
        checked(line, "segment")


def test_speech_at_once_has_cues_at_once():
    """Neither delays the other: each is shown when it is said."""
    both = merge_channels(
        {
            "left": Transcript(spoken("One two three four five.", 0.0, pace=1.0), [], None, 9.0),
            "right": Transcript(spoken("Yes.", 1.0), [], None, 9.0),
        }
    )
    assert re.findall(r"(\S+ --> \S+)\n(\w+):", document("srt", transcript=both)) == [
        ("00:00:00,000 --> 00:00:04,160", "left"),
        ("00:00:01,000 --> 00:00:02,000", "right"),
    ]


def test_without_channels_nothing_changes():
    plain = WholeTranscript(ABOUT, LEFT)
    for name in FORMATS:
        assert "left" not in render_whole(plain, name) and "channel" not in render_whole(
            plain, name
        )
    assert render_whole(plain, "tsv").startswith("start\tend\ttext\n")


CALLS = st.dictionaries(st.sampled_from(["left", "right", "channel 3"]), words(), max_size=3)


@given(CALLS)
def test_every_word_is_there_once_with_its_channel(channels):
    merged = merge_channels(
        {name: Transcript(said, [], None, 1.0) for name, said in channels.items()}
    )
    for name, said in channels.items():
        mine = [replace(word, channel=None) for word in merged.words if word.channel == name]
        assert mine == said
    segments = split_segments(merged.words, merged.tokens)
    assert [segment.start for segment in segments] == sorted(s.start for s in segments)
    assert [word for segment in segments for word in segment.words] == list(merged.words)
    assert all(len({word.channel for word in segment.words}) == 1 for segment in segments)


@given(CALLS, st.sampled_from(["srt", "vtt"]), st.sampled_from([20, 42, None]))
def test_the_cues_of_a_channel_are_those_it_would_have_alone(channels, name, width):
    layout = CueLayout(max_line_width=width)
    merged = merge_channels(
        {channel: Transcript(said, [], None, 1.0) for channel, said in channels.items()}
    )
    together = document(name, layout, merged)
    times = re.findall(r"(\S+) --> \S+\n(?:<v )?([a-z 3]+?)(?:>|:\s)", together)
    assert len(times) == together.count(" --> ")  # each has its channel
    assert [start for start, _ in times] == sorted(start for start, _ in times)
    for channel, said in channels.items():
        alone = merge_channels({channel: Transcript(said, [], None, 1.0)})
        count = document(name, layout, alone).count(" --> ")
        assert count == sum(who == channel for _, who in times)


@pytest.mark.parametrize("width", [12, 20, 42])
def test_lines_with_a_channel_s_name_fit(width):
    said = Transcript(spoken("one two six " * 20), [], None, 9.0)
    text = document("srt", CueLayout(max_line_width=width), merge_channels({"left": said}))
    lines = [line for line in text.splitlines() if line and "-->" not in line]
    assert max(map(len, lines)) <= width
