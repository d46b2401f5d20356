"""Realtime sessions by messages as clients send them, and by messages that no client should."""

import base64
import json
import socket
import time
from contextlib import suppress

import numpy as np
import pytest
import soxr
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.running import PATIENCE_S, open_websocket
from tests.sounds import pcm


class Client:
    """A WebSocket that sends and receives events."""

    def __init__(self, server, path="/v1/realtime?intent=transcription", **options):
        url = server.url.replace("http", "ws") + path
        self._connection = open_websocket(url, **options)
        self._socket = self._connection.__enter__()
        self.subprotocol = self._socket.subprotocol

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.__exit__(None, None, None)

    def vanish(self):
        """Break the connection off, without a word."""
        self._socket.socket.shutdown(socket.SHUT_RDWR)

    def send(self, kind, **members):
        self._socket.send(json.dumps({"type": kind, **members}))

    def send_raw(self, data):
        self._socket.send(data)

    def append(self, samples, size=1200):
        data = pcm(samples)
        for at in range(0, len(data), 2 * size):
            audio = base64.b64encode(data[at : at + 2 * size]).decode()
            self.send("input_audio_buffer.append", audio=audio)

    def receive(self, kind=None):
        """Return the next event, or the next of a kind."""
        while True:
            event = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if kind is None or event["type"].endswith(kind):
                return event
            assert event["type"] != "error", event

    def close_code(self):
        """Read until the server closes; return its code."""
        try:
            while True:
                self._socket.recv(timeout=PATIENCE_S)
        except ConnectionClosed as closed:
            return closed.rcvd.code


NULL_AT_16K = {
    "type": "transcription",
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": None}},
}
VAD_AT_16K = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}


def transcript(client):
    return client.receive(".completed")["transcript"]


def test_the_sequence_of_pipecat(server, clips):
    """It waits for session.updated, sends 24 kHz, and takes each delta as new text."""
    with Client(server) as client:
        assert client.receive()["type"] == "session.created"
        client.send(
            "session.update",
            event_id="evt_1",
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "noise_reduction": {"type": "near_field"},
                        "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
                        "turn_detection": {
                            "type": "server_vad",
                            "threshold": 0.5,
                            "prefix_padding_ms": 300,
                            "silence_duration_ms": 500,
                        },
                    }
                },
            },
        )
        updated = client.receive()
        assert updated["type"] == "session.updated"
        given = updated["session"]["audio"]["input"]
        assert given["transcription"]["language"] == "en"
        sound = soxr.resample(clips[0].samples, 16000, 24000)
        client.append(np.concatenate([sound, np.zeros(24000, np.float32)]), size=480)
        assert transcript(client) == clips[0].text


def test_the_sequence_of_livekit(server, clips):
    """It names a model in the address, sends packets of 50 ms, and is not told of its own VAD."""
    with Client(server, "/v1/realtime?intent=transcription&model=gpt-4o-transcribe") as client:
        client.receive("session.created")
        turn_detection = {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 600,
            "silence_duration_ms": 350,
        }
        client.send(
            "session.update",
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 16000},
                        "transcription": {"model": "gpt-4o-transcribe", "prompt": ""},
                        "turn_detection": turn_detection,
                    }
                },
            },
        )
        assert client.receive("updated")["session"]["audio"]["input"]["turn_detection"] == (
            turn_detection
        )
        for clip in clips[:2]:
            client.append(np.concatenate([clip.samples, np.zeros(16000, np.float32)]), size=800)
            started = client.receive("speech_started")
            completed = client.receive(".completed")
            assert completed["transcript"] == clip.text
            assert completed["item_id"] == started["item_id"]
            assert completed["languages"] == [{"code": clip.lang[:2], "locale": clip.lang}]


def test_the_older_interface(server, clips):
    headers = {"OpenAI-Beta": "realtime=v1"}
    with Client(server, additional_headers=headers) as client:
        assert client.receive()["type"] == "transcription_session.created"
        client.send(
            "transcription_session.update",
            session={
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1", "language": "en"},
                "turn_detection": None,
            },
        )
        updated = client.receive()
        assert updated["type"] == "transcription_session.updated"
        assert updated["session"]["input_audio_format"] == "pcm16"
        assert updated["session"]["turn_detection"] is None
        client.append(soxr.resample(clips[0].samples, 16000, 24000))
        client.send("input_audio_buffer.commit")
        assert client.receive("item.created")["item"]["role"] == "user"
        assert transcript(client) == clips[0].text


