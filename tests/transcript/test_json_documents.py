"""The JSON formats are valid by nemocli's schemas, and the schemas refuse wrong documents."""

import copy
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

import nemocli
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.formats import (
    FORMATS,
    Provenance,
    WholeTranscript,
    render_json_line,
    render_whole,
)
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Token, Transcript, Word, join_words
from tests import typed
from tests.schemas import SCHEMAS, checked
from tests.words import ABOUT, ANY_TEXTS, spoken, words

TOKENS = (Token(3, "▁a", 0, 0.9), Token(1, "<ja-JP>", 2, 1.0))


def result(made, tokens=TOKENS, about=ABOUT):
    return WholeTranscript(about, Transcript(made, tokens, "ja-JP" if tokens else None, 9.0))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schemas_are_schemas(schema):
    Draft202012Validator.check_schema(SCHEMAS[schema])


def test_what_file_writes_is_as_described(clips):
    transcriber = nemocli.load("demo")
    for clip, lang in ((clips[0], clips[0].lang), (clips[2], "auto"), (clips[5], "auto")):
        arguments = ["file", clip.path, "--model", "demo", "--lang", lang, "--format"]
        document = json.loads(typed.nemocli(*arguments, "json").stdout)
        checked(document, "document")
        assert document["model_revision"] == transcriber.revision
        assert document["precision"] == transcriber.precision
        assert document["nemocli"] == nemocli.__version__
        lines = typed.nemocli(*arguments, "jsonl").stdout.splitlines()
        assert [json.loads(line) for line in lines] == document["segments"]
        assert {segment["language"] for segment in document["segments"]} == {clip.lang}


def test_segments_of_several_languages_carry_their_own(clips):
    path = clips[0].path.parent / "all-languages.flac"
    done = typed.nemocli("file", path, "--model", "demo", "--format", "json")
    document = json.loads(done.stdout)
    checked(document, "document")
    expected = {
        "No,": "en-US",
        "Ja,": "de-DE",
        "Éteins": "fr-FR",
        "はい、": "ja-JP",
        "Set": "en-US",
    }
    found = {s["words"][0]["text"]: s["language"] for s in document["segments"] if s["id"] != 2}
    assert found.items() >= expected.items()
    assert document["segments"][2]["language"] == "es-ES"


FRENCH = Provenance("a.wav", "demo", None, "int8", "onnx", 3, "fr-FR")
SAID = [
    Word("Oui,", 0.08, 0.24, 0.91236),
    Word("今日。", 0.32, 0.4, 0.5),
    Word("Non.", 2.0, 2.24, 1.0),
]
HEAD = f"""{{
  "version": 2,
  "nemocli": "{nemocli.__version__}",
  "file": "a.wav",
  "model": "demo",
  "model_revision": null,
  "precision": "int8",
  "runtime": "onnx",
  "lookahead": 3,
  "requested_language": "fr-FR",
  "sound": null,
"""


def test_a_document_has_a_word_and_a_token_a_line():
    tokens = (Token(3, "▁a", 1, 0.87654), Token(1, "<ja-JP>", 9, 1.0))
    transcript = Transcript(SAID, tokens, "ja-JP", 3.00049)
    assert render_whole(WholeTranscript(FRENCH, transcript), "json").splitlines() == [
        *HEAD.splitlines(),
        '  "segments": [',
        '    {"id": 0, "start": 0.08, "end": 0.4, "text": "Oui, 今日。", "confidence": 0.7062,'
        ' "language": "ja-JP", "words": [',
        '      {"text": "Oui,", "start": 0.08, "end": 0.24, "confidence": 0.9124},',
        '      {"text": "今日。", "start": 0.32, "end": 0.4, "confidence": 0.5}',
        "    ]},",
        '    {"id": 1, "start": 2.0, "end": 2.24, "text": "Non.", "confidence": 1.0,'
        ' "language": "ja-JP", "words": [',
        '      {"text": "Non.", "start": 2.0, "end": 2.24, "confidence": 1.0}',
        "    ]}",
        "  ],",
        '  "language": "ja-JP",',
        '  "duration": 3.0,',
        '  "text": "Oui, 今日。 Non.",',
        '  "tokens": [',
        '    {"id": 3, "piece": "▁a", "frame": 1, "time": 0.08, "confidence": 0.8765},',
        '    {"id": 1, "piece": "<ja-JP>", "frame": 9, "time": 0.72, "confidence": 1.0}',
        "  ],",
        '  "warnings": []',
        "}",
    ]


def test_a_document_of_silence():
    assert render_whole(WholeTranscript(FRENCH, Transcript([], (), None, 3.0)), "json") == (
        HEAD + '  "segments": [],\n  "language": "fr-FR",\n  "duration": 3.0,\n'
        '  "text": "",\n  "tokens": [],\n  "warnings": []\n}\n'
    )


def test_what_is_wrong_with_the_sound_is_in_both():
    gap = SoundWarning("gap", 1.5, "Sound is missing.")
    end = SoundWarning("cut", 3.0, "The file is cut short.")
    result = WholeTranscript(FRENCH, Transcript(SAID, (), None, 3.0), (gap, end))
    document = checked(json.loads(render_whole(result, "json")), "document")
    lines = [json.loads(line) for line in render_whole(result, "jsonl").splitlines()]
    assert (
        document["warnings"]
        == lines[2:]
        == [
            {"kind": "gap", "at": 1.5, "message": "Sound is missing."},
            {"kind": "cut", "at": 3.0, "message": "The file is cut short."},
        ]
    )
    for line in lines[2:]:
        checked(line, "warning")
    for form in ("txt", "srt", "vtt", "tsv"):
        assert "missing" not in render_whole(result, form)


