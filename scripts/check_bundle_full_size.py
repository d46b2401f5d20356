#!/usr/bin/env python
"""Write a checkpoint of the released size as a Core AI bundle, and compare it with numpy.

    python scripts/random_checkpoint.py --out CHECKPOINT --full
    python scripts/check_bundle_full_size.py CHECKPOINT --out DIR [--chunks N]

The bundle has the layout of coreaikit and float32 graphs. Apple's runtime and numpy then compute
the encoder's frames of some whole chunks of sound. Prints times, sizes, memory and the largest
difference; the exit code is 1 if that is 1e-3 or more. Needs `pip install nemocli[coreai]`, and
about 8 GB of memory.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.network.checkpoint import Checkpoint
from nemocli.network.graphs import count_chunk_rows
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.coreai.bundle import LOOKAHEAD, Bundle, find_bundle
from nemocli.runtimes.coreai.bundle_files import write_bundle
from nemocli.runtimes.coreai.bundle_runtime import BundleRuntime
from nemocli.runtimes.coreai.bundle_sizes import read_config
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.sounds import speech_like

#: Largest allowed difference of enc_proj, in its own unit.
TOLERANCE = 1e-3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundle, new")
    parser.add_argument("--chunks", type=int, default=4, help="whole chunks of sound to compute")
    options = parser.parse_args()
    checkpoint = Checkpoint(options.checkpoint)
    bundle = write(checkpoint, options.out)
    expected = encode(
        checkpoint, options.chunks, "numpy", lambda: NumpyRuntime(checkpoint.parameters, LOOKAHEAD)
    )
    frames = encode(
        *(checkpoint, options.chunks, "Core AI"),
        lambda: BundleRuntime(bundle, read_config(bundle), LOOKAHEAD),
    )
    largest = float(np.abs(frames - expected).max())
    print(
        f"enc_proj {expected.shape}, standard deviation {expected.std():.3f}:"
        f" largest difference {largest:.1e}; peak memory {peak_bytes() / 1e9:.1f} GB"
    )
    return int(frames.shape != expected.shape or not largest < TOLERANCE)


def write(checkpoint: Checkpoint, out: Path) -> Bundle:
    """Write the bundle, and print what that took."""
    out.mkdir(parents=True)
    begin = time.monotonic()
    tokenizers = {"tokenizer.json": checkpoint.tokenizer}
    write_bundle(checkpoint.parameters, out, "fp32", tokenizers, {}, lambda *_: None)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"written in {time.monotonic() - begin:.0f} s: {size / 1e9:.2f} GB,"
        f" peak memory {peak_bytes() / 1e9:.1f} GB",
        flush=True,
    )
    bundle = find_bundle(out)
    assert bundle is not None
    return bundle


def encode(
    checkpoint: Checkpoint, chunks: int, what: str, load: Callable[[], Runtime]
) -> NDArray[np.float32]:
    """Return enc_proj [4 chunks, decoder size] of whole chunks, by a newly loaded runtime."""
    begin = time.monotonic()
    transcriber = Transcriber(load(), TokenDecoder(checkpoint.tokenizer), what)
    loaded = time.monotonic()
    rows = count_chunk_rows(LOOKAHEAD + 1, first=True)
    rows += (chunks - 1) * count_chunk_rows(LOOKAHEAD + 1, first=False)
    session = transcriber.session(keep_encoder=True)
    session.feed(speech_like(rows * 160 / 16000))
    session.finish()
    result = np.concatenate(session.enc_proj or [])
    transcriber.close()
    seconds = time.monotonic() - loaded
    print(
        f"{what}: loaded in {loaded - begin:.0f} s, {seconds:.0f} s for {len(result)} frames",
        flush=True,
    )
    return result


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere


if __name__ == "__main__":
    sys.exit(main())
