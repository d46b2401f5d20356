"""Measure how far the times of words are from the sound: the model's, and aligned ones.

    python scripts/measure_word_times.py

It needs espeak-ng and scipy. Sentences of the demo's grammar are spoken by espeak-ng, which says
where each word is; four of them, with pauses, are a stream. On sentences that the demo was trained
on, the delay is measured: from the end of a word's sound to the end of its last frame. On sentences
that it was not trained on, half of them in voices that it was not trained on either, the errors of
all times are measured, without noise and with it: of the model's times, of those aligned by the
sound alone, and of those aligned by the measured delay too (`--align`). Only streams that are
transcribed exactly count.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "demo"))
from grammar import LANGUAGES
from synthesize import RATE, Espeak, draw
from word_times import Word, WordTimes

import nemocli

FIT, PROOF = ("train",), ("sentences", "voices")
SENTENCES, PAUSES = 4, (0.0, 0.2, 0.6, 1.2)

#: dB of speech above the noise; None for no noise.
NOISES = (None, 30, 20, 12)

#: Seconds between two words from which a cue may begin there.
PAUSE_S = 0.15


@dataclass(frozen=True)
class TimedStream:
    """Several sentences in one sound, float32 [n], and the true times of its words."""

    sound: np.ndarray
    lang: str
    words: list[Word]


@dataclass
class Errors:
    """Seconds by which times are late; those next to a pause are `outer`."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    outer_starts: list[float] = field(default_factory=list)
    outer_ends: list[float] = field(default_factory=list)


def speak_streams(
    espeak: Espeak, times: WordTimes, splits: tuple[str, ...], count: int, noise: int | None
) -> Iterator[TimedStream]:
    """Speak `count` streams of each split and language; the same ones every time."""
    for split in splits:
        for language in LANGUAGES:
            rng, seen = random.Random(f"times {split} {language}"), dict[str, int]()
            for number in range(count):
                parts, words = [np.zeros(rng.randrange(RATE // 10, RATE), np.float32)], []
                while len(parts) < 1 + 2 * SENTENCES:
                    if drawn := draw(espeak, split, (language,), rng, seen):
                        at = sum(map(len, parts)) / RATE
                        words += [(w, at + start, at + end) for w, start, end in times.of(drawn[0])]
                        pause = np.zeros(round(rng.choice(PAUSES) * RATE), np.float32)
                        parts += [drawn[0].audio, pause]
                sound = np.concatenate(parts) * 10 ** (-rng.uniform(0, 24) / 20)
                yield TimedStream(add_noise(sound, noise, number), language, words)


def add_noise(sound: np.ndarray, decibels: int | None, number: int) -> np.ndarray:
    """Add white noise to a sound, or pink if its number is odd."""
    if decibels is not None:
        noise = np.random.default_rng(number).standard_normal(len(sound))
        if number % 2:
            spectrum = np.fft.rfft(noise)
            noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(sound))
        loud = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
        level = np.sqrt(np.mean(np.square(loud))) * 10 ** (-decibels / 20)
        sound = sound + noise * level / noise.std()
    return (sound / max(1.0, np.abs(sound).max())).astype(np.float32)


def transcribe(
    transcriber: nemocli.Transcriber, stream: TimedStream, align: float | str | None
) -> list[nemocli.Word] | None:
    """Transcribe a stream; return its words, None if they are not exactly those that were said."""
    words = transcriber.transcribe(stream.sound, stream.lang, align=align).words
    expected = [text for text, _, _ in stream.words]
    return list(words) if [word.text for word in words] == expected else None


def measure_delay(transcriber: nemocli.Transcriber, streams: list[TimedStream]) -> float:
    """Return the median time from the end of a word's sound to that of its last frame, to 10 ms."""
    delays = [
        word.end - end
        for stream in streams
        for word, (_, _, end) in zip(
            transcribe(transcriber, stream, None) or (), stream.words, strict=False
        )
    ]
    return round(float(np.median(delays)), 2)


def add_errors(errors: Errors, found: list[nemocli.Word], true: list[Word]) -> None:
    """Add the errors of one stream's times."""
    ends_before = [-PAUSE_S, *(end for _, _, end in true)]
    starts_after = [*(start for _, start, _ in true[1:]), true[-1][2] + 2 * PAUSE_S]
    for word, (_, start, end), before, after in zip(
        found, true, ends_before, starts_after, strict=False
    ):
        errors.starts.append(word.start - start)
        errors.ends.append(word.end - end)
        if start - before > PAUSE_S:
            errors.outer_starts.append(word.start - start)
        if after - end > PAUSE_S:
            errors.outer_ends.append(word.end - end)


def describe(errors: list[float]) -> str:
    """The mean absolute error, and the median and the range of nine tenths, in ms."""
    low, median, high = 1000 * np.percentile(errors, [5, 50, 95])
    return f"{1000 * np.mean(np.abs(errors)):.0f} ({low:+.0f}, {median:+.0f}, {high:+.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="demo")
    parser.add_argument("--streams", type=int, default=6, help="of each language and split")
    parser.add_argument("--lookahead", type=int, nargs="*", default=[0, 3, 6, 13])
    options = parser.parse_args()
    espeak, times = Espeak(), WordTimes()
    fit = list(speak_streams(espeak, times, FIT, options.streams, None))
    proofs = {n: list(speak_streams(espeak, times, PROOF, options.streams, n)) for n in NOISES}
    columns = "starts | ends | starts after a pause | ends before a pause"
    print(f"| lookahead | noise | words | times | {columns} |\n|{'---|' * 8}")
    for lookahead in options.lookahead:
        transcriber = nemocli.load(options.model, lookahead=lookahead)
        delay = measure_delay(transcriber, fit)
        for noise, streams in proofs.items():
            results: dict[str, Errors] = defaultdict(Errors)
            for stream in streams:
                for name, align in (("model", None), ("sound", "sound"), (str(delay), delay)):
                    if found := transcribe(transcriber, stream, align):
                        add_errors(results[name], found, stream.words)
            above = "none" if noise is None else f"{noise} dB below"
            for name, its in results.items():
                cells = [its.starts, its.ends, its.outer_starts, its.outer_ends]
                print(
                    f"| {lookahead} | {above} | {len(its.starts)} | {name} |"
                    f" {' | '.join(map(describe, cells))} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
