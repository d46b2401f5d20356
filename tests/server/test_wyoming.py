"""Wyoming's own client, unmodified, and frames as Home Assistant and others write them."""

import asyncio
import json
import socket
from itertools import islice

import pytest

from tests.sounds import pcm

wyoming = pytest.importorskip("wyoming", reason="pip install wyoming")

from wyoming.asr import Transcribe, Transcript, TranscriptChunk  # noqa: E402
from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: E402
from wyoming.client import AsyncTcpClient  # noqa: E402
from wyoming.info import Describe, Info  # noqa: E402


def sound(samples, rate=16000, size=1024):
    format_ = {"rate": rate, "width": 2, "channels": 1}
    data = pcm(samples)
    yield AudioStart(**format_).event()
    for at in range(0, len(data), 2 * size):
        yield AudioChunk(audio=data[at : at + 2 * size], **format_).event()
    yield AudioStop().event()


async def hear(client, samples, **asked):
    """Send an utterance as Home Assistant does; return its transcript and the parts before."""
    await client.write_event(Transcribe(**asked).event())
    for event in sound(samples):
        await client.write_event(event)
    parts = []
    while event := await client.read_event():
        if TranscriptChunk.is_type(event.type):
            parts.append(TranscriptChunk.from_event(event).text)
        if Transcript.is_type(event.type):
            return Transcript.from_event(event), parts
    return None


def test_the_wyoming_package(server, clips):
    async def work():
        async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
            await client.write_event(Describe().event())
            (program,) = Info.from_event(await client.read_event()).asr
            (model,) = program.models
            assert program.supports_transcript_streaming
            assert {"de", "de-DE", "en", "en-US"} <= set(model.languages)
        for clip in clips:  # Home Assistant opens a connection for each
            async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
                transcript, parts = await hear(client, clip.samples, language=clip.lang[:2])
                assert transcript.text == "".join(parts) == clip.text
                assert transcript.language == clip.lang

    asyncio.run(work())


def test_several_utterances_and_names_in_one_connection(server, clips):
    async def work():
        async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
            for clip in clips[:2]:
                transcript, _ = await hear(client, clip.samples, transcript_names=["Ana", "Zoë"])
                assert transcript.text == clip.text

    asyncio.run(work())


def exchange(server, *frames, count=1):
    """Send raw bytes; return the types and data of the answers."""
    with socket.create_connection(("127.0.0.1", server.wyoming_port), timeout=60) as client:
        for frame in frames:
            client.sendall(frame)
        client.shutdown(socket.SHUT_WR)
        file = client.makefile("rb")
        return list(islice(iter(lambda: read_answer(file), None), count))


def read_answer(file):
    """Return the type and data of the next answer; None at the end."""
    if not (line := file.readline()):
        return None
    head = json.loads(line)
    data = file.read(head.get("data_length", 0))
    return head["type"], json.loads(data) if data else head.get("data", {})


def test_data_in_the_line_and_behind_it(server, clips):
    data = pcm(clips[0].samples)
    format_ = {"rate": 16000, "width": 2, "channels": 1}
    behind = json.dumps(format_).encode()
    frames = [
        json.dumps({"type": "transcribe", "data": {"language": "en"}}).encode() + b"\n",
        json.dumps({"type": "audio-start", "data_length": len(behind)}).encode() + b"\n" + behind,
        json.dumps({"type": "audio-chunk", "data": format_, "payload_length": len(data)}).encode()
        + b"\n"
        + data,
        b'{"type": "audio-stop"}\n',
    ]
    answers = exchange(server, *frames, count=100)
    assert answers[0][0] == "transcript-start"
    assert answers[-2] == ("transcript", {"text": clips[0].text, "language": "en-US"})
    assert answers[-1][0] == "transcript-stop"


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (b"nonsense\n", "begin with an object"),
        (b"[" * 50_000 + b"\n", "begin with an object"),
        (b'{"data": {}}\n', "must have a type"),
        (b'{"type": "audio-start", "data": 5}\n', "an object"),
        (b'{"type": "audio-start", "data": {"rate": 5, "width": 2, "channels": 1}}\n', "rate"),
        (b'{"type": "audio-start", "data": {"width": 4}}\n', "16 bits"),
        (b'{"type": "transcribe", "data": {"language": "tlh"}}\n', "does not know the language"),
        (b'{"type": "audio-chunk", "payload_length": 99999999}\n', "payload_length must be"),
        (b'{"type": "audio-chunk", "payload_length": -1}\n', "payload_length must be"),
        (b'{"type": "audio-chunk", "data_length": "x"}\n', "data_length must be"),
        (b"x" * 70_000, "too long"),
    ],
)
def test_what_is_no_frame_gets_a_sentence(server, frame, says):
    ((kind, data),) = exchange(server, frame)
    assert kind == "error"
    assert says in data["text"]


def test_silence_has_an_empty_transcript(server):
    assert exchange(server, b'{"type": "audio-stop"}\n') == [("transcript", {"text": ""})]


def test_an_utterance_has_a_place_when_its_sound_comes(start):
    """Without a free one, there is an error at its begin, or with the first sound."""
    server = start(max_streams=1, wyoming_port=0)
    begin = b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n'
    sound = b'{"type": "audio-chunk", "payload_length": 4}\n' + bytes(4)
    with socket.create_connection(("127.0.0.1", server.wyoming_port), timeout=60) as client:
        client.sendall(begin + b'{"type": "ping"}\n')
        answers = client.makefile("rb")
        assert read_answer(answers)[0] == "pong"
        with server.scheduler.take_live_place():
            client.sendall(sound)
            assert read_answer(answers)[1]["code"] == "busy"
            ((kind, data),) = exchange(server, begin)
            assert (kind, data["code"]) == ("error", "busy")
        client.sendall(sound + b'{"type": "audio-stop"}\n')
        assert read_answer(answers) == ("transcript", {"text": ""})


def test_a_server_that_ends_sends_what_was_said(start, clips, monkeypatch):
    """Also where the client never ends its utterance."""
    monkeypatch.setattr("nemocli.server.run.DRAIN_TIMEOUT_S", 0.5)
    server = start(wyoming_port=0)
    with socket.create_connection(("127.0.0.1", server.wyoming_port), timeout=60) as client:
        data = pcm(clips[0].samples)
        head = {"type": "audio-chunk", "payload_length": len(data)}
        client.sendall(json.dumps(head).encode() + b"\n" + data)
        answers = client.makefile("rb")
        assert read_answer(answers)[0] == "transcript-start"
        server.end()
        texts = {
            kind: data["text"] for kind, data in iter(lambda: read_answer(answers), None) if data
        }
        assert texts["transcript"] == clips[0].text
