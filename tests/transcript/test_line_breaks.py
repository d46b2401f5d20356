"""No line begins or ends with a sign that the script does not allow there."""

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from nemocli.transcript.cues import split_cues
from nemocli.transcript.formats import FORMATS, CueLayout, WholeTranscript, render_whole
from nemocli.transcript.line_breaks import may_break
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Transcript, Word, join_words
from tests.words import ABOUT, cells


@pytest.mark.parametrize(
    "first", "」』）】〉》、。，．！？：；・…ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶㇷﾞ％"
)
def test_no_line_begins_with_it(first):
    assert not may_break("今", first + "日")
    assert not may_break("今", first)
    if first not in "…":
        assert not may_break("今", first, space=True)


@pytest.mark.parametrize("last", "「『（【〈《〔￥“")
def test_no_line_ends_with_it(last):
    assert not may_break("は" + last, "今日")
    assert not may_break(last, "今日", space=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(("เ", "มื"), ("แ", "ล"), ("ไ", "ท"), ("ม", "า"), ("น", "้ำ"), ("น", "ะ"), ("ต่าง", "ๆ")),
        *(("เรี", "ยนรู้"), ("เปลี่", "ยน"), ("เดื", "อน"), ("เพื่", "อ"), ("เกลื", "อ"), ("ตั", "ว")),
        *(("บริษั", "ท"), ("โร", "ค"), ("แดงเก่", "ง"), ("เกิ", "ด"), ("เป็", "น"), ("เทคโนโล", "ยี")),
        *(("ເຮື", "ອນ"), ("ວັ", "ນ"), ("ໂລ", "ກ"), ("ເຈົ້", "າ")),
        *(("ก", "ี่"), ("म", "्"), ("क", "ा"), ("ກ", "າ"), ("ແ", "ກ"), ("e", "\u0301")),
        *(("20", "24"), ("1,", "000"), ("3.", "5"), ("12:", "30"), ("-", "5"), ("100", "％")),
        *(("¥", "100"), ("ser", "vice"), ("한", "국"), ("don", "’t"), ("don", "'t"), ("(", "ja")),
        *(("ja", ")"), ("—", "—"), ("👩\u200d", "💻"), ("👍", "🏽"), ("２０", "２４")),
    ],
)
def test_places_where_no_line_is_broken(before, after):
    assert not may_break(before, after)


@pytest.mark.parametrize(
    ("before", "after", "space"),
    [
        *(("今", "日", False), ("です。", "「は", False), ("は", "iPhone", False)),
        *(("2024", "年", False), ("iPhone", "は", False), ("ー", "ナ", False), ("っ", "た", False)),
        *(("ส", "วั", False), ("นา", "น", False), ("well-", "known", False), ("ja,", "no", False)),
        *(("one", "two", True), ("word", "(two)", True), ("Wort", "„Wort“", True)),
        *(("»Wort«", "Wort", True), ("Wort", "»Wort«", True), ("„Wort“", "Wort", True)),
        *(("and", "…so", True), ("20", "24", True), ("is", ".NET", True), ("e", "’t", True)),
        *(("ไป", "ดู", False), ("เรียน", "รู้", False), ("นี้", "ยา", False), ("โรค", "นี้", False)),
        *(("", "a", False), ("a", "", False)),
    ],
)
def test_places_where_a_line_may_be_broken(before, after, space):
    assert may_break(before, after, space)


def test_a_french_sign_after_its_space_begins_no_line():
    for sign in ("?", "!", ":", ";", "»"):
        assert not may_break("Quoi", sign, space=True)
    assert not may_break("«", "Quoi", space=True)


#: Tokens that stay on one line, in scripts whose lines may be broken between all others.
UNITS = [
    *(
        ["カ", "ー"],
        ["ちょ", "っ", "ょ"],
        ["「", "は"],
        ["で", "、"],
        ["ます", "。」"],
        ["ニュ", "ー"],
    ),
    *(
        ["今"],
        ["日"],
        ["の"],
        ["は（"],
        ["で", "）", "。"],
        ["人", "々"],
        ["20", "24"],
        ["iPho", "ne"],
    ),
    *(["เรี", "ยน"], ["ตั", "ว"], ["โล", "ก"]),
    *(["เ", "มื", "่อ"], ["น", "า"], ["แ", "ก"], ["ต", "ๆ"], ["กี่"]),
]


