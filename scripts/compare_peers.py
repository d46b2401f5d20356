#!/usr/bin/env python
"""Compare nemocli with Hugging Face transformers and sherpa-onnx: same weights, same sound.

    python scripts/compare_peers.py --work DIR                  # the released size
    python scripts/compare_peers.py --work DIR --size small --seconds 10 --files-seconds 3,5

DIR keeps what is made only once: virtual environments with pinned versions of the peers, and one
random checkpoint (random_checkpoint.py makes it emit about three tokens per second) in the format
of each. This takes about 11 GB of disk, and 8.5 GB of memory for the export to sherpa-onnx. Each
run is a process of its own that loads the model, warms up and measures. The runs alternate, turn by
turn, so that a machine whose speed drifts affects all alike. Trust the ratios, which are computed
for each turn and have a spread.

- stream: one stream, in packets of a chunk; the time from each packet to its tokens, features and
  decoding included.
- files: files of very different lengths, each peer in its own best way: nemocli many at once,
  transformers one after the other in offline passes of 300 s at most (it refuses more than 400),
  sherpa-onnx a stream for each, decoded together. The time includes reading the files. A peer that
  dies is named and left out of the table. --files-seconds allows shorter files.
- With each stream, also the time to read nemocli's int8 weights from memory once.

The random model's tokens have no meaning, and only 16 of its vocabulary are ever chosen, so even
unrelated sequences agree in 33 to 40 % of them. sherpa-onnx begins a stream and computes its
features in another way, which lowers its agreement.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from scripts.peers import comparison, machine, models, report, runs, sounds

FILES = "3,6,10,15,20,30,60,120,300,600"
MEASURES = ("stream", "files")
PEERS = ("transformers", "sherpa-onnx")


def main() -> None:
    options = parse()
    results: dict[str, Any] = {
        "machine": machine.describe(),
        "options": {name: str(value) for name, value in vars(options).items()},
        "measurements": {},
    }
    for measure in options.measure:
        compare(options, measure, results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for all that is made")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--measure", nargs="+", choices=("stream", "files"), default=MEASURES)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--fp32", action="store_true", help="nemocli in fp32 too")
    parser.add_argument("--lookahead", type=int, default=3, choices=(0, 3, 6, 13))
    parser.add_argument("--seconds", type=float, default=60, help="sound of the stream")
    parser.add_argument("--files-seconds", type=numbers, default=FILES, help=f"default: {FILES}")
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample, after every turn")
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def compare(options: argparse.Namespace, measure: str, results: dict[str, Any]) -> None:
    """Run all turns of a measurement, add them to `results`, and print the table."""
    lengths = [options.seconds] if measure == "stream" else options.files_seconds
    folder = options.work / "sounds"
    wavs = [sounds.write_sound(folder, length, seed) for seed, length in enumerate(lengths)]
    warm_up = sounds.write_sound(folder, 3, 999)
    planned = runs.plan(
        options.work, options.size, options.lookahead, measure, options.peers, options.fp32
    )
    size, threads = models.weight_bytes(planned[0].model), machine.threads()
    turns: dict[str, list[runs.Result]] = {run.name: [] for run in planned}
    memory: list[float] = []
    found = {"turns": turns, "memory_read": {"bytes": size, "seconds": memory}}
    results["measurements"][measure] = found
    for turn in range(options.repeat):
        for run in planned:
            if not comparison.failure(turns[run.name]):
                print(f"{measure}, turn {turn + 1}: {run.name}", file=sys.stderr)
                done = runs.do(run, wavs, warm_up, options.lookahead, threads)
                turns[run.name].append(done)
        memory += runs.read_memory(size, threads)
        save(options.json, results)
    rows = comparison.rows(turns, sum(lengths), 0.08 * (options.lookahead + 1))
    found["rows"] = comparison.as_json(rows)
    save(options.json, results)
    show(measure, results["machine"], turns, rows, size, memory)


def show(
    measure: str,
    about: dict[str, Any],
    turns: dict[str, list[runs.Result]],
    rows: list[comparison.Row],
    size: int,
    memory: list[float],
) -> None:
    versions: dict[str, str] = {}
    for taken in turns.values():
        versions |= taken[0].get("versions", {})
    draw = report.stream_table if measure == "stream" else report.files_table
    lines = [measure, *report.machine_lines(about, versions), "", *draw(rows), ""]
    lines += [report.memory_line(size, memory, rows), *report.failure_lines(turns), ""]
    print("\n".join(lines))


def save(path: Path | None, results: dict[str, Any]) -> None:
    if path:
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(results, indent=1))
        partial.replace(path)


if __name__ == "__main__":
    main()
