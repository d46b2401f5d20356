#!/usr/bin/env python
"""Compare the speed of another checkout of nemocli with this one: a chunk, files, and memory.

    git worktree add ../before 7e22d30
    python scripts/compare_chunk.py CHECKPOINT --other ../before --work DIR [--repeat 5]

Both convert CHECKPOINT to int8 into DIR, once, and then run in turn, each time in a process of its
own: a stream in packets of a chunk, and several files together. Each turn gives a ratio, so that a
machine whose speed drifts affects both alike. Every checkout needs `scripts/peers/run_nemocli.py`;
this one's Python runs both. Prints the median of each ratio with its range, and whether the tokens
are the same.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from scripts.peers import machine, sounds

ROOT = Path(__file__).resolve().parents[1]

Result = dict[str, Any]

MEASURES = ("stream", "files")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--other", type=Path, required=True, help="another checkout")
    parser.add_argument("--work", type=Path, required=True, help="folder for all that is made")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--lookahead", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30, help="sound of the stream")
    parser.add_argument("--files-seconds", default="10,20,30,60", help="default: 10,20,30,60")
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    options = parser.parse_args()
    options.work = options.work.resolve()
    trees = {"before": options.other.resolve(), "now": ROOT}
    models = {name: convert(options, name, tree) for name, tree in trees.items()}
    lengths = {
        "stream": [options.seconds],
        "files": [float(part) for part in options.files_seconds.split(",")],
    }
    results: dict[tuple[str, str], list[Result]] = {}
    for turn in range(options.repeat):
        for measure in MEASURES:
            # The one that goes first changes with every turn.
            for name in sorted(trees, reverse=turn % 2 == 1):
                print(f"turn {turn + 1}: {measure}, {name}", file=sys.stderr)
                done = run(options, trees[name], models[name], measure, lengths[measure])
                results.setdefault((measure, name), []).append(done)
    report(results, sum(lengths["files"]))


def environment(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree)}


def convert(options: argparse.Namespace, name: str, tree: Path) -> Path:
    """Return the model folder that a checkout makes of the checkpoint."""
    out: Path = options.work / name
    if not out.exists():
        command = [sys.executable, "-m", "nemocli", "convert", options.checkpoint.resolve()]
        command += ["--to", "onnx", "--precision", options.precision]
        command += ["--lookahead", str(options.lookahead), "--no-verify", "--out", out]
        subprocess.run(command, check=True, env=environment(tree), cwd=tree)
    return out


def run(
    options: argparse.Namespace, tree: Path, model: Path, measure: str, lengths: list[float]
) -> Result:
    folder = options.work / "sounds"
    wavs = [sounds.write_sound(folder, length, seed) for seed, length in enumerate(lengths)]
    job = {
        "measure": measure,
        "model": str(model),
        "wavs": [str(wav) for wav in wavs],
        "warm_up": str(sounds.write_sound(folder, 3, 999)),
        "lookahead": options.lookahead,
        "threads": machine.threads(),
    }
    script = tree / "scripts" / "peers" / "run_nemocli.py"
    done = subprocess.run(
        [sys.executable, script],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment(tree),
        cwd=tree,
    )
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def report(results: dict[tuple[str, str], list[Result]], seconds: float) -> None:
    """Print a line for each figure: before, now, and the ratio of each turn."""

    def of(measure: str, name: str, figure: Any) -> np.ndarray:
        return np.array([figure(result) for result in results[measure, name]])

    lines = [
        ("ms a chunk, median", "stream", lambda r: 1e3 * np.median(r["chunks"])),
        ("ms a chunk, p99", "stream", lambda r: 1e3 * np.percentile(r["chunks"], 99)),
        (
            "p99 / median",
            "stream",
            lambda r: np.percentile(r["chunks"], 99) / np.median(r["chunks"]),
        ),
        ("peak MB, stream", "stream", lambda r: r["peak"] / 1e6),
        ("s of sound a s, files", "files", lambda r: seconds / r["seconds"]),
        ("peak MB, files", "files", lambda r: r["peak"] / 1e6),
    ]
    print(
        f"{'':22}  before     now   now / before (range of {len(results['stream', 'now'])} turns)"
    )
    for what, measure, figure in lines:
        before, now = of(measure, "before", figure), of(measure, "now", figure)
        ratio = now / before
        print(
            f"{what:22} {np.median(before):7.2f} {np.median(now):7.2f}   {np.median(ratio):.3f}"
            f" ({ratio.min():.3f} to {ratio.max():.3f})"
        )
    for measure in MEASURES:
        before, now = (results[measure, name][0]["tokens"] for name in ("before", "now"))
        verdict = "the same" if before == now else "OTHERS"
        print(f"tokens of {measure}: {verdict} ({sum(map(len, now))})")


if __name__ == "__main__":
    main()
