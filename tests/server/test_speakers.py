"""`nemocli serve --speakers`: OpenAI's diarized_json, by its own client if that is here."""

import json

import pytest

from nemocli.transcript.segments import split_segments


@pytest.fixture(scope="module")
def expected(transcriber, speakers, conversation):
    """The segments of a file, as speaker and text."""
    found = transcriber.transcribe(conversation.path, conversation.lang, speakers=speakers)
    letters = {"Speaker 1": "A", "Speaker 2": "B", "Speaker 3": "C"}
    segments = [(letters[each.label], each.text) for each in split_segments(found.words)]
    assert {speaker for speaker, _ in segments} == set("ABC")
    return segments


def test_segments_have_speakers_only_where_they_are_asked_for(knowing, conversation, expected):
    fields = [("language", conversation.lang), ("response_format", "diarized_json")]
    status, answer = knowing.transcribe(conversation.path, *fields)
    assert status == 200
    assert (answer["task"], answer["text"]) == ("transcribe", conversation.text)
    assert [(each["speaker"], each["text"]) for each in answer["segments"]] == expected
    assert {each["type"] for each in answer["segments"]} == {"transcript.text.segment"}
    _, plain = knowing.transcribe(conversation.path, ("response_format", "verbose_json"))
    assert not any("speaker" in segment for segment in plain["segments"])
    assert knowing.get("/v1/models")[1]["data"][0]["speakers"] is True


def test_a_stream_has_an_event_for_each_segment(knowing, conversation, expected):
    fields = [("response_format", "diarized_json"), ("stream", "true")]
    _, _, body = knowing.post(conversation.path, ("language", conversation.lang), *fields)
    data = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    assert data[-1] == "[DONE]"
    events = [json.loads(line) for line in data[:-1]]
    segments = [event for event in events if event["type"] == "transcript.text.segment"]
    assert [(each["speaker"], each["text"]) for each in segments] == expected
    assert events[-1]["type"] == "transcript.text.done"
    assert events[-1]["text"] == conversation.text


def test_openais_client_reads_it(knowing, conversation, expected):
    openai = pytest.importorskip("openai")
    url = f"{knowing.url}/v1"
    with openai.OpenAI(base_url=url, api_key="any") as client, conversation.path.open("rb") as file:
        answer = client.audio.transcriptions.create(
            file=file,
            model="gpt-4o-transcribe-diarize",
            response_format="diarized_json",
            chunking_strategy="auto",
            language=conversation.lang,
        )
    assert type(answer).__name__ == "TranscriptionDiarized"
    assert [(each.speaker, each.text) for each in answer.segments] == expected
    assert answer.duration == pytest.approx(len(conversation.samples) / 16000, abs=0.001)


def test_a_server_without_speakers_says_what_it_needs(server, clips):
    status, answer = server.transcribe(clips[0].path, ("response_format", "diarized_json"))
    assert status == 400
    assert "started with --speakers" in answer["error"]["message"]
    assert server.get("/v1/models")[1]["data"][0]["speakers"] is False
