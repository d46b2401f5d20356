#!/usr/bin/env python
"""Measure the cost of a second of sound in short and very long files, and their peak memory.

    python scripts/measure_scaling.py [--model demo] [--minutes 1 10 60 600] [--repeat 3]

Each file repeats the bundled clips with pauses. It is transcribed and written in all formats by a
process of its own, whose peak memory is printed. Before that, the process loads the model and
transcribes half a minute, which is not counted. Needs 1.2 GB of disk for ten hours.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.transcript.formats import FORMATS, WholeTranscript, render_whole

CLIP = Path(__file__).parents[1] / "assets" / "clips" / "all-languages.flac"
WARM_UP_MINUTES = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="demo")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60, 600])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.model, *arguments.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        warm_up = write_sound(Path(folder), WARM_UP_MINUTES)
        paths = {m: write_sound(Path(folder), m) for m in arguments.minutes}
        results: dict[float, list[dict[str, float]]] = {m: [] for m in paths}
        for _ in range(arguments.repeat):
            for minutes, path in paths.items():
                results[minutes].append(run_alone(arguments.model, warm_up, path))
    report(results)


def write_sound(folder: Path, minutes: float) -> Path:
    """Write a file of this length at 16 kHz; return its path."""
    clip, rate = soundfile.read(CLIP, dtype="int16")
    piece = np.concatenate([clip, np.zeros(rate, np.int16)])
    path = folder / f"{minutes:g}.wav"
    left = round(minutes * 60 * rate)
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        while left > 0:
            file.write(piece[:left])
            left -= len(piece)
    return path


def run_alone(model: str, *paths: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--model", model, "--one", *map(str, paths)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measure(model: str, warm_up: Path, path: Path) -> dict[str, float]:
    """Transcribe a file; return seconds of time, processor time and sound, and peak memory."""
    transcriber = nemocli.load(model)
    transcribe(transcriber, warm_up)
    began, used = time.perf_counter(), time.process_time()
    transcript, written = transcribe(transcriber, path)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "sound": transcript.duration,
        "words": len(transcript.words),
        "written": written,
        "peak_mb": peak_megabytes(),
    }


def transcribe(transcriber: nemocli.Transcriber, path: Path) -> tuple[nemocli.Transcript, int]:
    """Return a file's transcript, and its number of characters in all formats together."""
    (result,) = transcriber.transcribe_many([path])
    assert result.transcript is not None
    whole = WholeTranscript(transcriber.make_provenance(str(path), "auto"), result.transcript)
    return result.transcript, sum(len(render_whole(whole, name)) for name in FORMATS)


def peak_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("VmHWM is missing; this needs Linux")


def report(results: dict[float, list[dict[str, float]]]) -> None:
    print("| minutes | times real time | ms per second of sound | processor ms | words | peak MB |")
    print("|---|---|---|---|---|---|")
    for minutes, runs in results.items():

        def median(key: str, runs: list[dict[str, float]] = runs) -> float:
            return statistics.median(run[key] for run in runs)

        cost = median("seconds") / median("sound")
        used = median("processor") / median("sound")
        print(
            f"| {minutes:g} | {1 / cost:.0f} | {1000 * cost:.2f} | {1000 * used:.2f} |"
            f" {median('words'):.0f} | {median('peak_mb'):.0f} |"
        )


if __name__ == "__main__":
    main()
