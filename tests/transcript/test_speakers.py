"""Speakers in every format, and nothing of them where they were not asked for."""

import json
import re
from dataclasses import replace
from itertools import accumulate

import pytest
import srt
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from nemocli.errors import UsageError
from nemocli.transcript.channels import merge_channels
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Final
from nemocli.transcript.formats import FORMATS, WholeTranscript, render_whole
from nemocli.transcript.provenance import SoundProvenance, SpeakerProvenance
from nemocli.transcript.segments import split_segments
from nemocli.transcript.speakers import (
    Speaker,
    Turn,
    make_speakers,
    parse_speaker_names,
)
from nemocli.transcript.types import Transcript, Word
from tests.schemas import checked
from tests.words import ABOUT, ANY_TEXTS, cells, spoken, visible, words

ANN, OTHER = make_speakers(2, ("Ann B",))
WITH_SPEAKERS = replace(ABOUT, speakers=SpeakerProvenance("demo", names=("Ann B",)))


def said(speaker, text, start):
    return [replace(word, speaker=speaker) for word in spoken(text, start)]


TALK = Transcript(
    [
        *said(ANN, "Hello there. How are you", 0.0),
        *said(OTHER, "Fine. And you?", 2.0),
        *said(None, "Well.", 5.0),
        *said(ANN, "Good.", 6.0),
    ],
    (),
    "en-US",
    8.0,
    turns=[Turn(ANN, 0.0, 1.5), Turn(OTHER, 1.25, 2.8), Turn(ANN, 5.96, 6.5)],
)


def document(name, layout=None, transcript=TALK, about=WITH_SPEAKERS):
    return render_whole(WholeTranscript(about, transcript), name, layout or CueLayout())


def test_segments_break_where_the_speaker_changes():
    assert [(s.speaker, s.text) for s in split_segments(TALK.words)] == [
        (ANN, "Hello there."),
        (ANN, "How are you"),
        (OTHER, "Fine."),
        (OTHER, "And you?"),
        (None, "Well."),
        (ANN, "Good."),
    ]


def test_txt_has_a_line_for_each_turn():
    assert document("txt") == (
        "Ann B: Hello there. How are you\nSpeaker 2: Fine. And you?\nUnknown: Well.\nAnn B: Good.\n"
    )


def test_tsv_has_a_column():
    assert document("tsv").splitlines()[:4] == [
        "start\tend\ttext\tspeaker",
        "0\t400\tHello there.\tAnn B",
        "480\t1120\tHow are you\tAnn B",
        "2000\t2160\tFine.\tSPEAKER_01",
    ]
    by_word = document("tsv", CueLayout(word_timestamps=True)).splitlines()
    assert by_word[1] == "0\t160\tHello\tAnn B" and by_word[9] == "5000\t5160\tWell.\t"


def test_subtitles_name_the_speaker_and_join_no_two():
    cues = [cue.content for cue in srt.parse(document("srt"))]
    assert cues == [
        "Ann B: Hello there. How are you",
        "Speaker 2: Fine. And you?",
        "Well.",
        "Ann B: Good.",
    ]
    captions = webvtt.from_string(document("vtt")).captions
    assert [(caption.voice, caption.text) for caption in captions] == [
        ("Ann B", "Hello there. How are you"),
        ("Speaker 2", "Fine. And you?"),
        (None, "Well."),
        ("Ann B", "Good."),
    ]


def test_json_has_the_speaker_of_segments_and_words_and_the_turns():
    found = checked(json.loads(document("json")), "document")
    assert found["speakers"]["names"] == ["Ann B"]
    assert [segment.get("speaker") for segment in found["segments"]] == [
        *("Ann B", "Ann B", "SPEAKER_01", "SPEAKER_01", None, "Ann B")
    ]
    for segment in found["segments"]:
        assert {word.get("speaker") for word in segment["words"]} == {segment.get("speaker")}
    assert found["turns"][1] == {"start": 1.25, "end": 2.8, "speaker": "SPEAKER_01"}
    lines = [checked(json.loads(line), "segment") for line in document("jsonl").splitlines()]
    assert lines == found["segments"]
    assert TALK.to_dict()["turns"] == found["turns"]


def test_the_json_of_somebody_who_speaks_as_well():
    word = replace(said(ANN, "Hello", 0.0)[0], is_overlapped=True)
    found = json.loads(document("jsonl", transcript=Transcript([word], (), None)))
    assert checked(found, "segment")["words"][0]["overlap"] is True


