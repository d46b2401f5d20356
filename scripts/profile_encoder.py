#!/usr/bin/env python
"""Show which operations the encoder's time goes to, by onnxruntime's own profile.

    python scripts/profile_encoder.py MODEL [--calls 1x1 14x1 1x64] [--repeat 12]

MODEL is a model folder for ONNX. A call of 14x1 has one chunk of each of 14 streams; one of 1x64
has 64 chunks of a file. Prints milliseconds for a chunk of a stream: the sum of each operation's
median, by kinds of operations. Profiling makes small operations slower: compare the shares, and
take the time of a chunk from compare_chunk.py.
"""

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.config import ModelConfig
from nemocli.runtimes.onnx.names import name_graph_file
from nemocli.runtimes.onnx.runtime import make_options

GRAPH = "conformer_block"
RANDOM = np.random.default_rng(0)

#: What a kind of operation is for; all others are "other".
PURPOSES = {
    "integer products": ("MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
    "quantizing, scales, sums": (
        *("Abs", "ReduceMax", "Div", "QuantizeLinear", "Mul", "Add", "DynamicQuantizeLinear"),
    ),
    "copies": ("Slice", "Concat", "Gather", "Reshape", "Transpose", "Split"),
    "attention's products": ("MatMul", "FusedMatMul", "Softmax"),
    "norms": ("LayerNormalization", "SkipLayerNormalization"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--calls", type=parse_call, nargs="+", default=[(1, 1), (14, 1), (1, 64)])
    parser.add_argument("--repeat", type=int, default=12)
    options = parser.parse_args()
    runtime = resolve(ModelSpec(options.model, "onnx")).load().runtime
    config, lookahead = runtime.config, runtime.lookahead
    runtime.close()
    calls = options.calls
    print("| ms of a chunk | " + " | ".join(f"{s} x {c}" for s, c in calls) + " |")
    print("|---" * (1 + len(calls)) + "|")
    columns = [
        profile(options.model, config, lookahead, streams, chunks, options.repeat)
        for streams, chunks in calls
    ]
    for purpose in (*PURPOSES, "other", "all"):
        print(f"| {purpose} | " + " | ".join(f"{each[purpose]:.2f}" for each in columns) + " |")


def parse_call(text: str) -> tuple[int, int]:
    streams, chunks = text.split("x")
    return int(streams), int(chunks)


def profile(
    folder: Path, config: ModelConfig, lookahead: int, streams: int, chunks: int, repeat: int
) -> Mapping[str, float]:
    """Return milliseconds for a chunk of a stream, by purpose."""
    options = make_options()
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as made:
        options.profile_file_prefix = str(Path(made) / "profile")
        session = onnxruntime.InferenceSession(
            folder / name_graph_file(GRAPH, lookahead), options, ["CPUExecutionProvider"]
        )
        inputs = make_inputs(session, config, lookahead, streams, chunks)
        for _ in range(repeat + 2):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    durations = defaultdict(list)
    kinds = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            durations[event["name"]].append(event["dur"])
            kinds[event["name"]] = event["args"]["op_name"]
    purposes = {kind: purpose for purpose, all_kinds in PURPOSES.items() for kind in all_kinds}
    result: dict[str, float] = dict.fromkeys((*PURPOSES, "other", "all"), 0.0)
    for name, values in durations.items():
        milliseconds = statistics.median(values[2:]) / 1000 / streams / chunks
        result[purposes.get(kinds[name], "other")] += milliseconds
        result["all"] += milliseconds
    return result


def make_inputs(
    session: onnxruntime.InferenceSession,
    config: ModelConfig,
    lookahead: int,
    streams: int,
    chunks: int,
) -> dict[str, NDArray[Any]]:
    frames = lookahead + 1
    keys = config.left_context + frames
    starts = frames * np.arange(chunks)[:, None]
    known: dict[str, NDArray[Any]] = {
        "embeds": make_random(streams, frames * chunks, config.hidden_size),
        "neg_mask": np.zeros((streams, 1, chunks, 1, keys), np.float32),
        "windows": (starts + np.arange(keys)).astype(np.int32),
    }
    if config.has_prompts:
        known["one_hot"] = np.zeros((streams, 1, config.num_prompts), np.float32)
    caches = {
        each.name: make_random(streams, *each.shape[1:])
        for each in session.get_inputs()
        if each.name not in known
    }
    return known | caches


def make_random(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape, np.float32)


if __name__ == "__main__":
    main()
