"""Speak the grammar's sentences with espeak-ng and note when every token has been said.

Why it exists: training needs the frame at which each token is to be emitted. espeak-ng reports
word and phoneme events with sample positions, so the alignment is known instead of learned.

Run `python synthesize.py --work DIR`. It needs the system library espeak-ng (1.51)
and writes DIR/clips.i16 (all sound, 16 kHz, 16-bit) and DIR/clips.json (where each clip lies).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from alignment import Phoneme, align, spoken_text
from grammar import LANGUAGES, GrammarWord, held_out, sentence, written
from messages import message, message_with_any
from names import is_held_out
from scipy.signal import resample_poly

TRAINING_VOICES = ["m1", "m2", "m3", "m4", "m6", "m8", "f1", "f2", "f3", "f5"]
HELD_OUT_VOICES = ["m7", "f4"]
ESPEAK_LANGUAGE = {"en-US": "en-us", "de-DE": "de", "es-ES": "es", "fr-FR": "fr", "ja-JP": "ja"}
RATE = 16_000
GRAIN = 1280  # samples of one encoder frame: clips are whole frames long, to be joined freely
LONGEST = 4 * RATE
REPEATS = {"train": 12}  # how often one text may occur in a split; once in the others
EVALUATED = ("sentences", "voices", "messages", "names")
PARTS = 32  # of the training clips, each with its own seed: the processes share them out
MESSAGES = 0.5  # of the training clips

MARKS = "',_:|%=;"  # stress, length and pauses in phoneme names; they do not matter here

WORD_EVENT, PHONEME_EVENT = 1, 7
SPEED, PITCH, INTONATION, WORD_GAP = 1, 3, 4, 7


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_id", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


@dataclass
class Clip:
    """Sound of one sentence, with the sample at which each token is complete."""

    audio: np.ndarray  # float32 [samples], 16 kHz
    tokens: list[tuple[str, int]]
    phonemes: list[tuple[int, str]]


class Espeak:
    """The espeak-ng library with its events; one instance in a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._sound: list[np.ndarray] = []
        self._phonemes: list[Phoneme] = []
        self._counts: dict[tuple[str, str], int] = {}
        self._word = 1
        if self._library.espeak_Initialize(2, 0, None, 1) != 22_050:
            raise RuntimeError("espeak-ng does not start, or not at 22050 Hz")
        signature = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = signature(self._collect)  # kept: the library holds only a pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            self._sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
        i = 0
        while events and events[i].type != 0:
            if events[i].type == WORD_EVENT:
                self._word = max(events[i].text_position, 1)
            elif events[i].type == PHONEME_EVENT:
                name = events[i].name.decode("utf-8", "ignore")
                self._phonemes.append(Phoneme(events[i].sample, name, self._word))
            i += 1
        return 0

    def speak(
        self, text: str, voice: str, speed: int = 170, pitch: int = 50, intonation: int = 50
    ) -> tuple[np.ndarray, list[Phoneme]]:
        """Sound (int16, 22.05 kHz) and the phonemes in it."""
        self._sound, self._phonemes, self._word = [], [], 1
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"espeak-ng has no voice {voice}")
        settings = ((SPEED, speed), (PITCH, pitch), (INTONATION, intonation), (WORD_GAP, 0))
        for parameter, value in settings:
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, len(data), 0, 0, 0, 1, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._sound), self._phonemes

    def phoneme_count(self, text: str, voice: str) -> int:
        key = (text, voice)
        if key not in self._counts:
            _, phonemes = self.speak(text, voice, speed=400)
            self._counts[key] = max(1, sum(p.name[:1] != "_" for p in phonemes))
        return self._counts[key]


