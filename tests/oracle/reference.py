"""What Hugging Face transformers makes of a sound: the truth that nemocli is held against.

    python tests/oracle/reference.py CHECKPOINT [SECONDS]     # a look at what it says

Nothing here uses nemocli.
"""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoProcessor, Nemotron3_5AsrForRNNT
from transformers.utils import logging

RATE = 16000


@dataclass(frozen=True)
class Decoding:
    """Symbols without blanks, the encoder frame of each, and what they were chosen from."""

    tokens: list[int]
    frames: list[int]
    #: Softmax of each symbol among the logits it was chosen from, [symbols].
    confidences: NDArray[np.float32]
    #: What the joint gets from the encoder, [frames, decoder size].
    enc_proj: NDArray[np.float32]
    #: Best logit minus second best of every decision, blanks included; where they are known.
    margins: NDArray[np.float32] | None = None

    def until(self, frames: int) -> "Decoding":
        """What is known after the first `frames` encoder frames; without the margins."""
        count = sum(frame < frames for frame in self.frames)
        return Decoding(
            self.tokens[:count],
            self.frames[:count],
            self.confidences[:count],
            self.enc_proj[:frames],
        )


class Reference:
    """A checkpoint in transformers, computing in float32 whatever the weights are stored in."""

    def __init__(self, folder: Path) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = Nemotron3_5AsrForRNNT.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def offline(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> Decoding:
        """One pass over the whole sound [n], under the chunk-limited mask of the lookahead."""
        inputs = self.processor(samples, sampling_rate=RATE, language=lang)
        mask = inputs["attention_mask"]
        # The processor adds one row that is masked, so that the encoder may make a frame too many.
        valid = int(self.model._get_subsampling_output_length(mask.sum(-1)))
        return self._generate(
            valid,
            input_features=inputs["input_features"],
            attention_mask=mask,
            prompt_ids=inputs["prompt_ids"],
            num_lookahead_tokens=lookahead,
        )

    @torch.no_grad()
    def streaming(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> Decoding:
        """Chunk after chunk with caches, as long as a whole chunk can be had from the sound [n]."""
        self.processor.set_num_lookahead_tokens(lookahead)
        return self._generate(
            None,
            input_features=self.mel_chunks(samples),
            prompt_ids=self.processor._resolve_prompt_ids(lang, 1),
            num_lookahead_tokens=lookahead,
        )

    @torch.no_grad()
    def stream_only(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> None:
        """Nothing but the streaming loop, for its time."""
        self.processor.set_num_lookahead_tokens(lookahead)
        self.model.generate(
            input_features=self.mel_chunks(samples),
            prompt_ids=self.processor._resolve_prompt_ids(lang, 1),
            num_lookahead_tokens=lookahead,
        )

    def mel_chunks(self, samples: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """Mel rows chunk by chunk, from no more samples than each chunk needs."""
        processor = self.processor
        extractor = processor.feature_extractor
        rows = processor.num_mel_frames_first_audio_chunk
        first = samples[: processor.num_samples_first_audio_chunk]
        # Rows that would reach past the chunk are dropped by the slice.
        yield self._mel(first, is_first_audio_chunk=True)[:, :rows]
        while True:
            start = rows * extractor.hop_length - extractor.n_fft // 2
            end = start + processor.num_samples_per_audio_chunk
            if end > len(samples):
                return
            # At lookahead 0 the second chunk begins before the sound: there are zeros. Slicing with
            # the negative start, as transformers' documentation does, takes the end of the sound.
            zeros = np.zeros(max(0, -start), np.float32)
            chunk = np.concatenate([zeros, samples[max(0, start) : end]])
            yield self._mel(chunk, is_first_audio_chunk=False)
            rows += processor.num_mel_frames_per_audio_chunk

    def _mel(self, samples: NDArray[np.float32], is_first_audio_chunk: bool) -> torch.Tensor:
        inputs = self.processor(
            samples,
            sampling_rate=RATE,
            is_streaming=True,
            is_first_audio_chunk=is_first_audio_chunk,
        )
        features: torch.Tensor = inputs["input_features"]
        return features

    def _generate(self, valid: int | None, **inputs: object) -> Decoding:
        """Run transformers' own decoding; take the encoder's output as it passes by."""
        projected: list[torch.Tensor] = []
        hook = self.model.encoder_projector.register_forward_hook(
            lambda module, args, output: projected.append(output[0])
        )
        with warnings.catch_warnings():
            # It recommends to limit the length; the end of the sound does.
            warnings.filterwarnings("ignore", "Using the model-agnostic default")
            output = self.model.generate(**inputs)
        hook.remove()
        steps = output.sequences[0, 1:]  # the first is the start symbol
        advances = output.durations[0, 1:]
        at = advances.cumsum(0) - advances
        spoken = steps != self.model.config.blank_token_id
        enc_proj = torch.cat(projected)[:valid]
        logits = self._logits(steps, at, enc_proj)
        assert torch.equal(logits.argmax(-1), steps), "decisions differ from generate()"
        best = logits.topk(2).values
        chosen = logits.softmax(-1).gather(1, steps[:, None])[:, 0]
        return Decoding(
            steps[spoken].tolist(),
            at[spoken].tolist(),
            chosen[spoken].numpy(),
            enc_proj.numpy(),
            (best[:, 0] - best[:, 1]).numpy(),
        )

    def _logits(
        self, steps: torch.Tensor, at: torch.Tensor, enc_proj: torch.Tensor
    ) -> torch.Tensor:
        """Logits [steps, vocabulary] of each decision, given all decisions and their frames."""
        blank = self.model.config.blank_token_id
        spoken = steps != blank
        history = torch.cat([torch.tensor([blank]), steps[spoken]])
        decoded = self.model.decoder(history[None])[0]
        said = spoken.cumsum(0) - spoken.long()
        logits: torch.Tensor = self.model.joint(decoded[said], enc_proj[at])
        return logits


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.sounds import speech_like

    reference = Reference(Path(sys.argv[1]))
    sound = speech_like(float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
    for lookahead in (0, 3, 6, 13):
        for way in (reference.offline, reference.streaming):
            got = way(sound, lookahead, "en-US")
            print(lookahead, way.__name__, list(zip(got.tokens, got.frames, strict=True)))
            print(f"  {len(got.enc_proj)} frames, smallest margin {got.margins.min():.2g}")


if __name__ == "__main__":
    main()
