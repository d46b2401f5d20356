"""Aligned word times: nearer to the sound, in order, within the sound, however it is fed."""

import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import nemocli
from nemocli.engine.aligner import KEPT_MS, ROW_MS, Aligner
from nemocli.models.paths import find_demo_folder
from nemocli.models.word_delays import MEASURED_DELAYS
from nemocli.transcript.alignment import Alignment, parse_align
from scripts.estimate_word_delay import find_delays

CLIPS = find_demo_folder().parent / "clips"

#: The true times of the bundled clips' words, by espeak-ng: scripts/demo/word_times.py.
TRUTH = json.loads((CLIPS / "word-times.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def transcriber():
    return nemocli.load("demo")


def read(name):
    return soundfile.read(CLIPS / name, dtype="float32")[0]


def measure(transcriber, align, names=TRUTH):
    """Return how late the starts and the ends of clips' words are, in seconds [2, words]."""
    late = []
    for name in names:
        words = transcriber.transcribe(read(name), align=align).words
        assert [word.text for word in words] == [text for text, _, _ in TRUTH[name]]
        late += [(w.start - a, w.end - b) for w, (_, a, b) in zip(words, TRUTH[name], strict=True)]
    return np.array(late).T


def test_words_are_where_they_are_said(transcriber):
    starts, ends = np.abs(measure(transcriber, None)).mean(1)
    assert starts > 0.3 and ends > 0.15  # otherwise there is nothing to correct
    late = measure(transcriber, "auto")
    starts, ends = np.abs(late).mean(1)
    assert starts < 0.04 and ends < 0.03
    assert np.abs(np.median(late, axis=1)).max() < 0.015


def test_a_wrong_delay_is_worse_and_none_is_between(transcriber):
    by_request = {
        align: np.abs(measure(transcriber, align, ["all-languages.flac"])).mean(1)
        for align in (None, "sound", "auto", 0.3)
    }
    assert (by_request["sound"] < 0.9 * by_request[None]).all()
    for other in ("sound", 0.3):
        assert (by_request["auto"] < 0.5 * by_request[other]).all()


def test_the_demo_s_delay_was_measured_at_every_lookahead(transcriber):
    assert set(MEASURED_DELAYS[transcriber.revision]) == {0, 3, 6, 13}, (
        "measure it again, by scripts/measure_word_times.py"
    )


def test_the_delay_can_be_estimated_on_recordings(transcriber):
    transcripts = [transcriber.transcribe(read(name), align="sound") for name in TRUTH]
    words = [word for transcript in transcripts for word in transcript.words]
    assert min(word.end - word.start for word in words) >= 0.039  # none is squeezed
    delays = [d for each in transcripts for d in find_delays(each, transcriber.lookahead + 1)]
    measured = MEASURED_DELAYS[transcriber.revision][transcriber.lookahead]
    assert len(delays) >= 10 and abs(np.median(delays) - measured) < 0.03


def test_the_model_s_times_are_kept_and_nothing_else_changes(transcriber):
    sound = read("all-languages.flac")
    plain, aligned = (transcriber.transcribe(sound, align=align) for align in (None, "auto"))
    assert [word.times_by_model for word in aligned.words] == [
        (w.start, w.end) for w in plain.words
    ]
    assert all(word.model_times is None for word in plain.words)
    assert (aligned.text, aligned.tokens) == (plain.text, plain.tokens)
    segments = [[s["text"], s["language"]] for s in aligned.to_dict()["segments"]]
    assert segments == [[s["text"], s["language"]] for s in plain.to_dict()["segments"]]


def test_times_do_not_depend_on_how_the_sound_is_fed(transcriber):
    sound = read("all-languages.flac")
    whole = transcriber.transcribe(sound, align="auto").words
    session, words = transcriber.session(align="auto", keep_transcript=False), []
    for start in range(0, len(sound), 7777):
        words += session.feed(sound[start : start + 7777]).final
    assert [*words, *session.finish().words] == list(whole)
    (result,) = transcriber.transcribe_many([CLIPS / "all-languages.flac"], align="auto")
    assert list(result.transcript.words) == list(whole)


ROWS = st.lists(st.sampled_from([-16.0, -8.0, 0.0, 4.0]), max_size=60).map(
    lambda levels: np.repeat(np.float32(levels), 20)[:, None]
)


@settings(max_examples=40)
@given(
    rows=ROWS,
    delay=st.sampled_from([None, 0.0, 0.07, 0.2, 2.0]),
    chunk=st.sampled_from([1, 4, 14]),
    steps=st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.booleans()), max_size=80),
    silence=st.integers(0, 60),
)
def test_words_are_in_order_and_within_the_sound(rows, delay, chunk, steps, silence):
    aligner = Aligner(Alignment(delay), chunk - 1)
    aligner.push(rows)
    if silence:
        aligner.end_sound()
        aligner.push(np.full((silence, 1), -16.0, np.float32))
    frame, in_frame, last, is_open = 0, 0, 0.0, False
    for step, begins_word, is_spoken in steps:
        in_frame = 0 if step else in_frame + 1
        frame += step
        if 8 * frame >= len(rows) or in_frame >= 10:
            break
        if begins_word or not is_open:
            if is_open:
                last = aligner.span[1]
                aligner.close()
                aligner.forget(frame)
            is_open = True
            aligner.add(frame, begins_word=True, is_spoken=is_spoken)
        else:
            aligner.add(frame, begins_word=False, is_spoken=is_spoken)
        start, end = aligner.span
        assert last <= start < end <= max(len(rows) * ROW_MS / 1000, 0.04)


def test_a_day_of_sound_takes_no_memory():
    aligner = Aligner(Alignment(0.2), 3)
    for minute in range(1, 20):
        aligner.push(np.zeros((6000, 128), np.float32))
        aligner.forget(minute * 750)
        assert len(aligner._levels) <= KEPT_MS // ROW_MS


@pytest.mark.parametrize(
    ("text", "request_"), [(None, None), ("AUTO", "auto"), ("sound", "sound"), (" .2 s", 0.2)]
)
def test_requests_are_read(text, request_):
    assert parse_align(text) == request_


@pytest.mark.parametrize("text", ["", "yes", "-1", "2.5", "nan", "0.2.1", "１"])
def test_other_requests_are_refused(text):
    with pytest.raises(nemocli.UsageError, match=r"--align is auto, sound, or .* from 0 to 2"):
        parse_align(text)


@pytest.mark.parametrize("align", ["yes", True, -0.1, float("nan"), [0.2]])
def test_other_arguments_are_refused_at_once(transcriber, align):
    with pytest.raises(nemocli.UsageError, match="align is auto"):
        transcriber.session(align=align)
    with pytest.raises(nemocli.UsageError, match="align is auto"):
        transcriber.transcribe_many([], align=align)


def test_silences_between_words_are_found():
    # Silence, a word of 300 ms, 400 ms of silence, and a word of 320 ms with a closure of 80 ms.
    levels = [*[-12.0] * 50, *[3.0] * 30, *[-12.0] * 40, *[3.0] * 16, *[-12.0] * 8, *[3.0] * 8]
    aligner = Aligner(Alignment(0.2), 0)
    aligner.push(np.float32([*levels, *[-12.0] * 60])[:, None])
    spans = []
    for end in (0.8, 1.52):
        aligner.add(round((end + 0.2) / 0.08) - 1, begins_word=True, is_spoken=True)
        spans.append(aligner.span)
        aligner.close()
    assert spans == [(0.5, 0.8), (1.2, 1.52)]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
