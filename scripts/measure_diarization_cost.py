#!/usr/bin/env python
"""Measure what it costs to find speakers in a recording, beside what it costs to transcribe it.

    python scripts/measure_diarization_cost.py --recognizer MODEL --diarizer MODEL

Both models run in one process, in turn, on the same sound, and the processor time (of all threads)
for a second of sound is printed, and what both cost relative to the recognizer alone. Processor
time changes little when other programs run, but is not wall-clock time. The diarizer gets mel rows
that are computed before, as in `nemocli file --speakers`, where one front end feeds both models.

Models of the released size, with random weights if there are no others:

    python scripts/random_checkpoint.py --full --out R
    python scripts/random_diarizer.py --shape full --out D
    nemocli convert R --precision int8 -o R8 && nemocli convert D --precision int8 -o D8
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

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
    options = parser.parse_args()
    sound = converse(options.seconds, seed=3)
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
