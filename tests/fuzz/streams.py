"""Fuzz targets: one sound in packets of any size gives what it gives in one piece."""

from collections.abc import Hashable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.decoder import Block
from nemocli.audio.resample import repack, resample
from nemocli.engine.mel import MelStream
from nemocli.network.parameters import Parameters
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.fuzz import tiny
from tests.fuzz.mutations import damage
from tests.fuzz.target import BrokenError, Target
from tests.sounds import speech_like

SEEDS = [b"\x20\x03" * 9, b"\x00\x00\x01\x00\xff\xff", b"\xa0\x00" * 30, b"\x00\x50", b""]


def _packets(sound: NDArray[np.float32], data: bytes) -> Iterator[NDArray[np.float32]]:
    """Cut the sound into packets whose sizes are numbers of two bytes; the rest is the last."""
    at = 0
    for size in np.frombuffer(data[: len(data) // 2 * 2], "<u2").tolist():
        yield sound[at : at + size]
        at = min(len(sound), at + size)
    yield sound[at:]


def mel(folder: Path) -> Target:
    """Mel frames, to the bit."""
    sound = speech_like(1.0)
    features = tiny.config().features
    whole = MelStream(features)
    expected = np.concatenate([whole.push(sound), whole.finish()])

    def check(data: bytes) -> Hashable:
        stream = MelStream(features)
        rows = [stream.push(packet) for packet in _packets(sound, data)]
        found = np.concatenate([*rows, stream.finish()])
        if found.tobytes() != expected.tobytes():
            raise BrokenError(f"{found.shape} mel frames differ from {expected.shape}")
        return min(sum(map(bool, map(len, rows))), 30)

    return Target(SEEDS, damage, check)


class _Weights:
    """The tiny tensors, from memory."""

    def __init__(self) -> None:
        self._tensors = tiny.tensors()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    def read(self, name: str) -> NDArray[np.float32]:
        return self._tensors[name]


def session(folder: Path) -> Target:
    """Tokens and their frames, at each lookahead."""
    sound = speech_like(1.0)
    pieces = TokenDecoder(tiny.tokenizer_json().decode())
    parameters = Parameters(tiny.config(), _Weights())
    transcribers = [Transcriber(NumpyRuntime(parameters, n), pieces, "x") for n in (0, 3)]
    expected = []
    for transcriber in transcribers:
        once = transcriber.session()
        once.feed(sound)
        expected.append([(token.id, token.frame) for token in once.finish().tokens])

    def check(data: bytes) -> Hashable:
        which = data[0] % 2 if data else 0
        stream = transcribers[which].session()
        words = []
        for packet in _packets(sound, data[1:]):
            words += stream.feed(packet).final
        result = stream.finish()
        if [(token.id, token.frame) for token in result.tokens] != expected[which]:
            raise BrokenError("other tokens than of the sound in one piece")
        if list(result.words[: len(words)]) != words:
            raise BrokenError("a final word changed or went away")
        return which, len(result.words)

    return Target([b"\0" + seed for seed in SEEDS] + [b"\1" + s for s in SEEDS], damage, check)


def packets(folder: Path) -> Target:
    """Blocks of any size, rate and number of channels, as packets of 16 kHz mono."""
    rates = (16000, 8000, 44100, 48000, 1000, 11025, 9_999_999, 16001)

    def check(data: bytes) -> Hashable:
        blocks, expected, switches, rate = [], 0.0, 1, 16000
        for kind, small, large in zip(data[::3], data[1::3], data[2::3], strict=False):
            frames = small + 16 * large
            new = rates[kind % 8]
            channels = 1 + kind // 64
            samples = np.full((frames, channels), 0.25, np.float32)
            blocks.append(Block(new, samples))
            expected += frames * 16000 / new
            switches += new != rate
            rate = new
        size = 1 + len(data) % 999
        found = [len(packet) for packet in repack(resample(iter(blocks)), size)]
        if any(length != size for length in found[:-1]) or not all(0 < n <= size for n in found):
            raise BrokenError(f"packets of {found} for {size}")
        if abs(sum(found) - expected) > switches:
            raise BrokenError(f"{sum(found)} samples where {expected} were due")
        return min(len(found), 20), min(switches, 5)

    return Target(
        [b"\0\xff\xff" * 3, b"\2\x10\x10\2\x10\x20", b"\x81\x09\x40\x43\x09\x40"], damage, check
    )
