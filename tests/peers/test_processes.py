"""The processes of compare_peers.py: whole runs without the peers, and faults."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.peers import memory_read, models, runs, sounds, worker
from tests.sounds import speech_like

ROOT = Path(__file__).parents[2]

FAKE = """
import sys
sys.path.insert(0, {folder!r})
import worker

class Fake:
    libraries = ("numpy",)

    def __init__(self, model, lookahead, threads):
        self.lookahead = lookahead
        print("a library that speaks on stdout")

    def stream(self, samples):
        return [0.5], [len(packet) for packet in worker.packets(samples, self.lookahead)]

    files = worker.Peer.files_by_chunk

worker.serve(Fake)
"""


@pytest.fixture
def fake(tmp_path):
    """A run of a recognizer whose tokens are the lengths of the packets it gets."""

    def make(source: str, measure: str) -> runs.PeerRun:
        script = tmp_path / "fake.py"
        script.write_text(source.format(folder=str(Path(worker.__file__).parent)))
        return runs.PeerRun("fake", Path(sys.executable), str(script), tmp_path, measure)

    return make


def test_a_job_goes_to_a_process_and_its_result_comes_back(fake, tmp_path):
    wav = sounds.write_sound(tmp_path, 0.5, 1)
    done = runs.do(fake(FAKE, "stream"), [wav], wav, lookahead=3, threads=1)
    assert (done["chunks"], done["tokens"]) == ([0.5], [[5120, 2880]])
    assert done["peak"] > 2**20 and done["load"] > 0
    assert done["versions"] == {"numpy": np.__version__}
    done = runs.do(fake(FAKE, "files"), [wav, wav], wav, lookahead=0, threads=1)
    assert done["tokens"] == [[1280] * 6 + [320]] * 2


def test_a_process_that_fails_or_dies_is_a_result_with_its_reason(fake, tmp_path):
    wav = sounds.write_sound(tmp_path, 0.1, 1)
    done = runs.do(fake("raise MemoryError('too long')", "files"), [wav], wav, 3, 1)
    assert done == {"error": "MemoryError: too long (code 1)"}
    done = runs.do(fake("import os; os.kill(os.getpid(), 9)", "files"), [wav], wav, 3, 1)
    assert done == {"error": "code -9 (code -9)"}


def test_a_sound_is_read_as_it_was_written(tmp_path):
    path = sounds.write_sound(tmp_path, 0.3, 4)
    assert np.abs(worker.read_wav(str(path)) - speech_like(0.3, 4)).max() < 1e-4


def test_a_folder_gets_its_name_when_it_is_complete(tmp_path):
    def interrupted(out: Path) -> None:
        out.mkdir()
        (out / "half").touch()
        raise KeyboardInterrupt

    def whole(out: Path) -> None:
        out.mkdir()
        (out / "whole").touch()

    with pytest.raises(KeyboardInterrupt):
        models.make(tmp_path / "model", interrupted)
    made = models.make(tmp_path / "model", whole)
    assert os.listdir(tmp_path) == ["model"] and os.listdir(made) == ["whole"]
    models.make(tmp_path / "model", interrupted)  # is there: not made again
    with pytest.raises(KeyboardInterrupt):
        models.make(tmp_path / "model", interrupted, changed=made.stat().st_mtime + 1)
    assert not made.exists()


def test_memory_is_read_by_every_thread():
    times = memory_read.read_times(1001, 3)
    assert len(times) == memory_read.READINGS and min(times) > 0


@pytest.mark.slow
def test_nemocli_alone_from_the_command_line(tmp_path):
    """The demo stands for the checkpoint, so that nothing has to be installed."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "checkpoint").symlink_to(ROOT / "assets" / "demo")
    out = tmp_path / "samples.json"
    command = [sys.executable, ROOT / "scripts" / "compare_peers.py", "--work", tmp_path]
    command += ["--size", "small", "--peers", "--seconds", "2", "--files-seconds", "1,0.5"]
    done = subprocess.run(
        [*command, "--repeat", "1", "--json", out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "| nemocli int8 by chunk" in done.stdout and "failed" not in done.stdout
    measured = json.loads(out.read_text())["measurements"]
    assert len(measured["stream"]["turns"]["nemocli int8"][0]["chunks"]) == 7
    whole, by_chunk = (turns[0]["tokens"] for turns in measured["files"]["turns"].values())
    assert whole == by_chunk and len(whole) == 2
