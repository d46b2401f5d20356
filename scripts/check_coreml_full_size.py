#!/usr/bin/env python
"""Convert a checkpoint of the released size to Core ML, and compare its packages with numpy.

    python scripts/random_checkpoint.py --out CHECKPOINT --full
    python scripts/check_coreml_full_size.py CHECKPOINT --out DIR [--precision int8]

Prints the time, memory and disk that the conversion takes. Then three chunks of sound are computed
by numpy and by the packages, evaluated with float16 rounding after every operation. Runs on any
system; 16 GB of memory are enough. The exit code is 1 if the encoder's frames differ by more than
2 % in fp16; other precisions are only reported.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.network.checkpoint import Checkpoint
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.coreml.files import write_graphs
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.mlprogram.runtime import EvaluatedRuntime
from tests.sounds import speech_like

LOOKAHEAD = 3

#: Three chunks at this lookahead, and a few samples more.
SAMPLES = 160 * (25 + 32 + 32) + 400

TOLERANCE = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the packages, new")
    parser.add_argument("--precision", choices=KIND.precisions, default="fp16")
    options = parser.parse_args()
    checkpoint = Checkpoint(options.checkpoint)
    options.out.mkdir(parents=True)
    convert(checkpoint, options.out, options.precision)
    expected = frames(checkpoint, lambda: NumpyRuntime(checkpoint.parameters, LOOKAHEAD), "numpy")
    evaluated = frames(
        checkpoint,
        lambda: EvaluatedRuntime(options.out, checkpoint.config, LOOKAHEAD, exact=False),
        "evaluated",
    )
    largest = np.abs(evaluated - expected).max() / np.abs(expected).max()
    root_mean_square = np.sqrt(np.square(evaluated - expected).mean() / np.square(expected).mean())
    print(
        f"enc_proj {expected.shape}: largest difference {largest:.2%}, rms {root_mean_square:.2%}"
    )
    return int(options.precision == "fp16" and not largest < TOLERANCE)


def convert(checkpoint: Checkpoint, out: Path, precision: str) -> None:
    """Write the packages, and print the time of every step."""
    begin = last = time.monotonic()
    steps: list[str] = []

    def progress(step: str, number: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if steps:
            print(f"{now - last:7.1f} s  {steps[-1]}, peak {peak_gb():.2f} GB", flush=True)
        steps.append(step)
        last = now

    lookaheads = checkpoint.config.lookaheads
    names = write_graphs(checkpoint.parameters, out, lookaheads, precision, progress)
    progress("", 0, 0)
    size = sum((out / name).stat().st_size for name in names)
    print(
        f"{precision}, lookaheads {lookaheads}: {time.monotonic() - begin:.0f} s,"
        f" {size / 1e9:.2f} GB, peak memory {peak_gb():.2f} GB"
    )
    for package in sorted(out.iterdir()):
        size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
        print(f"{size / 1e6:9.1f} MB  {package.name}")


def peak_gb() -> float:
    """Return the most memory that this process has taken so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9  # bytes there, KiB here


def frames(checkpoint: Checkpoint, load: Callable[[], Runtime], what: str) -> np.ndarray:
    """Return enc_proj [12, decoder size] of three chunks, computed by a newly loaded runtime."""
    begin = time.monotonic()
    transcriber = Transcriber(load(), TokenDecoder(checkpoint.tokenizer), what)
    session = transcriber.session(keep_encoder=True)
    session.feed(speech_like(SAMPLES / 16000))
    result = np.concatenate(session.enc_proj or [])
    print(f"{what}: {time.monotonic() - begin:.0f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
