#!/usr/bin/env python
"""Measure what it costs to find speakers in a recording, beside what it costs to transcribe it.

    python scripts/measure_diarization_cost.py --recognizer MODEL --diarizer MODEL

Both models run in one process, in turn, on the same sound, and the processor time (of all threads)
for a second of sound is printed, and what both cost relative to the recognizer alone. Processor
time changes little when other programs run, but is not wall-clock time. The diarizer gets mel rows
that are computed before, as in `nemocli file --speakers`, where one front end feeds both models.

With --commands, `nemocli file` and `nemocli file --speakers` are run in turn instead, each in a
process of its own, and their peak memory is printed too.

Models of the released size, with random weights if there are no others:

    python scripts/random_checkpoint.py --full --out R
    python scripts/random_diarizer.py --shape full --out D
    nemocli convert R --precision int8 -o R8 && nemocli convert D --precision int8 -o D8
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import OFFLINE
from nemocli.engine.mel import MelStream
from nemocli.models.load_diarizer import load_diarizer
from tests.sounds import converse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recognizer", required=True, help="model that transcribes")
    parser.add_argument("--diarizer", required=True, help="model that finds who speaks")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--mode", default=OFFLINE, help="mode of the diarizer")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the sound")
    parser.add_argument("--times", type=int, default=3, help="how often; the least counts")
    parser.add_argument("--commands", action="store_true", help="measure nemocli file as a whole")
    options = parser.parse_args()
    sound = converse(options.seconds, seed=3)
    if options.commands:
        compare_commands(options, sound)
        return
    transcriber = nemocli.load(options.recognizer, runtime=options.runtime)
    with transcriber, load_diarizer(options.diarizer, options.runtime) as diarizer:
        mel = MelStream(diarizer.config.features)
        rows = np.concatenate([mel.push(sound), mel.finish()])

        def transcribe() -> None:
            transcriber.transcribe(sound)

        taken = {
            "recognizer": [measure(transcribe)],
            "diarizer": [measure(lambda: find_speakers(diarizer, options.mode, rows))],
        }
        for _ in range(options.times - 1):
            taken["recognizer"].append(measure(transcribe))
            taken["diarizer"].append(measure(lambda: find_speakers(diarizer, options.mode, rows)))
    least = {name: min(each) / options.seconds for name, each in taken.items()}
    for name, seconds in least.items():
        print(f"{name:<10} {seconds:.3f} s of processor time for a second of sound")
    print(f"both: {1 + least['diarizer'] / least['recognizer']:.2f} times the recognizer alone")


def compare_commands(options: argparse.Namespace, sound: np.ndarray) -> None:
    """Print processor time and peak memory of `nemocli file` without and with speakers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, sound, 16000)
        plain = ["file", str(path), "--model", options.recognizer, "--runtime", options.runtime]
        plain += ["--quiet", "--format", "json"]
        both = [*plain, "--speakers", "--speaker-model", options.diarizer]
        taken = [(run(plain), run(both)) for _ in range(options.times)]
    least = [min(seconds for seconds, _ in each) for each in zip(*taken, strict=True)]
    most = [max(peak for _, peak in each) for each in zip(*taken, strict=True)]
    for name, seconds, peak in zip(("file", "file --speakers"), least, most, strict=True):
        a_second = seconds / options.seconds
        print(f"{name:<15} {a_second:.3f} s of processor time a second of sound, {peak:.2f} GB")
    print(f"{least[1] / least[0]:.2f} times the processor time, {most[1] - most[0]:.2f} GB more")


def run(arguments: list[str]) -> tuple[float, float]:
    """Run nemocli; return its processor time in seconds, and its peak memory in GB."""
    command = [sys.executable, "-m", "nemocli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"nemocli failed with exit code {process.returncode}.")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return usage.ru_utime + usage.ru_stime, peak / 1e9


def measure(work: Callable[[], None]) -> float:
    """Return the seconds of processor time that a call takes, of all threads."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def find_speakers(diarizer: Diarizer, mode: str, rows: np.ndarray) -> None:
    stream = diarizer.begin(mode)
    stream.feed(rows)
    stream.finish()


if __name__ == "__main__":
    main()