def test_rttm_has_a_line_for_each_turn_without_spaces_in_names():
    about = replace(WITH_SPEAKERS, file="my calls/first call.final.wav")
    assert document("rttm", about=about).splitlines() == [
        "SPEAKER first_call.final 1 0.000 1.500 <NA> <NA> Ann_B <NA> <NA>",
        "SPEAKER first_call.final 1 1.250 1.550 <NA> <NA> SPEAKER_01 <NA> <NA>",
        "SPEAKER first_call.final 1 5.960 0.540 <NA> <NA> Ann_B <NA> <NA>",
    ]


def test_rttm_of_a_stream_has_a_line_for_each_segment_with_a_speaker():
    writer = FORMATS["rttm"](ABOUT)
    lines = "".join(map(writer.add, split_segments(TALK.words))).splitlines()
    assert [line.split()[7] for line in lines] == [
        *("Ann_B", "Ann_B", "SPEAKER_01", "SPEAKER_01", "Ann_B")
    ]
    assert writer.write_tail(None, 8.0) == ""


def test_an_event_has_the_speaker():
    event = checked(
        json.loads(format_event(Final(split_segments(TALK.words)[0], "en-US"))), "event"
    )
    assert event["speaker"] == "Ann B" and event["words"][0]["speaker"] == "Ann B"


