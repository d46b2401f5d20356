"""The listening thread: what it passes on while a source goes on, and while it stalls."""

import os
import threading

import nemocli
from nemocli.audio.pcm import open_pcm
from nemocli.live.listener import Listener
from nemocli.live.stream import StreamLimits
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
    listener = Listener(nemocli.load("demo"), "auto", source, StreamLimits())
    listener.start()
    for clip, event in zip(clips, is_read, strict=False):
        assert next_final(listener).text == clip.text  # while the pipe is still open
        event.set()
