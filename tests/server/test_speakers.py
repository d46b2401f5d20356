"""`nemocli serve --speakers`: OpenAI's diarized_json, by its own client if that is here."""

import json

import pytest

import nemocli
from nemocli.diarization.options import SpeakerOptions
from nemocli.transcript.segments import split_segments
from tests.diarizers import write_tiny_diarizer
from tests.server.running import InThread


@pytest.fixture(scope="module")
def speakers(tmp_path_factory):
    """A random model that takes the demo's rows, and finds speakers who change often."""
    folder = tmp_path_factory.mktemp("diarizer") / "checkpoint"
    checkpoint = write_tiny_diarizer(folder, seed=14, mels=128)
    return SpeakerOptions(nemocli.load_diarizer(checkpoint, runtime="numpy"), max_speakers=2)


@pytest.fixture(scope="module")
def knowing(speakers):
    """A server that finds who speaks."""
    with InThread(nemocli.load("demo"), speakers=speakers) as running:
        yield running


@pytest.fixture(scope="module")
def expected(transcriber, speakers, clips):
    """The segments of a file, as speaker and text."""
    found = transcriber.transcribe(clips[0].path, clips[0].lang, speakers=speakers)
    letters = {None: "unknown", "Speaker 1": "A", "Speaker 2": "B"}
    return [(letters[segment.label], segment.text) for segment in split_segments(found.words)]


def test_segments_have_speakers_only_where_they_are_asked_for(knowing, clips, expected):
    fields = [("language", clips[0].lang), ("response_format", "diarized_json")]
    status, answer = knowing.transcribe(clips[0].path, *fields)
    assert status == 200
    assert (answer["task"], answer["text"]) == ("transcribe", clips[0].text)
    assert [(each["speaker"], each["text"]) for each in answer["segments"]] == expected
    assert {each["type"] for each in answer["segments"]} == {"transcript.text.segment"}
    _, plain = knowing.transcribe(clips[0].path, ("response_format", "verbose_json"))
    assert not any("speaker" in segment for segment in plain["segments"])
    assert knowing.get("/v1/models")[1]["data"][0]["speakers"] is True


def test_a_stream_has_an_event_for_each_segment(knowing, clips, expected):
    fields = [("response_format", "diarized_json"), ("stream", "true")]
    _, _, body = knowing.post(clips[0].path, ("language", clips[0].lang), *fields)
    data = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    assert data[-1] == "[DONE]"
    events = [json.loads(line) for line in data[:-1]]
    segments = [event for event in events if event["type"] == "transcript.text.segment"]
    assert [(each["speaker"], each["text"]) for each in segments] == expected
    assert events[-1]["type"] == "transcript.text.done"
    assert events[-1]["text"] == clips[0].text


def test_openais_client_reads_it(knowing, clips, expected):
    openai = pytest.importorskip("openai")
    url = f"{knowing.url}/v1"
    with openai.OpenAI(base_url=url, api_key="any") as client, clips[0].path.open("rb") as file:
        answer = client.audio.transcriptions.create(
            file=file,
            model="gpt-4o-transcribe-diarize",
            response_format="diarized_json",
            chunking_strategy="auto",
            language=clips[0].lang,
        )
    assert type(answer).__name__ == "TranscriptionDiarized"
    assert [(each.speaker, each.text) for each in answer.segments] == expected
    assert answer.duration == pytest.approx(len(clips[0].samples) / 16000, abs=0.001)


def test_a_server_without_speakers_says_what_it_needs(server, clips):
    status, answer = server.transcribe(clips[0].path, ("response_format", "diarized_json"))
    assert status == 400
    assert "started with --speakers" in answer["error"]["message"]
    assert server.get("/v1/models")[1]["data"][0]["speakers"] is False
