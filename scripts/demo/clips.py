"""Choose the short recordings that come with the demo model.

Why it exists: examples and tests want sounds whose exact transcript is known. The model gets
every one of these right, at each lookahead; they are chosen for that, and say nothing about its
accuracy, which evaluate.py measures.

Run `python clips.py --model ../../assets/demo --out ../../assets/clips` (needs espeak-ng and
nemocli). All sentences are held out from training; the first clip of each language is in a
held-out voice too.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from grammar import LANGUAGES
from model import LOOKAHEADS
from synthesize import HELD_OUT_VOICES, RATE, Espeak, draw

import nemocli

SPLITS = ("voices", "sentences")
MANY = "all-languages"
MANY_ORDER = ("en-US", "de-DE", "es-ES", "fr-FR", "ja-JP", "en-US", "ja-JP")
LONG_ENOUGH = {"ja-JP": 11}  # characters of text; 24 elsewhere

Listener = dict[int, nemocli.Transcriber]


def candidates(
    espeak: Espeak, split: str, language: str, seed: str
) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Sounds as a 16-bit file will hold them, without end, with their descriptions."""
    rng, seen = random.Random(f"clips {seed} {split} {language}"), dict[str, int]()
    while True:
        drawn = draw(espeak, split, (language,), rng, seen)
        if drawn and len(drawn[1]["text"]) >= LONG_ENOUGH.get(language, 24):
            yield round_to_16_bits(drawn[0].audio), drawn[1]


def round_to_16_bits(audio: np.ndarray) -> np.ndarray:
    """Return samples as a 16-bit file will hold them."""
    return np.round(audio * 32767) / np.float32(32768)


def transcribe(transcriber: nemocli.Transcriber, sound: np.ndarray, lang: str) -> str:
    session = transcriber.session(lang=lang)
    session.feed(sound.astype(np.float32))
    return session.finish().text


def exact(listener: Listener, sound: np.ndarray, about: dict[str, Any]) -> bool:
    """Whether the model hears the clip right in every way in which it will be used."""
    heard = [transcribe(each, sound, about["lang"]) for each in listener.values()]
    heard.append(transcribe(listener[3], sound, "auto"))
    return all(text == about["text"] for text in heard)


def choose(espeak: Espeak, listener: Listener, out: Path) -> list[dict[str, Any]]:
    """Two clips of each language."""
    chosen = []
    for language in LANGUAGES:
        for number, split in enumerate(SPLITS, start=1):
            sound, about = next(
                (sound, about)
                for sound, about in candidates(espeak, split, language, "short")
                if exact(listener, sound, about)
            )
            name = f"{language}-{number}.flac"
            write_clip(out / name, sound)
            chosen.append(describe(name, about))
    return chosen


def choose_many(espeak: Espeak, listener: Listener, out: Path) -> list[dict[str, Any]]:
    """One longer clip that changes its language; none if no attempt is heard exactly."""
    for attempt in range(20):
        rng = random.Random(f"pauses {attempt}")
        parts, texts = [np.zeros(RATE // 4, np.float32)], []
        for place, language in enumerate(MANY_ORDER):
            seed = f"many {attempt} {place}"
            sound, about = next(candidates(espeak, "voices", language, seed))
            parts += [sound, np.zeros(int(rng.uniform(0.5, 1.5) * RATE), np.float32)]
            texts.append(about["text"])
        sound, text = np.concatenate(parts), " ".join(texts)
        if all(transcribe(each, sound, "auto") == text for each in listener.values()):
            write_clip(out / f"{MANY}.flac", sound)
            about = {"lang": "auto", "text": text, "voice": "+" + HELD_OUT_VOICES[0]}
            described = describe(f"{MANY}.flac", about)
            return [described | {"voice": "several", "languages": list(MANY_ORDER)}]
    return []


def write_clip(path: Path, sound: np.ndarray) -> None:
    soundfile.write(path, sound, RATE, subtype="PCM_16")


def describe(name: str, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": name,
        "lang": about["lang"],
        "text": about["text"],
        "voice": about["voice"],
        "sentence_held_out": True,
        "voice_held_out": about["voice"].split("+")[1] in HELD_OUT_VOICES,
    }


def parse_arguments(description: str | None) -> argparse.Namespace:
    """Parse the arguments of a script that chooses clips, and make the folder for them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def load_listener(args: argparse.Namespace) -> Listener:
    """Load the model at every lookahead."""
    return {n: nemocli.load(args.model, runtime=args.runtime, lookahead=n) for n in LOOKAHEADS}


def write_descriptions(out: Path, chosen: list[dict[str, Any]]) -> None:
    """Print what was chosen, and write clips.json."""
    for clip in chosen:
        print(*(clip[key] for key in ("file", "voice", "text", "heard") if key in clip))
    text = json.dumps(chosen, ensure_ascii=False, indent=2) + "\n"
    (out / "clips.json").write_text(text, encoding="utf-8")


def main() -> None:
    args = parse_arguments(__doc__)
    espeak, listener = Espeak(), load_listener(args)
    chosen = choose(espeak, listener, args.out) + choose_many(espeak, listener, args.out)
    write_descriptions(args.out, chosen)


if __name__ == "__main__":
    main()
