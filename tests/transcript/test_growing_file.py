"""A growing file is whole after every segment, also after failures and kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.formats import FORMATS, CueLayout, WholeTranscript, render_whole
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Transcript, Word
from tests.words import ABOUT


def made(texts):
    """Make a segment of a second for each text, one after the other."""
    return [
        Segment(n, (Word(text, n, n + 0.9, 0.5, speaker=Speaker(n % 2)),))
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("links", [True, False])
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(texts=st.lists(st.sampled_from(["Yes.", "今日。", "<b>&", '"', "--> x"]), max_size=6))
def test_whole_after_every_segment(tmp_path, monkeypatch, name, links, texts):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    path = tmp_path / f"out.{name}"
    segments = made(texts)
    with GrowingFile(path, FORMATS[name](ABOUT), force=True) as growing:
        for n in range(len(segments) + 1):
            assert path.read_text(encoding="utf-8") == document(name, segments[:n])
            if n < len(segments):
                growing.add(segments[n], "en-US", n + 1.0)
    assert os.listdir(tmp_path) == [path.name]


def document(name, segments):
    writer = FORMATS[name](ABOUT)
    body = writer.write_head() + "".join(writer.add(segment) for segment in segments)
    return body + writer.write_tail("en-US" if segments else None, float(len(segments)))


@pytest.mark.parametrize("layout", [CueLayout(), CueLayout(8, 1), CueLayout(word_timestamps=True)])
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
def test_the_same_document_as_for_a_whole_transcript(tmp_path, name, layout):
    words = [Word(f"word{n}" + "." * (n % 3 == 2), n, n + 0.5, 1.0) for n in range(9)]
    path = tmp_path / f"out.{name}"
    with GrowingFile(path, FORMATS[name](ABOUT, layout), force=False) as growing:
        for segment in split_segments(words):
            growing.add(segment, None, 9.0)
        growing.finish(None, 9.0)
    result = WholeTranscript(ABOUT, Transcript(words, (), None, 9.0))
    assert path.read_text() == render_whole(result, name, layout)


def test_the_end_of_the_sound_is_written(tmp_path):
    path = tmp_path / "out.json"
    with GrowingFile(path, FORMATS["json"](ABOUT), force=False) as growing:
        growing.add(made(["Yes."])[0], "en-US", 1.0)
        growing.finish("ja-JP", 9.5)
    document = json.loads(path.read_text())
    assert (document["language"], document["duration"]) == ("ja-JP", 9.5)


def test_an_existing_file_is_not_replaced_unless_asked(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("precious\n")
    with pytest.raises(UsageError) as refused:
        GrowingFile(path, FORMATS["txt"](ABOUT), force=False)
    assert str(refused.value) == (
        f"{path} exists: add --force to replace it, or choose another name."
    )
    assert path.read_text() == "precious\n"
    with pytest.raises(UsageError) as refused:
        GrowingFile(tmp_path, FORMATS["txt"](ABOUT), force=True)
    assert str(refused.value) == f"{tmp_path} is not a file: choose another name."


@pytest.mark.parametrize("links", [True, False])
def test_what_is_replaced_hands_on_its_permissions(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    path = tmp_path / "out.txt"
    path.write_text("old\n")
    path.chmod(0o640)
    with GrowingFile(path, FORMATS["txt"](ABOUT), force=True) as growing:
        for segment in made(["One.", "Two.", "Three."]):
            growing.add(segment, None, 3.0)
            assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text() == "Speaker 1: One.\nSpeaker 2: Two.\nSpeaker 1: Three.\n"


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(NemocliError, match="cannot be written: No such file"):
        GrowingFile(tmp_path / "no" / "out.txt", FORMATS["txt"](ABOUT), force=False)


def test_an_error_without_words_is_called_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(TimeoutError()))
    with pytest.raises(NemocliError, match=r"out\.txt cannot be written: TimeoutError\.$"):
        GrowingFile(tmp_path / "out.txt", FORMATS["txt"](ABOUT), force=False)
    assert os.listdir(tmp_path) == []  # what was begun is gone too


def test_the_next_segment_writes_what_a_failure_left_out(tmp_path, monkeypatch):
    path = tmp_path / "out.srt"
    first, second, third = segments = made(["One.", "Two.", "Three."])
    with GrowingFile(path, FORMATS["srt"](ABOUT), force=False) as growing:
        growing.add(first, "en-US", 1.0)
        before = path.read_bytes()
        with monkeypatch.context() as full:
            full.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
            with pytest.raises(NemocliError, match="No space"):
                growing.add(second, "en-US", 2.0)
        assert path.read_bytes() == before
        growing.add(third, "en-US", 3.0)
    assert path.read_text() == document("srt", segments)


@pytest.mark.parametrize("removed", ["the file", "the spare"])
def test_somebody_removes_one_of_both_copies(tmp_path, removed):
    path = tmp_path / "out.srt"
    segments = made(["One.", "Two.", "Three."])

    def remove():
        for copy in list(tmp_path.iterdir()):
            if (copy == path) == (removed == "the file"):
                copy.unlink()

    with GrowingFile(path, FORMATS["srt"](ABOUT), force=False) as growing:
        for n, segment in enumerate(segments, 1):
            remove()
            growing.add(segment, "en-US", float(n))
            assert path.read_text() == document("srt", segments[:n])
        if removed == "the spare":
            remove()
    assert os.listdir(tmp_path) == [path.name]


def test_only_what_a_run_that_has_ended_left_is_removed(tmp_path):
    ended, running = 2**22 + 1, os.getppid()  # the first is more than Linux ever gives
    left = [f".out.txt.{ended}.part", f".out.txt.{ended}.next.part"]
    others = [
        f".out.txt.{running}.part",
        f".out.txt.{running}.next.part",
        f".other.txt.{ended}.part",
        f".outxtxt.{ended}.part",
        f"out.txt.{ended}.part",
        f".out.txt.{ended}.part.txt",
        ".out.txt.part",
    ]
    for name in left + others:
        (tmp_path / name).write_text("kept")
    with GrowingFile(tmp_path / "out.txt", FORMATS["txt"](ABOUT), force=False):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "out.txt"])


SCRIPT = """
import sys
from pathlib import Path
from nemocli.transcript.formats import FORMATS, Provenance
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Word

def word(n):
    return Word(f"word{n}.", n, n + 0.9, 0.5, speaker=Speaker(n % 2))

path = Path(sys.argv[1])
about = Provenance("a.wav", "demo", "0" * 64, "fp32", "onnx", 3, "auto")
writer = FORMATS[path.suffix[1:]](about)
with GrowingFile(path, writer, force=True) as growing:
    for n in range(1_000_000):
        growing.add(Segment(n, (word(n),)), "en-US", n + 1.0)
        print(n, flush=True)
"""


@pytest.mark.parametrize("name", FORMATS)
def test_whole_after_kill_9(tmp_path, name):
    path = tmp_path / f"out.{name}"
    for _ in range(2):
        running = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, text=True
        )
        running.stdout.readline()
        time.sleep(random.uniform(0, 0.1))
        running.send_signal(signal.SIGKILL)
        printed = running.communicate()[0].split()
        last = int(printed[-1]) if printed else 0
        assert path.read_text() in [kept(name, count) for count in (last + 1, last + 2)]
    with GrowingFile(path, FORMATS[name](ABOUT), force=True):
        pass
    assert os.listdir(tmp_path) == [path.name]  # what the killed runs left is gone


def kept(name, count):
    return document(name, made([f"word{n}." for n in range(count)]))
