"""Turn clips into training examples: join, disturb, and say what must be emitted at which frame.

Why it exists: a model that has only seen single sentences fails in a long stream. Here clips are
joined with gaps, backgrounds and histories, all on the log-mel and in whole encoder frames.

Nothing to run: train.py uses it.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from features import FLOOR, HOP, MELS
from grammar import LANGUAGES
from spelling import vocabulary
from synthesize import GRAIN
from torch.utils.data import IterableDataset
from transformers.models.nemotron3_5_asr.processing_nemotron3_5_asr import (
    DEFAULT_PROMPT_DICTIONARY as PROMPTS,
)

ROWS = 8  # mel rows in an encoder frame
SLOTS = 4  # phoneme labels in an encoder frame, 20 ms each
DELAY = 2  # frames from the one in which a token ends to the one that emits it
MASKED = -9.0  # what SpecAugment writes: about the mean of speech
IGNORED = -100
SPEECH_NOISES = 4  # the first kinds of background are steady noise, the rest tones and clicks


@dataclass
class Clip:
    """A synthesized sentence with its targets, in frames relative to its own start."""

    text: str
    lang: str
    split: str
    row: int  # where its features begin
    rows: int
    tokens: np.ndarray  # ids, the language tag last
    frames: np.ndarray  # the frame that emits each token
    phonemes: np.ndarray  # [frames, SLOTS]


@dataclass
class Example:
    """One training sequence made of zero or more clips."""

    mel: torch.Tensor  # [rows, 128]
    prompt: int
    tokens: list[int]
    frames: list[int]
    phonemes: np.ndarray  # [frames, SLOTS]


@dataclass
class Batch:
    """Padded examples, and the nodes of the transducer's lattice to train at."""

    mel: torch.Tensor  # [batch, rows, 128]
    mask: torch.Tensor  # [batch, rows]
    prompts: torch.Tensor  # [batch]
    history: torch.Tensor  # [batch, 1 + tokens], what the predictor reads
    nodes: torch.Tensor  # [nodes, 4]: example, frame, tokens emitted so far, target
    phonemes: torch.Tensor  # [batch, frames, SLOTS]

    def pin_memory(self) -> Batch:
        """A copy in memory that a GPU reads quickly; DataLoader calls this by its name."""
        return Batch(*(tensor.pin_memory() for tensor in vars(self).values()))

    def to(self, device: str) -> Batch:
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in vars(self).values()))


def frame_count(rows: int) -> int:
    """Encoder frames that come out of so many mel rows."""
    return (rows + 6) // ROWS + 1


def path_nodes(tokens: list[int], frames: list[int], total: int, blank: int) -> list[tuple]:
    """(frame, emitted, target) along the known path, and beside it how to come back to it.

    On the path: emit the tokens of a frame, then blank. Beside it: a token that was missed is
    still due one and two frames later; after one that came a frame early, wait.
    """
    nodes, emitted = [], 0
    for frame in range(total):
        while emitted < len(tokens) and frames[emitted] == frame:
            nodes.append((frame, emitted, tokens[emitted]))
            emitted += 1
        nodes.append((frame, emitted, blank))
    on_path = {node[:2] for node in nodes}
    for i, (token, frame) in enumerate(zip(tokens, frames, strict=True)):
        beside = [(frame + 1, i, token), (frame + 2, i, token), (frame - 1, i + 1, blank)]
        nodes += [n for n in beside if 0 <= n[0] < total and n[:2] not in on_path]
    return nodes


