"""Measure phrase boosting: names that are won, names and words that are lost, by strength and cap.

    python scripts/sweep_boosting.py --model MODEL --clips FOLDER [--picture sweep.svg]

FOLDER is what `scripts/demo/boosting.py --clips FOLDER` makes: clips that contain names that the
model was never trained on (named.jsonl), clips that contain none of them (plain.jsonl), and the
list of names. The clips are encoded once and decoded again for every setting.

The first table has each boost and each limit on the bonus: recall and precision of the names, with
the whole list, and word errors outside of them. The second table has lists of invented names that
are in no clip: how many words of the clips without names they change.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jiwer
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.audio.sound import open_sound
from nemocli.bench.dataset import Utterance, read_utterances
from nemocli.bench.normalize import normalize
from nemocli.bench.phrase_accuracy import PhraseCounts, PhraseFinder
from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.scoring import DEFAULT_SCORING, Scoring
from nemocli.boosting.vocabulary import Vocabulary
from nemocli.engine.decoding import GreedyDecoder
from nemocli.engine.greedy import decode, finish
from nemocli.transcriber import Transcriber

BOOSTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
CAPS = (4.0, 8.0, 12.0, 16.0, 24.0)
DISTRACTORS = (10, 100, 1_000, 10_000)

#: Streams that are decoded together.
BATCH = 60


@dataclass(frozen=True)
class Clip:
    """An utterance with the encoder's output [frames, decoder size]."""

    utterance: Utterance
    encoded: np.ndarray


class Bench:
    """A model, and clips that were encoded with it."""

    def __init__(self, transcriber: Transcriber) -> None:
        self.transcriber = transcriber
        self._runtime, self._pieces = transcriber._runtime, transcriber._pieces
        self._vocabulary = Vocabulary(transcriber._compiled._list_pieces())

    def encode(self, utterances: Sequence[Utterance]) -> list[Clip]:
        clips = []
        for utterance in utterances:
            session = self.transcriber.session(utterance.lang or "auto", keep_encoder=True)
            with open_sound(utterance.path) as sound:
                for packet in sound:
                    session.feed(packet)
            session.finish()
            clips.append(Clip(utterance, np.concatenate(session.enc_proj or [])))
        return sorted(clips, key=lambda clip: len(clip.encoded))

    def decode(
        self, clips: Sequence[Clip], phrases: Phrases | None, scoring: Scoring = DEFAULT_SCORING
    ) -> list[str]:
        """Return the text of each clip."""
        matcher = PhraseMatcher(phrases, self._vocabulary, scoring) if phrases else None
        texts = []
        for at in range(0, len(clips), BATCH):
            some = clips[at : at + BATCH]
            cursors = [PhraseCursor(matcher) if matcher else None for _ in some]
            decoders = [GreedyDecoder(self._runtime.config, cursor) for cursor in cursors]
            decoded = decode(self._runtime, decoders, [clip.encoded for clip in some])
            for decoder, emissions in zip(decoders, decoded, strict=True):
                emissions += finish(self._runtime, decoder)
                texts.append(self._pieces.decode_text([each.token for each in emissions]))
        return texts


def count(clips: Sequence[Clip], texts: Sequence[str], finder: PhraseFinder) -> PhraseCounts:
    counts = (
        finder.count(clip.utterance.text, text) for clip, text in zip(clips, texts, strict=True)
    )
    return sum(counts, PhraseCounts())


