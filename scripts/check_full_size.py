#!/usr/bin/env python
"""Compare nemocli with Hugging Face transformers on a random checkpoint of the released size.

    python scripts/check_full_size.py --work DIR [--english] [--int8] [--mlx]

The tests do this on small checkpoints. This script uses the released size: 24 layers, 1024 wide, a
vocabulary of 13,088, or with --english that of the model for English alone, with 1,025 tokens. DIR
gets the checkpoint (2.6 GB) and the converted models (2.6 GB, with --int8 0.9 GB more, with --mlx
2.5 GB more); existing ones are used again. Each model runs in a process of its own, one after the
other, and its peak memory is printed; 6 GB are enough. It takes about ten minutes on two cores.

The exit code is 1 if a token or a frame differs from transformers', or if the encoder's output
differs by more than rounding. int8 is only reported: its agreement depends on these random weights,
and says nothing about the released ones.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.sounds import speech_like

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Passage:
    """A sound of some length, transcribed at a lookahead."""

    lookahead: int
    seconds: int

    @property
    def sound(self) -> np.ndarray:
        return speech_like(self.seconds, seed=self.seconds)

    def result(self, work: Path, by: str) -> Path:
        return work / "results" / f"{by}-lookahead-{self.lookahead}-{self.seconds}s.npz"


@dataclass(frozen=True)
class Size:
    """A released model's size: its shape, the usual lookahead, and the others that are tried."""

    shape: str
    language: str
    lookahead: int
    others: tuple[int, ...]

    @property
    def long(self) -> Passage:
        return Passage(self.lookahead, 32)

    @property
    def passages(self) -> dict[str, list[Passage]]:
        """What each runtime transcribes."""
        short = Passage(self.lookahead, 4)
        return {
            "onnx-fp32": [self.long, *(Passage(lookahead, 8) for lookahead in self.others)],
            "numpy": [short],
            "mlx-fp32": [short],
            "onnx-int8": [self.long],
        }


MULTILINGUAL = Size("full", "de-DE", 3, (0, 6, 13))
ENGLISH = Size("english-full", "en-US", 6, (0, 1, 13))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--english", action="store_true", help="the model for English alone")
    parser.add_argument("--int8", action="store_true", help="convert and run in int8, too")
    parser.add_argument("--mlx", action="store_true", help="convert and run for MLX, too")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = ENGLISH if arguments.english else MULTILINGUAL
    if arguments.step:
        run_step(arguments.step, arguments.work, size)
        return 0
    kinds = ["onnx-fp32", "numpy"]
    kinds += ["onnx-int8"] if arguments.int8 else []
    kinds += ["mlx-fp32"] if arguments.mlx else []
    prepare(arguments.work, kinds, size)
    own = ["--english"] if arguments.english else []
    for step in ["transformers", *kinds]:
        measure(step, [__file__, "--work", str(arguments.work), *own, "--step", step])
    return report(arguments.work, kinds, size)


# ------------------------------------------------------------------------------ the processes


def prepare(work: Path, kinds: list[str], size: Size) -> None:
    """Make the checkpoint and the model folders if they do not exist."""
    (work / "results").mkdir(parents=True, exist_ok=True)
    if not (work / "checkpoint" / "config.json").is_file():
        script = str(ROOT / "scripts" / "random_checkpoint.py")
        options = ["--shape", size.shape, "--out", str(work / "checkpoint")]
        measure("random checkpoint", [script, *options])
    nemocli = ["-c", "from nemocli.cli.app import main; main()"]
    for kind in kinds:
        if kind != "numpy":
            to, _, precision = kind.partition("-")
            folders = [str(work / "checkpoint"), "--out", str(work / kind)]
            options = ["--to", to, "--precision", precision, "--force", "--quiet"]
            measure(f"convert to {kind}", [*nemocli, "convert", *folders, *options])


def measure(what: str, arguments: list[str]) -> None:
    """Run python with these arguments; print time and peak memory. Exits if it fails."""
    started = time.monotonic()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=sys.stderr, env={**os.environ, "PYTHONPATH": path}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{what} failed with exit code {process.returncode}.")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{what:<24} {time.monotonic() - started:7.1f} s   peak {peak / 1e9:5.2f} GB", flush=True)


