"""MLX: states on the device, threads, what is compiled, the precisions, and the memory it frees."""

import gc
import subprocess
import sys
import threading

import mlx.core as mx
import numpy as np
import psutil
import pytest

import nemocli
from nemocli.engine.stream import advance
from nemocli.models.folder import read_manifest
from nemocli.runtimes.mlx import runtime as mlx_runtime
from nemocli.transcriber import Transcriber


def transcribe(transcriber, clip):
    session = transcriber.session(clip.lang)
    session.feed(clip.samples)
    return session.finish().text


@pytest.mark.parametrize("precision", ["fp16", "int8", "int5"])
def test_every_precision_says_what_is_said(converted, clips, precision):
    transcriber = nemocli.load(converted(precision))
    for clip in clips[::3]:
        assert transcribe(transcriber, clip) == clip.text


def test_computing_in_float16_as_on_a_gpu(converted, clips, monkeypatch):
    monkeypatch.setattr(mlx_runtime, "choose_dtype", lambda precision, units: mx.float16)
    transcriber = nemocli.load(converted("fp16"))
    stream = begin(transcriber, clips[0].samples)
    advance([stream], 1)
    caches = transcriber._recognizer.encoder._caches.arrays
    assert {value.dtype for value in caches.values()} == {mx.float16}
    assert transcribe(transcriber, clips[0]) == clips[0].text


def begin(transcriber, sound):
    stream = transcriber._begin_stream("de-DE")
    stream.push(stream.compute_rows(sound))
    return stream


def finish(stream):
    stream.push(stream.compute_last_rows())
    stream.end()
    while stream.chunks:
        advance([stream], 1)
    return [(token.id, token.frame) for token in stream.build_transcript(final=True).tokens]


def test_states_stay_on_the_device(converted, clips):
    """Also those of streams that are joined at different times, one of which is new."""
    transcriber = nemocli.load(converted("fp32"))
    expected = [finish(begin(transcriber, clip.samples)) for clip in clips[:3]]
    streams = [begin(transcriber, clip.samples) for clip in clips[:3]]
    advance(streams[:1], 2)
    advance(streams[:2], 1)
    advance(streams, 2)
    for stream in streams:
        states = [*stream._encoder.states.values(), stream._decoder.state]
        assert all(isinstance(value, mx.array) for state in states for value in state.values())
    assert [finish(stream) for stream in streams] == expected


