#!/usr/bin/env python
"""Store the demo's tokens for the bundled sound, for `nemocli doctor --verify` and `convert`.

    python scripts/store_tokens.py

numpy computes them at every lookahead, and transformers must agree (needs nemocli[test]). Run it
again whenever the demo or the bundled sound changes; a test fails if that was forgotten.
"""

import argparse
import json
import sys
from pathlib import Path

import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.bench.reference import CHECK_SOUND_S, SOUND, TOKENS, run_once
from nemocli.models.paths import find_demo_folder
from nemocli.network.checkpoint import Checkpoint
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.units import SAMPLE_RATE
from tests.oracle.reference import Reference


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    checkpoint = Checkpoint(find_demo_folder())
    clips = find_demo_folder().parent / "clips"
    sound, _ = soundfile.read(clips / SOUND, dtype="float32")
    oracle = Reference(find_demo_folder())
    tokens, texts = {}, {}
    for lookahead in checkpoint.config.lookaheads:
        runtime = NumpyRuntime(checkpoint.parameters, lookahead)
        tokens[lookahead], _ = run_once(runtime, TokenDecoder(checkpoint.tokenizer), sound)
        expected = oracle.offline(sound, lookahead, "auto").tokens
        if tokens[lookahead] != expected:
            sys.exit(f"numpy and transformers differ at lookahead {lookahead}.")
        decoder = TokenDecoder(checkpoint.tokenizer)
        beginning = sound[: int(CHECK_SOUND_S * SAMPLE_RATE)]
        texts[lookahead] = decoder.decode_text(run_once(runtime, decoder, beginning)[0])
        print(f"lookahead {lookahead}: {len(expected)} tokens; {texts[lookahead]}")
    stored = {
        "sound": SOUND,
        "checkpoint_sha256": checkpoint.sha256,
        "tokens": tokens,
        "texts_of_beginning": texts,
    }
    (clips / TOKENS).write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
