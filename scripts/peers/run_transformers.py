"""Hugging Face transformers, float32 on the CPU, in a process of its own; see worker.py.

A stream is its own streaming: `generate` takes a generator of mel chunks. Files are its offline
pass, one after the other, as the model's page shows it: all of a file through the encoder at once,
with memory and time for attention that grow with the square of its length. It refuses more than 400
seconds, so that longer files are cut into passes.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import worker

sys.path.insert(0, str(Path(__file__).parents[2]))
import numpy as np
import torch

from tests.oracle.reference import Reference

#: Samples of one offline pass at most: 300 s.
LONGEST = 300 * worker.RATE


class Transformers:
    libraries = ("transformers", "torch", "numpy")

    def __init__(self, model: str, lookahead: int, threads: int) -> None:
        torch.set_num_threads(threads)
        # It recommends to limit the length; the end of the sound does.
        warnings.filterwarnings("ignore", "Using the model-agnostic default")
        self.reference = Reference(Path(model))
        self.lookahead = lookahead
        self.reference.processor.set_num_lookahead_tokens(lookahead)
        self.prompt = self.reference.processor(
            np.zeros(worker.RATE // 10, np.float32), sampling_rate=worker.RATE, language="auto"
        )["prompt_ids"]

    def stream(self, samples: worker.Samples) -> tuple[list[float], list[int]]:
        asked = []

        def timed() -> Iterator[torch.Tensor]:
            # The next chunk is asked for when the one before it is decoded: from one asking to the
            # next, a chunk's features are made, and it is encoded and decoded.
            chunks = self.reference.mel_chunks(samples)
            while True:
                asked.append(time.perf_counter())
                chunk = next(chunks, None)
                if chunk is None:
                    return
                yield chunk

        tokens = self._generate(input_features=timed(), prompt_ids=self.prompt)
        return [after - before for before, after in pairwise(asked)], tokens

    def paced(self, samples: worker.Samples, paces: list[worker.Pace]) -> None:
        """Its loop has one stream: streams that began at other moments cannot share its batch."""
        (pace,) = paces

        def timed() -> Iterator[torch.Tensor]:
            chunks = self.reference.mel_chunks(samples)
            for end in self._chunk_ends(len(samples)):
                pace.wait(end)
                yield next(chunks)
                pace.record(end)  # it asks for the next one when this is decoded

        self._generate(input_features=timed(), prompt_ids=self.prompt)

    def _chunk_ends(self, samples: int) -> Iterator[int]:
        """Give the samples that are needed for each chunk, as `Reference.mel_chunks` cuts them."""
        processor = self.reference.processor
        extractor = processor.feature_extractor
        rows = processor.num_mel_frames_first_audio_chunk
        end = processor.num_samples_first_audio_chunk
        while end <= samples:
            yield end
            start = rows * extractor.hop_length - extractor.n_fft // 2
            end = start + processor.num_samples_per_audio_chunk
            rows += processor.num_mel_frames_per_audio_chunk

    def files(self, paths: list[str]) -> list[list[int]]:
        tokens = []
        for path in paths:
            samples = worker.read_wav(path)
            passes = range(0, max(len(samples), 1), LONGEST)
            tokens.append([t for at in passes for t in self._offline(samples[at : at + LONGEST])])
        return tokens

    files_by_chunk = worker.Peer.files_by_chunk

    def _offline(self, samples: worker.Samples) -> list[int]:
        inputs = self.reference.processor(samples, sampling_rate=worker.RATE, language="auto")
        return self._generate(**inputs)

    @torch.no_grad()
    def _generate(self, **inputs: object) -> list[int]:
        inputs["num_lookahead_tokens"] = self.lookahead
        output = self.reference.model.generate(**inputs)
        blank = self.reference.model.config.blank_token_id
        steps = output.sequences[0, 1:]  # the first is the start symbol
        return steps[steps != blank].tolist()


if __name__ == "__main__":
    worker.serve(Transformers)
