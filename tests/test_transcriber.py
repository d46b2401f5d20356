"""The Python interface: a file or samples, the released model, and several threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import nemocli
from nemocli.engine.recognizer import Turns
from tests.engine.small import small
from tests.sounds import RATE, speech_like

#: The longest takes more than one call into the model.
SOUNDS = [speech_like(seconds, seed=n) for n, seconds in enumerate((1, 4, 0.3, 7, 2.5, 11))]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    paths = [folder / f"{n}.wav" for n in range(len(SOUNDS))]
    for path, sound in zip(paths, SOUNDS, strict=True):
        soundfile.write(path, sound, RATE, "FLOAT")
    return paths


def symbols(transcript):
    return [(token.id, token.frame) for token in transcript.tokens]


@pytest.fixture(scope="module", params=[True, False], ids=["blocks", "chunks"])
def transcriber(request):
    return small(3, request.param)


def test_a_file_however_it_is_named_and_its_samples(transcriber, files):
    wanted = transcriber.transcribe(SOUNDS[1], "de")
    assert len(wanted.tokens) > 5 and wanted.duration == 4.0
    for sound in (files[1], str(files[1]), SOUNDS[1].astype(np.float64)):
        got = transcriber.transcribe(sound, lang="de")
        assert (symbols(got), got.text) == (symbols(wanted), wanted.text)
    assert symbols(transcriber.transcribe(SOUNDS[1], "ja")) != symbols(wanted)


def test_what_cannot_be_transcribed_is_refused(transcriber, tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for path in (text, tmp_path / "missing.wav"):
        with pytest.raises(nemocli.AudioError, match=path.name):
            transcriber.transcribe(path)
    for samples in (np.zeros((2, 160), np.float32), [[0.0], [0.0]]):
        with pytest.raises(nemocli.UsageError, match="one-dimensional"):
            transcriber.transcribe(samples)
    for sound in (text, SOUNDS[2]):
        with pytest.raises(nemocli.UsageError, match="klingon"):
            transcriber.transcribe(sound, "klingon")


def test_the_released_model_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    with pytest.raises(nemocli.ModelError) as caught:
        nemocli.load()
    assert "nvidia/nemotron-3.5-asr-streaming-0.6b" in str(caught.value)
    assert "nemocli models pull" in str(caught.value)
    with pytest.raises(nemocli.ModelError):
        nemocli.load("")


@settings(max_examples=4, deadline=None)
@given(
    work=st.lists(
        st.tuples(st.integers(0, len(SOUNDS) - 1), st.sampled_from(["file", "array", "packets"])),
        min_size=2,
        max_size=5,
    )
)
def test_threads_give_what_one_after_the_other_gives(transcriber, files, work):
    calls = GuardedCalls(transcriber._runtime)

    def transcribe(which, how):
        if how == "file":
            return symbols(transcriber.transcribe(files[which], "en"))
        if how == "array":
            return symbols(transcriber.transcribe(SOUNDS[which], "en"))
        session, tokens = transcriber.session("en", keep_transcript=False), []
        for start in range(0, len(SOUNDS[which]), 4000):
            tokens += session.feed(SOUNDS[which][start : start + 4000]).tokens
        tokens += session.finish().tokens
        return [(token.id, token.frame) for token in tokens]

    wanted = [transcribe(*one) for one in work]
    with calls, ThreadPoolExecutor(len(work)) as pool:
        begun = threading.Barrier(len(work))

        def begin(one):
            begun.wait()
            return transcribe(*one)

        assert list(pool.map(begin, work)) == wanted
    assert calls.threads > 1 and not calls.overlapped


class GuardedCalls:
    """Watches a runtime for calls of one thread while another one is in it."""

    def __init__(self, runtime):
        self._runtime, self._run = runtime, runtime.run
        self._inside = threading.Lock()
        self._seen = set()
        self.overlapped = False

    @property
    def threads(self):
        return len(self._seen)

    def __enter__(self):
        def run(graph, inputs):
            self._seen.add(threading.get_ident())
            if not self._inside.acquire(blocking=False):
                self.overlapped = True
                return self._run(graph, inputs)
            try:
                return self._run(graph, inputs)
            finally:
                self._inside.release()

        self._runtime.run = run

    def __exit__(self, *_):
        self._runtime.run = self._run


def test_a_thread_that_waits_is_next():
    """A thread that calls again at once does not get two turns in a row."""
    turns, order = Turns(), []
    waits, stop = threading.Event(), threading.Event()

    def greedy():
        while not stop.is_set():
            with turns:
                order.append("greedy")
                if len(order) == 3:
                    waits.set()
                    while not turns._next.locked():  # until the other one waits
                        pass

    def patient():
        waits.wait()
        with turns:
            order.append("patient")
        stop.set()

    threads = [threading.Thread(target=target, daemon=True) for target in (greedy, patient)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert order[:4] == ["greedy"] * 3 + ["patient"]


def test_a_model_that_fails_leaves_the_turn_to_others():
    transcriber = small(3)
    runtime, run = transcriber._runtime, transcriber._runtime.run

    def fail(graph, inputs):
        raise MemoryError

    session = transcriber.session("en")
    runtime.run = fail
    with pytest.raises(MemoryError):
        session.feed(SOUNDS[0])
    runtime.run = run
    wanted = small(3).transcribe(SOUNDS[0], "en")
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(transcriber.transcribe, SOUNDS[0], "en").result(timeout=60)
    assert symbols(got) == symbols(wanted)


def test_a_path_object_of_any_kind(transcriber, files):
    class Named:
        def __fspath__(self):
            return str(files[0])

    assert symbols(transcriber.transcribe(Named())) == symbols(transcriber.transcribe(files[0]))
    assert isinstance(files[0], Path)
