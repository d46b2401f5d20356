#!/usr/bin/env python
"""Count the tokens that change when the demo is converted and rounded, over its whole test set.

    python scripts/demo/evaluate.py --clips WORK/test --model demo     # makes the clips
    python scripts/check_precisions.py --clips WORK/test [--kinds onnx-int8 coreml-fp16 ...]

Every clip is transcribed by the numpy reference in float32, and by each converted model: ONNX by
onnxruntime, MLX on the processor (mlx-half is fp16 weights computed in float16, as on a GPU; the
others compute in float32 there), Core ML packages by the evaluator in tests/mlprogram, which rounds
to float16 after every operation as a device would. The result is the edit distance between the two
sequences of tokens, divided by the tokens of the reference. Needs `pip install nemocli[test]`.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.models.convert import convert
from nemocli.models.paths import find_demo_folder
from nemocli.network.checkpoint import TOKENIZER
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from scripts.check_full_size import edit_distance
from tests.mlprogram.runtime import EvaluatedRuntime

KINDS = (
    "onnx-int8",
    *("mlx-fp16", "mlx-int8", "mlx-int5", "mlx-half"),
    *("coreml-fp16", "coreml-int8", "coreml-int4", "coreml-palettized-6"),
)
LOOKAHEAD = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    arguments = parser.parse_args()
    lines = (arguments.clips / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    clips = [json.loads(line) for line in lines]
    reference = tokens(nemocli.load("demo", runtime="numpy", lookahead=LOOKAHEAD), clips, arguments)
    total = sum(map(len, reference))
    print(f"{len(clips)} clips, {total} tokens in the numpy reference", flush=True)
    with tempfile.TemporaryDirectory() as work:
        for kind in arguments.kinds:
            got = tokens(converted(kind, Path(work, kind)), clips, arguments)
            changed = sum(map(edit_distance, got, reference))
            clean = sum(one == other for one, other in zip(got, reference, strict=True))
            print(
                f"{kind:<20} {changed:5} tokens changed, {changed / total:.2%};"
                f" {clean} of {len(clips)} clips the same",
                flush=True,
            )


def tokens(transcriber: Transcriber, clips: list[dict], arguments: argparse.Namespace) -> list:
    """Return the tokens of each clip, transcribed with the clip's language."""
    found = []
    for clip in clips:
        samples, _ = soundfile.read(arguments.clips / clip["audio_filepath"], dtype="float32")
        session = transcriber.session(clip["lang"])
        session.feed(samples)
        found.append([token.id for token in session.finish().tokens])
    return found


def converted(kind: str, folder: Path) -> Transcriber:
    """Convert the demo; return it ready to transcribe on this machine."""
    to, _, precision = kind.partition("-")
    if kind == "mlx-half":
        return _compute_in_half(folder)
    manifest = convert(find_demo_folder(), folder, to, precision, lookaheads=[LOOKAHEAD])
    if to != "coreml":
        return nemocli.load(folder)
    runtime = EvaluatedRuntime(folder, manifest.config, LOOKAHEAD, exact=False)
    return Transcriber(
        runtime, TokenDecoder((folder / TOKENIZER).read_text(encoding="utf-8")), kind
    )


def _compute_in_half(folder: Path) -> Transcriber:
    """Convert the demo for MLX in fp16, and compute in float16 on the processor, as on a GPU."""
    from nemocli.runtimes.mlx import runtime

    convert(find_demo_folder(), folder, "mlx", "fp16", lookaheads=[LOOKAHEAD])
    runtime.choose_dtype = lambda precision, compute_units: runtime.mx.float16
    return nemocli.load(folder)


if __name__ == "__main__":
    main()