def test_a_document_that_grows_ends_with_language_and_duration():
    writer = FORMATS["json"](FRENCH)
    first, *_ = split_segments(SAID)
    assert writer.write_head() + writer.write_tail(None, 0.0) == (
        HEAD + '  "segments": [],\n  "language": "fr-FR",\n  "duration": 0.0\n}\n'
    )
    writer.add(first)
    assert (
        writer.write_tail("ja-JP", 1.0) == '\n  ],\n  "language": "ja-JP",\n  "duration": 1.0\n}\n'
    )


def test_a_line_of_jsonl_is_a_segment():
    lines = render_whole(WholeTranscript(FRENCH, Transcript(SAID, (), None, 3.0)), "jsonl")
    assert lines.splitlines(keepends=True)[1] == (
        '{"id": 1, "start": 2.0, "end": 2.24, "text": "Non.", "confidence": 1.0,'
        ' "language": "fr-FR", "words":'
        ' [{"text": "Non.", "start": 2.0, "end": 2.24, "confidence": 1.0}]}\n'
    )


@given(words(ANY_TEXTS), st.sampled_from([(), TOKENS]))
def test_a_document_holds_every_word(made, tokens):
    document = json.loads(render_whole(result(made, tokens), "json"))
    checked(document, "document")
    assert document["text"] == join_words(made)
    held = [word for segment in document["segments"] for word in segment["words"]]
    assert [(w["text"], w["start"], w["end"]) for w in held] == [
        (w.text, w.start, w.end) for w in made
    ]
    assert [token["piece"] for token in document["tokens"]] == [token.piece for token in tokens]


@given(words(ANY_TEXTS))
def test_a_document_that_grows_is_as_described_after_every_segment(made):
    writer = FORMATS["json"](ABOUT)
    written, segments = writer.write_head(), split_segments(made)
    for n in range(len(segments) + 1):
        document = json.loads(written + writer.write_tail("ja-JP", n + 0.0006))
        checked(document, "document")
        assert (document["language"], document["duration"]) == ("ja-JP", n + 0.001)
        assert [s["text"] for s in document["segments"]] == [s.text for s in segments[:n]]
        written += writer.add(segments[n]) if n < len(segments) else ""


@given(words(ANY_TEXTS))
def test_lines_are_the_segments_of_the_document(made):
    lines = render_whole(result(made), "jsonl").split("\n")[:-1]
    segments = [json.loads(line) for line in lines]
    for segment in segments:
        checked(segment, "segment")
    assert segments == json.loads(render_whole(result(made), "json"))["segments"]


@given(words(ANY_TEXTS))
def test_a_document_on_one_line_is_the_same(made):
    line = render_json_line(result(made))
    assert line.index("\n") == len(line) - 1
    assert json.loads(line) == json.loads(render_whole(result(made), "json"))


def test_the_requested_language_is_written_if_the_model_named_none():
    for asked, language in ((FRENCH, "fr-FR"), (ABOUT, None)):
        document = json.loads(render_whole(result(spoken("Oui."), (), asked), "json"))
        checked(document, "document")
        assert document["language"] == document["segments"][0]["language"] == language


def test_a_file_name_that_is_no_text_is_still_json():
    name = os.fsdecode(b"caf\xe9.wav")
    about = Provenance(name, "demo", None, "fp32", "onnx", 3, "auto")
    for written in (
        render_whole(result([], (), about), "json"),
        render_json_line(result([], (), about)),
    ):
        assert json.loads(written.encode("utf-8"))["file"] == name


VALID = json.loads(render_whole(result(spoken("Hello there. Again.")), "json"))

WRONG = {
    "another version": lambda d: d.update(version=1),
    "no revision": lambda d: d.pop("model_revision"),
    "a short revision": lambda d: d.update(model_revision="abc"),
    "no precision": lambda d: d.pop("precision"),
    "a language by its name": lambda d: d.update(language="Japanese"),
    "a language asked for that is none": lambda d: d.update(requested_language=None),
    "a lookahead in words": lambda d: d.update(lookahead="3"),
    "a negative duration": lambda d: d.update(duration=-1),
    "text without tokens": lambda d: d.pop("tokens"),
    "a token without its frame": lambda d: d["tokens"][0].pop("frame"),
    "a segment without words": lambda d: d["segments"][0].update(words=[]),
    "a segment without a language": lambda d: d["segments"][0].pop("language"),
    "a start that is a clock": lambda d: d["segments"][0].update(start="00:00:01"),
    "a confidence in percent": lambda d: d["segments"][0]["words"][0].update(confidence=90),
    "a word without text": lambda d: d["segments"][0]["words"][0].update(text=""),
    "a word without an end": lambda d: d["segments"][1]["words"][0].pop("end"),
    "something undescribed": lambda d: d["segments"][0].update(mood="good"),
}


def test_the_document_before_it_is_made_wrong_is_valid():
    checked(VALID, "document")


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_documents_are_refused(wrong):
    document = copy.deepcopy(VALID)
    WRONG[wrong](document)
    with pytest.raises(ValidationError):
        checked(document, "document")