def test_each_channel_may_be_a_speaker():
    left, right = (Transcript(spoken("Yes."), (), None, 2.0) for _ in range(2))
    merged = merge_channels({"left": left, "right": right}, ("Ann",))
    assert [(turn.speaker.id, turn.start, turn.end) for turn in merged.turns] == [
        ("Ann", 0.0, 0.16),
        ("SPEAKER_01", 0.0, 0.16),
    ]
    sound = SoundProvenance(1, 1, None, "separate", None)
    about = replace(ABOUT, sound=sound, speakers=SpeakerProvenance(None, names=("Ann",)))
    assert document("txt", None, merged, about) == "Ann: Yes.\nSpeaker 2: Yes.\n"
    assert "<v Ann>Yes." in document("vtt", None, merged, about)
    found = checked(json.loads(document("json", None, merged, about)), "document")
    assert [(s["channel"], s["speaker"]) for s in found["segments"]] == [
        ("left", "Ann"),
        ("right", "SPEAKER_01"),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_without_speakers_a_document_says_nothing_of_them(name):
    plain = Transcript(spoken("Hello there. How are you?"), (), "en-US", 8.0)
    written = document(name, None, plain, ABOUT)
    assert not re.search("speaker|turns|overlap", written, re.IGNORECASE)


@given(words(), st.lists(st.sampled_from([ANN, OTHER, None]), min_size=40, max_size=40))
def test_every_word_is_in_one_segment_and_one_cue_with_its_speaker(made, speakers):
    given_speakers = [
        replace(word, speaker=speaker) for word, speaker in zip(made, speakers, strict=False)
    ]
    segments = split_segments(given_speakers)
    assert [word for segment in segments for word in segment.words] == given_speakers
    talk = Transcript(given_speakers, (), None, 9.0)
    cues = [cue.content for cue in srt.parse(document("srt", None, talk))]
    shown = "".join(re.sub(r"^(Ann B|Speaker 2):\s", "", cue) for cue in cues)
    assert visible(shown) == visible("".join(word.text for word in made)).replace("-->", "->")
    lines = document("txt", None, talk).splitlines()
    assert visible(
        "".join(re.sub(r"^(Ann B|Speaker 2|Unknown): ", "", line) for line in lines)
    ) == visible("".join(word.text for word in made))


@pytest.mark.parametrize("width", [16, 20, 42])
def test_lines_with_a_speaker_s_name_fit(width):
    talk = Transcript(said(ANN, "one two six " * 20, 0.0), (), None, 9.0)
    text = document("srt", CueLayout(max_line_width=width), talk)
    lines = [line for line in text.splitlines() if line and "-->" not in line]
    assert max(map(len, lines)) <= width


#: A word that fits into a line of twelve cells, between others without a space.
GLUED = [
    Word(text, 0.0, 0.0, 0.5, space_before=False) for text in ("f", "abéaécedebée", "end.", "समम")
]


def without_arrows(text):
    """Return the visible text without dashes: "-->" has one less, unless it is on two lines."""
    return visible(text).replace("-", "")


@pytest.mark.parametrize("name", ["A", "Bartholomew Montgomery Junior", "山" * 15])
@example(
    made=[Word(text, 0.0, 0.0, 0.5, space_before=False) for text in ("-->", "aa")],
    width=2,
    count=None,
    by_word=False,
)
@example(made=GLUED, width=12, count=1, by_word=True)
@given(
    made=words(ANY_TEXTS),
    width=st.sampled_from([2, 5, 12, 42]),
    count=st.sampled_from([None, 1, 2, 3]),
    by_word=st.booleans(),
)
def test_a_name_takes_no_room_that_words_need(name, made, width, count, by_word):
    """No word is broken because of it; beside the text it fits, or else it has its own line.

    Words without a space between them are one, which may be too wide for any line.
    """
    (speaker,) = make_speakers(1, (name,))
    talk = Transcript([replace(word, speaker=speaker) for word in made], (), None, 9.0)
    layout = CueLayout(width, count, by_word)
    lines = []
    for cue in srt.parse(document("srt", layout, talk)):
        first, *rest = cue.content.split("\n")
        assert first.startswith(f"{name}:")
        shown = [first.removeprefix(f"{name}:").strip(), *rest]
        if first == f"{name}:":
            assert len(shown) <= 1 + max(1, (count or 999) - 1)
        else:
            assert cells(first) <= width and len(shown) <= (count or 999)
        assert max(map(cells, shown)) <= width
        lines += map(without_arrows, shown)
    written = [word for word in made if visible(word.text)]
    texts = [without_arrows(word.text) for word in written]
    breaks = set(accumulate(map(len, lines)))
    is_apart = [True, *(word.space_before for word in written[1:]), True]
    for n, (word, end) in enumerate(zip(written, accumulate(map(len, texts)), strict=True)):
        is_whole = is_apart[n] and is_apart[n + 1] and re.fullmatch("[A-Za-zé]+", word.text)
        if is_whole and cells(word.text) <= width:
            assert breaks.isdisjoint(range(end - len(texts[n]) + 1, end))


def test_a_word_stays_whole_beside_a_name_of_any_width():
    talk = Transcript(said(OTHER, "No, it is eleven", 0.0), (), None, 9.0)
    cues = [cue.content for cue in srt.parse(document("srt", CueLayout(12), talk))]
    assert cues == ["Speaker 2:\nNo, it", "Speaker 2:\nis eleven"]
    one = make_speakers(1, ("Bartholomew Montgomery Junior",))[0]
    talk = Transcript(said(one, "Es ist zweiundfünfzig.", 0.0), (), None, 9.0)
    assert "Junior: Es ist\nzweiundfünfzig." not in document("srt", None, talk)
    assert f"{one.name}:\nEs ist zweiundfünfzig.\n" in document("srt", None, talk)


def test_names_are_those_of_the_first_speakers():
    assert parse_speaker_names(None) == ()
    names = parse_speaker_names(" Ann, 山田 太郎 ")
    assert names == ("Ann", "山田 太郎")
    assert [speaker.label for speaker in make_speakers(3, names)] == [
        "Ann",
        "山田 太郎",
        "Speaker 3",
    ]
    assert [speaker.id for speaker in make_speakers(3, names)][2] == "SPEAKER_02"
    assert Speaker(11).id == "SPEAKER_11"


@pytest.mark.parametrize(
    "typed", ["", "Ann,", "Ann,Ann", "A<b>", "Ann: B", "x" * 31, "a\x1b[2J", "山" * 16, "\u0301"]
)
def test_what_is_no_list_of_names(typed):
    with pytest.raises(UsageError, match="--speaker-names takes different names"):
        parse_speaker_names(typed)


def test_refused_names_are_shown_as_they_were_typed():
    with pytest.raises(UsageError) as raised:
        parse_speaker_names("O'N\"a<,\x1b")
    assert str(raised.value).endswith("not “O'N\"a<,\ufffd”.")


@pytest.mark.parametrize("typed", ["Ann,Speaker 1", "SPEAKER_03", "Unknown", "UNKNOWN,Ann"])
def test_names_that_other_speakers_have(typed):
    with pytest.raises(UsageError, match="what speakers without a name are called"):
        parse_speaker_names(typed)