@st.composite
def unspaced(draw):
    """Draw words as tokens, and the places where their text may be broken, in characters."""
    made, at, places, length, opens = [], 0.0, {0}, 0, False
    for unit in draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=40)):
        text = "".join(unit)
        # Adjacent numbers and Latin words are one word.
        if made and made[-1].text[-1].isascii() and text[0].isascii():
            continue
        # Two brackets that open without a place between them may be more than a line.
        if opens and text[-1] == "（":
            continue
        if not opens:
            places.add(length)
        at += draw(st.sampled_from([0.0, 0.0, 0.0, 0.4, 2.0]))
        for token in unit:
            made.append(Word(token, round(at, 2), round(at + 0.08, 2), 0.9, False))
            at += draw(st.sampled_from([0.08, 0.16, 0.32]))
        length += len(text)
        opens = text[-1] == "（"
    places.add(length)
    return made, places


LAYOUTS = st.builds(
    CueLayout,
    st.sampled_from([None, 16, 30, 42]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
    st.sampled_from([0.0, 0.5, 2.0]),
)


def lines_of(made, name, layout):
    result = WholeTranscript(ABOUT, Transcript(made, (), None, 9.0))
    text = render_whole(result, name, layout)
    if name == "srt":
        return [line for cue in srt.parse(text) for line in cue.content.split("\n")]
    plain = [caption.text for caption in webvtt.from_string(text)]
    return [line for text in plain for line in text.split("\n")]


@pytest.mark.parametrize("name", ["srt", "vtt"])
@given(made=unspaced(), layout=LAYOUTS)
def test_every_line_begins_and_ends_where_the_script_allows_it(name, made, layout):
    words, places = made
    lines = lines_of(words, name, layout)
    assert "".join(lines) == join_words(words)
    at = 0
    for line in lines:
        at += len(line)
        assert at in places, lines
        assert layout.max_line_width is None or cells(line) <= layout.max_line_width


@given(made=unspaced(), layout=LAYOUTS)
def test_segments_end_where_a_line_may_end(made, layout):
    words, places = made
    at = 0
    for segment in split_segments(words):
        at += len(segment.text)
        assert at in places


@pytest.mark.parametrize("name", ["srt", "vtt"])
@given(made=unspaced(), layout=LAYOUTS)
def test_a_stream_writes_what_a_whole_transcript_is(name, made, layout):
    words, _ = made
    writer = FORMATS[name](ABOUT, layout)
    certain = writer.write_head()
    for segment in split_segments(words):
        writer.write_tail(None, 9.0)  # called after each segment, and without effect on the others
        certain += writer.add(segment)
    whole = render_whole(WholeTranscript(ABOUT, Transcript(words, (), None, 9.0)), name, layout)
    assert certain + writer.write_tail(None, 9.0) == whole


def test_a_long_word_is_broken_where_the_script_allows_it():
    text = "カーナビゲーションシステムのソフトウェアアップデートサービスセンターへ"
    (cue,) = split_cues([Word(text, 0.0, 3.0, 0.9)], CueLayout(12, None))
    lines = [join_words(line) for line in cue.lines]
    assert "".join(lines) == text
    assert all(line[0] not in "ーョェ" and cells(line) <= 12 for line in lines)


def test_where_nothing_else_fits_a_line_is_broken_all_the_same():
    made = [Word("ー", n / 10, n / 10 + 0.1, 0.9, False) for n in range(9)]
    (cue,) = split_cues(made, CueLayout(4, None))
    assert max(cells(join_words(line)) for line in cue.lines) <= 4


def test_a_wide_thai_word_is_not_broken_within_a_vowel():
    word = Word("เรียนเรียน", 0.0, 1.0, 0.9)
    cues = split_cues([word], CueLayout(max_line_width=6, max_line_count=1))
    texts = [part.text for cue in cues for line in cue.lines for part in line]
    assert texts == ["เรียน", "เรียน"]
