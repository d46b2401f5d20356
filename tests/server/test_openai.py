"""OpenAI's own client, unmodified: every format, streams of events, and realtime sessions."""

import asyncio
import base64

import numpy as np
import pytest
import soxr
import srt
import webvtt

from tests.missing import skip_file_without
from tests.sounds import pcm

skip_file_without("openai", reason="pip install openai")


@pytest.fixture
def openai():
    import openai

    return openai


@pytest.fixture
def client(openai, server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def create(client, clip, **options):
    with clip.path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, model="whisper-1", **options)


def test_json(client, clips):
    for clip in clips:
        result = create(client, clip)
        assert result.text == clip.text
        assert result.usage.seconds == pytest.approx(len(clip.samples) / 16000, abs=0.001)


def test_text_and_subtitles(client, clips):
    clip = clips[0]
    assert create(client, clip, response_format="text") == clip.text + "\n"
    (cue,) = srt.parse(create(client, clip, response_format="srt"))
    assert cue.content == clip.text
    (caption,) = webvtt.from_string(create(client, clip, response_format="vtt")).captions
    assert caption.text == clip.text


def test_verbose_json(client, clips):
    clip = clips[0]
    result = create(client, clip, response_format="verbose_json")
    assert (result.text, result.language, result.words) == (clip.text, clip.lang[:2], None)
    assert "".join(segment.text for segment in result.segments) == clip.text
    for segment in result.segments:
        assert 0 <= segment.start < segment.end <= result.duration
        assert segment.tokens and segment.avg_logprob < 0 < segment.compression_ratio
    words = create(client, clip, response_format="verbose_json", timestamp_granularities=["word"])
    assert " ".join(word.word for word in words.words) == clip.text
    assert words.segments is None
    both = create(
        client, clip, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert both.words and both.segments


def test_logprobs(client, clips):
    result = create(client, clips[0], include=["logprobs"])
    assert "".join(each.token for each in result.logprobs).strip() == clips[0].text
    spelled = b"".join(bytes(map(int, each.bytes)) for each in result.logprobs)
    assert spelled.decode().strip() == clips[0].text
    assert all(each.logprob <= 0 for each in result.logprobs)


def test_languages(openai, client, clips):
    assert create(client, clips[1], language="es").text == clips[1].text
    assert create(client, clips[0], language="en", prompt="any", temperature=0.5)
    with pytest.raises(openai.BadRequestError, match="does not know the language") as caught:
        create(client, clips[0], language="tlh")
    assert (caught.value.param, caught.value.type) == ("language", "invalid_request_error")


def test_keywords(client, clips):
    result = create(client, clips[0], extra_body={"keywords": ["eleven", "Nemo"]})
    assert result.text == clips[0].text
    assert not getattr(result, "warnings", None)


def test_a_stream_of_events(client, clips):
    longest = clips[0].path.with_name("all-languages.flac")
    with longest.open("rb") as file:
        whole = client.audio.transcriptions.create(file=file, model="x").text
    with longest.open("rb") as file:
        *deltas, done = client.audio.transcriptions.create(file=file, model="x", stream=True)
    assert done.type == "transcript.text.done"
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert "".join(event.delta for event in deltas) == done.text == whole
    assert done.usage.total_tokens > 0


def test_errors_are_the_clients_own(openai, client, clips):
    with pytest.raises(openai.BadRequestError, match="noise"):
        client.audio.transcriptions.create(file=("noise.wav", b"RIFFnonsense"), model="x")
    with pytest.raises(openai.BadRequestError, match="noise"):
        client.audio.transcriptions.create(file=("noise.wav", b"RIFF"), model="x", stream=True)
    with pytest.raises(openai.NotFoundError, match="does not translate"):
        client.audio.translations.create(file=("a.wav", b"RIFF"), model="x")
    with pytest.raises(openai.BadRequestError, match="started with --speakers"):
        create(client, clips[0], response_format="diarized_json")


def test_models(client):
    (model,) = client.models.list()
    assert client.models.retrieve(model.id).id == model.id == "demo"


def test_asynchronously(openai, server, clips):
    async def work():
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any") as client:
            many = [client.audio.transcriptions.create(file=clip.path, model="x") for clip in clips]
            return [each.text for each in await asyncio.gather(*many)]

    assert asyncio.run(work()) == [clip.text for clip in clips]


def session(turn_detection, rate=16000):
    """A session of 16 kHz, which OpenAI's own servers do not take, so that nothing is resampled."""
    given = {"format": {"type": "audio/pcm", "rate": rate}, "turn_detection": turn_detection}
    return {"type": "transcription", "audio": {"input": given}}


def append(connection, samples, size=1600):
    data = pcm(samples)
    for at in range(0, len(data), 2 * size):
        audio = base64.b64encode(data[at : at + 2 * size]).decode()
        connection.input_audio_buffer.append(audio=audio)


def next_turn(connection):
    """Return the text of the next turn, and the types of its events in order."""
    kinds, text = [], ""
    while True:
        event = connection.recv()
        assert event.type != "error", event
        kinds.append(event.type.removeprefix("conversation.item.input_audio_transcription."))
        if kinds[-1] == "delta":
            text += event.delta
        if kinds[-1] == "completed":
            assert event.transcript == text
            return text, kinds


def test_a_realtime_session_whose_client_ends_turns(client, clips):
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session=session(None))
        updated = connection.recv()
        assert updated.type == "session.updated"
        assert updated.session.audio.input.format.rate == 16000
        for clip in clips:
            append(connection, clip.samples)
            connection.input_audio_buffer.commit()
            text, kinds = next_turn(connection)
            assert text == clip.text
            assert "input_audio_buffer.speech_started" not in kinds
            others = [kind for kind in kinds if kind != "delta"]
            assert others == [
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "completed",
            ]


def test_a_realtime_session_whose_server_ends_turns(client, clips):
    quiet = np.zeros(16000, np.float32)
    vad = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300}
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session=session(vad | {"silence_duration_ms": 500}))
        assert connection.recv().type == "session.updated"
        for clip in clips[:3]:
            append(connection, clip.samples)
            append(connection, quiet)
            text, kinds = next_turn(connection)
            assert text == clip.text
            assert kinds[0] == "input_audio_buffer.speech_started"
            assert kinds.index("input_audio_buffer.speech_stopped") > kinds.index("delta")


def test_an_asynchronous_realtime_session_at_the_usual_rate(openai, server, clips):
    """At 24 kHz, as all clients of OpenAI send it, the sound is resampled twice."""

    samples = soxr.resample(clips[0].samples, 16000, 24000)

    async def work():
        async with (
            openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any") as client,
            client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
        ):
            await connection.session.update(session={"type": "transcription", "audio": {
                "input": {"turn_detection": None}}})  # fmt: skip
            data = pcm(samples)
            for at in range(0, len(data), 2400):
                audio = base64.b64encode(data[at : at + 2400]).decode()
                await connection.input_audio_buffer.append(audio=audio)
            await connection.input_audio_buffer.commit()
            async for event in connection:
                if event.type.endswith("completed"):
                    return event.transcript

    assert asyncio.run(work()) == clips[0].text