def make_clip(
    espeak: Espeak,
    language: str,
    words: list[GrammarWord],
    variant: str,
    rng: random.Random,
    manner: tuple[int, int, int] | None = None,
) -> Clip:
    """Speak a sentence between two short silences.

    Speed, pitch and intonation are random, or those of the manner.
    """
    base = ESPEAK_LANGUAGE[language]
    text, starts = spoken_text(words)
    if manner is None:
        manner = rng.randint(140, 205), rng.randint(25, 75), rng.randint(30, 70)
    sound, phonemes = espeak.speak(text, f"{base}+{variant}", *manner)
    tokens = align(espeak, words, phonemes, starts, len(sound), base)
    audio = resample_poly(sound.astype(np.float32) / 32768, 320, 441)
    audio *= 0.5 / (np.abs(audio).max() + 1e-6)
    lead = rng.randint(800, 6400)
    length = -(-(lead + len(audio) + rng.randint(5600, 8000)) // GRAIN) * GRAIN
    padded = np.zeros(length, np.float32)
    padded[lead : lead + len(audio)] = audio
    scale = RATE / 22_050
    return Clip(
        padded,
        [(token, lead + int(end * scale)) for token, end in tokens],
        [(lead + int(p.sample * scale), p.name.strip(MARKS)) for p in phonemes],
    )


Speaker = Callable[[str, random.Random], list[GrammarWord]]


def draw(
    espeak: Espeak,
    split: str,
    languages: tuple[str, ...],
    rng: random.Random,
    seen: dict[str, int],
    speak: Speaker = sentence,
) -> tuple[Clip, dict[str, Any]] | None:
    """One clip of a split with its description, or None where the draw does not belong to it."""
    language = rng.choice(languages)
    words = speak(language, rng)
    text = written(words)
    if held_out(text) == (split == "train") or seen.get(text, 0) >= REPEATS.get(split, 1):
        return None
    if split == "train" and is_held_out(text):
        return None
    variant = rng.choice(HELD_OUT_VOICES if split == "voices" else TRAINING_VOICES)
    clip = make_clip(espeak, language, words, variant, rng)
    if len(clip.audio) > LONGEST:
        return None
    seen[text] = seen.get(text, 0) + 1
    voice = f"{ESPEAK_LANGUAGE[language]}+{variant}"
    return clip, {"text": text, "lang": language, "voice": voice, "split": split}


def _any_sentence(language: str, rng: random.Random) -> list[GrammarWord]:
    return message(language, rng) if rng.random() < MESSAGES else sentence(language, rng)


SPEAKERS: dict[str, Speaker] = {
    "train": _any_sentence,
    "messages": message,
    "names": message_with_any,
}


def _job(task: tuple[str, int, int, Path]) -> list[dict[str, Any]]:
    split, count, seed, path = task
    rng, espeak, seen = random.Random(seed), Espeak(), dict[str, int]()
    speak = SPEAKERS.get(split, sentence)
    described: list[dict[str, Any]] = []
    with path.open("wb") as file:
        while len(described) < count:
            drawn = draw(espeak, split, LANGUAGES, rng, seen, speak)
            if drawn is None:
                continue
            clip, about = drawn
            file.write((clip.audio * 32767).astype(np.int16).tobytes())
            about |= {"samples": len(clip.audio), "tokens": clip.tokens, "phonemes": clip.phonemes}
            described.append(about)
    return described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=96_000)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.time()
    draws = [("train", args.clips // PARTS, 10 + i) for i in range(PARTS)]
    draws += [(split, 250, 91 + i) for i, split in enumerate(EVALUATED)]
    tasks = [(*drawn, args.work / f"part{i}.i16") for i, drawn in enumerate(draws)]
    with multiprocessing.Pool(args.processes) as pool:
        parts = pool.map(_job, tasks, chunksize=1)
    described = [about for part in parts for about in part]
    with (args.work / "clips.i16").open("wb") as file:
        for *_, path in tasks:
            file.write(path.read_bytes())
            path.unlink()
    (args.work / "clips.json").write_text(json.dumps(described, ensure_ascii=False))
    seconds = sum(about["samples"] for about in described) / RATE
    print(f"{len(described)} clips, {seconds / 3600:.1f} h, in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