class ClipStore:
    """All clips of a work folder, with their features."""

    def __init__(self, work: Path) -> None:
        self.vocabulary = vocabulary()
        self.ids = {token: i for i, token in enumerate(self.vocabulary)}
        self.blank = len(self.vocabulary) - 1
        self._mel = np.load(work / "mel.npy", mmap_mode="r")
        self.noise = torch.from_numpy(np.load(work / "noise.npy"))
        described = json.loads((work / "clips.json").read_text())
        names = sorted({p for d in described if d["split"] == "train" for _, p in d["phonemes"]})
        self._phonemes = {name: i for i, name in enumerate(["", *filter(None, names)])}
        self.phoneme_count = len(self._phonemes)
        self.clips: dict[str, list[Clip]] = defaultdict(list)
        row = 0
        for about in described:
            clip = self._clip(about, row)
            self.clips[clip.split].append(clip)
            row += clip.rows

    def _clip(self, about: dict[str, Any], row: int) -> Clip:
        total = about["samples"] // GRAIN
        ends = [end for _, end in about["tokens"]]
        frames = [end // GRAIN + DELAY for end in ends]
        frames[-1] += 1  # final punctuation waits a frame for the silence; the tag joins it
        frames.append(frames[-1])
        if frames[-1] >= total:
            raise ValueError(f"the silence after “{about['text']}” is too short")
        labels = np.zeros(SLOTS * total, np.int64)
        begins = [at for at, _ in about["phonemes"]]
        for (at, name), until in zip(
            about["phonemes"], [*begins[1:], about["samples"]], strict=True
        ):
            labels[at * SLOTS // GRAIN : until * SLOTS // GRAIN] = self._phonemes.get(name, 0)
        # frame t has heard up to row 8t, so it is asked for the 80 ms before that
        heard = (np.arange(total)[:, None] * SLOTS + np.arange(1 - SLOTS, 1)).clip(0)
        return Clip(
            about["text"],
            about["lang"],
            about["split"],
            row,
            about["samples"] // HOP,
            np.array([*(self.ids[t] for t, _ in about["tokens"]), self.ids[f"<{about['lang']}>"]]),
            np.maximum.accumulate(frames),
            labels[heard],
        )

    def mel(self, clip: Clip) -> torch.Tensor:
        rows = self._mel[clip.row : clip.row + clip.rows]
        return torch.from_numpy(rows.astype(np.float32))


# ---------------------------------------------------------------- disturbing the features


def disturb(mel: torch.Tensor, noise: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """Loudness, spectral tilt, background noise and masked stripes, in place of a real room."""
    mel = mel + rng.uniform(-4.0, 1.5)
    if rng.random() < 0.5:
        mel = mel + torch.linspace(-1, 1, MELS) * rng.uniform(-1.5, 1.5)
    if rng.random() < 0.8:
        loudness = float(mel.max()) - rng.uniform(5.0, 18.0) - 4.5
        mel = torch.logaddexp(mel, background(noise, len(mel), rng, SPEECH_NOISES) + loudness)
    mel = mel.clamp_min(FLOOR)
    if rng.random() < 0.5:
        for _ in range(2):
            width = rng.randint(0, 16)
            start = rng.randint(0, MELS - width)
            mel[:, start : start + width] = MASKED
        start = rng.randint(0, len(mel))
        mel[start : start + rng.randint(0, 8)] = MASKED
    return mel


def background(
    noise: torch.Tensor, rows: int, rng: random.Random, kinds: int | None = None
) -> torch.Tensor:
    """A random stretch of a random background sound of unit loudness."""
    start = rng.randint(0, noise.shape[1] - rows)
    return noise[rng.randrange(kinds or len(noise)), start : start + rows]


def no_speech(noise: torch.Tensor, rows: int, rng: random.Random) -> torch.Tensor:
    """Silence, noise, tones or clicks of any loudness; nothing may be emitted for it."""
    mel = torch.full((rows, MELS), FLOOR)
    if rng.random() < 0.8:
        sound = background(noise, rows, rng) + rng.uniform(-13.0, -2.0)
        mel = torch.logaddexp(mel, sound).clamp_min(FLOOR)
    return mel


# ---------------------------------------------------------------- examples and batches


class Composer:
    """Draws batches without end. Each holds about the same number of mel rows.

    Most hold single sentences of similar length; `streams` of them hold sequences of up to three
    sentences with gaps, in which, without a given language, the language may change.
    """

    def __init__(
        self, store: ClipStore, rng: random.Random, batch_rows: int, streams: float = 0.35
    ) -> None:
        self._store, self._rng = store, rng
        self._batch_rows, self._streams = batch_rows, streams
        self._by_language = defaultdict(list)
        for clip in store.clips["train"]:
            self._by_language[clip.lang].append(clip)
        self._singles = self._epochs()

    def _epochs(self) -> Iterator[list[Clip]]:
        rng = self._rng
        while True:
            clips = self._store.clips["train"][:]
            rng.shuffle(clips)
            clips.sort(key=lambda clip: clip.rows * rng.uniform(0.93, 1.07))
            batches, at = [], 0
            while at < len(clips):
                size = max(4, self._batch_rows // (clips[at].rows + 16))
                batches.append(clips[at : at + size])
                at += size
            rng.shuffle(batches)
            yield from batches

    def batch(self) -> Batch:
        rng = self._rng
        if rng.random() < self._streams:
            rows = rng.randint(70, 110) * ROWS
            count = max(2, self._batch_rows // rows)
            examples = [self._stream(rows) for _ in range(count)]
        else:
            examples = [self._single(clip) for clip in next(self._singles)]
        return self._collate(examples)

    def _single(self, clip: Clip) -> Example:
        rng = self._rng
        before = rng.randint(4, 12) if rng.random() < 0.05 else rng.choice((0, 0, 1, 2, 3))
        after = rng.randint(1, 60) if rng.random() < 0.2 else 0
        rows = before * ROWS + clip.rows + after
        prompt = "auto" if rng.random() < 0.5 else clip.lang
        return self._example([(before, clip)], rows, prompt)

    def _stream(self, rows: int) -> Example:
        """Up to three clips in so many rows; now and then none."""
        rng = self._rng
        auto = rng.random() < 0.5
        language = rng.choice(LANGUAGES)
        prompt = "auto" if auto else language
        if rng.random() < 0.1:
            mel = no_speech(self._store.noise, rows, rng)
            frames = frame_count(rows)
            return Example(mel, PROMPTS[prompt], [], [], np.zeros((frames, SLOTS), np.int64))
        placed, at = [], rng.choice((0, 1, 3, rng.randint(4, 50)))
        mixed = auto and rng.random() < 0.6
        for _ in range(3):
            clip = rng.choice(self._by_language[language])
            if at * ROWS + clip.rows > rows:
                break
            placed.append((at, clip))
            at += clip.rows // ROWS + rng.choice((0, rng.randint(0, 8), rng.randint(4, 40)))
            if mixed:
                language = rng.choice(LANGUAGES)
        return self._example(placed, rows, prompt)

    def _example(self, placed: list[tuple[int, Clip]], rows: int, prompt: str) -> Example:
        """Lay clips down at their frames, disturb the whole, and now and then end in zero rows."""
        rng, store = self._rng, self._store
        mel = torch.full((rows, MELS), FLOOR)
        zeros = rng.randint(1, 32) if rng.random() < 0.15 else 0
        phonemes = np.zeros((frame_count(rows + zeros), SLOTS), np.int64)
        tokens: list[int] = []
        frames: list[int] = []
        for at, clip in placed:
            louder = rng.uniform(-1.0, 1.0) if len(placed) > 1 else 0.0
            mel[at * ROWS : at * ROWS + clip.rows] = store.mel(clip) + louder
            phonemes[at : at + len(clip.phonemes)] = clip.phonemes
            tokens += clip.tokens.tolist()
            frames += (clip.frames + at).tolist()
        mel = disturb(mel, store.noise, rng)
        # the rows that complete the last chunk of a stream are literal zeros
        mel = torch.cat([mel, torch.zeros(zeros, MELS)])
        return Example(mel, PROMPTS[prompt], tokens, frames, phonemes)

    def _past(self) -> list[int]:
        """Tokens of sentences said before, as in a stream that has been running for a while."""
        clips = self._store.clips["train"]
        count = self._rng.randint(1, 6)
        return [int(t) for _ in range(count) for t in self._rng.choice(clips).tokens]

    def _misread(self, tokens: list[int]) -> list[int]:
        """A history with a few wrong tokens, which teaches to listen rather than to guess.

        Some repeat the token before: after a piece that came twice, decoding has to go on. One
        history in eight is half wrong: otherwise what always follows in training is guessed.
        """
        rng, read = self._rng, tokens[:]
        wrong = 0.5 if rng.random() < 0.125 else 0.05
        for i in range(len(tokens)):
            chance = rng.random()
            if chance < wrong:
                read[i] = rng.randrange(1, self._store.blank)
            elif chance < wrong + 0.03 and i:
                read[i] = tokens[i - 1]
        return read

    def _collate(self, examples: Sequence[Example]) -> Batch:
        rng, blank = self._rng, self._store.blank
        with_past = rng.random() < 0.35
        mel, mask = pad([e.mel for e in examples])
        frames = max(len(e.phonemes) for e in examples)
        phonemes = torch.full((len(examples), frames, SLOTS), IGNORED)
        histories, nodes = [], []
        for i, example in enumerate(examples):
            past = self._past() if with_past and rng.random() < 0.7 else []
            total = len(example.phonemes)
            phonemes[i, :total] = torch.from_numpy(example.phonemes)
            nodes += [
                (i, frame, emitted + len(past), target)
                for frame, emitted, target in path_nodes(
                    example.tokens, example.frames, total, blank
                )
            ]
            read = self._misread(past + example.tokens)
            histories.append([blank, *read])
        history = torch.full((len(examples), max(map(len, histories))), blank)
        for i, tokens in enumerate(histories):
            history[i, : len(tokens)] = torch.tensor(tokens)
        prompts = torch.tensor([e.prompt for e in examples])
        return Batch(mel, mask, prompts, history, torch.tensor(nodes), phonemes)


class BatchStream(IterableDataset):
    """Batches without end; every worker process draws others."""

    def __init__(self, store: ClipStore, seed: int, batch_rows: int) -> None:
        self._store, self._seed, self._batch_rows = store, seed, batch_rows

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        seed = self._seed + (worker.id if worker else 0)
        composer = Composer(self._store, random.Random(seed), self._batch_rows)
        while True:
            yield composer.batch()


def pad(mels: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of one length [batch, rows, 128] and the mask of the valid rows."""
    lengths = torch.tensor([len(mel) for mel in mels])
    padded = torch.nn.utils.rnn.pad_sequence(list(mels), batch_first=True)
    return padded, torch.arange(padded.shape[1])[None] < lengths[:, None]
