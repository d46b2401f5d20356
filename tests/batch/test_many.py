"""`transcribe_many`: each file once, as if it were alone, however they are chosen and read."""

import threading

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import nemocli
from nemocli.batch.limits import choose_limits
from nemocli.batch.many import choose
from nemocli.batch.prefetch import Prefetcher
from nemocli.errors import AudioError, UsageError
from nemocli.network.graphs import chunk_rows
from tests.sounds import RATE, speech_like


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory):
    """A random checkpoint, because the demo would keep silent at most of this sound."""
    pytest.importorskip("transformers", reason="random checkpoints need nemocli[test]")
    from scripts.random_checkpoint import write_random_checkpoint

    folder = tmp_path_factory.mktemp("checkpoint")
    write_random_checkpoint(folder, seed=0, shape="thin")
    return nemocli.load(folder)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    paths = []
    for n, seconds in enumerate([0, 0.004, 0.3, 1, 2.5, 7, 11, 40, 0.9, 3, 3, 3, 5]):
        path = folder / f"{n}.wav"
        soundfile.write(path, speech_like(seconds, seed=n), RATE)
        paths.append(path)
    return paths


def alone(transcriber, path, lang="auto"):
    session = transcriber.session(lang)
    session.feed(soundfile.read(path, dtype="float32")[0])
    return session.finish()


def test_each_file_is_as_if_alone(transcriber, files):
    outcomes = {o.path: o.transcript for o in transcriber.transcribe_many(files, "en-US")}
    assert len(outcomes) == len(files)
    for path in files:
        got, want = outcomes[path], alone(transcriber, path, "en-US")
        assert [(t.id, t.frame) for t in got.tokens] == [(t.id, t.frame) for t in want.tokens]
        assert got.text == want.text
        assert (got.language, got.duration) == (want.language, want.duration)


def test_one_that_fails_does_not_hold_up_the_others(transcriber, files, tmp_path):
    missing, text = tmp_path / "missing.wav", tmp_path / "text.wav"
    text.write_text("no sound")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(files[6].read_bytes()[:-200_000])
    paths = [missing, files[3], text, cut, files[4]]
    outcomes = {o.path: o for o in transcriber.transcribe_many(paths)}
    assert set(outcomes) == set(paths)
    for path in (missing, text, cut):
        assert outcomes[path].transcript is None
        assert isinstance(outcomes[path].error, AudioError)
        assert path.name in str(outcomes[path].error)
    assert outcomes[files[4]].transcript.text == alone(transcriber, files[4]).text


def test_paths_are_taken_as_there_is_room(transcriber, files):
    taken = []

    def paths():
        for _ in range(100):
            taken.append(len(taken))
            yield files[4]

    outcomes = transcriber.transcribe_many(paths())
    next(outcomes)
    assert len(taken) < 20
    outcomes.close()
    assert not [t for t in threading.enumerate() if t.name == "reading" and t.is_alive()]


def test_progress_grows_up_to_the_whole(transcriber, files):
    heard = {}
    for outcome in transcriber.transcribe_many(
        files[3:8], progress=lambda h: heard.setdefault(h.path, []).append(h)
    ):
        last = heard[outcome.path][-1]
        assert last.promised == pytest.approx(outcome.transcript.duration)
        assert last.transcript.tokens == outcome.transcript.tokens
        assert last.transcript.duration == pytest.approx(outcome.transcript.duration, abs=0.1)
    for seen in heard.values():
        durations = [h.transcript.duration for h in seen]
        assert durations == sorted(durations)
    assert len(heard[files[7]]) > 1


def test_little_memory_gives_the_same(transcriber, files):
    least = 40_000_000
    room = choose_limits(transcriber._recognizer, least)
    assert room.files < choose_limits(transcriber._recognizer, None).files
    few = {o.path: o.transcript for o in transcriber.transcribe_many(files, max_memory=least)}
    many = {o.path: o.transcript for o in transcriber.transcribe_many(files)}
    for path in files:
        assert [t.id for t in few[path].tokens] == [t.id for t in many[path].tokens]
    with pytest.raises(UsageError, match="--max-memory"):
        transcriber.transcribe_many(files, max_memory=1000)


def test_a_request_can_be_checked_without_a_file(transcriber):
    transcriber.check_request()
    transcriber.check_request("en", max_memory=40_000_000)
    with pytest.raises(UsageError, match="--max-memory"):
        transcriber.check_request("en", max_memory=1000)
    with pytest.raises(UsageError, match="language"):
        transcriber.check_request("xx-XX")


def test_an_unknown_language_is_refused_at_once(transcriber, files):
    with pytest.raises(UsageError):
        transcriber.transcribe_many(files, "xx-XX")


streams = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=16)


@given(waiting=streams, most=st.integers(1, 128))
def test_what_is_chosen_can_be_done(waiting, most):
    chosen, chunks = choose(waiting, most)
    assert bool(chosen) == any(count for count, _ in waiting)
    assert len(set(chosen)) == len(chosen)
    assert chunks * len(chosen) <= most
    for n in chosen:
        count, ended = waiting[n]
        assert count >= chunks or (ended and count)


def test_a_call_is_made_worth_while():
    """Not one chunk of each, because one file has no more; and what is left of that goes along."""
    assert choose([(32, False), (1, True), (32, False)], 128) == ([0, 1, 2], 32)
    assert choose([(3, False), (30, False)], 128) == ([1], 30)
    assert choose([(10, True)] * 20, 128) == (list(range(12)), 10)


def test_reading_stays_a_bounded_way_ahead(transcriber, tmp_path):
    """However long the file: otherwise memory, and the cost of what waits, would grow with it."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(speech_like(10, seed=1), 30), RATE)
    rows = chunk_rows(transcriber.lookahead + 1, first=False)
    reading = Prefetcher(4, rows)
    stream = transcriber._begin_stream("auto")
    reading.begin(path, stream)
    for _ in range(20):
        reading.collect(patience=0.2)
        second = 100 / rows
        assert 4 <= stream.chunks <= 2 * (4 + second)
    reading.stop()