def test_telephony_and_sound_as_bytes(server, clips):
    given = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
    with Client(server) as client:
        client.send("session.update", session={"audio": {"input": given}})
        format_ = client.receive("updated")["session"]["audio"]["input"]["format"]
        assert format_["type"] == "audio/pcmu"
        client.send("session.update", session=NULL_AT_16K)
        assert client.receive("updated")
        client.send_raw(pcm(clips[0].samples))
        client.send("input_audio_buffer.commit")
        assert transcript(client) == clips[0].text


def test_clear_forgets_what_was_said(server, clips):
    with Client(server) as client:
        client.send("session.update", session=NULL_AT_16K)
        client.append(clips[0].samples)
        client.send("input_audio_buffer.clear")
        client.append(clips[1].samples)
        client.send("input_audio_buffer.commit")
        client.receive("cleared")
        assert transcript(client) == clips[1].text


@pytest.mark.parametrize("rate", [16000, 24000])
def test_clear_forgets_half_a_sample(server, clips, rate):
    """Its other half would make noise of everything that follows."""
    given = {"format": {"type": "audio/pcm", "rate": rate}, "turn_detection": None}
    with Client(server) as client:
        client.send("session.update", session={"audio": {"input": given}})
        client.send_raw(pcm(clips[0].samples)[:10_001])
        client.send("input_audio_buffer.clear")
        client.send_raw(pcm(soxr.resample(clips[1].samples, 16000, rate)))
        client.send("input_audio_buffer.commit")
        assert transcript(client) == clips[1].text


@pytest.mark.parametrize("kind", ["null", "server_vad"])
def test_clear_begins_another_item(server, clips, kind):
    """The deltas of an item are its transcript, and what was cleared is not counted."""
    pause = np.zeros(0 if kind == "null" else 16000, np.float32)
    with Client(server) as client:
        client.send("session.update", session=NULL_AT_16K if kind == "null" else VAD_AT_16K)
        client.append(clips[0].samples)
        events = [client.receive("delta")]
        client.send("input_audio_buffer.clear")
        client.append(np.concatenate([clips[1].samples, pause]))
        if kind == "null":
            client.send("input_audio_buffer.commit")
        while not events[-1]["type"].endswith(".completed"):
            events.append(client.receive())
    done, texts = events[-1], {}
    for event in events:
        if event["type"].endswith(".delta"):
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
    assert done["item_id"] != events[0]["item_id"]
    assert done["transcript"] == texts[done["item_id"]] == clips[1].text
    seconds = (len(clips[1].samples) + len(pause)) / 16000
    assert done["usage"]["seconds"] <= seconds + 0.001


@pytest.mark.parametrize(
    "change",
    [{"silence_duration_ms": 700}, {"type": "semantic_vad", "eagerness": "low"}],
    ids=["silence", "semantic"],
)
def test_another_pause_does_not_end_the_turn(server, clips, change):
    with Client(server) as client:
        client.send("session.update", session=VAD_AT_16K)
        half = len(clips[0].samples) // 2
        client.append(clips[0].samples[:half])
        client.receive("delta")
        client.send("session.update", session={"audio": {"input": {"turn_detection": change}}})
        client.append(np.concatenate([clips[0].samples[half:], np.zeros(48000, np.float32)]))
        assert transcript(client) == clips[0].text


def test_another_pause_counts_from_now_on(server, clips):
    """Without a pause long enough, the two clips are one turn."""
    sound = np.concatenate([clips[0].samples, np.zeros(16000, np.float32)])
    with Client(server) as client:
        client.send("session.update", session=VAD_AT_16K)
        client.append(clips[0].samples)
        client.receive("delta")
        change = {"silence_duration_ms": 8000}
        client.send("session.update", session={"audio": {"input": {"turn_detection": change}}})
        client.append(np.concatenate([sound[len(clips[0].samples) :], clips[1].samples]))
        client.send("input_audio_buffer.commit")
        text = transcript(client)
        assert text.startswith(clips[0].text)
        assert text.endswith(clips[1].text)