def count_changed(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many words differ between two transcripts of the same clips, and of how many."""
    changed = words = 0
    for one, other in zip(before, after, strict=True):
        one, other = normalize(one), normalize(other)
        words += len(one.split())
        if one != other:
            found = jiwer.process_words(one or "-", other or "-")
            changed += found.substitutions + found.deletions + found.insertions
    return changed, words


def invent(names: Sequence[str], taboo: set[str], count: int) -> list[str]:
    """Invent names: chains of letters, each of which follows two others as in the real ones."""
    rng, chains = random.Random("distractors"), defaultdict(list)
    for name in names:
        text = f"^^{name}$"
        for at in range(2, len(text)):
            chains[text[at - 2 : at]].append(text[at])
    found: dict[str, None] = {}
    while len(found) < count:
        text = "^^"
        while not text.endswith("$") and len(text) < 20:
            text += rng.choice(chains[text[-2:]])
        name = text[2:-1]
        if text.endswith("$") and len(name) >= 4 and not set(normalize(name).split()) & taboo:
            found[name] = None
    return list(found)


def draw(rows: Sequence[tuple[float, float, PhraseCounts]], base: PhraseCounts, path: Path) -> None:
    """Draw recall, precision and errors outside of names over the boost, a line for each cap."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = (
        ("names found, %", lambda counts: counts.recall),
        ("written names that were said, %", lambda counts: counts.precision),
        ("word errors outside of names, %", lambda counts: counts.other_rate),
    )
    for axes, (title, value) in zip(figure.subplots(1, 3), panels, strict=True):
        for cap in dict.fromkeys(cap for _, cap, _ in rows):
            line = [(boost, 100 * (value(c) or 0)) for boost, its, c in rows if its == cap]
            axes.plot(*zip(*line, strict=True), marker="o", label=f"at most {cap:g} nats")
        axes.axhline(100 * (value(base) or 0), color="gray", linestyle=":", label="no phrases")
        axes.set(title=title, xlabel="boost")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)


def percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


def row(counts: PhraseCounts, *cells: str) -> str:
    found = f"{counts.found} of {counts.spoken}"
    rates = (percent(counts.recall), percent(counts.precision), percent(counts.other_rate, 2))
    return "| " + " | ".join([*cells, found, *rates]) + " |"


def sweep(bench: Bench, folder: Path, picture: Path | None) -> Iterator[str]:
    """Give the lines of both tables."""
    named, plain = (
        bench.encode(read_utterances(folder / f"{half}.jsonl")) for half in ("named", "plain")
    )
    names = (folder / "names.txt").read_text(encoding="utf-8").splitlines()
    finder = PhraseFinder(names)
    base_named, base_plain = bench.decode(named, None), bench.decode(plain, None)
    clips = named + plain
    base = count(clips, base_named + base_plain, finder)
    yield "| boost | most nats | names | recall | precision | WER outside names |"
    yield "|---|---|---|---|---|---|"
    yield row(base, "none", "")
    rows = []
    for cap in CAPS:
        for boost in BOOSTS:
            scoring = replace(DEFAULT_SCORING, max_bonus=cap)
            texts = bench.decode(clips, Phrases.of(names, boost=boost), scoring)
            counts = count(clips, texts, finder)
            rows.append((boost, cap, counts))
            yield row(counts, f"{boost:g}", f"{cap:g}")
    if picture:
        draw(rows, base, picture)
    taboo = {word for clip in clips for word in normalize(clip.utterance.text).split()}
    invented = invent(names, taboo, max(DISTRACTORS))
    yield ""
    yield "| names that nobody says | boost | words changed | of names said and listed: recall |"
    yield "|---|---|---|---|"
    for number in DISTRACTORS:
        for boost in BOOSTS:
            phrases = Phrases.of(invented[:number], boost=boost)
            changed, words = count_changed(base_plain, bench.decode(plain, phrases))
            with_names = Phrases.of([*names, *invented[: max(0, number - len(names))]], boost=boost)
            recall = count(named, bench.decode(named, with_names), finder).recall
            share = f"{changed} of {words} ({percent(changed / words, 3)})"
            yield f"| {number:,} | {boost:g} | {share} | {percent(recall)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the test set")
    parser.add_argument("--picture", type=Path, help="also draw the first table: .png or .svg")
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    with nemocli.load(args.model, runtime=args.runtime) as transcriber:
        for line in sweep(Bench(transcriber), args.clips, args.picture):
            print(line, flush=True)


if __name__ == "__main__":
    main()
