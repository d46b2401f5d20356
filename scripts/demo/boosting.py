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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jiwer
import soundfile
from evaluate import through_python
from grammar import LANGUAGES, sentence
from messages import message, message_with
from names import HELD_OUT, Names, invent
from synthesize import RATE, Espeak, Speaker, draw

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


@dataclass
class Count:
    """What was counted over some clips."""

    names: int = 0  # spoken
    found: int = 0  # of them written, at the right clip
    wrong: int = 0  # written, but not spoken
    others: int = 0  # words that are no part of a name; in Japanese, characters
    errors: int = 0  # in them

    def add(self, line: dict[str, Any], listed: list[str]) -> None:
        """Count a clip, whose line has `heard` beside `text`."""
        is_spaced = line["lang"] != "ja-JP"
        text, heard = units(line["text"], is_spaced), units(line["heard"], is_spaced)
        places = [at for name in line["names"] for at in find(units(name, is_spaced), text)]
        self.names += len(line["names"])
        self.found += sum(bool(find(units(n, is_spaced), heard)) for n in line["names"])
        spoken = {name.casefold() for name in line["names"]}
        self.wrong += sum(
            bool(find(units(name, is_spaced), heard))
            for name in listed
            if name.casefold() not in spoken
        )
        self.others += len(text) - len(places)
        self.errors += errors_outside(text, heard, set(places))

    def row(self) -> str:
        written = self.found + self.wrong
        cells = [
            f"{self.found} of {self.names}" if self.names else "",
            f"{100 * self.found / self.names:.1f} %" if self.names else "",
            f"{100 * self.found / written:.1f} %" if written else "",
            f"{100 * self.errors / self.others:.2f} %",
        ]
        return " | ".join(cells)


def units(text: str, is_spaced: bool) -> list[str]:
    """Words, or characters, folded and without punctuation."""
    bare = "".join(" " if c in ".,?。、" else c for c in text.casefold())
    return bare.split() if is_spaced else list(bare.replace(" ", ""))


def find(name: list[str], text: list[str]) -> list[int]:
    """The places of a name's words in a text, where it occurs first."""
    for at in range(len(text) - len(name) + 1):
        if text[at : at + len(name)] == name:
            return list(range(at, at + len(name)))
    return []


def errors_outside(text: list[str], heard: list[str], name: set[int]) -> int:
    """Word errors that do not touch the name; words inserted beside it belong to it."""
    if not text:
        return len(heard)
    errors = 0
    (chunks,) = jiwer.process_words(" ".join(text), " ".join(heard) or "∅").alignments
    for chunk in chunks:
        if chunk.type == "insert":
            if not {chunk.ref_start_idx, chunk.ref_start_idx - 1} & name:
                errors += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            errors += len(set(range(chunk.ref_start_idx, chunk.ref_end_idx)) - name)
    return errors


def table(lines: list[dict[str, Any]], listed: list[str]) -> str:
    """The counts by half, split and language, in Markdown."""
    counts: dict[tuple[str, str], Count] = {}
    for line in lines:
        for key in (
            (line["half"], line["lang"]),
            (line["half"], line["split"]),
            (line["half"], "all"),
        ):
            counts.setdefault(key, Count()).add(line, listed)
    rows = [
        "| clips | | names | recall | precision | WER outside names |",
        "|---|---|---|---|---|---|",
    ]
    rows += [f"| {half} | {part} | {c.row()} |" for (half, part), c in sorted(counts.items())]
    return "\n".join(rows)


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
