#!/usr/bin/env python
"""Measure the time of a chunk of a stream, for several models in turn.

    python scripts/measure_stream.py MODEL [MODEL...] [--seconds 20] [--repeat 5] [--lookahead 3]
    python scripts/measure_stream.py full-int8 full-fp32 --transformers CHECKPOINT

All models transcribe the same sound, in turn and repeatedly, so that a machine whose speed drifts
affects all alike: trust the ratios. `--transformers` adds the streaming loop of Hugging Face
transformers on a checkpoint (needs nemocli[test]). A MODEL is anything that `nemocli.load` takes;
`MODEL:numpy` runs it by numpy.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.engine.mel import MelStream
from nemocli.network.features import FeatureConfig
from tests.sounds import RATE, speech_like

FEATURES = FeatureConfig(16000, 512, 400, 160, 128, 0.97)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--transformers", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--lookahead", type=int, default=3)
    arguments = parser.parse_args()
    sound = speech_like(arguments.seconds)
    chunk_seconds = 0.08 * (arguments.lookahead + 1)
    chunks = arguments.seconds / chunk_seconds

    runs: dict[str, Callable[[], None]] = {"mel alone": lambda: run_mel(sound, chunk_seconds)}
    for model in arguments.models:
        runs[model] = stream_of(model, arguments.lookahead, sound, chunk_seconds)
    if arguments.transformers:
        runs["transformers"] = transformers_stream(
            arguments.transformers, arguments.lookahead, sound
        )
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(arguments.repeat + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:  # the first turn warms up
                times[name].append((time.perf_counter() - started) / chunks)
    report(times, chunk_seconds, first=arguments.models[0])


def stream_of(
    model: str, lookahead: int, sound: np.ndarray, chunk_seconds: float
) -> Callable[[], None]:
    """Return a function that transcribes a stream by nemocli, fed in packets of a chunk."""
    folder, _, runtime = model.partition(":")
    transcriber = nemocli.load(folder, runtime=runtime or "auto", lookahead=lookahead)
    packet = round(chunk_seconds * RATE)

    def run() -> None:
        session = transcriber.session()
        for start in range(0, len(sound), packet):
            session.feed(sound[start : start + packet])
        session.finish()

    return run


def run_mel(sound: np.ndarray, chunk_seconds: float) -> None:
    stream, packet = MelStream(FEATURES), round(chunk_seconds * RATE)
    for start in range(0, len(sound), packet):
        stream.push(sound[start : start + packet])
    stream.finish()


def transformers_stream(checkpoint: Path, lookahead: int, sound: np.ndarray) -> Callable[[], None]:
    from tests.oracle.reference import Reference

    reference = Reference(checkpoint)
    return lambda: reference.stream_only(sound, lookahead, "auto")


def report(times: dict[str, list[float]], chunk_seconds: float, first: str) -> None:
    width = max(map(len, times))
    base = statistics.median(times[first])
    print(f"{'':{width}}  ms/chunk   (min - max)       RTF    x {first}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        spread = f"({1e3 * min(taken):.2f} - {1e3 * max(taken):.2f})"
        rtf = middle / chunk_seconds
        print(f"{name:{width}}  {1e3 * middle:8.2f}   {spread}   {rtf:.4f}   {middle / base:.3f}")


if __name__ == "__main__":
    main()
