"""Arguments of another type are refused at the call, by name, in one sentence."""

from pathlib import Path

import numpy as np
import pytest

import nemocli
from nemocli.audio.options import SoundOptions
from tests.engine.small import small

TRANSCRIBER = small(3)
DIARIZER = nemocli.load_diarizer("demo", runtime="numpy")


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        (nemocli.load, "model", 3),
        (nemocli.load, "model", b"demo"),
        (nemocli.load, "runtime", None),
        (nemocli.load, "precision", 8),
        (nemocli.load, "lookahead", "3"),
        (nemocli.load, "lookahead", True),
        (nemocli.load, "lookahead", 3.0),
        (nemocli.load, "compute_units", ["cpu"]),
        (nemocli.load, "progress", "yes"),
        (TRANSCRIBER.session, "lang", 3),
        (TRANSCRIBER.session, "lang", None),
        (TRANSCRIBER.session, "keep_transcript", "no"),
        (TRANSCRIBER.session, "keep_encoder", 1),
        (TRANSCRIBER.resolve_language, "lang", Path("de")),
        (TRANSCRIBER.check_request, "max_memory", 1.5),
        (TRANSCRIBER.check_request, "lang", ["de", "en"]),
        (lambda **o: TRANSCRIBER.transcribe("a.wav", **o), "lang", 3),
        (lambda **o: TRANSCRIBER.transcribe_many(["a.wav"], **o), "max_memory", 1.5),
        (lambda **o: TRANSCRIBER.transcribe_many(["a.wav"], **o), "max_memory", "2G"),
        (lambda **o: TRANSCRIBER.transcribe_many(["a.wav"], **o), "lang", 3),
        (lambda **o: TRANSCRIBER.transcribe_many(["a.wav"], **o), "progress", True),
        (lambda **o: TRANSCRIBER.transcribe_many(["a.wav"], **o), "sound", "left"),
        (TRANSCRIBER.transcribe_many, "paths", 3),
        (TRANSCRIBER.transcribe_many, "paths", None),
        (TRANSCRIBER.transcribe_many, "paths", b"a.wav"),
        (lambda **o: nemocli.SpeakerOptions(DIARIZER, **o), "names", (1, 2)),
        (lambda **o: nemocli.SpeakerOptions(DIARIZER, **o), "names", "Ann"),
        (lambda **o: nemocli.SpeakerOptions(DIARIZER, **o), "max_speakers", "2"),
        (lambda **o: nemocli.SpeakerOptions(DIARIZER, **o), "max_speakers", 1.5),
        (lambda **o: nemocli.SpeakerOptions(DIARIZER, **o), "max_speakers", 0),
        (nemocli.SpeakerOptions, "diarizer", "demo"),
        (DIARIZER.begin, "mode", 3),
        (DIARIZER.time_step, "mode", None),
        (lambda **o: DIARIZER.begin("low_latency", **o), "most_remembered", 1.5),
        (lambda **o: DIARIZER.begin("low_latency", **o), "keep_logits", 1),
        (nemocli.load_diarizer, "model", 3),
        (lambda **o: TRANSCRIBER.transcribe("a.wav", **o), "speakers", "demo"),
        (nemocli.Phrases.read, "path", 3),
        (lambda **o: nemocli.Phrases.of([], **o), "over_blank", "yes"),
        (lambda **o: nemocli.Phrases.of([], **o), "boost", 9),
        (TRANSCRIBER.session().feed_silence, "samples", "1"),
        (TRANSCRIBER.session().feed_silence, "samples", -1),
        (TRANSCRIBER.schedule, "max_streams", "1"),
        (TRANSCRIBER.schedule, "max_streams", 0),
        (nemocli.join_words, "words", "abc"),
        (nemocli.join_words, "words", 3),
        (nemocli.pull, "model", None),
        (nemocli.pull, "progress", 1),
        (nemocli.convert, "checkpoint", None),
        (lambda **o: nemocli.convert("demo", **o), "out", 3),
        (lambda **o: nemocli.convert("demo", **o), "to", None),
        (lambda **o: nemocli.convert("demo", **o), "precision", 8),
        (lambda **o: nemocli.convert("demo", **o), "lookaheads", 3),
        (lambda **o: nemocli.convert("demo", **o), "lookaheads", "all"),
        (lambda **o: nemocli.convert("demo", **o), "verify", "no"),
        (lambda **o: nemocli.convert("demo", **o), "force", 1),
        (lambda **o: nemocli.convert("demo", **o), "progress", "yes"),
    ],
)
def test_an_argument_of_another_type(call, name, value):
    with pytest.raises(nemocli.UsageError) as caught:
        call(**{name: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{name} takes ") and sentence.endswith(".")
    assert "\n" not in sentence


def test_a_session_keeps_its_language():
    session = TRANSCRIBER.session("de")
    with pytest.raises(nemocli.UsageError, match="lang takes"):
        session.lang = 3
    assert session.lang == "de-DE"


def test_sentences_about_speakers_are_for_a_program():
    """They name arguments, not options of the command line."""
    for names in (("Ann", "Ann"), ("Speaker 1",), ("A", "B")):
        with pytest.raises(nemocli.UsageError, match=r"\bnames\b") as caught:
            nemocli.SpeakerOptions(DIARIZER, 1, names)
        assert "--" not in str(caught.value)
    with pytest.raises(nemocli.UsageError, match=r"speakers needs a .*load_diarizer\(\)"):
        TRANSCRIBER.transcribe("a.wav", speakers=nemocli.SpeakerOptions(None))
    assert nemocli.SpeakerOptions(DIARIZER, np.int64(2), ["Ann"]).names == ("Ann",)


def test_a_closed_diarizer_begins_nothing():
    diarizer = nemocli.load_diarizer("demo", runtime="numpy")
    diarizer.close()
    for call in (diarizer.begin, diarizer.time_step):
        with pytest.raises(nemocli.NemocliError, match="closed; load it again"):
            call("low_latency")


def test_a_path_among_others_that_is_none():
    with pytest.raises(nemocli.UsageError, match="paths takes"):
        TRANSCRIBER.transcribe_many(["a.wav", 3])
    results = TRANSCRIBER.transcribe_many(path for path in ["missing.wav", 3])
    with pytest.raises(nemocli.UsageError, match="paths takes"):
        list(results)


def test_numbers_of_numpy_are_numbers():
    TRANSCRIBER.check_request(max_memory=np.int64(2**40))
    loaded = nemocli.load("demo", runtime="numpy", lookahead=np.int64(6))
    assert type(loaded.make_provenance("a.wav", "auto").lookahead) is int
    assert list(TRANSCRIBER.transcribe_many([], sound=SoundOptions(gain=3.0))) == []
