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
from unittest.mock import patch

import numpy as np

from nemocli.engine.block_encoder import BlockEncoder
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import count_chunk_rows
from nemocli.runtimes.onnx import runtime as onnx_runtime
from nemocli.runtimes.onnx.names import CONFORMER

RANDOM = np.random.default_rng(0)

#: What a kind of operation is for; all others are "other".
PURPOSES = {
    "integer products": ("MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
    "quantizing, scales, sums": (
        *("Abs", "ReduceMax", "Div", "QuantizeLinear", "Mul", "Add", "DynamicQuantizeLinear"),
    ),
    "copies": ("Slice", "Concat", "Gather", "Reshape", "ScatterND", "Transpose", "Split"),
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
    with tempfile.TemporaryDirectory() as made:
        options = onnx_runtime.make_options()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(made) / "profile")
        with patch.object(onnx_runtime, "make_options", lambda: options):
            runtime = onnx_runtime.OnnxRuntime(folder, config, lookahead)
        encoder = BlockEncoder(runtime)
        several = [EncoderStream(config, lookahead, config.default_prompt) for _ in range(streams)]
        rows = count_chunk_rows(lookahead + 1, first=False) * chunks
        for _ in range(repeat + 2):
            for stream in several:
                stream.push(RANDOM.standard_normal((rows, config.features.num_mels), np.float32))
            encoder.encode(several, chunks)
        session, _ = runtime._sessions[CONFORMER]
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


if __name__ == "__main__":
    main()
