"""Sessions: several at once, switching the language, the end, refused samples, and memory."""

import gc
import sys
import weakref
from contextlib import ExitStack

import numpy as np
import pytest

import nemocli
from nemocli.errors import NemocliError, UsageError
from tests.engine.small import small
from tests.repeats import repeats
from tests.sounds import speech_like

RUNTIMES = ["numpy", "onnx"]


@pytest.fixture(scope="module", params=RUNTIMES)
def transcriber(request):
    return nemocli.load("demo", runtime=request.param)


def ids(transcript):
    return [(token.id, token.frame) for token in transcript.tokens]


def whole(transcriber, sound, lang="auto"):
    session = transcriber.session(lang)
    session.feed(sound)
    return session.finish()


def test_sessions_do_not_disturb_each_other(transcriber, clips):
    alone = [whole(transcriber, clip.samples, clip.lang) for clip in clips[:3]]
    sessions = [transcriber.session(clip.lang) for clip in clips[:3]]
    longest = max(len(clip.samples) for clip in clips[:3])
    for start in range(0, longest, 1000):
        for session, clip in zip(sessions, clips, strict=False):
            session.feed(clip.samples[start : start + 1000])
    assert [ids(session.finish()) for session in sessions] == [ids(t) for t in alone]


def test_the_transcript_begins_with_what_updates_had(transcriber, clips):
    session, before = transcriber.session(clips[0].lang), []
    for start in range(0, len(clips[0].samples), 1600):
        before += ids(session.feed(clips[0].samples[start : start + 1600]))
    final = session.finish()
    assert ids(final)[: len(before)] == before
    assert final.text == clips[0].text
    assert final.duration == len(clips[0].samples) / 16000


def test_the_language_can_be_switched(transcriber):
    sound = speech_like(4.0, seed=5)
    given, switched = (transcriber.session("en", keep_encoder=True) for _ in range(2))
    assert switched.lang == "en-US"
    for session in (given, switched):
        session.feed(sound[:32000])
    switched.lang = "ja_JP"
    assert switched.lang == "ja-JP"
    for session in (given, switched):
        session.feed(sound[32000:])
    changed = [
        not np.array_equal(a, b) for a, b in zip(given.enc_proj, switched.enc_proj, strict=True)
    ]
    assert changed == sorted(changed) and True in changed and False in changed
    with pytest.raises(UsageError):
        switched.lang = "klingon"
    assert switched.lang == "ja-JP"


def test_finish_twice_is_the_same_and_feeding_after_is_refused(transcriber):
    session = transcriber.session()
    session.feed(speech_like(1.0))
    assert session.finish() == session.finish()
    with pytest.raises(NemocliError) as caught:
        session.feed(np.zeros(10, np.float32))
    assert str(caught.value) == "This session is finished; begin another for more sound."


@pytest.mark.parametrize(
    ("graph", "failure"),
    [
        ("pre_block", MemoryError),
        ("conformer_block", KeyboardInterrupt),
        ("joint", MemoryError),
    ],
)
@pytest.mark.parametrize("schedules", [False, True])
def test_a_session_says_that_a_call_failed_and_others_go_on(
    monkeypatch, clips, graph, failure, schedules
):
    """What the failed call took is gone: the words of what follows would be wrong."""
    with nemocli.load("demo", runtime="onnx") as loaded, ExitStack() as stack:
        if schedules:
            stack.enter_context(loaded.schedule())
        clip, runtime = clips[0], loaded._runtime
        failed, other = loaded.session(clip.lang), loaded.session(clip.lang)
        for session in (failed, other):
            session.feed(clip.samples[:20000])

        def run(name, inputs):
            outputs = type(runtime).run(runtime, name, inputs)
            if name == graph:
                raise failure
            return outputs

        with monkeypatch.context() as patch:
            patch.setattr(runtime, "run", run)
            with pytest.raises(failure):
                failed.feed(clip.samples[20000:50000])
        with pytest.raises(NemocliError, match="failed or was interrupted"):
            failed.feed(clip.samples[50000:])
        for _ in range(2):
            with pytest.raises(NemocliError, match="failed or was interrupted"):
                failed.finish()
        other.feed(clip.samples[20000:])
        assert other.finish().text == clip.text


