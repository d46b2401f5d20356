"""Many clients at once: each has the tokens that it would have alone."""

import json
import random
import threading

import numpy as np
import pytest

import nemocli
from nemocli.transcript.json_documents import describe_token
from tests.server.running import PATIENCE_S, open_websocket
from tests.sounds import pcm


def live(server, samples, size):
    """Return text and tokens of a realtime session, whose deltas are the text."""
    with open_websocket(server.url.replace("http", "ws") + "/v1/realtime") as client:
        given = {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": None}
        session = {"audio": {"input": given}, "include": ["tokens"]}
        client.send(json.dumps({"type": "session.update", "session": session}))
        data = pcm(samples)
        for at in range(0, len(data), size):
            client.send(data[at : at + size])
        client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        text = ""
        while True:
            event = json.loads(client.recv(timeout=PATIENCE_S))
            assert event["type"] != "error"
            text += event.get("delta", "")
            if event["type"].endswith(".completed"):
                assert event["transcript"] == text
                return text, event["tokens"]


def of_file(server, path):
    """Return text and tokens of an uploaded file."""
    fields = ("response_format", "verbose_json"), ("include[]", "tokens")
    status, answer = server.transcribe(path, *fields)
    assert status == 200
    return answer["text"], answer["tokens"]


def alone(transcriber, sound):
    """Return text and tokens of a sound that has the model for itself."""
    transcript = transcriber.transcribe(sound)
    return transcript.text, [describe_token(token) for token in transcript.tokens]


def as_sent(samples):
    """Return samples as they arrive: with 16 bits."""
    return np.frombuffer(pcm(samples), "<i2").astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize(
    ("streams", "files"), [(8, 4), pytest.param(50, 25, marks=pytest.mark.slow)]
)
def test_streams_and_files_have_the_tokens_of_file(server, clips, streams, files):
    """Each with the same frame and confidence, too, as from a model that nobody else uses."""
    rng = random.Random(0)
    sounds = [rng.sample(clips, 3) for _ in range(streams)]
    results = [None] * (streams + files)

    def run_live(n):
        sound = np.concatenate([clip.samples for clip in sounds[n]])
        results[n] = live(server, sound, rng.choice([640, 3200, 9600]))

    def run_file(n):
        results[streams + n] = of_file(server, clips[n % len(clips)].path)

    work = [(run_live, n) for n in range(streams)] + [(run_file, n) for n in range(files)]
    threads = [threading.Thread(target=run, args=(n,)) for run, n in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with nemocli.load("demo") as transcriber:
        expected = [
            alone(transcriber, as_sent(np.concatenate([clip.samples for clip in chosen])))
            for chosen in sounds
        ]
        of_clips = [alone(transcriber, clip.path) for clip in clips]
    expected += [of_clips[n % len(clips)] for n in range(files)]
    assert all(len(tokens) > 5 for _, tokens in expected)
    assert results == expected
    assert server.metrics()['nemocli_call_streams_largest{kind="live"}'] > 1
