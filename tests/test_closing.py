"""A closed transcriber: what it refuses, what it waits for, and the memory it gives back."""

import json
import subprocess
import sys
import threading

import pytest
import soundfile

import nemocli
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import read_system
from tests.engine.small import small
from tests.sounds import RATE, speech_like
from tests.typed import environment

CLOSED = "This transcriber is closed; load the model again."
SOUND = speech_like(2, seed=5)


def refused(call, *arguments, **options):
    with pytest.raises(nemocli.NemocliError) as caught:
        call(*arguments, **options)
    assert str(caught.value) == CLOSED


@pytest.fixture(params=[True, False], ids=["blocks", "chunks"])
def transcriber(request):
    return small(3, request.param)


def test_what_needs_the_model_is_refused_after_it_was_closed(transcriber, tmp_path):
    soundfile.write(tmp_path / "a.wav", SOUND, RATE)
    session = transcriber.session("de")
    words = session.feed(SOUND)
    finished = transcriber.session("de")
    finished.feed(SOUND)
    whole = finished.finish()
    transcriber.close()
    transcriber.close()
    refused(session.feed, SOUND)
    refused(session.feed, SOUND[:1])
    refused(session.finish)
    refused(transcriber.session)
    refused(transcriber.transcribe, SOUND)
    refused(transcriber.transcribe, tmp_path / "a.wav")
    refused(transcriber.transcribe_many, [])
    refused(transcriber.check_request)
    # What was transcribed before is kept.
    assert words.growing and session.flush().final
    assert finished.finish() == whole
    assert (transcriber.lookahead, transcriber.model_name) == (3, "small")
    assert transcriber.resolve_language("de") == "de-DE"


def test_a_with_block_closes(transcriber):
    with transcriber as entered:
        assert entered.transcribe(SOUND).tokens
    refused(transcriber.session)
    other = small(3)
    with pytest.raises(ZeroDivisionError), other:
        raise ZeroDivisionError
    refused(other.session)


@pytest.mark.parametrize("begun", [False, True])
def test_files_under_way_end_with_the_sentence(transcriber, tmp_path, begun):
    paths = [tmp_path / f"{n}.wav" for n in range(20)]
    for path in paths:
        soundfile.write(path, SOUND, RATE)
    results = transcriber.transcribe_many(paths)
    if begun:
        assert next(results).transcript
    transcriber.close()
    refused(list, results)


def test_closing_waits_for_a_call_that_is_running(transcriber):
    runtime, run = transcriber._runtime, transcriber._runtime.run
    inside, go_on = threading.Event(), threading.Event()
    session = transcriber.session("de")

    def slow(graph, inputs):
        inside.set()
        go_on.wait(60)
        return run(graph, inputs)

    runtime.run = slow
    fed = []
    feeding = threading.Thread(target=lambda: fed.append(session.feed(SOUND[:16000])))
    feeding.start()
    assert inside.wait(60)
    closing = threading.Thread(target=transcriber.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    go_on.set()
    feeding.join(60)
    closing.join(60)
    assert not closing.is_alive() and fed
    refused(session.feed, SOUND)


#: Loads, transcribes and closes so many times; prints the memory that the process holds after each.
PROGRAM = """
import json, sys
import psutil
import nemocli

runtime, clip, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
process, held = psutil.Process(), []
for _ in range(times):
    with nemocli.load("demo", runtime=runtime, lookahead=3) as transcriber:
        text = transcriber.transcribe(clip, "en").text
        session = transcriber.session()
        session.feed([0.0] * 160)
    held.append(process.memory_info().rss)
print(json.dumps([text, held]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", KINDS)
def test_memory_after_twenty_loads_is_that_after_two(runtime, clips):
    kind = KINDS[runtime]
    if kind.find_missing_system(read_system()) or not kind.library.is_here:
        pytest.skip(f"{runtime} does not run on this machine")
    pytest.importorskip("psutil", reason="needs: pip install psutil")
    command = [sys.executable, "-c", PROGRAM, runtime, str(clips[0].path), "20"]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True)
    text, held = json.loads(done.stdout)
    print(runtime, [round(size / 1e6) for size in held])
    assert text == clips[0].text
    assert max(held[2:]) < 1.1 * held[1]