def test_the_language_may_change(server, clips):
    with Client(server) as client:
        client.send("session.update", session=NULL_AT_16K)
        for clip in clips[:3]:
            settings = {"audio": {"input": {"transcription": {"language": clip.lang}}}}
            client.send("session.update", session=settings)
            client.append(clip.samples)
            client.send("input_audio_buffer.commit")
            assert transcript(client) == clip.text


def test_settings_are_merged(server):
    with Client(server) as client:
        client.receive("created")
        client.send("session.update", session=NULL_AT_16K)
        client.receive("updated")
        client.send(
            "session.update", session={"audio": {"input": {"transcription": {"language": "de"}}}}
        )
        given = client.receive("updated")["session"]["audio"]["input"]
        assert given["turn_detection"] is None
        assert given["format"] == {"type": "audio/pcm", "rate": 16000}
        assert given["transcription"] == {"model": "demo", "language": "de"}


def wrong(kind, **members):
    return json.dumps({"type": kind, "event_id": "evt_9", **members})


def update(**given):
    return wrong("session.update", session={"audio": {"input": given}})


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[" * 100_000,
        "5",
        '{"type": NaN}',
        "{}",
        wrong("response.create"),
        wrong("input_audio_buffer.append"),
        wrong("input_audio_buffer.append", audio="*"),
        wrong("input_audio_buffer.append", audio=5),
        wrong("input_audio_buffer.commit"),
        wrong("session.update"),
        wrong("session.update", session=[]),
        wrong("session.update", session={"type": "conversation"}),
        wrong("session.update", session={"audio": 5}),
        wrong("session.update", session={"input_audio_format": "mp3"}),
        update(format={"type": "audio/mp3"}),
        update(format={"type": "audio/pcm", "rate": 5}),
        update(format={"type": "audio/pcm", "rate": "24000"}),
        update(format=5),
        update(transcription={"language": "tlh"}),
        update(transcription={"language": 5}),
        update(transcription={"languages": [{}]}),
        update(turn_detection={"type": "magic"}),
        update(turn_detection={"type": "server_vad", "silence_duration_ms": "long"}),
        update(turn_detection={"type": "semantic_vad", "eagerness": []}),
    ],
    ids=lambda message: message[:60],
)
def test_a_wrong_event_gets_an_error_and_changes_nothing(server, clips, message):
    with Client(server) as client:
        client.receive("created")
        client.send("session.update", session=NULL_AT_16K)
        client.receive("updated")
        client.send_raw(message)
        error = client.receive("error")["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]
        assert error["event_id"] == ("evt_9" if "evt_9" in message else None)
        client.append(clips[0].samples)
        client.send("input_audio_buffer.commit")
        assert transcript(client) == clips[0].text


def test_many_errors_end_the_connection(server):
    with Client(server) as client:
        for _ in range(60):
            try:
                client.send_raw("nonsense")
            except ConnectionClosed:
                break
        assert client.close_code() == 1008


def test_more_streams_than_the_machine_serves_are_refused(start, clips):
    server = start(max_streams=1)
    with Client(server) as first:
        first.receive("created")
        first.send("session.update", session=NULL_AT_16K)
        first.append(clips[0].samples)
        first.receive("delta")
        with Client(server) as second:
            assert second.close_code() == 1013
        first.send("input_audio_buffer.commit")
        assert transcript(first) == clips[0].text
    metrics = server.metrics()
    assert (metrics["nemocli_live_refused_total"], metrics["nemocli_live_turns_total"]) == (1, 1)


def test_a_session_without_sound_has_no_place(start, clips):
    server = start(max_streams=1)
    with Client(server) as silent, Client(server) as idle:
        for client in (silent, idle):
            client.send("session.update", session=NULL_AT_16K)
            client.receive("updated")
        with Client(server) as speaking:
            speaking.send("session.update", session=NULL_AT_16K)
            speaking.append(clips[0].samples)
            speaking.send("input_audio_buffer.commit")
            assert transcript(speaking) == clips[0].text
            with suppress(ConnectionClosed):  # perhaps with a part of the sound
                silent.append(clips[1].samples)
            assert silent.close_code() == 1013
        while server.scheduler.places:
            time.sleep(0.02)
        idle.append(clips[1].samples)
        idle.send("input_audio_buffer.commit")
        assert transcript(idle) == clips[1].text


def test_a_place_is_given_back_after_silence(start, clips, monkeypatch):
    """What was said before is not lost if there is none when sound goes on."""
    monkeypatch.setattr("nemocli.server.live_place.MAX_SILENT_S", 0.5)
    server = start(max_streams=1)
    with Client(server) as first:
        first.send("session.update", session=NULL_AT_16K)
        first.append(clips[0].samples)
        first.receive("delta")
        while server.scheduler.places:
            time.sleep(0.02)
        with server.scheduler.take_live_place():
            with suppress(ConnectionClosed):
                first.append(clips[1].samples)
            assert transcript(first) == clips[0].text
            assert first.close_code() == 1013


@pytest.mark.parametrize("session", [NULL_AT_16K, VAD_AT_16K], ids=["null", "server_vad"])
def test_a_server_that_ends_sends_what_was_said(start, clips, session):
    server = start()
    with Client(server) as client:
        client.send("session.update", session=session)
        client.receive("updated")
        client.append(clips[0].samples)
        client.receive("delta")
        server.end()
        rest = client.receive(".completed")
        assert rest["transcript"] == clips[0].text
        assert client.close_code() == 1001


def test_the_key_of_a_browser_is_a_sub_protocol(start):
    server = start(api_key="secret")
    protocols = ["realtime", "openai-insecure-api-key.secret"]
    with Client(server, subprotocols=protocols) as client:
        assert client.subprotocol == "realtime"
        client.receive("created")
    with Client(server, "/v1/realtime?api_key=secret") as client:
        client.receive("created")
    for options in ({}, {"additional_headers": {"Authorization": "Bearer secre"}}):
        with pytest.raises(InvalidStatus) as refused:
            Client(server, **options)
        assert refused.value.response.status_code == 401


LOGPROBS = "item.input_audio_transcription.logprobs"


@pytest.mark.parametrize("session", [NULL_AT_16K, VAD_AT_16K], ids=["null", "server_vad"])
def test_what_a_client_includes(server, transcriber, clips, session):
    """Each turn has its own tokens, and nobody else's; without `include`, there are none."""
    pause = np.zeros(0 if session is NULL_AT_16K else 16000, np.float32)
    sounds = [np.concatenate([clip.samples, pause]) for clip in clips[:2]]
    expected = [
        [token for token in transcriber.transcribe(sound).tokens if token.language is None]
        for sound in sounds
    ]
    with Client(server) as client:
        for include in (None, [LOGPROBS], [LOGPROBS, "tokens", "progress", "unknown"]):
            client.send("session.update", session={**session, "include": include})
            updated = client.receive("updated")
            assert updated["session"]["include"] == include
            for clip, sound, tokens in zip(clips, sounds, expected, strict=False):
                client.append(sound)
                if session is NULL_AT_16K:
                    client.send("input_audio_buffer.commit")
                events = [client.receive()]
                while not events[-1]["type"].endswith(".completed"):
                    events.append(client.receive())
                done = events[-1]
                assert done["transcript"] == clip.text
                progress = [e["audio_end_ms"] for e in events if e["type"] == "nemocli.progress"]
                assert bool(progress) == (include is not None and "progress" in include)
                assert progress == sorted(progress)
                assert ("logprobs" in done) == (include is not None)
                assert ("tokens" in done) == (include is not None and "tokens" in include)
                if include is not None:
                    texts = "".join(each["token"] for each in done["logprobs"])
                    assert texts.strip() == clip.text
                    assert len(done["logprobs"]) == len(tokens)
                    assert all(each["logprob"] <= 0 for each in done["logprobs"])
                if "tokens" in done:
                    spoken = [each for each in done["tokens"] if each["piece"][0] != "<"]
                    assert [each["id"] for each in spoken] == [token.id for token in tokens]


def test_what_is_included_is_a_list(server):
    with Client(server) as client:
        client.receive("created")
        client.send("session.update", session={"include": 5})
        assert client.receive("error")["error"]["param"] == "session.include"
