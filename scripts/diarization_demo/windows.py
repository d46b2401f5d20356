"""Turn conversations into training examples: what the encoder sees in one step, and the labels.

Why it exists: a step of the diarizer sees the speaker cache, the FIFO and the chunk. Training sees
the same: the cache is compressed by the reference's own code, from what was really said instead of
from the probabilities of a model that does not exist yet.

Nothing to run: train.py uses it. Times are frames of 80 ms.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from conversations import ROWS, ClipStore, Conversation
from tiny_diarizer import (
    CACHE,
    OFFLINE_AHEAD,
    OFFLINE_CHUNK,
    OFFLINE_FIFO,
    OFFLINE_PERIOD,
    PERIOD,
    SPEAKERS,
    configuration,
)
from transformers.models.nemotron3_diarization.modeling_nemotron3_diarization import (
    Nemotron3DiarizationSpeakerCache,
)

LONGEST = 1100  # frames, 88 s
SILENCE = -1  # in place of a frame's number: a silence slot of the cache
PERIODS = (32, PERIOD, OFFLINE_PERIOD, OFFLINE_CHUNK)  # frames that reach the cache together
SPEAKER_COUNTS, SPEAKER_COUNT_WEIGHTS = (0, 1, 2, 3, 4), (3, 5, 32, 45, 15)
WITH_MISTAKES = 0.4  # share of the histories


@dataclass
class Batch:
    """Steps of equal length."""

    mel: torch.Tensor  # [batch, frames * 8, 128]
    silence: torch.Tensor  # bool [batch, frames]: slots that hold the silence embedding
    labels: torch.Tensor  # [batch, frames * 8, speakers]
    voices: torch.Tensor  # [batch, frames]: the voice, where exactly one is heard, otherwise -1

    def select(self, numbers: torch.Tensor) -> Batch:
        """The frames with these numbers [batch, n]; SILENCE gives silence slots."""
        silence, rows = numbers == SILENCE, torch.arange(len(numbers))[:, None]
        places = numbers.clamp(min=0)
        mel = self.mel.unflatten(1, (-1, ROWS))[rows, places]
        labels = self.labels.unflatten(1, (-1, ROWS))[rows, places] * ~silence[..., None, None]
        voices = self.voices[rows, places].masked_fill(silence, -1)
        return Batch(mel.flatten(1, 2), silence, labels.flatten(1, 2), voices)


def pool(active: np.ndarray) -> np.ndarray:
    """Shares of frames [frames, SPEAKERS] in which each speaker is active."""
    return active.reshape(-1, ROWS, SPEAKERS).mean(1)


def estimate(rng: np.random.Generator, shares: np.ndarray, mistakes: bool) -> np.ndarray:
    """Probabilities as a model might have given them."""
    probabilities = 0.03 + 0.94 * shares
    if mistakes:  # for a second or so the wrong speaker
        for _ in range(1 + len(shares) // rng.integers(40, 200)):
            begin, length = rng.integers(len(shares)), rng.integers(5, 40)
            part = probabilities[begin : begin + length]
            part[:] = part[:, rng.permutation(SPEAKERS)]
    noisy = probabilities + rng.normal(0, 0.03, probabilities.shape)
    return noisy.clip(0.002, 0.998).astype(np.float32)


def compress(numbers: torch.Tensor, probabilities: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Compress caches, of frames' numbers [batch, n] with probabilities [batch, n, speakers]."""
    cache = Nemotron3DiarizationSpeakerCache(configuration().streaming_config)
    silence = torch.tensor([float(SILENCE)])
    kept, probabilities = cache._compress(numbers.float()[..., None], probabilities, silence)
    return kept[..., 0].long(), probabilities


def remember(probabilities: np.ndarray, period: int) -> list[int]:
    """The frames that the cache holds when all of these have reached it, so many at a time."""
    kept = torch.zeros(0, dtype=torch.long)
    ends = range(len(probabilities) % period, len(probabilities) + 1, period)
    for begin, end in zip([0, *ends], ends, strict=False):
        kept = torch.cat([kept, torch.arange(begin, end)])
        if len(kept) > CACHE:
            heard = torch.from_numpy(probabilities)[kept]
            heard[kept == SILENCE] = 0
            kept = compress(kept[None], heard[None])[0][0]
    return kept.tolist()


