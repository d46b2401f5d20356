"""Make the clips that phrase boosting is measured on, and count how many names come out right.

Why it exists: boosting is for words that a model has never met. Half of these clips contain a name
that training never had, the other half contain none: there, boosting may only do harm.

Run `python boosting.py --clips DIR` to make them: 1,200 wav files, manifest.jsonl (named.jsonl and
plain.jsonl are its halves) and names.txt, in half a minute (needs espeak-ng). The sentences are
the same every time; some voices flutter at random. With `--model demo` they are also transcribed,
without boosting, and counted. With `--invented`, the names are invented ones: clips to choose the
defaults of boosting on, so that the others only measure it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import soundfile
from evaluate import through_python
from grammar import LANGUAGES, sentence
from messages import message, message_with
from names import HELD_OUT, Names, invent
from synthesize import RATE, Espeak, Speaker, draw

from nemocli.bench.phrase_accuracy import PhraseCounts, PhraseFinder

SPLITS = ("sentences", "voices")  # in voices that training had, and in others
CLIPS_OF_NAME = 4  # in each split
KINDS = ("first", "last", "town", "product")

known_message = partial(message, invented=0.0)


# ---------------------------------------------------------------- the clips


def build(folder: Path, chosen: dict[str, Names] = HELD_OUT) -> list[dict[str, Any]]:
    """Make the clips of some names and their lists, or read them if they exist."""
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        espeak = Espeak()
        named = list(_speak(espeak, folder, "named", chosen))
        plain = list(_speak(espeak, folder, "plain", chosen))
        write(folder / "named.jsonl", named)
        write(folder / "plain.jsonl", plain)
        names = dict.fromkeys(name for n in LANGUAGES for name in chosen[n].all())
        (folder / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        write(manifest, named + plain)  # last: where it is, everything is
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def invent_names() -> dict[str, Names]:
    """As many invented names of each kind and language as are kept from training."""
    rng, chosen = random.Random("names to choose by"), {}
    for language in LANGUAGES:
        counts = {kind: len(getattr(HELD_OUT[language], kind)) for kind in KINDS}
        chosen[language] = Names(
            **{kind: tuple(invent(language, rng) for _ in range(n)) for kind, n in counts.items()}
        )
    return chosen


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def _speak(
    espeak: Espeak, folder: Path, half: str, chosen: dict[str, Names]
) -> Iterator[dict[str, Any]]:
    for split in SPLITS:
        for language in LANGUAGES:
            rng, seen = random.Random(f"boosting {half} {split} {language}"), dict[str, int]()
            speakers = (_named if half == "named" else _plain)(chosen[language])
            for number, (speaker, names) in enumerate(speakers, start=1):
                while not (drawn := draw(espeak, split, (language,), rng, seen, speaker)):
                    pass
                clip, about = drawn
                path = folder / f"{half}-{split}-{language}-{number:02d}.wav"
                soundfile.write(path, clip.audio, RATE, subtype="PCM_16")
                yield {"audio_filepath": path.name, **about, "half": half, "names": names}


def _named(chosen: Names) -> Iterator[tuple[Speaker, list[str]]]:
    """What says each name of a language, and the name."""
    for kind in KINDS:
        for name in getattr(chosen, kind):
            for _ in range(CLIPS_OF_NAME):
                yield partial(_message_with, kind=kind, name=name), [name]


def _plain(chosen: Names) -> Iterator[tuple[Speaker, list[str]]]:
    """As many without: sentences of the grammar, and messages with names that training had."""
    for number, _ in enumerate(_named(chosen)):
        yield (sentence, known_message)[number % 2], []


def _message_with(language: str, rng: random.Random, kind: str, name: str) -> list[Any]:
    return message_with(language, rng, kind, name)


# ---------------------------------------------------------------- counting


def table(lines: list[dict[str, Any]], listed: list[str]) -> str:
    """The counts by half, split and language, in Markdown."""
    finder = PhraseFinder(listed)
    counts: dict[tuple[str, str], PhraseCounts] = defaultdict(PhraseCounts)
    for line in lines:
        for part in (line["lang"], line["split"], "all"):
            counts[line["half"], part] += finder.count(line["text"], line["heard"])
    rows = [
        "| clips | | names | recall | precision | WER outside names |",
        "|---|---|---|---|---|---|",
    ]
    rows += [f"| {half} | {part} | {row(c)} |" for (half, part), c in sorted(counts.items())]
    return "\n".join(rows)


def row(counts: PhraseCounts) -> str:
    """The last four cells of a row."""
    cells = [f"{counts.found} of {counts.spoken}" if counts.spoken else ""]
    rates = ((counts.recall, 1), (counts.precision, 1), (counts.other_rate, 2))
    cells += ["" if rate is None else f"{100 * rate:.{digits}f} %" for rate, digits in rates]
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the test set")
    parser.add_argument("--invented", action="store_true", help="make clips of invented names")
    parser.add_argument("--model", help="transcribe and count, with this model")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--lookahead", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all texts here")
    args = parser.parse_args()
    lines = build(args.clips, invent_names() if args.invented else HELD_OUT)
    if args.model is None:
        return
    transcribe = through_python(args.model, args.runtime, args.lookahead)
    for language in LANGUAGES:
        part = [line for line in lines if line["lang"] == language]
        heard = transcribe([args.clips / line["audio_filepath"] for line in part], language)
        for line, (text, _) in zip(part, heard, strict=True):
            line["heard"] = text
    print(table(lines, (args.clips / "names.txt").read_text(encoding="utf-8").splitlines()))
    if args.json:
        args.json.write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
