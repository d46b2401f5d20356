"""Count the single words, each alone between silences, that `nemocli live` loses and rescues.

    python scripts/measure_isolated_words.py --words 300 --noise -80 -60 -50

Words of the demo's domain are spoken by espeak-ng, each between two seconds of silence with noise
at a level in dB of full scale. The same sound goes through a stream that rescues no spans, and
through one that does. A word is lost if no word begins in its sound or in the second after it,
whatever its text; it is repeated if the same text comes in two segments there, and doubled if one
of them was rescued and the other was not. It prints one line of JSON for each noise level.

    python scripts/measure_isolated_words.py --hours 1

counts rescues in nothing but noise, music and silence, in turns and in bursts, where at most one
rescue a minute is allowed, of spans and by `--rescue-after` together, and at most one attempt for a
span a minute, also in vain; the exit code is 1 if there are more.
"""

import argparse
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

import nemocli
from nemocli.live.stream import LiveStream, StreamEvent, StreamLimits
from nemocli.transcript.events import Final
from nemocli.transcript.types import Word

sys.path.insert(0, str(Path(__file__).parent / "demo"))

from grammar import sentence

RATE, PACKET = 16000, 1600

#: Seconds of silence before each word and behind the last, and the peak of a word.
SILENCE_S, PEAK = 2.0, 0.3

#: Seconds after the sound of a word in which it may come.
LATE_S = 1.0

#: Voices of espeak-ng by the demo's languages. Japanese has no spaces, so single words are unclear.
VOICES = {"en-US": "en-us", "de-DE": "de", "es-ES": "es", "fr-FR": "fr-fr"}
VARIANTS = ("f2", "f4", "m1", "m3", "m5")