def test_a_stream_may_go_from_thread_to_thread(converted, clips):
    """What one thread left is computed, and the threads leave nothing behind."""
    transcriber = nemocli.load(converted("fp32"))
    expected = transcribe(transcriber, clips[0])
    sessions = [transcriber.session(clips[0].lang) for _ in range(2)]
    before, texts = psutil.Process().num_threads(), []
    starts = range(0, len(clips[0].samples), 4000)
    for start in starts:
        packet = clips[0].samples[start : start + 4000]
        threads = [threading.Thread(target=each.feed, args=[packet]) for each in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for session in sessions:
        ending = threading.Thread(target=lambda each=session: texts.append(each.finish().text))
        ending.start()
        ending.join()
    assert texts == [expected, expected]
    # Otherwise MLX keeps one for each that called it.
    assert psutil.Process().num_threads() - before < len(starts)


#: The main thread ends before the other has begun; then Python ends, and the model is closed.
LATE = """
import atexit, sys, threading
import nemocli

transcriber = nemocli.load(sys.argv[1])
atexit.register(lambda: (transcriber.close(), print("closed")))
main = threading.main_thread()
def work():
    main.join()
    print(transcriber.transcribe(sys.argv[2], lang=sys.argv[3]).text)
threading.Thread(target=work).start()
"""


def test_a_thread_that_outlives_the_main_one(converted, clips):
    clip = clips[0]
    command = [sys.executable, "-c", LATE, converted("fp32"), clip.path, clip.lang]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{clip.text}\nclosed\n", "")


FORKED = """
import os, sys
import nemocli

transcriber = nemocli.load(sys.argv[1])
if os.fork():
    print(os.waitstatus_to_exitcode(os.wait()[1]))
else:
    transcriber.transcribe(sys.argv[2], lang=sys.argv[3])
"""


def test_a_forked_process_is_refused_and_ends(converted, clips):
    clip = clips[0]
    command = [sys.executable, "-c", FORKED, converted("fp32"), clip.path, clip.lang]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stdout == "1\n"
    assert "UnsupportedError: MLX does not work in a forked process" in done.stderr


@pytest.fixture
def compiled(monkeypatch):
    """Names of the graphs that `mx.compile` was called for; it compiles nothing."""
    names = []

    def compile_(body):
        names.append(body.func.__qualname__.removeprefix("_").partition(".")[0])
        return lambda inputs: body(inputs)

    monkeypatch.setattr(mx, "compile", compile_)
    return names


def test_nothing_is_compiled_on_the_processor(converted, clips, compiled):
    transcribe(nemocli.load(converted("fp16")), clips[0])
    assert compiled == []


def test_on_a_gpu_one_chunk_of_one_stream_is_compiled(converted, clips, compiled, monkeypatch):
    """And nothing else: what is compiled is kept for every shape, and never dropped."""
    monkeypatch.setattr(mx, "gpu", mx.cpu)
    manifest = read_manifest(converted("fp32"))
    runtime = mlx_runtime.MLXRuntime(converted("fp32"), manifest.config, 3, "fp32", "gpu")
    loaded = nemocli.load(converted("fp32"))
    transcriber = Transcriber(runtime, loaded._pieces, "demo")
    assert sorted(compiled) == ["make_conformer_block", "make_pre_block", "make_predict"]
    chosen = []
    choose = runtime._choose_function

    def record(graph, inputs):
        function = choose(graph, inputs)
        key = {"conformer_block": "embeds", "pre_block": "mel", "predict": "token"}.get(graph)
        chosen.append((graph, key and inputs[key].shape, function is runtime._compiled.get(graph)))
        return function

    monkeypatch.setattr(runtime, "_choose_function", record)
    streams = [begin(transcriber, clip.samples) for clip in clips[:2]]
    advance(streams[:1], 1)
    advance(streams, 1)
    advance(streams[:1], 3)
    hidden, mels = manifest.config.hidden_size, manifest.config.features.num_mels
    found = {(graph, shape): is_compiled for graph, shape, is_compiled in chosen}
    for (graph, shape), is_compiled in found.items():
        usual = {
            "conformer_block": (1, 4, hidden),
            "pre_block": (1, 32, mels),
            "predict": (1, 1),
        }
        assert is_compiled == (shape == usual.get(graph, 0)), (graph, shape)
    assert {shape for graph, shape in found if graph == "conformer_block"} == {
        (1, 4, hidden),
        (2, 4, hidden),
        (1, 12, hidden),
    }
    assert len(compiled) == 3


def test_closing_frees_the_weights(converted):
    gc.collect()
    nemocli.load(converted("fp32")).close()  # drops what earlier tests left behind
    before = mx.get_active_memory()
    transcriber = nemocli.load(converted("fp32"))
    assert mx.get_active_memory() - before > 9e6
    transcriber.close()
    assert mx.get_active_memory() - before < 1e6


def test_what_was_compiled_is_dropped_without_closing(converted, compiled, monkeypatch):
    """By the next call, in the thread that compiled it: it holds the weights."""
    monkeypatch.setattr(mx, "gpu", mx.cpu)
    config = read_manifest(converted("fp32")).config
    gc.collect()
    nemocli.load(converted("fp32")).close()
    before = mx.get_active_memory()
    mlx_runtime.MLXRuntime(converted("fp32"), config, 3, "fp32", "gpu")
    gc.collect()
    nemocli.load(converted("fp32")).close()
    assert mx.get_active_memory() - before < 1e6


def test_freed_buffers_are_limited(converted):
    nemocli.load(converted("fp32"))
    limit = mx.set_cache_limit(mlx_runtime.MAX_CACHE_BYTES)
    assert limit == mlx_runtime.MAX_CACHE_BYTES


def test_results_are_the_callers(converted):
    """A later call does not overwrite them."""
    transcriber = nemocli.load(converted("fp32"))
    runtime = transcriber._runtime
    size = runtime.config.decoder_size
    inputs = {
        "dec_out": np.ones((1, size), np.float32),
        "enc_frame": np.ones((2, size), np.float32),
    }
    first = runtime.run("joint", inputs)["token_logits"]
    kept = first.copy()
    runtime.run("joint", {name: -value for name, value in inputs.items()})
    np.testing.assert_array_equal(first, kept)
    assert first.dtype == np.float32 and first.flags.writeable
