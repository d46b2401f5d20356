"""Segments and written formats, over invented words."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from nemocli.transcript.formats import About, Result, write_whole
from nemocli.transcript.segments import MAX_CHARACTERS, ends_sentence, split_segments
from nemocli.transcript.types import Transcript, Word, join_words

TEXTS = st.sampled_from(["a", "word,", "end.", "ja?", "今日", "は。", "<b>&", "J.", "3.", "x" * 50])


@st.composite
def words(draw):
    """Words in order, some of no length, some after a pause."""
    made, frame = [], 0
    for text in draw(st.lists(TEXTS, max_size=40)):
        frame += draw(st.sampled_from([0, 0, 1, 2, 30]))
        length = draw(st.sampled_from([0, 1, 3]))
        start, end = round(frame * 0.08, 2), round((frame + length) * 0.08, 2)
        made.append(Word(text, start, end, 0.5, space_before=draw(st.booleans())))
        frame += length
    return made


def result(made):
    about = About("a.wav", "demo", "onnx", 3, "auto")
    return Result(about, Transcript(made, (), None, 9.0))


@given(words())
def test_every_word_is_in_one_segment_in_order(made):
    segments = split_segments(made)
    assert [word for segment in segments for word in segment.words] == made
    assert [segment.id for segment in segments] == list(range(len(segments)))
    for segment in segments:
        assert len(segment.words) == 1 or len(segment.text) <= MAX_CHARACTERS


@given(words())
def test_subtitles_never_overlap_and_are_never_empty(made):
    for name, mark in (("srt", ","), ("vtt", r"\.")):
        clock = rf"(\d\d):(\d\d):(\d\d){mark}(\d\d\d)"
        found = re.findall(rf"^{clock} --> {clock}$", write_whole(result(made), name), re.M)
        assert len(found) == len(split_segments(made))
        times = []
        for cue in found:
            h1, m1, s1, ms1, h2, m2, s2, ms2 = map(int, cue)
            start = ((h1 * 60 + m1) * 60 + s1) * 1000 + ms1
            end = ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
            assert start < end
            times += [start, end]
        assert times == sorted(times)


@given(words())
def test_json_holds_every_word(made):
    document = json.loads(write_whole(result(made), "json"))
    assert [w["text"] for s in document["segments"] for w in s["words"]] == [w.text for w in made]


@given(words())
def test_txt_is_the_text(made):
    lines = write_whole(result(made), "txt").splitlines()
    assert "".join(lines).replace(" ", "") == join_words(made).replace(" ", "")


def test_signs_of_markup_are_escaped_in_vtt():
    made = [Word("<i>&", 0.0, 1.0, 1.0)]
    assert write_whole(result(made), "vtt").endswith("\n&lt;i&gt;&amp;\n\n")


def test_where_sentences_end():
    for text in ("end.", "wirklich?", "で。", "no!”", "نعم؟", "…", "है।"):
        assert ends_sentence(text), text
    for text in ("J.", "3.", "word", "a,", "”", ""):
        assert not ends_sentence(text), text


def test_long_sentences_part_after_a_clause():
    texts = ["word"] * 12 + ["clause,"] + ["word"] * 6
    made = [Word(t, n * 0.2, n * 0.2 + 0.1, 1.0) for n, t in enumerate(texts)]
    first, second = split_segments(made)
    assert first.text.endswith("clause,")
    assert len(second.words) == 6
