"""Killed at any moment, `nemocli file` continues with the same command, and does nothing twice."""

import json
import random
import subprocess
import time
from collections import Counter

import pytest
import soundfile

from tests.typed import FAKE, NEMOCLI, environment

FORMATS = ("txt", "json", "srt")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven")


def texts(folder, count):
    """Inputs for the fake transcriber, and their transcripts."""
    for n in range(count):
        path = folder / f"{n % 7}" / f"{n:05}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{WORDS[n % 8]} {n}")
    return {f"{n % 7}/{n:05}": f"{WORDS[n % 8]} {n}\n" for n in range(count)}


def sounds(folder, count, clips):
    """Short pieces of the bundled clips, and the demo's transcripts of them."""
    pieces = [clip.samples[k : k + 8000] for clip in clips for k in (0, 6000)]
    single = folder.parent / "single"
    single.mkdir()
    for k, piece in enumerate(pieces):
        soundfile.write(single / f"{k:02}.wav", piece, 16000, subtype="FLOAT")
    command = [*NEMOCLI, "file", str(single), "--model", "demo", "-f", "json", "-q"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    heard = [json.loads(line) for line in done.stdout.splitlines()]
    lines = ["".join(s["text"] + "\n" for s in each["segments"]) for each in heard]
    for n in range(count):
        path = folder / f"{n % 7}" / f"{n:05}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((single / f"{n % len(pieces):02}.wav").read_bytes())
    return {f"{n % 7}/{n:05}": lines[n % len(pieces)] for n in range(count)}


def kill_at_random(command, kills, longest):
    """Start and kill the command repeatedly; then let it end, and return its exit code."""
    env = environment(FAKE_SECONDS=0.004)
    moments = random.Random(3)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env}
    for _ in range(kills):
        process = subprocess.Popen(command, **quiet)
        time.sleep(moments.uniform(0.3, longest))
        process.kill()
        process.wait()
    return subprocess.run(command, check=False, **quiet).returncode


def check(out, expected):
    """Every transcript is there once, whole and right; nothing was begun after it was done."""
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    outputs = {f"{name}.{form}" for name in expected for form in FORMATS}
    assert files == outputs | {".nemocli/manifest.jsonl", ".nemocli/claims"}
    for name, text in expected.items():
        assert (out / f"{name}.txt").read_text() == text
        document = json.loads((out / f"{name}.json").read_text())
        assert "".join(s["text"] + "\n" for s in document["segments"]) == text
    done, begun = set(), Counter()
    for line in (out / ".nemocli" / "manifest.jsonl").read_text().splitlines():
        try:
            record = json.loads(line).get("file")
        except ValueError:
            continue  # cut off by a kill
        if record:
            assert record["input"] not in done, "it was on record as done"
            begun[record["input"]] += record["state"] == "begun"
            if record["state"] == "done":
                done.add(record["input"])
    assert len(done) == len(expected)
    return begun


def test_killed_at_random_moments(tmp_path):
    expected = texts(tmp_path / "in", 60)
    command = [*FAKE, "file", str(tmp_path / "in"), "-r", "-o", str(tmp_path / "out")]
    assert kill_at_random([*command, "--output-format", ",".join(FORMATS)], 3, 1.0) == 0
    check(tmp_path / "out", expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fake", "demo"])
def test_two_thousand_files_killed_twenty_times(tmp_path, clips, kind):
    folder = tmp_path / "in"
    folder.mkdir()
    expected = texts(folder, 2000) if kind == "fake" else sounds(folder, 2000, clips)
    command = [*(FAKE if kind == "fake" else NEMOCLI), "file", str(folder), "-r", "--model", "demo"]
    command += ["-o", str(tmp_path / "out"), "--output-format", ",".join(FORMATS)]
    assert kill_at_random(command, 20, 2.0 if kind == "fake" else 6.0) == 0
    begun = check(tmp_path / "out", expected)
    assert max(begun.values()) > 1  # a kill came while files were at work