#: Probabilities [batch, frames * 8, speakers] of steps.
Encode = Callable[[Batch], torch.Tensor]


class Composer:
    """Batches without end."""

    def __init__(self, store: ClipStore, seed: int) -> None:
        self._store = store
        self._rng, self._numbers = random.Random(seed), np.random.default_rng(seed)

    def _converse(self, frames: int) -> Conversation:
        (speakers,) = self._rng.choices(SPEAKER_COUNTS, SPEAKER_COUNT_WEIGHTS)
        return Conversation(self._store, self._rng, speakers, frames * ROWS)

    def _take(self, conversation: Conversation, frames: np.ndarray) -> tuple[np.ndarray, ...]:
        """Features, silence slots, labels and voices of some frames."""
        silence = frames == SILENCE
        rows = (np.maximum(frames, 0)[:, None] * ROWS + np.arange(ROWS)).ravel()
        mel = conversation.render(rows)
        active = conversation.active[rows] & ~silence.repeat(ROWS)[:, None]
        whole = active.reshape(len(frames), ROWS, -1).mean(1)
        alone = (whole.max(1) == 1) & (whole.sum(1) == 1)
        voices = np.where(alone, np.array(conversation.voices)[whole.argmax(1)], -1)
        return mel, silence, active.astype(np.float32), voices

    def _stack(self, examples: list[tuple[np.ndarray, ...]]) -> Batch:
        return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)))

    def beginnings(self, size: int, frames: int) -> Batch:
        """First steps: the sound from its beginning, nothing remembered."""
        conversations = [self._converse(frames) for _ in range(size)]
        return self._stack([self._take(each, np.arange(frames)) for each in conversations])

    def continuations(self, size: int, frames: int) -> Batch:
        """Later steps: a full cache and this many frames of FIFO, chunk and look-ahead."""
        examples = []
        for _ in range(size):
            end = self._rng.randint(CACHE + 1 + frames, LONGEST)
            conversation = self._converse(end)
            past = pool(conversation.active)[: end - frames]
            mistakes = self._rng.random() < WITH_MISTAKES
            probabilities = estimate(self._numbers, past, mistakes)
            cache = remember(probabilities, self._rng.choice(PERIODS))
            numbers = np.array([*cache, *range(end - frames, end)])
            examples.append(self._take(conversation, numbers))
        return self._stack(examples)

    def own_past(self, size: int, encode: Encode) -> tuple[Batch, int]:
        """Later steps whose cache is compressed from the model's own probabilities.

        One or two steps are taken before. Returns the steps, and how many frames are remembered.
        """
        chunk = self._rng.randint(140, OFFLINE_CHUNK)
        ahead, fifo = self._rng.randint(4, OFFLINE_AHEAD), self._rng.choice((0, OFFLINE_FIFO))
        steps = self._rng.choice((1, 1, 2))
        end = (steps + 1) * chunk + ahead
        conversations = [self._converse(end) for _ in range(size)]
        whole = self._stack([self._take(each, np.arange(end)) for each in conversations])
        numbers = torch.zeros(size, 0, dtype=torch.long)
        stored, begin = torch.zeros(size, 0, SPEAKERS), 0
        for step in range(steps):
            window = torch.arange(begin, (step + 1) * chunk + ahead).expand(size, -1)
            seen = torch.cat([numbers, window], 1)
            probabilities = encode(whole.select(seen)).unflatten(1, (-1, ROWS)).mean(2)
            popped = (step + 1) * chunk - fifo - begin
            cached = numbers.shape[1]
            numbers = seen[:, : cached + popped]
            stored = torch.cat([stored, probabilities[:, cached : cached + popped]], 1)
            begin += popped
            if numbers.shape[1] > CACHE:
                numbers, stored = compress(numbers, stored)
        window = torch.arange(begin, end).expand(size, -1)
        return whole.select(torch.cat([numbers, window], 1)), numbers.shape[1]
