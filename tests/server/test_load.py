"""Many clients at once, and many that send nonsense: the right text for all, and no harm."""

import gc
import json
import os
import random
import socket
import threading

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import nemocli
from nemocli.transcript.json_documents import token_fields
from tests.server.running import form
from tests.sounds import pcm


def live(server, samples, size):
    """Return text and tokens of a realtime session, whose deltas are the text."""
    with connect(server.url.replace("http", "ws") + "/v1/realtime") as client:
        given = {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": None}
        session = {"audio": {"input": given}, "include": ["tokens"]}
        client.send(json.dumps({"type": "session.update", "session": session}))
        data = pcm(samples)
        for at in range(0, len(data), size):
            client.send(data[at : at + size])
        client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        text = ""
        while True:
            event = json.loads(client.recv(timeout=600))
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
    return transcript.text, [token_fields(token) for token in transcript.tokens]


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


class Nonsense:
    """Malformed requests and messages; the same for a seed."""

    def __init__(self, seed, sound):
        self.rng = random.Random(seed)
        self._sound = sound

    def bytes(self, most):
        return self.rng.randbytes(self.rng.randrange(most))

    def value(self, depth=0):
        """Any value in JSON."""
        choices = [None, True, -1, 1e308, "", "de", "audio/pcm", "\ud800", "x" * 5000, 2**70]
        if depth < 4:
            choices += [[self.value(depth + 1) for _ in range(3)], self.object(depth + 1)]
        return self.rng.choice(choices)

    def object(self, depth=0):
        names = ["type", "session", "audio", "input", "format", "rate", "transcription", "x"]
        names += ["turn_detection", "language", "languages", "keywords", "include", "delta"]
        names += ["silence_duration_ms", "eagerness", "data", "width", "channels", "text"]
        names += ["data_length", "payload_length", "event_id", "input_audio_format", "version"]
        return {self.rng.choice(names): self.value(depth) for _ in range(self.rng.randrange(4))}

    def damage(self, data):
        """Change, cut out or repeat a few bytes."""
        data = bytearray(data)
        for _ in range(self.rng.randrange(1, 6)):
            at = self.rng.randrange(len(data) + 1)
            data[at : at + self.rng.randrange(4)] = self.bytes(6)
        return bytes(data)

    def event(self):
        kinds = ["session.update", "transcription_session.update", "input_audio_buffer.append"]
        kinds += ["input_audio_buffer.commit", "input_audio_buffer.clear", "", "x"]
        event = {"type": self.rng.choice(kinds)} | self.object()
        if self.rng.random() < 0.3:
            event["session"] = {"audio": {"input": self.object()}, **self.object()}
        if self.rng.random() < 0.2:
            event["audio"] = self.rng.choice(["AAAA", "AAA", "é", "", 5])
        return json.dumps(event)

    def frame(self):
        kinds = ["describe", "ping", "transcribe", "audio-start", "audio-chunk", "audio-stop", "x"]
        frame = {"type": self.rng.choice(kinds)} | self.object()
        if self.rng.random() < 0.6:
            frame["data"] = self.object() | {"rate": 16000, "width": 2, "channels": 1}
        return json.dumps(frame).encode() + b"\n" + self.bytes(20)

    def form(self):
        names = ["model", "language", "response_format", "stream", "include[]", "keywords"]
        names += ["timestamp_granularities[]", "speech_contexts", "prompt", "file", "x", ""]
        values = ["", "json", "srt", "verbose_json", "true", "de", "word", "[[[", "\0", "é" * 300]
        fields = [(self.rng.choice(names), self.rng.choice(values)) for _ in range(4)]
        sound = self.rng.choice([None, b"", b"RIFF", self.damage(self._sound), self.bytes(500)])
        body, boundary = form(sound, fields)
        return (self.damage(body) if self.rng.random() < 0.5 else body), boundary


def send_events(server, nonsense, count):
    """Send so many messages in as many sessions as that takes; all answers are events."""
    sent = 0
    while sent < count:
        try:
            url = server.url.replace("http", "ws") + "/v1/realtime"
            with connect(url, max_queue=None) as client:  # many answers stay unread
                for _ in range(min(40, count - sent)):
                    is_raw = nonsense.rng.random() < 0.2
                    client.send(nonsense.bytes(200) if is_raw else nonsense.event())
                    sent += 1
                client.send(json.dumps({"type": "session.update", "session": {}}))
                while not json.loads(client.recv(timeout=60))["type"].endswith("session.updated"):
                    pass
        except ConnectionClosed as closed:
            assert closed.rcvd is None or closed.rcvd.code in (1000, 1007, 1008)


def send_frames(server, nonsense, count):
    for at in range(0, count, 20):
        with socket.create_connection(("127.0.0.1", server.wyoming_port), timeout=60) as client:
            try:
                for _ in range(min(20, count - at)):
                    client.sendall(nonsense.frame())
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
            except OSError:
                pass  # closed after a frame whose length cannot be known


def send_forms(server, nonsense, count):
    for _ in range(count):
        body, boundary = nonsense.form()
        status, _, answer = server.request(
            "POST",
            "/v1/audio/transcriptions",
            body,
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        assert status in (200, 400), answer
        if status == 400:
            assert json.loads(answer)["error"]["message"]


@pytest.mark.parametrize("count", [120, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nonsense_does_no_harm(server, clips, caplog, count):
    nonsense = Nonsense(0, clips[0].path.read_bytes()[:4000])
    work = [(send_events, 0.5), (send_frames, 0.3), (send_forms, 0.2)]
    for send, share in work:  # what is allocated only once
        send(server, nonsense, min(100, round(share * count)))
    gc.collect()
    before, threads, files = _memory(), threading.active_count(), _open_files()
    for send, share in work:
        send(server, nonsense, round(share * count))
    while server.metrics()["nemocli_live_streams"] or server.metrics()["nemocli_file_requests"]:
        pass
    gc.collect()
    assert not [record for record in caplog.records if record.name == "nemocli.server"]
    assert _memory() - before < 80_000_000
    assert threading.active_count() <= threads + 80  # the pool of live streams
    assert _open_files() <= files + 5
    assert server.transcribe(clips[0].path)[1]["text"] == clips[0].text
    assert live(server, clips[0].samples, 3200)[0] == clips[0].text


def _memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _open_files():
    return len(os.listdir("/proc/self/fd"))
