"""Subtitles, written and read back by the parsers of other projects."""

import html
import re
from dataclasses import dataclass
from itertools import pairwise

import pytest
import srt
import webvtt
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nemocli.transcript.formats import CueLayout, WholeTranscript, render_whole
from nemocli.transcript.segments import split_segments
from nemocli.transcript.subtitles import format_timestamp
from nemocli.transcript.types import Transcript, Word
from tests.words import ABOUT, ANY_TEXTS, cells, spoken, visible, words

WIDTHS = st.sampled_from([None, 2, 5, 16, 42, 100])
COUNTS = st.sampled_from([None, 1, 2, 3])
LAYOUTS = st.builds(CueLayout, WIDTHS, COUNTS, st.booleans(), st.sampled_from([0.0, 0.5, 2.0]))

STAMP = re.compile(r"<([\d:.]+)>")


@dataclass(frozen=True)
class Read:
    """A cue as a parser reads it; times in milliseconds."""

    start: int
    end: int
    lines: list[str]
    stamps: list[int]


def document(made, name, layout):
    return render_whole(WholeTranscript(ABOUT, Transcript(made, (), None, 9.0)), name, layout)


def read(made, name, layout):
    return READERS[name](document(made, name, layout))


def read_srt(text):
    cues = list(srt.parse(text))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    return [
        Read(milliseconds(str(c.start)), milliseconds(str(c.end)), c.content.split("\n"), [])
        for c in cues
    ]


def read_vtt(text):
    return [
        Read(
            milliseconds(caption.start),
            milliseconds(caption.end),
            [html.unescape(STAMP.sub("", line)) for line in caption.lines],
            [milliseconds(stamp) for stamp in STAMP.findall(caption.raw_text)],
        )
        for caption in webvtt.from_string(text)
    ]


def without_arrows(text):
    return re.sub("-+>", ">", text)


READERS = {"srt": read_srt, "vtt": read_vtt}


def milliseconds(clock):
    hours, minutes, seconds = clock.split(":")
    return round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds)))


@pytest.mark.parametrize("name", READERS)
@given(made=words(ANY_TEXTS), layout=LAYOUTS)
def test_cues_are_in_order_never_overlap_and_are_never_empty(name, made, layout):
    cues = read(made, name, layout)
    times = [time for cue in cues for time in (cue.start, cue.end)]
    assert times == sorted(times)
    for cue in cues:
        assert cue.start < cue.end
        assert all(line.strip() for line in cue.lines)
        stamps = [cue.start, *cue.stamps, cue.end]
        assert all(before < after for before, after in pairwise(stamps))


@pytest.mark.parametrize("name", READERS)
@given(made=words(ANY_TEXTS), layout=LAYOUTS)
def test_lines_have_the_requested_width_and_number(name, made, layout):
    for cue in read(made, name, layout):
        if layout.max_line_width is None:
            assert len(cue.lines) == 1
        else:
            assert max(map(cells, cue.lines)) <= layout.max_line_width
        assert len(cue.lines) <= (layout.max_line_count or len(cue.lines))


@pytest.mark.parametrize("name", READERS)
@given(made=words(ANY_TEXTS), layout=LAYOUTS)
def test_every_word_is_there_once_and_broken_only_if_it_must_be(name, made, layout):
    lines = [line for cue in read(made, name, layout) for line in cue.lines]
    written = [visible(line) for line in lines]
    texts = [visible(word.text) for word in made]
    said = "".join(texts)
    if name == "srt" and "-->" in said:  # parsers would take it for the times of a cue
        assert without_arrows("".join(written)) == without_arrows(said)
        return
    assert "".join(written) == said
    breaks = set(positions(written))
    for text, word, end in zip(texts, made, positions(texts), strict=True):
        if cells(" ".join(word.text.split())) <= (layout.max_line_width or 1000):
            assert breaks.isdisjoint(range(end - len(text) + 1, end))


@pytest.mark.parametrize("name", READERS)
@given(made=words(ANY_TEXTS), layout=LAYOUTS)
def test_times_are_those_of_the_words(name, made, layout):
    cues = read(made, name, layout)
    slack = len(cues)  # words of no length have a millisecond each
    longest = round(1000 * max(1.0, layout.min_cue))
    texts = [visible(word.text) for word in made]
    assume(name != "srt" or "-->" not in "".join(texts))  # srt has a shorter arrow
    spans = [
        (end - len(text), end, word)
        for text, end, word in zip(texts, positions(texts), made, strict=True)
    ]
    begun = 0
    for cue in cues:
        end = begun + len(visible("".join(cue.lines)))
        inside = [word for first, last, word in spans if first < end and last > begun]
        starts, latest = round(1000 * inside[0].start), round(1000 * inside[-1].end)
        # A cue begins late if the one before stays longer, and then has its own least time.
        late = latest + longest - round(1000 * layout.min_cue)
        assert starts <= cue.start <= late + slack
        assert cue.end <= max(latest, cue.start + longest) + slack
        begun = end


