#!/usr/bin/env python
"""Compare diarization with Hugging Face transformers on a random checkpoint of the released size.

    python scripts/check_full_size_diarizer.py --work DIR [--int8] [--numpy] [--mlx]

The tests do this on small checkpoints. This script uses the released size: 31 layers, 512 wide, 8
speakers, and caches of 264 frames. DIR gets the checkpoint (0.4 GB) and the converted models (0.4
GB each, 0.1 GB in int8); existing ones are used again. 60 s of sound are decided as a whole and in
the mode `low_latency`; each model runs in a process of its own, one after the other, and its peak
memory is printed. It takes minutes on two cores.

As in the tests, every runtime is given the reference's compressions, which are compared by
themselves on equal input. The exit code is 1 if a logit differs by more than 2e-4, if a decision
differs where the logit is further than 1e-4 from 0, or if a compression differs. int8 is only
reported: its agreement depends on these random weights, and says nothing about the released ones.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.check_full_size import measure
from tests.sounds import converse

ROOT = Path(__file__).parents[1]
SECONDS = 60.37
MODES = ("offline", "low_latency")

#: The largest difference of a logit, and how near to 0 a logit is whose decision may differ.
TOLERANCE, UNDECIDED = 2e-4, 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--int8", action="store_true", help="convert and run in int8, too")
    parser.add_argument("--numpy", action="store_true", help="run by numpy, too")
    parser.add_argument("--mlx", action="store_true", help="convert and run for MLX, too")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    work = arguments.work
    if arguments.step:
        run_step(arguments.step, work)
        return 0
    kinds = ["onnx-fp32"]
    kinds += ["onnx-int8"] if arguments.int8 else []
    kinds += ["numpy"] if arguments.numpy else []
    kinds += ["mlx-fp32"] if arguments.mlx else []
    prepare(work, kinds)
    for step in ["transformers", *kinds]:
        measure(step, [__file__, "--work", str(work), "--step", step])
    return report(work, kinds)


def prepare(work: Path, kinds: list[str]) -> None:
    """Make the checkpoint and the model folders if they do not exist."""
    (work / "results").mkdir(parents=True, exist_ok=True)
    checkpoint = str(work / "checkpoint")
    if not (work / "checkpoint" / "processor_config.json").is_file():
        script = str(ROOT / "scripts" / "random_diarizer.py")
        measure("random checkpoint", [script, "--shape", "full", "--out", checkpoint])
    for kind in kinds:
        if kind != "numpy":
            to, _, precision = kind.partition("-")
            convert = ["-c", "from nemocli.cli.app import main; main()", "convert", checkpoint]
            options = ["--out", str(work / kind), "--to", to, "--precision", precision, "--quiet"]
            measure(f"convert to {kind}", [*convert, *options])


def run_step(step: str, work: Path) -> None:
    """Decide the sound in every mode, and save the results."""
    if step == "transformers":
        run_transformers(work)
        return
    for mode in MODES:
        run_nemocli(step, mode, work)


def run_transformers(work: Path) -> None:
    from tests.oracle.diarizer_reference import DiarizerReference

    reference = DiarizerReference(work / "checkpoint")
    rows = reference.compute_rows(converse(SECONDS, seed=3))
    for mode in MODES:
        if mode == "offline":
            found = reference.whole(rows)
        else:
            found = reference.stream(rows, *reference.list_modes()[mode])
        arrays = {"rows": rows, "logits": found.logits}
        for n, compression in enumerate(found.compressions):
            arrays |= {f"before{n}_{i}": part for i, part in enumerate(compression.before)}
            arrays |= {f"after{n}_{i}": part for i, part in enumerate(compression.after)}
        np.savez(locate(work, "transformers", mode), **arrays)


def run_nemocli(step: str, mode: str, work: Path) -> None:
    from nemocli.diarization.speaker_cache import SpeakerCache
    from nemocli.models.load_diarizer import load_diarizer

    wanted = np.load(locate(work, "transformers", mode))
    given, differing = list_compressions(wanted), 0
    inner = SpeakerCache.compress

    def compress(cache, embeds, probabilities):  # type: ignore[no-untyped-def]
        nonlocal differing
        before, after = next(given)
        mine = inner(cache, *before)
        differing += not all(map(np.array_equal, mine, after))
        return after

    model = work / ("checkpoint" if step == "numpy" else step)
    with load_diarizer(model, step.split("-")[0]) as diarizer:
        stream = diarizer.begin(mode, keep_logits=True)
        with patch.object(SpeakerCache, "compress", compress):
            stream.feed(wanted["rows"])
            stream.finish()
    assert stream.logits is not None
    logits = np.concatenate(stream.logits)
    np.savez(locate(work, step, mode), logits=logits, differing=differing)


def list_compressions(
    saved: "np.lib.npyio.NpzFile",
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Give what went into each of the reference's compressions, and what came out."""
    for n in count():
        if f"before{n}_0" not in saved:
            return
        yield tuple([saved[f"{when}{n}_{i}"] for i in range(2)] for when in ("before", "after"))  # type: ignore[misc]


def locate(work: Path, by: str, mode: str) -> Path:
    return work / "results" / f"{by}-{mode}.npz"


def report(work: Path, kinds: list[str]) -> int:
    """Print a line for each comparison; return 1 if one that must agree does not."""
    print(
        f"\n{'runtime':<10} {'mode':<12} rows  largest logit  differs by  decisions  compressions"
    )
    failed = False
    for kind in kinds:
        for mode in MODES:
            wanted, got = np.load(locate(work, "transformers", mode)), locate(work, kind, mode)
            saved = np.load(got)
            want, found = wanted["logits"], saved["logits"]
            if mode == "offline" and len(want) % 8 == 0:  # a masked row changes the last frame
                want, found = want[:-8], found[:-8]
            difference = float(np.abs(want - found).max())
            same = (want > 0) == (found > 0)
            compressions, differing = len(list(list_compressions(wanted))), int(saved["differing"])
            print(
                f"{kind:<10} {mode:<12} {len(want):4} {np.abs(want).max():14.1f} {difference:11.1e}"
                f" {same.mean():10.4%} {compressions - differing:5} of {compressions}"
            )
            is_same = np.all(same | (np.abs(want) < UNDECIDED)) and not differing
            failed |= kind != "onnx-int8" and not (difference <= TOLERANCE and is_same)
    print("\nThere are differences." if failed else "\nEvery logit and compression agrees.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
