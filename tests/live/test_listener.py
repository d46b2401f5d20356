"""The listening thread: what it passes on while a source goes on, and while it stalls."""

import os
import threading

import numpy as np
import pytest
import soundfile
import soxr

import nemocli
from nemocli.audio.pcm import open_pcm
from nemocli.errors import UsageError
from nemocli.live.listener import Listener
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.transcript.events import Final, Status
from tests.sounds import pcm


def next_final(listener):
    """Wait for it, however slow the machine is."""
    while not isinstance(event := listener.events.get(timeout=60), Final):
        assert not isinstance(event, Status) or event.kind != "ended"
    return event.segment


def test_a_pipe_that_stalls_holds_nothing_back(clips):
    reading, writing = os.pipe()
    is_read = [threading.Event(), threading.Event()]

    def write():
        for clip, event in zip(clips, is_read, strict=False):
            os.write(writing, pcm(clip.samples))
            event.wait(60)
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    source = open_pcm(reading, 16000, 1, "s16le")
    listener = Listener(LiveStream(nemocli.load("demo"), "auto", StreamLimits()), source)
    listener.start()
    for clip, event in zip(clips, is_read, strict=False):
        assert next_final(listener).text == clip.text  # while the pipe is still open
        event.set()


def list_doubts(data):
    """Transcribe raw bytes, and return the source's doubt, and what was reported of the sound."""
    reading, writing = os.pipe()

    def write():
        os.write(writing, data)
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    source = open_pcm(reading, 16000, 1, "s16le")
    listener = Listener(LiveStream(nemocli.load("demo"), "auto", StreamLimits()), source)
    listener.start()
    told = []
    while not told or told[-1].kind != "ended":
        event = listener.events.get(timeout=60)
        told += [event] if isinstance(event, Status) else []
    return source.doubt, [event.message for event in told if event.kind == "sound"]


def test_loud_sound_without_a_word_casts_doubt_on_what_was_said_of_it():
    """Sound at three times its rate, for example, is reported once."""
    loud = np.random.default_rng(0).normal(0, 3000, 16000).astype("<i2").tobytes()
    doubt, told = list_doubts((loud + bytes(16000)) * 30)
    assert told == [doubt]
    assert "does stdin hold s16le, 1 channel(s), 16000 Hz?" in doubt


def test_so_does_loud_sound_that_hardly_gives_a_word(clips):
    """Speech at a third of its speed gives some, but only where it is transcribed once more."""
    spoken, _ = soundfile.read(clips[0].path.with_name("all-languages.flac"), dtype="float32")
    slow = soxr.resample(np.tile(spoken, 2), 16000, 48000)[: 125 * 16000]
    doubt, told = list_doubts(pcm(slow))
    assert told == [doubt]


def test_a_phrase_is_added_while_the_stream_runs(clips):
    """It is reported in its place among the events; what cannot be a phrase is refused at once."""
    reading, writing = os.pipe()
    is_added = threading.Event()

    def write():
        os.write(writing, pcm(clips[0].samples))
        is_added.wait(60)
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    source = open_pcm(reading, 16000, 1, "s16le")
    listener = Listener(LiveStream(nemocli.load("demo"), "auto", StreamLimits()), source)
    listener.start()
    assert next_final(listener).text == clips[0].text
    word = clips[0].text.split()[0].strip(",.")
    for wrong, said in [("?", "neither a letter"), ("\N{SNOWMAN}7", "no pieces")]:
        with pytest.raises(UsageError, match=said):
            listener.add_phrase(wrong)
    listener.add_phrase(word)
    listener.add_phrase(f"{word.upper()}\t2")
    messages = []
    while len(messages) < 2:
        event = listener.events.get(timeout=60)
        messages += [event.message] if getattr(event, "kind", "") == "phrase" else []
    assert messages == [f"phrase: {word}", f"phrase: {word.upper()} (weight 2)"]
    is_added.set()
    while getattr(listener.events.get(timeout=60), "kind", "") != "ended":
        pass
    assert listener.error is None
