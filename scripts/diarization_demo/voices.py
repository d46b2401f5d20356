"""Synthetic people: voices of espeak-ng that differ in throat, pitch and haste, and what they say.

Why it exists: a diarizer has to tell people apart whom it never met, so training needs many more
voices than espeak-ng has. Each of its variants is spoken at another pitch and speed, and played
faster or slower, which moves the formants as a longer or shorter throat would.

Run `python voices.py --work DIR`. It needs the system library espeak-ng (1.51) and writes
DIR/mel.npy (float16 [rows, 128], the clips one after the other), DIR/active.npy (bool [rows]:
whether the voice is heard), DIR/voices.json and DIR/clips.json (whose clip lies where).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

sys.path.append(str(Path(__file__).parents[1] / "demo"))

from alignment import spoken_text
from features import MELS, background_sounds, log_mel
from grammar import LANGUAGES, GrammarWord, listed, sentence
from messages import message
from synthesize import ESPEAK_LANGUAGE, RATE, Espeak

TRAINING_VARIANTS = listed(
    "m1 m2 m3 m4 m5 m6 m8 f1 f2 f3 f5 Alex Andrea Andy Annie Denis Diogo Gene2 Henrique Hugo Jacky "
    "Lee Mario Michael Mike Nguyen RicishayMax adam anika announcer antonio belinda benjamin caleb "
    "david ed edward grandpa gustave iven iven2 john kaukovalta klatt klatt2 klatt3 linda marcelo "
    "max michel miguel norbert pablo pedro quincy rob robert sandro shelby steph2 travis victor"
)
HELD_OUT_VARIANTS = listed("m7 f4 Alicia Marco Gene aunty boris grandma paul steph zac klatt4")
VOICES = 800
ESPEAK_RATE = 22_050
MESSAGES = 0.5  # of the clips, as in the demo of the recogniser

#: A row is speech if it has this share of the power of the clip's loudest row (-30 dB), and so is a
#: pause of up to MAX_PAUSE_ROWS between such rows.
SPEECH_POWER = 1e-3
MAX_PAUSE_ROWS = 25
MARGIN_ROWS = 4  # kept before and after what is heard of a clip


@dataclass(frozen=True)
class Voice:
    """One synthetic person."""

    variant: str
    language: str
    pitch: int  # 0 to 99, as espeak-ng takes it
    intonation: int
    words_per_minute: int
    throat: float  # formants and pitch are multiplied by it


def draw_voice(rng: random.Random, variants: list[str]) -> Voice:
    return Voice(
        rng.choice(variants),
        rng.choice(LANGUAGES),
        rng.randint(5, 95),
        rng.randint(25, 75),
        rng.randint(145, 200),
        round(rng.uniform(0.85, 1.18), 3),
    )


def draw_training_voices(count: int = VOICES) -> list[Voice]:
    """Draw the voices that the model is trained on, the same every time."""
    rng = random.Random("voices")
    return [draw_voice(rng, TRAINING_VARIANTS) for _ in range(count)]


def differ(one: Voice, other: Voice) -> bool:
    """Whether a listener can tell two voices apart: by throat, pitch or timbre."""
    distance = abs(one.pitch - other.pitch) / 25 + abs(one.throat - other.throat) / 0.1
    return distance + (0.4 if one.variant != other.variant else 0.0) >= 1.0


def say(espeak: Espeak, voice: Voice, words: list[GrammarWord]) -> np.ndarray:
    """Speak a sentence: float32 sound at 16 kHz, its peak at 0.5."""
    text, _ = spoken_text(words)
    speed = round(voice.words_per_minute / voice.throat)  # it is played faster afterwards
    name = f"{ESPEAK_LANGUAGE[voice.language]}+{voice.variant}"
    sound, _ = espeak.speak(text, name, speed, voice.pitch, voice.intonation)
    ratio = Fraction(RATE / (ESPEAK_RATE * voice.throat)).limit_denominator(100)
    audio = resample_poly(sound.astype(np.float32) / 32768, ratio.numerator, ratio.denominator)
    return (audio * (0.5 / (np.abs(audio).max() + 1e-6))).astype(np.float32)


def find_speech(mel: np.ndarray) -> np.ndarray:
    """Whether each row of a clean clip's log-mel [rows, 128] is speech."""
    power = np.exp(mel.astype(np.float64)).sum(1)
    active = power > SPEECH_POWER * power.max()
    rows = np.flatnonzero(active)
    for before, after in pairwise(rows):
        if after - before <= MAX_PAUSE_ROWS:
            active[before:after] = True
    return active


def any_sentence(language: str, rng: random.Random) -> list[GrammarWord]:
    return message(language, rng) if rng.random() < MESSAGES else sentence(language, rng)


def speak_clips(task: tuple[int, list[Voice], int]) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Clips of some voices: the voice's number, log-mel rows float16, and which are speech."""
    first, voices, clips = task
    torch.set_num_threads(1)
    espeak, spoken = Espeak(), []
    for number, voice in enumerate(voices, start=first):
        rng = random.Random(f"clips {number} {voice}")
        for _ in range(clips):
            mel = log_mel(say(espeak, voice, any_sentence(voice.language, rng))).numpy()
            active = find_speech(mel)
            heard = np.flatnonzero(active)
            part = slice(max(0, heard[0] - MARGIN_ROWS), heard[-1] + 1 + MARGIN_ROWS)
            spoken.append((number, mel[part].astype(np.float16), active[part]))
    return spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--voices", type=int, default=VOICES)
    parser.add_argument("--clips", type=int, default=16, help="of each voice")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.time()
    voices = draw_training_voices(args.voices)
    tasks = [(at, voices[at : at + 20], args.clips) for at in range(0, len(voices), 20)]
    with multiprocessing.Pool(args.processes, maxtasksperchild=10) as pool:
        spoken = [clip for part in pool.map(speak_clips, tasks, chunksize=1) for clip in part]
    rows = sum(len(active) for _, _, active in spoken)
    mel = np.lib.format.open_memmap(args.work / "mel.npy", "w+", np.float16, (rows, MELS))
    described, at = [], 0
    for voice, clip, _ in spoken:
        mel[at : at + len(clip)] = clip
        described.append({"voice": voice, "row": at, "rows": len(clip)})
        at += len(clip)
    mel.flush()
    np.save(args.work / "active.npy", np.concatenate([active for _, _, active in spoken]))
    np.save(args.work / "noise.npy", background_sounds())
    (args.work / "voices.json").write_text(json.dumps([asdict(voice) for voice in voices]))
    (args.work / "clips.json").write_text(json.dumps(described))
    print(f"{len(spoken)} clips, {rows / 360_000:.1f} h, in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