def positions(texts):
    """Return where each text ends when all are joined."""
    total, ends = 0, []
    for text in texts:
        total += len(text)
        ends.append(total)
    return ends


@pytest.mark.parametrize("name", READERS)
@given(made=words())
def test_a_layout_without_limits_has_a_cue_of_one_line_for_each_segment(name, made):
    cues = read(made, name, CueLayout(None, None, min_cue=0))
    assert [cue.lines for cue in cues] == [[segment.text] for segment in split_segments(made)]


SAID = [
    *(Word("No,", 1.0, 1.2, 0.9), Word("it", 1.2, 1.4, 0.9), Word("is", 1.6, 1.8, 0.9)),
    *(Word("<b>", 1.8, 2.3, 0.9), Word("&", 2.3, 2.4, 0.9), Word("late.", 3661.001, 3661.5, 0.9)),
]


def test_an_srt_document():
    assert document(SAID, "srt", CueLayout(10, 2)) == (
        "1\n00:00:01,000 --> 00:00:02,400\nNo, it\nis <b> &\n\n"
        "2\n01:01:01,001 --> 01:01:02,001\nlate.\n\n"
    )


def test_a_vtt_document():
    assert document(SAID, "vtt", CueLayout(10, 2)) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.400\nNo, it\nis &lt;b&gt; &amp;\n\n"
        "01:01:01.001 --> 01:01:02.001\nlate.\n\n"
    )
    assert document(SAID, "vtt", CueLayout(10, 2, True)) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.400\nNo, <00:00:01.200>it\n"
        "<00:00:01.600>is <00:00:01.800>&lt;b&gt; <00:00:02.300>&amp;\n\n"
        "01:01:01.001 --> 01:01:02.001\nlate.\n\n"
    )


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (0, "00:00:00.000"),
        (999, "00:00:00.999"),
        (1_000, "00:00:01.000"),
        (59_999, "00:00:59.999"),
        (60_000, "00:01:00.000"),
        (3_599_999, "00:59:59.999"),
        (3_600_000, "01:00:00.000"),
        (360_000_001, "100:00:00.001"),
    ],
)
def test_clocks(milliseconds, written):
    assert format_timestamp(milliseconds) == written


@pytest.mark.parametrize("name", READERS)
def test_sentences_at_one_moment_follow_each_other_by_milliseconds(name):
    made = [Word("One.", 1.0, 1.5, 0.9), Word("Two.", 1.0, 1.0, 0.9), Word("Three.", 1.0, 1.0, 0.9)]
    times = [(cue.start, cue.end) for cue in read(made, name, CueLayout(min_cue=0))]
    assert times == [(1000, 1500), (1500, 1501), (1501, 2000)]


def test_only_times_within_the_cue_stand_before_words_in_vtt():
    times = [(1.0, 1.2), (1.0, 1.2), (1.4, 1.5), (1.4, 1.5), (1.3, 1.5), (1.5, 1.6), (2.0, 2.0)]
    made = [Word(f"w{n}", start, end, 0.9) for n, (start, end) in enumerate(times)]
    assert document(made, "vtt", CueLayout(None, 1, True)).endswith(
        "\nw0 w1 <00:00:01.400>w2 w3 w4 <00:00:01.500>w5 w6\n\n"
    )


def test_word_timestamps_make_a_cue_of_each_word_in_srt():
    made = spoken("No, it is eleven thirty.", start=1.0)
    cues = read(made, "srt", CueLayout(word_timestamps=True, min_cue=0))
    assert [(cue.start, cue.lines) for cue in cues] == [
        (1000, ["No,"]),
        (1240, ["it"]),
        (1480, ["is"]),
        (1720, ["eleven"]),
        (1960, ["thirty."]),
    ]
    assert [cue.end for cue in cues] == [1240, 1480, 1720, 1960, 2960]


def test_word_timestamps_stand_before_each_word_but_the_first_in_vtt():
    made = spoken("No, <it> is", start=1.0)
    assert document(made, "vtt", CueLayout(word_timestamps=True)) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nNo, <00:00:01.240>&lt;it&gt; <00:00:01.480>is\n\n"
    )


@given(st.lists(st.sampled_from(["今日", "は", "word", "end."]), min_size=1, max_size=40))
def test_every_word_with_a_time_of_its_own_has_it_in_vtt(texts):
    made = [Word(text, n * 0.5, n * 0.5 + 0.2, 0.9) for n, text in enumerate(texts)]
    cues = read(made, "vtt", CueLayout(word_timestamps=True))
    times = [time for cue in cues for time in (cue.start, *cue.stamps)]
    assert times == [500 * n for n in range(len(texts))]


