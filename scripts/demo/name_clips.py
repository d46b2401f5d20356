"""Choose recordings with a name that the demo model has never met, and does not write rightly.

Why it exists: tests and examples of phrase boosting want a name that is heard wrongly without it,
in a sentence that is otherwise heard rightly, at every lookahead.

Run `python name_clips.py --model ../../assets/demo --out ../../assets/clips/names` (needs espeak-ng
and nemocli). The name, its sentence and its voice are held out from training.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from boosting import errors_outside, find, units
from clips import Listener, describe, transcribe
from messages import message_with_any
from model import LOOKAHEADS
from names import HELD_OUT
from synthesize import RATE, Espeak, draw

import nemocli

CHOSEN = ("en-US", "de-DE")
ALIKE = 0.7  # how alike the name and what is heard in its place are, at least


def held_out_names(language: str, text: str) -> list[str]:
    return [name for name in HELD_OUT[language].all() if find(units(name, True), units(text, True))]


def is_wrong_in_the_name(text: str, name: str, heard: str) -> bool:
    """Whether all that is wrong is the name, and what is written for it is much like it."""
    spoken, written = units(text, True), units(heard, True)
    places = find(units(name, True), spoken)
    if find(units(name, True), written) or errors_outside(spoken, written, set(places)):
        return False
    before, after = places[0], len(spoken) - places[-1] - 1
    instead = " ".join(written[before : len(written) - after])
    return difflib.SequenceMatcher(None, name.casefold(), instead).ratio() >= ALIKE


def choose(espeak: Espeak, listener: Listener, language: str, out: Path) -> dict[str, Any]:
    """The first clip of a language that is wrong in its name only, at every lookahead."""
    rng, seen = random.Random(f"names {language}"), dict[str, int]()
    while True:
        drawn = draw(espeak, "voices", (language,), rng, seen, message_with_any)
        if not drawn:
            continue
        sound = np.round(drawn[0].audio * 32767) / np.float32(32768)
        text = drawn[1]["text"]
        (name,) = held_out_names(language, text)
        hear = partial(transcribe, sound=sound)
        heard = {n: hear(each, lang=language) for n, each in listener.items()}
        texts = [*heard.values(), hear(listener[3], lang="auto")]
        if all(is_wrong_in_the_name(text, name, each) for each in texts):
            path = out / f"{language}.flac"
            soundfile.write(path, sound, RATE, subtype="PCM_16")
            return describe(path.name, drawn[1]) | {"names": [name], "heard": heard}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    espeak = Espeak()
    listener = {n: nemocli.load(args.model, runtime=args.runtime, lookahead=n) for n in LOOKAHEADS}
    chosen = [choose(espeak, listener, language, args.out) for language in CHOSEN]
    for clip in chosen:
        print(clip["file"], clip["voice"], clip["text"], clip["heard"])
    text = json.dumps(chosen, ensure_ascii=False, indent=2) + "\n"
    (args.out / "clips.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
