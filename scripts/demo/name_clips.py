"""Choose recordings with a name that the demo model has never met, and does not write rightly.

Why it exists: tests and examples of phrase boosting want a name that is heard wrongly without it,
in a sentence that is otherwise heard rightly, at every lookahead.

Run `python name_clips.py --model ../../assets/demo --out ../../assets/clips/names` (needs espeak-ng
and nemocli). The name, its sentence and its voice are held out from training.
"""

from __future__ import annotations

import difflib
import random
from functools import partial
from pathlib import Path
from typing import Any

from clips import (
    Listener,
    describe,
    load_listener,
    parse_arguments,
    round_to_16_bits,
    transcribe,
    write_clip,
    write_descriptions,
)
from messages import message_with_any
from names import HELD_OUT
from synthesize import Espeak, draw

from nemocli.bench.normalize import normalize
from nemocli.bench.phrase_accuracy import PhraseFinder

CHOSEN = ("en-US", "de-DE")
ALIKE = 0.7  # how alike the name and what is heard in its place are, at least


def held_out_names(language: str, text: str) -> list[str]:
    names = HELD_OUT[language].all()
    return [name for name in names if PhraseFinder([name]).count(text, "").spoken]


def is_wrong_in_the_name(text: str, name: str, heard: str) -> bool:
    """Whether all that is wrong is the name, and what is written for it is much like it."""
    counts = PhraseFinder([name]).count(text, heard)
    if counts.found or counts.other_errors:
        return False
    before, spoken, after = f" {normalize(text)} ".partition(f" {normalize(name)} ")
    written = f" {normalize(heard)} ".removeprefix(before).removesuffix(after)
    return difflib.SequenceMatcher(None, spoken.strip(), written.strip()).ratio() >= ALIKE


def choose(espeak: Espeak, listener: Listener, language: str, out: Path) -> dict[str, Any]:
    """The first clip of a language that is wrong in its name only, at every lookahead."""
    rng, seen = random.Random(f"names {language}"), dict[str, int]()
    while True:
        drawn = draw(espeak, "voices", (language,), rng, seen, message_with_any)
        if not drawn:
            continue
        sound = round_to_16_bits(drawn[0].audio)
        text = drawn[1]["text"]
        (name,) = held_out_names(language, text)
        hear = partial(transcribe, sound=sound)
        heard = {n: hear(each, lang=language) for n, each in listener.items()}
        texts = [*heard.values(), hear(listener[3], lang="auto")]
        if all(is_wrong_in_the_name(text, name, each) for each in texts):
            path = out / f"{language}.flac"
            write_clip(path, sound)
            return describe(path.name, drawn[1]) | {"names": [name], "heard": heard}


def main() -> None:
    args = parse_arguments(__doc__)
    espeak, listener = Espeak(), load_listener(args)
    chosen = [choose(espeak, listener, language, args.out) for language in CHOSEN]
    write_descriptions(args.out, chosen)


if __name__ == "__main__":
    main()
