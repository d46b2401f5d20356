"""Plain text and TSV, of invented words."""

import sys

import pytest
from hypothesis import given

from nemocli.transcript.formats import FORMATS, CueLayout, WholeTranscript, render_whole
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Transcript, Word
from tests.words import ABOUT, ANY_TEXTS, spoken, visible, words

BY_WORD = CueLayout(word_timestamps=True)


def written(made, name, layout=None):
    result = WholeTranscript(ABOUT, Transcript(made, (), None, 9.0))
    return render_whole(result, name, layout) if layout else render_whole(result, name)


@given(words(ANY_TEXTS))
def test_txt_is_the_text_a_segment_a_line(made):
    lines = written(made, "txt").split("\n")
    segments = split_segments(made)
    assert [visible(line) for line in lines] == [*(visible(s.text) for s in segments), ""]
    assert written(made, "txt", BY_WORD) == written(made, "txt")


@given(words(ANY_TEXTS))
def test_tsv_has_three_columns_of_a_segment_or_of_a_word(made):
    for layout, parts in ((None, split_segments(made)), (BY_WORD, made)):
        head, *rows, last = written(made, "tsv", layout).split("\n")
        assert (head, last) == ("start\tend\ttext", "")
        cells = [row.split("\t") for row in rows]
        assert [(int(start), int(end), visible(text)) for start, end, text in cells] == [
            (round(1000 * part.start), round(1000 * part.end), visible(part.text)) for part in parts
        ]


def test_a_line_break_that_a_model_emits_breaks_no_line():
    made = [Word("a\r\nb\tc", 0.0, 1.0, 0.9)]
    assert written(made, "txt") == "a b c\n"
    assert written(made, "tsv") == "start\tend\ttext\n0\t1000\ta b c\n"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("layout", [None, CueLayout(20, 1), BY_WORD])
def test_silence(name, layout):
    assert bool(written([], name, layout)) == FORMATS[name].has_text_without_words


@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_the_work_for_a_word_is_the_same_in_long_transcripts(name, spaces):
    """Calls are counted, since times depend on the machine."""

    def calls(count):
        counted = 0

        def count_one(frame, event, argument):
            nonlocal counted
            counted += event in ("call", "c_call")

        made = spoken("word " * 200 * count, spaces=spaces)
        sys.setprofile(count_one)
        try:
            written(made, name)
        finally:
            sys.setprofile(None)
        return counted

    assert calls(4) < 4.4 * calls(1)
