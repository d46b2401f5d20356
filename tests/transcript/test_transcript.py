"""A transcript by itself as a dictionary and as subtitles: what `nemocli file` writes."""

import json
from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import nemocli
from nemocli.transcript.formats import WholeTranscript, render_whole
from nemocli.transcript.types import Token, Transcript, Word
from tests import typed
from tests.schemas import SCHEMAS
from tests.words import ABOUT, ANY_TEXTS, words

TOKENS = (Token(3, "▁a", 0, 0.9), Token(1, "<ja-JP>", 2, 1.0))


@given(words(ANY_TEXTS), st.sampled_from([(), TOKENS]))
def test_it_is_what_is_written_but_for_the_file_and_the_model(made, tokens):
    transcript = Transcript(made, tokens, "ja-JP" if tokens else None, 9.00001)
    whole = WholeTranscript(ABOUT, transcript)
    document = json.loads(render_whole(whole, "json"))
    found = json.loads(json.dumps(transcript.to_dict()))
    unknown = {*asdict(ABOUT), "warnings"}
    assert found == {name: document[name] for name in document if name not in unknown}
    assert transcript.to_srt() == render_whole(whole, "srt")
    assert transcript.to_vtt() == render_whole(whole, "vtt")


def test_channels_are_kept():
    made = [Word("a", 0.0, 0.1, 1.0, channel="left"), Word("b", 0.0, 0.1, 1.0, channel="right")]
    found = Transcript(made, (), None, 1.0)
    assert [segment["channel"] for segment in found.to_dict()["segments"]] == ["left", "right"]
    assert "left: a" in found.to_srt() and "<v right>b" in found.to_vtt()


def test_of_a_model_it_is_the_document_that_nemocli_writes(clips):
    transcript = nemocli.load("demo").transcribe(clips[0].path)
    arguments = ["file", clips[0].path, "--model", "demo", "--format"]
    document = json.loads(typed.nemocli(*arguments, "json").stdout)
    found = json.loads(json.dumps(transcript.to_dict()))
    described = SCHEMAS["document"]["properties"]
    assert found.keys() <= described.keys() and found["text"] == clips[0].text
    assert found.items() <= document.items()
    assert transcript.to_srt() == typed.nemocli(*arguments, "srt").stdout
    assert transcript.to_vtt() == typed.nemocli(*arguments, "vtt").stdout


def test_what_json_cannot_hold_does_not_come_from_a_session(clips):
    session = nemocli.load("demo", runtime="numpy").session()
    session.feed(clips[0].samples)
    for token in session.finish().tokens:
        assert type(token.id) is int and not isinstance(token.confidence, np.generic)
