"""What a stream remembers: its latest frames, and the frames that distinguish speakers.

The encoder has no state: with each step it encodes again all that is remembered, as embeddings of
frames that it has not seen yet. The latest frames are in a FIFO. When that is full, the oldest go
to the speaker cache, and when that is full, it is compressed: each speaker keeps the frames in
which he speaks most clearly, in the order in which the speakers first spoke. So the model knows a
voice again that was silent for an hour, and gives it the same channel.
"""

import math

import numpy as np
from numpy.typing import NDArray

from nemocli.network.diarizer_config import DiarizerConfig

Array = NDArray[np.float32]

_LN2 = math.log(2)


class SpeakerCache:
    """Embeddings [frames, D] of the speaker cache and of the FIFO; probabilities of the former."""

    def __init__(self, config: DiarizerConfig, silence: Array, fifo: int, pop: int) -> None:
        """Begin without frames. `silence` [D] is the embedding that stands for silence.

        `fifo` is the FIFO's capacity, `pop` the least frames that leave it at once.
        """
        self._config, self._silence = config, silence
        self._fifo_size, self._pop = fifo, pop
        size = len(silence)
        self.embeds: Array = np.zeros((0, size), np.float32)
        self.fifo: Array = np.zeros((0, size), np.float32)
        self.probabilities: Array = np.zeros((0, config.num_speakers), np.float32)
        self._is_compressed = False

    def list_frames(self) -> Array:
        """Return all embeddings in the order in which a step takes them, [frames, D]."""
        return np.concatenate([self.embeds, self.fifo])

    def push(self, chunk: Array, remembered: Array, decided: Array) -> None:
        """Take the chunk [frames, D] that a step decided, and what the step found.

        `remembered` [frames of cache and FIFO, speakers] are the probabilities of what
        `list_frames` returned for the step, `decided` [frames, speakers] those of the chunk.
        """
        cached = len(self.embeds)
        fifo = np.concatenate([self.fifo, chunk])
        # The length with the chunk counts, and a long chunk must leave no more than fits.
        count = min(len(fifo), max(self._pop, len(fifo) - self._fifo_size))
        if len(fifo) <= self._fifo_size:
            count = 0
        self.fifo = fifo[count:]
        if not count:
            return
        # Frames that leave are worth what this step says of them, which saw more than the step
        # that decided them. So are those of the cache, until its first compression. From then on
        # it has frames without neighbours: their probabilities stay what they were.
        before = self.probabilities if self._is_compressed else remembered[:cached]
        popped = np.concatenate([remembered[cached:], decided])[:count]
        embeds = np.concatenate([self.embeds, fifo[:count]])
        probabilities = np.concatenate([before, popped])
        if len(embeds) > self._config.cache_frames:
            embeds, probabilities = self.compress(embeds, probabilities)
            self._is_compressed = True
        self.embeds, self.probabilities = embeds, probabilities

    def compress(self, embeds: Array, probabilities: Array) -> tuple[Array, Array]:
        """Choose as many frames as the cache has room for, speaker by speaker.

        Returns embeddings and probabilities. A frame chosen for two speakers is there twice. Each
        speaker also has places for silence, which part him from the next.
        """
        config, count = self._config, len(embeds)
        scores = self._score(probabilities)
        silence = np.full((config.silence_frames, config.num_speakers), np.inf, np.float32)
        # Speaker after speaker, his frames in their order, then his silence.
        flat = np.concatenate([scores, silence]).T.reshape(-1)
        chosen = np.sort(_find_largest(flat, config.cache_frames))
        frames = chosen % (count + config.silence_frames)
        is_sound = (frames < count) & np.isfinite(flat[chosen])
        # Places that no speaker needs are silence too, and stand at the end.
        order = np.argsort(np.isneginf(flat[chosen]), kind="stable")
        frames = np.where(is_sound, frames, count)[order]
        silent = np.zeros((1, config.num_speakers), np.float32)
        return (
            np.concatenate([embeds, self._silence[None]])[frames],
            np.concatenate([probabilities, silent])[frames],
        )

    def _score(self, p: Array) -> Array:
        """Score each frame for each speaker, [frames, speakers]: how clearly he alone speaks there.

        The order of the sums is the reference's, so that scores agree to the last bit.
        """
        config = self._config
        least = np.float32(config.score_floor)
        active, others = np.log(np.maximum(p, least)), np.log(np.maximum(1 - p, least))
        # ln p of this speaker and ln (1 - p) of all others; positive if he alone is active.
        scores = active - others + others.sum(-1, keepdims=True) + np.float32(_LN2)
        is_speech = p > 0.5
        is_alone = is_speech & (scores > 0)
        places = config.cache_frames // config.num_speakers - config.silence_frames
        # A speaker with enough frames of his own does without those in which others speak too.
        has_enough = is_alone.sum(0) >= math.floor(places * config.min_positive_rate)
        scores = np.where(is_speech & (is_alone | ~has_enough), scores, np.float32(-np.inf))
        scores[config.cache_frames :] += np.float32(config.latest_boost)
        # Every speaker's best frames come before the many frames of one who speaks all the time.
        for rate, boost in ((config.strong_boost_rate, 2), (config.weak_boost_rate, 1)):
            for speaker in range(config.num_speakers):
                best = _find_largest(scores[:, speaker], math.floor(places * rate))
                scores[best, speaker] += np.float32(boost * _LN2)
        return scores


def _find_largest(values: Array, count: int) -> NDArray[np.intp]:
    """Return the places of the largest values, the earlier place first among equals."""
    return np.argsort(-values, kind="stable")[:count]
