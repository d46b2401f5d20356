"""Hugging Face transformers' transcript of a sound: the reference that nemocli is compared with.

    python tests/oracle/reference.py CHECKPOINT [SECONDS]     # print some results

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
from transformers import (
    AutoConfig,
    AutoProcessor,
    Nemotron3_5AsrForRNNT,
    NemotronAsrStreamingForRNNT,
)
from transformers.utils import logging

RATE = 16000


@dataclass(frozen=True)
class Decoding:
    """Tokens without blanks, the encoder frame of each, and the numbers they were chosen by."""

    tokens: list[int]
    frames: list[int]
    #: The softmax of each token among the logits it was chosen from, [tokens].
    confidences: NDArray[np.float32]
    #: What the joint gets from the encoder, [frames, decoder size].
    enc_proj: NDArray[np.float32]
    #: The best logit minus the second best, for every decision, blanks included; None if unknown.
    margins: NDArray[np.float32] | None = None

    def until(self, frames: int) -> "Decoding":
        """Return the part up to the first `frames` encoder frames, without the margins."""
        count = sum(frame < frames for frame in self.frames)
        return Decoding(
            self.tokens[:count],
            self.frames[:count],
            self.confidences[:count],
            self.enc_proj[:frames],
        )


class Reference:
    """A checkpoint in transformers. It computes in float32, for weights of any precision."""

    def __init__(self, folder: Path) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.processor = AutoProcessor.from_pretrained(folder)
        #: Whether the language is an input; the model for English alone has no prompts.
        self.has_prompts = AutoConfig.from_pretrained(folder).model_type == "nemotron3_5_asr"
        kind = Nemotron3_5AsrForRNNT if self.has_prompts else NemotronAsrStreamingForRNNT
        self.model = kind.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def offline(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> Decoding:
        """Transcribe a whole sound [n] in one pass, with the lookahead's chunk-limited mask."""
        prompt = {"language": lang} if self.has_prompts else {}
        inputs = self.processor(samples, sampling_rate=RATE, **prompt)
        mask = inputs["attention_mask"]
        # The processor adds a masked row, so that the encoder may return a frame too many.
        valid = int(self.model._get_subsampling_output_length(mask.sum(-1)))
        return self._generate(
            valid,
            input_features=inputs["input_features"],
            attention_mask=mask,
            num_lookahead_tokens=lookahead,
            **({"prompt_ids": inputs["prompt_ids"]} if self.has_prompts else {}),
        )

    @torch.no_grad()
    def streaming(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> Decoding:
        """Transcribe a sound [n] chunk by chunk with caches, without a last, partial chunk."""
        self._set_lookahead(lookahead)
        return self._generate(
            None,
            input_features=self.mel_chunks(samples),
            num_lookahead_tokens=lookahead,
            **self._prompt_ids(lang),
        )

    @torch.no_grad()
    def stream_only(self, samples: NDArray[np.float32], lookahead: int, lang: str) -> None:
        """Run only the streaming loop, to measure its time."""
        self._set_lookahead(lookahead)
        self.model.generate(
            input_features=self.mel_chunks(samples),
            num_lookahead_tokens=lookahead,
            **self._prompt_ids(lang),
        )

    def _set_lookahead(self, lookahead: int) -> None:
        """Set the lookahead, also one that the checkpoint does not list: only this checks that."""
        listed = self.processor.supported_num_lookahead_tokens
        self.processor.supported_num_lookahead_tokens = [lookahead]
        self.processor.set_num_lookahead_tokens(lookahead)
        self.processor.supported_num_lookahead_tokens = listed

    def _prompt_ids(self, lang: str) -> dict[str, object]:
        if not self.has_prompts:
            return {}
        return {"prompt_ids": self.processor._resolve_prompt_ids(lang, 1)}

    def mel_chunks(self, samples: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """Give the mel rows chunk by chunk, each from only the samples that it needs."""
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
        """Run transformers' own decoding, and keep the encoder's output."""
        projected: list[torch.Tensor] = []
        hook = self.model.encoder_projector.register_forward_hook(
            lambda module, args, output: projected.append(output[0])
        )
        with warnings.catch_warnings():
            # transformers recommends a limit of the length; here the end of the sound is the limit.
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
        """Compute the logits [steps, vocabulary] of all decisions, given tokens and frames."""
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
