"""Phrases to prefer, as the clients of each protocol send them, and those of the server."""

import asyncio
import json

import pytest

from nemocli.boosting.phrases import Phrases
from nemocli.server.phrases import MAX_PHRASES, add_phrases
from tests.server.conftest import BOOST
from tests.server.test_realtime import NULL_AT_16K, Client, transcript


def test_phrases_of_all_dialects(start, muddled, names):
    server = start(phrases=Phrases((), boost=BOOST))
    clip, plain, boosted = muddled
    language = "language", clip.lang
    assert server.transcribe(clip.path, language)[1]["text"] == plain
    contexts = json.dumps([{"phrases": names, "boost": 5}])
    for fields in (
        [("keywords[]", name) for name in names],
        [("hotwords", ", ".join(names))],
        [("speech_contexts", contexts)],
    ):
        status, answer = server.transcribe(clip.path, language, *fields)
        assert (status, answer["text"], answer.get("warnings")) == (200, boosted, None)


def test_phrases_of_the_server(start, muddled, names):
    clip, _, boosted = muddled
    server = start(phrases=Phrases.of(names, boost=BOOST))
    assert server.transcribe(clip.path, ("language", clip.lang))[1]["text"] == boosted


def test_keywords_of_a_session_are_preferred_from_its_first_turn_on(start, muddled, names):
    server = start(phrases=Phrases((), boost=BOOST))
    clip, plain, boosted = muddled
    with Client(server) as client:
        client.receive("session.created")
        for keywords, expected in ((names, boosted), ([], plain), (names, boosted)):
            transcription = {"language": clip.lang, "keywords": keywords}
            update = NULL_AT_16K["audio"]["input"] | {"transcription": transcription}
            client.send("session.update", session={"audio": {"input": update}})
            client.receive("session.updated")
            client.append(clip.samples)
            client.send("input_audio_buffer.commit")
            assert transcript(client) == expected


def test_terms_of_wyoming(start, muddled, names):
    pytest.importorskip("wyoming", reason="pip install wyoming")
    from tests.server import test_wyoming as wyoming

    server = start(phrases=Phrases((), boost=BOOST), wyoming_port=0)
    clip, plain, boosted = muddled

    async def work():
        async with wyoming.AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
            for terms, expected in ((names, boosted), ([], plain)):
                asked = {"language": clip.lang, "transcript_terms": terms}
                answer, _ = await wyoming.hear(client, clip.samples, **asked)
                assert answer.text == expected

    asyncio.run(work())


def test_what_cannot_be_a_phrase_is_named(server, clips):
    _, answer = server.transcribe(clips[0].path, ("keywords[]", "¡!"), ("keywords[]", "eleven"))
    assert answer["text"] == clips[0].text
    assert answer["warnings"] == ["The phrase '¡!' has neither a letter nor a digit: leave it out."]
    _, headers, _ = server.post(clips[0].path, ("keywords", "¡!"), ("response_format", "text"))
    assert headers["x-nemocli-warning"].startswith("The phrase '\\xa1!' has neither")


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ("foo", "keywords must be a list of texts"),
        (5, "keywords must be a list of texts"),
        ({"a": "b"}, "keywords must be a list of texts"),
        ([{"phrase": "x"}], "A phrase must be a text, not"),
        ([["a"], "eleven"], "A phrase must be a text, not"),
    ],
)
def test_what_a_session_ignores_of_keywords_is_said(server, keywords, says):
    with Client(server) as client:
        client.receive("session.created")
        transcription = {"keywords": keywords}
        client.send(
            "session.update", session={"audio": {"input": {"transcription": transcription}}}
        )
        (warning,) = client.receive("session.updated")["warnings"]
        assert warning.startswith(says)


@pytest.mark.parametrize(
    "contexts", ["foo", "5", "{}", '["odd"]', '[{"phrases": "x"}]', '[{"phrases": ["a"]}, 5]']
)
def test_what_a_form_ignores_of_speech_contexts_is_said(server, contexts):
    status, _, body = server.post(None, ("speech_contexts", contexts), path="/v1/phrases")
    assert status == 200
    (warning,) = [text for text in json.loads(body)["warnings"] if "speech_contexts" in text]
    assert "has no effect" in warning


def test_what_wyoming_ignores_of_terms_is_said():
    fields = {"transcript_names": "x", "transcript_terms": ["one", 5], "more": None}
    requested = add_phrases(Phrases(()), fields)
    assert [phrase.text for phrase in requested.phrases.phrases] == ["one"]
    assert requested.warnings == (
        "transcript_names must be a list of texts: it has no effect.",
        "A phrase must be a text, not 5.",
    )


def test_requested_phrases_are_those_of_the_request_and_of_the_server():
    standing = Phrases.of(["Anna Weber"], boost=2)
    fields = {"keywords": ["Okafor", "anna weber", " "], "hotwords": []}
    requested = add_phrases(standing, fields)
    assert [phrase.text for phrase in requested.phrases.phrases] == ["Anna Weber", "Okafor"]
    assert (requested.phrases.boost, requested.warnings) == (2, ())
    many = add_phrases(standing, {"keywords": [f"name {n}" for n in range(MAX_PHRASES + 1)]})
    assert len(many.phrases) == 1 + MAX_PHRASES
    assert many.warnings[0].startswith("Only the first 1,000 of 1,001 phrases")
