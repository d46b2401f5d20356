"""`transcribe_many`: each file once, with the result that it has alone."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import nemocli
from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.limits import BatchLimits, _estimate_speaker_bytes, choose_limits
from nemocli.batch.many import choose
from nemocli.batch.prefetch import Prefetcher
from nemocli.errors import AudioError, ModelError, UsageError
from nemocli.network.graphs import count_chunk_rows
from tests.sounds import RATE, speech_like


@pytest.fixture(scope="module")
def transcriber(random_checkpoint):
    """Load a random checkpoint, because the demo would emit nothing for most of this sound."""
    return nemocli.load(random_checkpoint("thin"))


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
    assert outcomes[cut].error is None
    assert [warning.kind for warning in outcomes[cut].warnings] == ["cut"]
    assert not outcomes[files[4]].warnings
    for path in (missing, text):
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
    reports = {}
    for outcome in transcriber.transcribe_many(
        files[3:8], progress=lambda h: reports.setdefault(h.path, []).append(h)
    ):
        last = reports[outcome.path][-1]
        assert last.promised == pytest.approx(outcome.transcript.duration)
        assert last.transcript.tokens == outcome.transcript.tokens
        assert last.transcript.duration == pytest.approx(outcome.transcript.duration, abs=0.1)
    for seen in reports.values():
        durations = [h.transcript.duration for h in seen]
        assert durations == sorted(durations)
    assert len(reports[files[7]]) > 1


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


def test_a_diarization_model_needs_memory_too(transcriber):
    """It has steps of its own, and keeps the probabilities of each file."""
    with nemocli.load_diarizer("demo", runtime="numpy") as diarizer:
        config = diarizer.config
        room = 120_000_000
        alone = choose_limits(transcriber._recognizer, room)
        beside = choose_limits(transcriber._recognizer, room, config)
        assert 1 <= beside.files < alone.files
        with pytest.raises(UsageError, match=r"^The two models need \d+ MB beside the weights"):
            transcriber.transcribe_many(["a.wav"], max_memory=20_000_000, speakers=diarizer)
    released = replace(
        *(config,), hidden_size=512, ff_size=2048, num_heads=8, num_speakers=8, cache_frames=264,
        offline_chunk=340, offline_lookahead=40, offline_fifo=40,
    )  # fmt: skip
    # With layers of these sizes, onnxruntime took 106 MB at most for two minutes.
    assert 106e6 < _estimate_speaker_bytes(released, 1) < 160e6


def test_a_request_can_be_checked_without_a_file(transcriber):
    transcriber.check_request()
    transcriber.check_request("en", max_memory=40_000_000)
    with pytest.raises(UsageError, match="--max-memory"):
        transcriber.check_request("en", max_memory=1000)
    with pytest.raises(UsageError, match="language"):
        transcriber.check_request("xx-XX")


def write_channels(path, *seconds):
    """Write a file with other speech on each channel."""
    longest = max(seconds)
    channels = [
        np.pad(speech_like(s, seed=n), (0, round(RATE * (longest - s))))
        for n, s in enumerate(seconds)
    ]
    soundfile.write(path, np.stack(channels, axis=1), RATE)
    return path


@pytest.mark.parametrize("max_memory", [None, 60_000_000])
def test_separate_channels_are_each_as_if_alone(transcriber, tmp_path, max_memory):
    paths = [
        write_channels(tmp_path / "a.wav", 5, 7),
        write_channels(tmp_path / "b.wav", 3),
        write_channels(tmp_path / "c.wav", 2, 1, 3),
        write_channels(tmp_path / "d.wav", 4, 4),
    ]
    sound = SoundOptions(channels="separate")
    results = {
        r.path: r
        for r in transcriber.transcribe_many(paths, "en-US", sound=sound, max_memory=max_memory)
    }
    assert [results[path].error for path in paths] == [None] * 4
    for path, names in zip(
        paths, [["left", "right"], [None], ["channel 1", "channel 2", "channel 3"]], strict=False
    ):
        tokens = results[path].transcript.tokens
        samples = soundfile.read(path, dtype="float32", always_2d=True)[0]
        for number, name in enumerate(names):
            session = transcriber.session("en-US")
            session.feed(np.ascontiguousarray(samples[:, number]))
            expected = [(t.id, t.frame) for t in session.finish().tokens]
            assert [(t.id, t.frame) for t in tokens if t.channel == name] == expected
    assert results[paths[0]].decoded.channels == "separate"
    assert results[paths[1]].decoded.channels == "mix"


def test_words_of_separate_channels_are_aligned_each_with_its_own_sound(transcriber, tmp_path):
    path = write_channels(tmp_path / "a.wav", 3, 2)
    (result,) = transcriber.transcribe_many(
        [path], "en-US", sound=SoundOptions(channels="separate"), align="auto"
    )
    samples = soundfile.read(path, dtype="float32")[0]
    for number, name in enumerate(["left", "right"]):
        channel = np.ascontiguousarray(samples[:, number])
        alone = transcriber.transcribe(channel, "en-US", align="auto").words
        found = [word for word in result.transcript.words if word.channel == name]
        assert [(w.text, w.start, w.end) for w in found] == [
            (w.text, w.start, w.end) for w in alone
        ]
        assert any(w.start != w.times_by_model[0] for w in found)


def test_more_channels_than_there_is_memory_for(transcriber, tmp_path):
    paths = [write_channels(tmp_path / f"{n}.wav", *[1] * n) for n in (8, 1, 2)]
    sound = SoundOptions(channels="separate")
    least = transcriber.transcribe_many(paths, sound=sound, max_memory=40_000_000)
    results = {result.path: result for result in least}
    assert "8 channels" in str(results[paths[0]].error)
    assert results[paths[1]].transcript is not None
    assert results[paths[1]].error is results[paths[1]].note is None
    for result in transcriber.transcribe_many(paths, sound=sound):
        assert result.error is None


def test_progress_of_separate_channels(transcriber, tmp_path):
    path = write_channels(tmp_path / "a.wav", 12, 12)
    seen = []
    sound = SoundOptions(channels="separate")
    (result,) = transcriber.transcribe_many([path], sound=sound, progress=seen.append)
    durations = [progress.transcript.duration for progress in seen]
    assert durations == sorted(durations)
    assert durations[-1] == pytest.approx(result.transcript.duration, abs=0.1)


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
    """A file with few chunks left does not make the call small, and its rest is in the call too."""
    assert choose([(32, False), (1, True), (32, False)], 128) == ([0, 1, 2], 32)
    assert choose([(3, False), (30, False)], 128) == ([1], 30)
    assert choose([(10, True)] * 20, 128) == (list(range(12)), 10)


def test_reading_stays_a_bounded_way_ahead(transcriber, tmp_path):
    """Otherwise memory, and the cost of the rows that wait, would grow with the file's length."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(speech_like(10, seed=1), 30), RATE)
    rows = count_chunk_rows(transcriber.lookahead + 1, first=False)
    limits = BatchLimits(files=1, chunks=4, file_chunks=4)
    stream = transcriber._begin_stream("auto")
    reading = Prefetcher(limits, rows, lambda: stream, DEFAULT_OPTIONS)
    reading.begin(path)
    for _ in range(20):
        reading.collect(patience=0.2)
        second = 100 / rows
        assert 4 <= stream.chunks <= 2 * (4 + second)
    reading.stop()


def test_no_sound_file_is_blamed_for_what_the_model_does(tmp_path):
    path = tmp_path / "good.wav"
    soundfile.write(path, speech_like(1, seed=1), RATE)

    def fail():
        raise ModelError("The weights are damaged.")

    limits = BatchLimits(files=1, chunks=4, file_chunks=4)
    reading = Prefetcher(limits, 32, fail, DEFAULT_OPTIONS)
    reading.begin(path)
    with pytest.raises(ModelError, match=r"^The weights are damaged\.$"):
        reading.collect(patience=60)
    reading.stop()