def test_a_cue_stays_a_second_unless_the_next_one_begins():
    made = [Word("One.", 0.0, 0.2, 0.9), Word("Two.", 0.6, 0.8, 0.9), Word("Three.", 5.0, 5.2, 0.9)]
    cues = read(made, "srt", CueLayout())
    assert [(cue.start, cue.end) for cue in cues] == [(0, 600), (600, 1600), (5000, 6000)]


def said(*words):
    """Make a word for each text, start and end."""
    return [Word(text, start, end, 0.9) for text, start, end in words]


def shown(made, layout):
    return [(cue.start, cue.end, cue.lines) for cue in read(made, "srt", layout)]


def test_a_short_cue_is_merged_with_the_next():
    made = said(("No.", 1.0, 1.2), ("It", 1.4, 1.6), ("is.", 1.6, 2.4))
    assert shown(made, CueLayout()) == [(1000, 2400, ["No. It is."])]
    assert shown(made, CueLayout(min_cue=0.4)) == [(1000, 1400, ["No."]), (1400, 2400, ["It is."])]


def test_a_short_cue_that_does_not_fit_the_next_is_merged_with_the_one_before():
    made = said(("Is", 0.2, 0.4), ("it?", 0.4, 1.2), ("No.", 1.2, 1.4), ("Eleventh.", 1.5, 2.4))
    assert shown(made, CueLayout(10, 1)) == [
        (200, 1400, ["Is it? No."]),
        (1500, 2500, ["Eleventh."]),
    ]


def test_a_short_cue_that_fits_no_neighbour_stays_longer_if_the_next_one_has_time():
    made = said(("Whether?", 0.0, 1.0), ("Perhaps.", 1.0, 1.2), ("Eleventh.", 1.3, 2.4))
    assert [span[:2] for span in shown(made, CueLayout(10, 1))] == [
        (0, 1000),
        (1000, 1500),
        (1500, 2400),
    ]
    made += said(("Then.", 1.9, 2.0), ("Afterwards.", 3.0, 4.0))
    made[2] = Word("Eleventh.", 1.3, 1.8, 0.9)  # needs the half second in which it is said
    assert [span[:2] for span in shown(made, CueLayout(10, 1))][1:3] == [(1000, 1400), (1400, 1900)]


def test_cues_of_words_are_never_merged_and_last_up_to_the_next_word_at_most():
    made = said(("No,", 1.0, 1.1), ("it", 1.2, 1.3), ("is.", 1.7, 1.8), ("Late.", 5.0, 5.1))
    for min_cue, longest in ((0, 1000), (0.5, 1000), (2.0, 2000)):
        assert shown(made, CueLayout(word_timestamps=True, min_cue=min_cue)) == [
            (1000, 1200, ["No,"]),
            (1200, 1700, ["it"]),
            (1700, 1700 + longest, ["is."]),
            (5000, 5000 + longest, ["Late."]),
        ]


@given(made=words(ANY_TEXTS), min_cue=st.sampled_from([0.5, 2.0, 5.0]))
def test_min_cue_merges_no_words(made, min_cue):
    unchanged, longer = (
        read(made, "srt", CueLayout(word_timestamps=True, min_cue=seconds))
        for seconds in (0, min_cue)
    )
    assert [cue.lines for cue in longer] == [cue.lines for cue in unchanged]
    assert [cue.start for cue in longer] == [cue.start for cue in unchanged]
    for cue, follower in pairwise(longer):  # a short one lasts up to the next, which is not late
        assert cue.end - cue.start >= round(1000 * min_cue) or cue.end == follower.start


# The second and third cue are merged, which leaves the first more time than the second alone does.
@example(
    made=said(
        (26 * "x", 0.0, 0.24), ("No.", 0.24, 0.64), ("No.", 0.8, 1.04), (26 * "x", 1.2, 1.28)
    ),
    layout=CueLayout(20, 1),
)
@given(made=words(), layout=LAYOUTS)
def test_no_cue_is_short_but_where_speech_leaves_no_time(made, layout):
    assume(not layout.word_timestamps)
    cues = read(made, "srt", layout)
    least = round(1000 * layout.min_cue)
    for cue, follower in pairwise(cues):
        if cue.end - cue.start < least:
            # The next one has only its own least time, which a later start would shorten.
            assert follower.end - follower.start <= least
            # And the two do not fit into one cue.
            together = [*cue.lines, *follower.lines]
            has_room = layout.max_line_width is None or layout.max_line_count is None
            if has_room or len(together) <= layout.max_line_count:
                assert len(" ".join(together)) > 76
    if cues:
        assert cues[-1].end - cues[-1].start >= least


def test_times_after_ten_hours():
    made = [Word("Late.", 36_000.08, 36_000.24, 0.9)]
    assert "\n10:00:00,080 --> 10:00:01,080\n" in document(made, "srt", CueLayout())


def test_signs_of_markup_are_escaped_in_vtt():
    made = [Word("<i>&", 0.0, 1.0, 1.0)]
    assert document(made, "vtt", CueLayout()).endswith("\n&lt;i&gt;&amp;\n\n")
