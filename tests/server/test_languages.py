"""Languages that need adaptation: what each kind of client is sent about them, once a stream."""

import json

import pytest
import soundfile

import nemocli as library
from tests.server.running import InThread
from tests.server.test_realtime import NULL_AT_16K, Client
from tests.server.test_wyoming import exchange
from tests.sounds import pcm
from tests.typed import nemocli

WARNING = "Greek (el-GR) is not among the languages that the model's card lists as supported"


@pytest.fixture
def server(released):
    with (
        library.load(released, runtime="numpy") as transcriber,
        InThread(transcriber, lang="thai", wyoming_port=0) as running,
    ):
        yield running


def frame(kind, payload=b"", **data):
    head = {"type": kind, "data": data, "payload_length": len(payload)}
    return json.dumps(head).encode() + b"\n" + payload


def test_each_client(server, clips, tmp_path):
    sound = clips[0].samples[:16000]
    # A file, in JSON and in formats that have no place for it.
    status, answer = server.transcribe(clips[0].path, ("language", "el"))
    assert status == 200 and [text.startswith(WARNING) for text in answer["warnings"]] == [True]
    _, headers, _ = server.post(clips[0].path, ("language", "el"), ("response_format", "srt"))
    assert headers["x-nemocli-warning"].startswith(WARNING)
    assert "warnings" not in server.transcribe(clips[0].path, ("language", "de"))[1]

    # A session: the server's own language, another one, and settings that leave it.
    with Client(server) as client:
        (warning,) = client.receive("session.created")["warnings"]
        assert warning.startswith("Thai (th-TH)")
        for language, has_warning in (("el", True), ("el", False), ("de", False)):
            transcription = {"language": language}
            update = NULL_AT_16K["audio"]["input"] | {"transcription": transcription}
            client.send("session.update", session={"audio": {"input": update}})
            warnings = client.receive("session.updated").get("warnings", [])
            assert [text.startswith(WARNING) for text in warnings] == [True] * has_warning

    # Wyoming.
    for asked, names in (({"language": "el"}, ["Greek"]), ({"language": "de"}, []), ({}, ["Thai"])):
        chunk = {"rate": 16000, "width": 2, "channels": 1}
        answers = exchange(
            server,
            frame("transcribe", **asked),
            frame("audio-chunk", pcm(sound), **chunk),
            frame("audio-stop"),
            count=100,
        )
        (transcript,) = [data for kind, data in answers if kind == "transcript"]
        assert [text.split()[0] for text in transcript.get("warnings", [])] == names

    # nemocli itself.
    options = ("--server", server.url, "--lang", "el", "--format", "jsonl")
    soundfile.write(tmp_path / "short.wav", sound[:4800], 16000)
    done = nemocli("live", "--input", tmp_path / "short.wav", *options)
    assert done.exit_code == 0 and done.stderr.count(WARNING) == 1, done.output
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["kind"] for event in events if event.get("message", "").startswith(WARNING)]
    assert kinds == ["language"]
    done = nemocli("file", clips[0].path, "--server", server.url, "--lang", "el")
    assert done.exit_code == 0 and done.stderr.count(WARNING) == 1, done.output