@pytest.mark.parametrize("step", ["compute_last_rows", "finish", "build_transcript"])
def test_an_end_that_failed_gives_no_transcript_without_it(monkeypatch, step):
    session = small(0).session("de")
    session.feed(speech_like(1.0))

    def fail(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(session._stream, step, fail)
        with pytest.raises(MemoryError):
            session.finish()
    for _ in range(2):
        with pytest.raises(NemocliError, match="not transcribed; begin another"):
            session.finish()


SHAPE = "Samples are one-dimensional (16 kHz mono), not of the shape {}."
NUMBERS = "The samples fed to a session must be numbers, not NaN or infinite."


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((), np.float32), SHAPE.format([])),
        (np.array([0, np.nan], np.float32), NUMBERS),
        (np.array([np.inf], np.float32), NUMBERS),
    ],
)
def test_what_is_no_sound_is_refused_and_does_no_harm(transcriber, samples, message, clips):
    session = transcriber.session(clips[0].lang)
    with pytest.raises(NemocliError) as caught:
        session.feed(samples)
    assert str(caught.value) == message
    session.feed(clips[0].samples)
    assert session.finish().text == clips[0].text


def test_samples_far_too_loud_give_no_warning(transcriber):
    whole(transcriber, 1e6 * speech_like(1.0))


def test_token_times_and_confidences(transcriber, clips):
    final = whole(transcriber, clips[0].samples, clips[0].lang)
    assert final.tokens
    for token in final.tokens:
        assert token.time == pytest.approx(token.frame * 0.08)
        assert 0 < token.confidence <= 1
    assert final.words[0].start == final.tokens[0].time
    assert final.words[-1].end <= final.duration


@pytest.mark.parametrize(
    "load",
    repeats([lambda: small(3), lambda: nemocli.load("demo", runtime="numpy")], 1),
    ids=["small", "demo"],
)
def test_memory_does_not_grow_with_the_stream(load):
    session, silence = load().session(), np.zeros(16000, np.float32)
    for _ in range(5):
        session.feed(silence)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(25):
        session.feed(silence)
    gc.collect()
    # 78 chunks later: one array kept for each chunk would show, and so would the data of a frame.
    assert sys.getallocatedblocks() - before < 60


@pytest.mark.parametrize(("keeps", "grows"), [(False, False), (True, True)])
def test_memory_grows_by_the_words_only_if_a_transcript_is_kept(keeps, grows):
    session, speech = small(0).session("de", keep_transcript=keeps), speech_like(2, seed=3)
    tokens = 0
    for _ in range(3):
        session.feed(speech)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(10):
        tokens += len(session.feed(speech).tokens)
    gc.collect()
    assert tokens > 200
    assert (sys.getallocatedblocks() - before > tokens) == grows


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_is_released_as_soon_as_it_is_no_longer_used(runtime):
    transcriber = nemocli.load("demo", runtime=runtime)
    transcriber.session().feed(np.zeros(16000, np.float32))
    kept = weakref.ref(transcriber._runtime)
    gc.disable()
    try:
        del transcriber
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_closing_gives_back_what_streams_share(runtime):
    transcriber = nemocli.load("demo", runtime=runtime)
    session, finished = transcriber.session(), transcriber.session()
    session.feed(np.zeros(32000, np.float32))
    finished.feed(np.zeros(32000, np.float32))
    transcript = finished.finish()
    arrays = transcriber._recognizer.encoder._caches.arrays
    kept = [weakref.ref(array) for array in arrays.values()]
    del arrays
    transcriber.close()
    assert kept and all(array() is None for array in kept)
    with pytest.raises(NemocliError, match="closed"):
        session.feed(np.zeros(32000, np.float32))
    assert finished.finish() is transcript
