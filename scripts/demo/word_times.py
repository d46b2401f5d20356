"""Write where each word is in the bundled clips, as tests of word times need it.

Why it exists: espeak-ng reports at which sample each phoneme begins, so the true times of words are
known. They are right to a few milliseconds: clips rise above silence where their first phoneme
begins.

Run `python word_times.py --clips ../../assets/clips` (needs espeak-ng and nemocli). It speaks the
sentences of clips.py again, and takes those that the bundled clips were made from.
"""

from __future__ import annotations

import argparse
import json
import random
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile
from clips import MANY, MANY_ORDER, SPLITS, candidates
from grammar import LANGUAGES
from synthesize import GRAIN, RATE, Clip, Espeak, draw

from nemocli.models.paths import find_demo_folder
from nemocli.network.checkpoint import Checkpoint
from nemocli.transcript.detokenizer import Detokenizer
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.units import FRAME_SECONDS

MOST = 3000  # sentences that are spoken in search of a clip

Word = tuple[str, float, float]  # text, and seconds from the start of the sound


def token_spans(clip: Clip) -> list[tuple[float, float]]:
    """Start and end of each token in seconds; pauses belong to none."""
    sounds = [sample for sample, name in clip.phonemes if name]
    spans, before = [], 0
    for _, end in clip.tokens:
        start = next((sample for sample in sounds if sample >= before), end)
        spans.append((min(start, end) / RATE, end / RATE))
        before = end
    return spans


class WordTimes:
    """The words of clips as nemocli writes them, with their true times."""

    def __init__(self) -> None:
        checkpoint = Checkpoint(find_demo_folder())
        self._pieces = TokenDecoder(checkpoint.tokenizer)
        count = checkpoint.config.blank_id
        self._ids = {self._pieces.get_piece(n): n for n in range(count)}

    def of(self, clip: Clip) -> list[Word]:
        """Words of a clip, with their times in it."""
        detokenizer = Detokenizer(self._pieces)
        for n, (piece, _) in enumerate(clip.tokens):  # the token's number, in place of a frame
            detokenizer.add(self._ids[piece], n, 1.0)
        words = detokenizer.build_transcript(0.0, final=True).words
        firsts = [round(word.start / FRAME_SECONDS) for word in words]
        spans, words_spans = token_spans(clip), []
        for first, after in zip(firsts, [*firsts[1:], len(spans)], strict=True):
            tokens = spans[first:after]
            words_spans.append((tokens[0][0], tokens[-1][1]))
        return [
            (word.text, round(start, 4), round(end, 4))
            for word, (start, end) in zip(words, words_spans, strict=True)
        ]


def bundled(espeak: Espeak, times: WordTimes, folder: Path) -> dict[str, list[Word]]:
    """The words of every bundled clip."""
    found = {}
    for language in LANGUAGES:
        for number, split in enumerate(SPLITS, start=1):
            name = f"{language}-{number}.flac"
            sound, _ = soundfile.read(folder / name, dtype="float32")
            found[name] = times.of(search(espeak, split, language, "short", sound))
    name = f"{MANY}.flac"
    sound, _ = soundfile.read(folder / name, dtype="float32")
    for attempt in range(20):
        if words := words_of_many(espeak, times, attempt, sound):
            return found | {name: words}
    raise SystemExit(f"{name} was not found again; was clips.py changed since?")


def search(espeak: Espeak, split: str, language: str, seed: str, sound: np.ndarray) -> Clip:
    """The sentence of clips.py that this sound was made from."""
    rng, seen = random.Random(f"clips {seed} {split} {language}"), dict[str, int]()
    for _ in range(MOST):
        drawn = draw(espeak, split, (language,), rng, seen)
        if drawn and is_same(drawn[0].audio, sound):
            return drawn[0]
    raise SystemExit(f"A clip of {language} was not found again; was clips.py changed since?")


def words_of_many(espeak: Espeak, times: WordTimes, attempt: int, sound: np.ndarray) -> list[Word]:
    """The words of the clip with all languages; none if another attempt of clips.py made it."""
    rng, at, words = random.Random(f"pauses {attempt}"), RATE // 4, list[Word]()
    for place, language in enumerate(MANY_ORDER):
        seed = f"many {attempt} {place}"
        audio, _ = next(candidates(espeak, "voices", language, seed))
        part = sound[at : at + len(audio)]
        if not is_same(audio, part):
            return []
        words += [
            (text, round(at / RATE + start, 4), round(at / RATE + end, 4))
            for text, start, end in times.of(search(espeak, "voices", language, seed, part))
        ]
        at += len(part) + int(rng.uniform(0.5, 1.5) * RATE)
    return words if at == len(sound) else []


def is_same(spoken: np.ndarray, stored: np.ndarray) -> bool:
    """Whether a sound was made from this one.

    Some voices flutter at random: their samples differ every time, but not when they are loud.
    """
    if len(spoken) != len(stored):
        return False
    levels = [np.abs(sound).reshape(-1, GRAIN // 8).max(1) for sound in (spoken, stored)]
    begin_and_end = [np.flatnonzero(np.abs(sound) > 0.01)[[0, -1]] for sound in (spoken, stored)]
    is_as_long = np.abs(np.subtract(*begin_and_end)).max() < 0.01 * RATE
    return bool(is_as_long and np.corrcoef(levels)[0, 1] > 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True)
    args = parser.parse_args()
    found = bundled(Espeak(), WordTimes(), args.clips)
    rows = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(words, ensure_ascii=False)}"
        for name, words in found.items()
    )
    (args.clips / "word-times.json").write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")
    for name, words in islice(found.items(), 3):
        print(name, words)


if __name__ == "__main__":
    main()
