#!/usr/bin/env python
"""Measure what phrase boosting costs: compiling a list, and decoding with it.

    python scripts/measure_boosting_cost.py [--model FOLDER] [--phrases 10000]

The released tokenizer cannot be part of the repository, so a vocabulary of its size, 13,087 pieces,
is made of invented words by the tokenizers library. Invented names are the phrases, and a text of
words and names is decoded, token by token, with random logits around each token. With a model of
the released size (`scripts/random_checkpoint.py --full`, converted), the cost is also given as a
share of a chunk of four frames.
"""

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

sys.path.insert(0, str(Path(__file__).parents[1]))
import nemocli
from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.vocabulary import Vocabulary
from tests.sounds import RATE, speech_like

PIECES = 13_087

#: Tokens in a chunk of 320 ms: quick speech, five words a second, each of one or two tokens.
TOKENS_PER_CHUNK = 2.5

ONSETS = "b d f g h k l m n p r s t v w z br ch dr fr gr kl kr pl pr sch sh st tr ß c".split()  # noqa: SIM905
VOWELS = "a e i o u ä ö ü ai au ee ei ie ou é ó".split()  # noqa: SIM905
CODAS = "- - - n r s t l m k nd rt st ng ck ff".replace("-", "").split(" ")


def invent_word(rng: random.Random, syllables: int) -> str:
    parts = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables)]
    return "".join(parts)


def train_tokenizer(rng: random.Random) -> Tokenizer:
    words = [invent_word(rng, rng.choice((1, 1, 2, 2, 3))) for _ in range(60_000)]
    words = [word.capitalize() if rng.random() < 0.3 else word for word in words]
    text = rng.choices(words, [1 / (place + 1) for place in range(len(words))], k=400_000)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=PIECES, show_progress=False)
    lines = (
        " ".join([*text[at : at + 20], *words[at // 7 : at // 7 + 3]])
        for at in range(0, len(text), 20)
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def measure_decoding(matcher: PhraseMatcher, tokens: list[int], rng: np.random.Generator) -> float:
    """Return the seconds that phrases take for a token, at the median of some runs."""
    rows = rng.normal(0, 3, (64, matcher.vocabulary.size)).astype(np.float32)
    seconds = []
    for _ in range(5):
        cursor = PhraseCursor(matcher)
        began = time.perf_counter()
        for place, token in enumerate(tokens):
            row = rows[place % len(rows)]
            row[token], before = 14, row[token]
            cursor.choose(row, token)
            cursor.advance(token, place)
            row[token] = before
        seconds.append((time.perf_counter() - began) / len(tokens))
    return statistics.median(seconds)


def measure_chunk(model: str) -> float:
    """Return the median seconds of a chunk of four frames of this model."""
    with nemocli.load(model, lookahead=3) as transcriber:
        session, seconds = transcriber.session(), []
        sound = speech_like(20, seed=0)
        size = RATE * 4 * 80 // 1000
        for start in range(0, len(sound), size):
            began = time.perf_counter()
            session.feed(sound[start : start + size])
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a model of the released size, to compare with its chunks")
    parser.add_argument("--phrases", type=int, default=10_000)
    args = parser.parse_args()
    rng = random.Random(0)
    tokenizer = train_tokenizer(rng)
    pieces = [tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size())]
    names = [
        f"{invent_word(rng, 2).capitalize()} {invent_word(rng, 3).capitalize()}"
        for _ in range(args.phrases)
    ]
    began = time.perf_counter()
    vocabulary = Vocabulary(pieces)
    print(
        f"vocabulary of {len(pieces):,} pieces: {time.perf_counter() - began:.3f} s, once a model"
    )
    for _ in range(3):
        began, busy = time.perf_counter(), time.process_time()
        matcher = PhraseMatcher(Phrases.of(names), vocabulary)
        took, busy = time.perf_counter() - began, time.process_time() - busy
        print(f"{len(names):,} phrases compiled: {took:.3f} s ({busy:.3f} s of processor time)")
    words = [rng.choice(names) if rng.random() < 0.2 else invent_word(rng, 2) for _ in range(500)]
    tokens = tokenizer.encode(" ".join(words)).ids
    token = measure_decoding(matcher, tokens, np.random.default_rng(0))
    chunk = TOKENS_PER_CHUNK * token
    print(f"decoding: {1e6 * token:.0f} µs a token, {1e3 * chunk:.2f} ms a chunk of speech")
    if args.model:
        whole = measure_chunk(args.model)
        print(f"a chunk of {args.model}: {1e3 * whole:.1f} ms; phrases add {chunk / whole:.2%}")


if __name__ == "__main__":
    main()
