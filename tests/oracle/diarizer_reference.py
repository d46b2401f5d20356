"""Hugging Face transformers' answer to who speaks: the reference that nemocli is compared with.

Nothing here uses nemocli.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoProcessor, Nemotron3DiarizationForAudioFrameClassification
from transformers.models.nemotron3_diarization.modeling_nemotron3_diarization import (
    Nemotron3DiarizationSpeakerCache,
)
from transformers.utils import logging

RATE = 16000
ROWS_PER_FRAME = 8

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Compression:
    """Embeddings [n, D] and probabilities [n, speakers] before a compression, and after it."""

    before: tuple[Array, Array]
    after: tuple[Array, Array]


@dataclass(frozen=True)
class Found:
    """What the reference finds in a sound."""

    #: For each row of 10 ms and each speaker.
    logits: Array
    compressions: list[Compression] = field(default_factory=list)


class DiarizerReference:
    """A checkpoint in transformers, in float32, or in float64 to know what rounding does."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.processor = AutoProcessor.from_pretrained(folder)
        kind = Nemotron3DiarizationForAudioFrameClassification
        self._dtype = dtype
        self.model = kind.from_pretrained(folder, dtype=dtype).eval()
        #: Compressions that are taken instead of the reference's own.
        self.given: list[Compression] = []

    def list_modes(self) -> dict[str, tuple[int, int]]:
        """Return chunk and lookahead of each live mode."""
        return {name: tuple(mode) for name, mode in self.processor.streaming_modes.items()}

    def compute_rows(self, samples: Array) -> Array:
        """Return the mel rows [n, mels] of a sound, without the masked one that is appended."""
        inputs = self.processor(samples, sampling_rate=RATE)
        count = int(inputs["attention_mask"].sum())
        rows: Array = inputs["input_features"][0, :count].numpy()
        return rows

    def stream(
        self, rows: Array, chunk: int, lookahead: int, fifo: int | None = None, pop: int = 0
    ) -> Found:
        """Decide chunk by chunk, as transformers documents it; `fifo` and `pop` for other sizes."""
        sizes = {} if fifo is None else {"fifo_length": fifo, "speaker_cache_update_period": pop}
        cache = Nemotron3DiarizationSpeakerCache(self.model.config.streaming_config, **sizes)
        parts, step = [], ROWS_PER_FRAME * (chunk + lookahead)
        with self._recorded() as compressions:
            while len(rows) >= step:
                parts.append(self._call(rows[:step], cache, lookahead))
                rows = rows[ROWS_PER_FRAME * chunk :]
            if len(rows):
                parts.append(self._call(rows, cache, 0))
        speakers = self.model.config.head_config.num_speakers
        return Found(
            np.concatenate([np.zeros((0, speakers), np.float32), *parts]), list(compressions)
        )

    def _call(self, rows: Array, cache: object, lookahead: int) -> Array:
        features = torch.from_numpy(rows.copy())[None].to(self._dtype)
        with torch.no_grad():
            output = self.model(features, speaker_cache=cache, num_lookahead_frames=lookahead)
        logits: Array = output.logits[0].numpy()
        return logits

    def whole(self, rows: Array) -> Found:
        """Decide a whole recording in one call, with the masked row that the processor appends."""
        masked = np.zeros((1, rows.shape[1]), np.float32)
        features = torch.from_numpy(np.concatenate([rows, masked])).to(self._dtype)
        mask = torch.ones(1, len(features), dtype=torch.long)
        mask[0, -1] = 0
        with self._recorded() as compressions, torch.no_grad():
            output = self.model(features[None], attention_mask=mask)
        return Found(output.logits[0, : len(rows)].numpy(), list(compressions))

    def list_segments(self, logits: Array) -> list[tuple[float, float, int]]:
        """Return start, end and speaker of each segment that transformers makes of logits."""
        found = self.processor.extract_speaker_dict(torch.from_numpy(logits)[None])[0]
        return [(each["Start"], each["End"], each["Speaker"]) for each in found]

    @contextmanager
    def _recorded(self) -> Iterator[list[Compression]]:
        """Record every compression, with the earlier place first among equal scores.

        Which of equal scores torch.topk takes depends on its version and the device; they are
        ordinary, since a frame that is kept for two speakers has equal scores from then on.
        """
        found: list[Compression] = []
        compress = Nemotron3DiarizationSpeakerCache._compress

        def record(cache, embeds, probs, silence):  # type: ignore[no-untyped-def]
            before = (embeds[0].clone().numpy(), probs[0].clone().numpy())
            if len(found) < len(self.given):
                known = self.given[len(found)]
                result = tuple(torch.from_numpy(part)[None].to(embeds) for part in known.after)
            else:
                result = compress(cache, embeds, probs, silence)
            found.append(Compression(before, (result[0][0].numpy(), result[1][0].numpy())))
            return result

        def topk(x, k, dim=-1, **_):  # type: ignore[no-untyped-def]
            values, places = torch.sort(x, dim=dim, descending=True, stable=True)
            return torch.return_types.topk((values.narrow(dim, 0, k), places.narrow(dim, 0, k)))

        with (
            patch.object(Nemotron3DiarizationSpeakerCache, "_compress", record),
            patch.object(torch, "topk", topk),
            patch.object(torch.Tensor, "topk", topk),
        ):
            yield found