@dataclass(frozen=True)
class Spoken:
    """A word, and where it is spoken: seconds of the sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Heard:
    """What a stream made of a sound: the words of each final, and what it transcribed again."""

    finals: list[tuple[Word, ...]]
    #: The numbers of the finals that were rescued.
    rescued: frozenset[int]
    rescues: int
    rescued_s: float
    #: How often a span was transcribed again, also in vain.
    attempts: int

    @property
    def words(self) -> list[Word]:
        return [word for final in self.finals for word in final]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--words", type=int, default=300)
    parser.add_argument("--noise", type=float, nargs="+", default=[-80.0, -60.0, -50.0])
    parser.add_argument("--hours", type=float, help="only noise, music and silence, for so long")
    parser.add_argument("--lookahead", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print each word that was lost")
    options = parser.parse_args()
    transcriber = nemocli.load("demo", lookahead=options.lookahead)
    if options.hours:
        sys.exit(0 if measure_noise(transcriber, options.hours, options.seed) else 1)
    drawn = draw_words(options.words, options.seed)
    for level in options.noise:
        measure_words(transcriber, drawn, level, options.seed, options.show)


def measure_words(
    transcriber: nemocli.Transcriber,
    drawn: list[tuple[str, NDArray[np.float32]]],
    level: float,
    seed: int,
    show: bool,
) -> None:
    """Print what is lost, rescued and doubled with noise at a level."""
    sound, spoken = place(drawn, level, seed)
    before = transcribe(transcriber, sound, replace(StreamLimits(), shortest_span=0.0))
    after = transcribe(transcriber, sound, StreamLimits())
    lost_before = find_lost(spoken, before.words)
    lost_after = find_lost(spoken, after.words)
    for word in lost_before if show else ():
        came = "rescued" if word not in lost_after else "lost"
        print(f"{word.start:8.1f} {word.text!r} {came}", file=sys.stderr)
    report = {
        "noise_db": level,
        "lookahead": transcriber.lookahead,
        "words": len(spoken),
        "lost_without": len(lost_before),
        "lost": len(lost_after),
        "rescued": len([word for word in lost_before if word not in lost_after]),
        "repeated_without": count_repeated(spoken, before.finals),
        "repeated": count_repeated(spoken, after.finals),
        "doubled": count_doubled(spoken, after),
        "outside_without": count_outside(spoken, before.words),
        "outside": count_outside(spoken, after.words),
        "attempts": after.attempts,
        "rescues": after.rescues,
        "rescued_seconds": round(after.rescued_s, 1),
        "seconds": round(len(sound) / RATE),
    }
    print(json.dumps(report), flush=True)


def draw_words(count: int, seed: int) -> list[tuple[str, NDArray[np.float32]]]:
    """Return different words of the domain with their sound, in turn of the languages."""
    rng = random.Random(seed)
    drawn: dict[tuple[str, str], NDArray[np.float32]] = {}
    languages = list(VOICES)
    attempts = 0
    while len(drawn) < count:
        attempts += 1
        language = languages[attempts % len(languages)]
        text = rng.choice(sentence(language, rng)).spoken
        variant = rng.choice(VARIANTS)
        key = (language, text) if attempts < 20 * count else (f"{language}+{variant}", text)
        if key not in drawn:
            drawn[key] = speak(text, f"{VOICES[language]}+{variant}", rng.randint(140, 205))
    return [(text, samples) for (_, text), samples in drawn.items()]


def speak(text: str, voice: str, speed: int) -> NDArray[np.float32]:
    """Return a word by espeak-ng, without the silence around it."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(said), dtype="float32")
    samples = soxr.resample(samples, rate, RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    peak = float(np.abs(samples).max())
    return np.asarray(samples * (PEAK / peak), np.float32)


def place(
    drawn: list[tuple[str, NDArray[np.float32]]], level: float, seed: int
) -> tuple[NDArray[np.float32], list[Spoken]]:
    """Return the words one after the other with silence between them, and where they are."""
    silence = np.zeros(round(SILENCE_S * RATE), np.float32)
    pieces, spoken, at = [silence], [], len(silence)
    for text, samples in drawn:
        spoken.append(Spoken(text, at / RATE, (at + len(samples)) / RATE))
        pieces += [samples, silence]
        at += len(samples) + len(silence)
    sound = np.concatenate(pieces)
    noise = np.random.default_rng(seed).normal(size=len(sound)) * 10 ** (level / 20)
    return (sound + noise).astype(np.float32), spoken


def transcribe(
    transcriber: nemocli.Transcriber, sound: NDArray[np.float32], limits: StreamLimits
) -> Heard:
    return read(transcriber, limits, [sound])


def read(
    transcriber: nemocli.Transcriber, limits: StreamLimits, sounds: Iterable[NDArray[np.float32]]
) -> Heard:
    """Feed a stream as `nemocli live` does, in packets of 0.1 s."""
    stream = LiveStream(transcriber, "auto", limits)
    finals: list[tuple[Word, ...]] = []
    rescued: set[int] = set()
    rescues, seconds = 0, 0.0

    def take(events: Iterable[object]) -> None:
        nonlocal rescues, seconds
        is_rescued = False
        for event in events:
            if isinstance(event, Final):
                if is_rescued:
                    rescued.add(len(finals))
                finals.append(event.segment.words)
            elif isinstance(event, StreamEvent) and event.kind == "rescued":
                is_rescued = True
                rescues += 1
                seconds += event.seconds

    for sound in sounds:
        for start in range(0, len(sound), PACKET):
            take(stream.receive(sound[start : start + PACKET]))
    take(stream.finish())
    return Heard(finals, frozenset(rescued), rescues, seconds, stream.span_attempts)


def find_lost(spoken: list[Spoken], words: list[Word]) -> list[Spoken]:
    return [place for place in spoken if not find_texts(place, words)]


def find_texts(place: Spoken, words: list[Word]) -> list[str]:
    """Return the texts, without signs, of the words that came for a spoken one."""
    within = [w for w in words if place.start - 0.1 <= w.start <= place.end + LATE_S]
    bare = ["".join(c for c in w.text.casefold() if c.isalnum()) for w in within]
    return [text for text in bare if text]


def count_repeated(spoken: list[Spoken], finals: list[tuple[Word, ...]]) -> int:
    """Count the words of which a text came in two finals, as where a model repeats itself."""
    repeated = 0
    for place in spoken:
        texts = [text for final in finals for text in set(find_texts(place, list(final)))]
        repeated += len(set(texts)) < len(texts)
    return repeated


def count_doubled(spoken: list[Spoken], heard: Heard) -> int:
    """Count the words of which a text came in a rescued final and in another one."""
    rescued = [word for n in heard.rescued for word in heard.finals[n]]
    others = [w for n, final in enumerate(heard.finals) if n not in heard.rescued for w in final]
    both = (set(find_texts(place, rescued)) & set(find_texts(place, others)) for place in spoken)
    return sum(map(bool, both))


def count_outside(spoken: list[Spoken], words: list[Word]) -> int:
    """Count the words that came where nothing was spoken."""
    inside = sum(len(find_texts(place, words)) for place in spoken)
    return sum(any(c.isalnum() for c in word.text) for word in words) - inside


def measure_noise(transcriber: nemocli.Transcriber, hours: float, seed: int) -> bool:
    """Print what a stream makes of hours without speech; return whether rescues are few enough."""
    heard = read(transcriber, StreamLimits(), draw_noise(hours, seed))
    report = {
        "hours": hours,
        "words": len(heard.words),
        "attempts": heard.attempts,
        "rescues": heard.rescues,
        "rescued_seconds": round(heard.rescued_s, 1),
    }
    print(json.dumps(report), flush=True)
    return max(heard.attempts, heard.rescues) <= 60 * hours


def draw_noise(hours: float, seed: int) -> Iterator[NDArray[np.float32]]:
    """Give silence, steady noise, noise in bursts, and music, for 10 to 60 seconds each."""
    rng = np.random.default_rng(seed)
    left = round(hours * 3600 * RATE)
    kinds = 0
    while left > 0:
        count = min(left, round(RATE * rng.uniform(10, 60)))
        level = 10 ** (rng.uniform(-50, -15) / 20)
        kinds += 1
        yield (level * DRAW[kinds % len(DRAW)](rng, count)).astype(np.float32)
        left -= count


def draw_silence(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return np.zeros(count)


def draw_steady(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return rng.normal(size=count)


def draw_bursts(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return noise of 0.3 to 1.5 s, with quiet of 1 to 3 s behind each, as doors and coughs."""
    sound = 0.001 * rng.normal(size=count)
    at = 0
    while at < count:
        length = round(RATE * rng.uniform(0.3, 1.5))
        part = sound[at : at + length]
        part += rng.normal(size=len(part))
        at += length + round(RATE * rng.uniform(1, 3))
    return sound


def draw_music(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return chords that fade, one after the other."""
    seconds = np.arange(count) / RATE
    beat = rng.uniform(0.3, 2.0)
    sound = np.zeros(count)
    for start in range(0, count, round(beat * RATE)):
        part = slice(start, start + round(beat * RATE))
        since = seconds[part] - seconds[start]
        for _ in range(3):
            hz = 110 * 2 ** (rng.integers(0, 36) / 12)
            sound[part] += np.exp(-3 * since) * np.sin(2 * np.pi * hz * since)
    return sound


DRAW = (draw_silence, draw_steady, draw_bursts, draw_music)


if __name__ == "__main__":
    main()
