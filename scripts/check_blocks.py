#!/usr/bin/env python
"""Check that blocks of chunks and batches of streams give exactly the tokens of a plain stream.

    python scripts/check_blocks.py MODEL [--seconds 12] [--lookahead 3]

MODEL is anything that `nemocli.load` takes, such as a converted checkpoint of the released size. A
sound is fed chunk by chunk, then in blocks of several sizes, alone and together with other streams.
Prints whether tokens and frames are the same, and how much the encoder's output differs. The exit
code is 1 if any token or frame differs.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.engine.stream import Stream, advance
from nemocli.transcript.types import Transcript
from tests.sounds import RATE, speech_like

#: Numbers of chunks in successive calls.
BLOCKS = ([1], [4], [32], [64], [7, 16, 3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--lookahead", type=int, default=None)
    arguments = parser.parse_args()
    transcriber = nemocli.load(arguments.model, lookahead=arguments.lookahead)
    sound = speech_like(arguments.seconds, seed=5)
    expected = plain_stream(transcriber, sound)
    print(f"{len(symbols(expected[1]))} tokens in {arguments.seconds:g} s", flush=True)
    others = [sound[: 2 * RATE - 1], sound[RATE // 3 :], sound[:0]]
    same = True
    for blocks in BLOCKS:
        for beside in ([], others):
            got = together(transcriber, [sound, *beside], blocks)[0]
            is_same = symbols(got[1]) == symbols(expected[1])
            difference = np.abs(got[0] - expected[0]).max() / np.abs(expected[0]).max()
            verdict = "same tokens" if is_same else "OTHER TOKENS"
            print(
                f"blocks of {blocks}, {len(beside)} other streams: {verdict}, {difference:.1e}",
                flush=True,
            )
            same &= is_same
    sys.exit(0 if same else 1)


def plain_stream(
    transcriber: nemocli.Transcriber, sound: np.ndarray
) -> tuple[np.ndarray, Transcript]:
    session = transcriber.session(keep_encoder=True)
    packet = 1280 * (transcriber.lookahead + 1)
    for start in range(0, len(sound), packet):
        session.feed(sound[start : start + packet])
    transcript = session.finish()
    return np.concatenate(session.enc_proj or []), transcript


def together(
    transcriber: nemocli.Transcriber, sounds: list[np.ndarray], blocks: list[int]
) -> list[tuple[np.ndarray, Transcript]]:
    streams = [transcriber._begin_stream("auto", keep_encoder=True) for _ in sounds]
    for stream, sound in zip(streams, sounds, strict=True):
        stream.push(stream.compute_rows(sound))
        stream.push(stream.compute_last_rows())
        stream.end()
    calls = 0
    while waiting := [stream for stream in streams if stream.chunks]:
        advance(waiting, blocks[calls % len(blocks)])
        calls += 1
    return [finished(stream) for stream in streams]


def finished(stream: Stream) -> tuple[np.ndarray, Transcript]:
    return np.concatenate(stream.enc_proj or []), stream.build_transcript(final=True)


def symbols(transcript: Transcript) -> list[tuple[int, int]]:
    return [(token.id, token.frame) for token in transcript.tokens]


if __name__ == "__main__":
    main()