def run_step(step: str, work: Path, size: Size) -> None:
    """Transcribe every piece of the step, and save the results."""
    if step == "transformers":
        run_transformers(work, size)
        return
    for piece in size.passages[step]:
        run_nemocli(step, piece, work, size.language)


def run_nemocli(step: str, piece: Passage, work: Path, language: str) -> None:
    import nemocli
    from tests.oracle.compare import transcribe

    model = work / ("checkpoint" if step == "numpy" else step)
    transcriber = nemocli.load(model, runtime=step.split("-")[0], lookahead=piece.lookahead)
    fed, finished = transcribe(transcriber, piece.sound, language)
    save(piece.result(work, f"{step}-streaming"), fed)
    save(piece.result(work, f"{step}-offline"), finished)


def run_transformers(work: Path, size: Size) -> None:
    import torch

    from tests.oracle.reference import Reference

    # If other programs use the cores, two threads of torch are many times slower than one.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    reference = Reference(work / "checkpoint")
    for piece in {piece for pieces in size.passages.values() for piece in pieces}:
        for way in ways(piece, size):
            decoding = getattr(reference, way)(piece.sound, piece.lookahead, size.language)
            save(piece.result(work, f"transformers-{way}"), decoding)


def ways(piece: Passage, size: Size) -> list[str]:
    """Return how transformers transcribes a piece: its streaming is too slow for the long one."""
    return ["offline"] if piece == size.long else ["offline", "streaming"]


def save(path: Path, decoding: object) -> None:
    np.savez(path, **{name: value for name, value in vars(decoding).items() if value is not None})


# ---------------------------------------------------------------------------------- the table


def report(work: Path, kinds: list[str], size: Size) -> int:
    """Print a line for each comparison; return 1 if one that must agree does not."""
    print(f"\n{'runtime':<10} {'':<9} lookahead  sound  tokens  same  encoder differs by")
    failed = False
    for kind in kinds:
        for piece in size.passages[kind]:
            for way in ways(piece, size):
                wanted = np.load(piece.result(work, f"transformers-{way}"))
                got = np.load(piece.result(work, f"{kind}-{way}"))
                same, difference = compare(got, wanted)
                print(
                    f"{kind:<10} {way:<9} {piece.lookahead:9} {piece.seconds:4} s"
                    f" {len(wanted['tokens']):7} {same:>5.0%}  {difference:.1e}"
                )
                failed |= kind != "onnx-int8" and (same < 1 or difference > 1e-4)
    print("\nThere are differences." if failed else "\nEvery token and frame is the same.")
    return int(failed)


def compare(got: np.lib.npyio.NpzFile, wanted: np.lib.npyio.NpzFile) -> tuple[float, float]:
    """Return the share of tokens that agree, frames included, and the encoder's largest difference.

    The difference is relative to the encoder's largest value. transformers' stream may be one chunk
    shorter: frames that it lacks are not compared.
    """
    frames = len(wanted["enc_proj"])
    spoken = [
        [(token, frame) for token, frame in zip(one["tokens"], one["frames"], strict=True)]
        for one in (got, wanted)
    ]
    spoken[0] = [(token, frame) for token, frame in spoken[0] if frame < frames]
    distance = edit_distance(*spoken)
    same = 1 - distance / max(len(spoken[1]), 1)
    largest = np.abs(wanted["enc_proj"]).max()
    difference = np.abs(got["enc_proj"][:frames] - wanted["enc_proj"]).max()
    return max(same, 0.0), float(difference / largest)


def edit_distance(one: list, other: list) -> int:
    row = list(range(len(other) + 1))
    for at, a in enumerate(one, 1):
        diagonal, row[0] = row[0], at
        for to, b in enumerate(other, 1):
            diagonal, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, diagonal + (a != b))
    return row[-1]


if __name__ == "__main__":
    sys.exit(main())
