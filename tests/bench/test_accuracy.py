"""Word and character errors: normalization, manifests and folders, and wrong ones."""

import json

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import nemocli
from nemocli.bench.accuracy import ALL, Accuracy, check_languages, measure_accuracy, score_utterance
from nemocli.bench.dataset import Utterance, read_utterances
from nemocli.bench.normalize import has_words, normalize
from nemocli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("It’s  3.5 %\n— really?", "it's 3 5 really"),
        ("'quoted' rock-'n'-roll", "quoted rock n roll"),
        ("Straße ＡＢＣ１２ ﬁn", "strasse abc12 fin"),
        ("L´eau d‘or", "l'eau d'or"),
        ("¿Qué?", "qué"),
        ("今日は、月曜日。", "今日は 月曜日"),
        ("ที่นี่", "ที่นี่"),
        ("हिन्दी।", "हिन्दी"),
        ("... !", ""),
    ],
)
def test_normalization(text, expected):
    assert normalize(text) == expected


@given(st.text())
def test_normalizing_twice_changes_nothing(text):
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hello", True), ("今日は月曜", False), ("สวัสดี", False), ("안녕 하세요", True), ("12", True)],
)
def test_scripts_without_spaces_have_no_words(text, expected):
    assert has_words(text) is expected


def test_errors_are_counted():
    one = score_utterance("a.wav", "en-US", "One two, three.", "one too three four")
    assert (one.words, one.word_errors) == (3, 2)
    assert (one.characters, one.character_errors) == (13, 6)
    japanese = score_utterance("b.wav", "ja-JP", "今日は、 月曜日です。", "今日は火曜日です")
    assert (japanese.words, japanese.word_errors) == (0, 0)
    assert (japanese.characters, japanese.character_errors) == (8, 1)
    silence = score_utterance("c.wav", "en-US", "", "oh no")
    assert (silence.words, silence.word_errors, silence.character_errors) == (0, 2, 5)


def test_summaries_and_the_worst():
    judged = [
        score_utterance("a", "en-US", "one two", "one two"),
        score_utterance("b", "en-US", "one two", "one"),
        score_utterance("c", "ja-JP", "月曜", "火曜"),
    ]
    accuracy = Accuracy(judged)
    english, japanese, both = accuracy.summarize_by_language()
    assert (english.lang, english.files, english.wer) == ("en-US", 2, 0.25)
    assert (japanese.wer, japanese.cer) == (None, 0.5)
    assert (both.lang, both.wer, both.characters) == (ALL, 0.25, 16)
    assert [one.file for one in accuracy.find_worst(5)] == ["b", "c"]
    assert Accuracy(judged[:2]).summarize_by_language() == [english]


@pytest.fixture
def folder(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16000)
    return tmp_path


def manifest(folder, *lines):
    path = folder / "m.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


GOOD = {"audio_filepath": "a.wav", "text": "hello"}


def test_a_manifest(folder):
    path = manifest(
        folder,
        GOOD | {"duration": 1.5},
        "",
        GOOD | {"lang": "de-DE", "offset": 1, "duration": 2.5},
        {"audio_filepath": str(folder / "a.wav"), "text": "", "target_lang": "ja-JP"},
    )
    sound = folder / "a.wav"
    assert read_utterances(path) == [
        Utterance(sound, "hello"),
        Utterance(sound, "hello", "de-DE", 1.0, 2.5),
        Utterance(sound, "", "ja-JP"),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "it is not a JSON object"),
        ("[1]", "it is not a JSON object"),
        ({"text": "x"}, "it has no audio_filepath"),
        ({"audio_filepath": "a.wav"}, "it has no text"),
        ({"audio_filepath": "a.wav", "text": None}, "it has no text"),
        (GOOD | {"audio_filepath": "b.wav"}, "there is no sound file"),
        (GOOD | {"lang": 3}, "its language is 3"),
        (GOOD | {"offset": "soon"}, "its offset is 'soon'"),
        (GOOD | {"offset": -1}, "its offset is -1"),
    ],
)
def test_bad_lines_are_named(folder, line, words):
    path = manifest(folder, GOOD, line)
    with pytest.raises(UsageError, match="m.jsonl, line 2: " + words):
        read_utterances(path)


def test_a_folder(folder):
    (folder / "in").mkdir()
    soundfile.write(folder / "in" / "b.FLAC", np.zeros(1600), 16000, format="FLAC")
    (folder / "in" / "b.txt").write_text("good day\n")
    (folder / "notes.txt").write_text("of no sound")
    assert read_utterances(folder) == [Utterance(folder / "in" / "b.FLAC", "good day\n")]


def test_manifests_without_utterances(folder):
    for path in (folder, manifest(folder, "")):
        with pytest.raises(UsageError, match="no sounds with text"):
            read_utterances(path)
    with pytest.raises(UsageError, match="No such file"):
        read_utterances(folder / "none")
    (folder / "m.jsonl").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_utterances(folder / "m.jsonl")


def test_accuracy_of_the_demo(clips, tmp_path):
    """The bundled clips, and one clip as a part of a longer file, beside a damaged file."""
    transcriber = nemocli.load("demo")
    first, second = clips[:2]
    pause = np.zeros(16000, np.float32)
    long = np.concatenate([second.samples, pause, first.samples, pause, second.samples])
    soundfile.write(tmp_path / "long.wav", long, 16000, subtype="FLOAT")
    offset = len(second.samples) / 16000 + 1
    part = Utterance(
        tmp_path / "long.wav", first.text, first.lang, offset, len(first.samples) / 16000
    )
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    utterances = [part, Utterance(tmp_path / "bad.wav", "x")]
    utterances += [Utterance(clip.path, clip.text, clip.lang) for clip in clips]
    steps = []
    accuracy = measure_accuracy(transcriber, utterances, "auto", lambda *step: steps.append(step))
    assert [one.character_errors for one in accuracy.judged] == [0] * (1 + len(clips))
    assert list(accuracy.failed) == [str(tmp_path / "bad.wav")]
    assert steps[1] == ("bad.wav", 2, len(utterances))
    with pytest.raises(UsageError, match=r"klingon.*a.wav is said to be in it"):
        check_languages(transcriber, [Utterance(tmp_path / "a.wav", "", "klingon")])
