"""Train the demo model along the known alignment, on a plain CPU.

Why it exists: see README.md; a full RNN-T loss does not get anywhere in the time this takes.

Run, after features.py, one process for each core:
    python train.py --work DIR --minutes 65 --world 2 --rank 1 &
    python train.py --work DIR --minutes 65 --world 2 --rank 0
Rank 0 prints progress, evaluates every few minutes and keeps the averaged weights in
DIR/checkpoint. The processes train freely and average their weights every few seconds.
`--start OLD` goes on from a checkpoint whose vocabulary begins this one's. `--device cuda`, with
`--workers` that compose batches beside it, is for a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import torch
import torch.distributed as dist
from grammar import LANGUAGES, SPACE
from model import faster_convolutions, greedy, grown_model, new_model
from synthesize import EVALUATED
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import Nemotron3_5AsrForRNNT

from examples import IGNORED, PROMPTS, SLOTS, Batch, BatchStream, Clip, ClipStore, Composer, pad

AVERAGES = 800  # times in a training that the weights are averaged
EVALUATION_BATCH = 125
REPORT_SECONDS = 30.0
WARM_UP_STEPS = 300
LOOKAHEADS, LOOKAHEAD_WEIGHTS = (3, 0, 6, 13), (60, 16, 12, 12)
PHONEME_WEIGHT = 0.5


# ---------------------------------------------------------------- evaluation


def text_and_languages(ids: list[int], vocabulary: list[str]) -> tuple[str, list[str]]:
    """What a reader sees, and the languages the tags name."""
    tags = [vocabulary[i][1:-1] for i in ids if 1 <= i <= len(LANGUAGES)]
    pieces = [vocabulary[i] for i in ids if i > len(LANGUAGES)]
    return "".join(pieces).replace(SPACE, " ").strip(), tags


@torch.no_grad()
def evaluate(
    model: Nemotron3_5AsrForRNNT,
    store: ClipStore,
    clips: list[Clip],
    lookahead: int = 3,
    auto: bool = False,
    shuffled: bool = False,
    show: int = 0,
) -> dict[str, float]:
    """CER in percent, per language and in all, and how many languages were tagged rightly.

    `shuffled` compares with the words of another clip: a model that listens scores badly there.
    """
    model.eval()
    references, guesses = defaultdict(list), defaultdict(list)
    right = 0
    device = next(model.parameters()).device
    for at in range(0, len(clips), EVALUATION_BATCH):
        part = clips[at : at + EVALUATION_BATCH]
        mel, mask = pad([store.mel(clip) for clip in part])
        prompts = torch.tensor([PROMPTS["auto" if auto else clip.lang] for clip in part])
        decoded = greedy(*(model, mel.to(device), mask.to(device), prompts.to(device)), lookahead)
        if shuffled:
            decoded = decoded[1:] + decoded[:1]
        for clip, ids in zip(part, decoded, strict=True):
            text, tags = text_and_languages(ids, store.vocabulary)
            right += tags == [clip.lang]
            references[clip.lang].append(clip.text)
            guesses[clip.lang].append(text)
            if show > 0 and random.random() < 4 * show / len(clips):
                show -= 1
                print(f"    {clip.text} | {text}", flush=True)
    model.train()
    score = {name: 100 * jiwer.cer(references[name], guesses[name]) for name in references}
    joined = [[t for texts in side.values() for t in texts] for side in (references, guesses)]
    score |= {"all": 100 * jiwer.cer(*joined), "languages": 100 * right / len(clips)}
    return {name: round(value, 2) for name, value in score.items()}


def sample(clips: list[Clip], count: int, seed: int) -> list[Clip]:
    """Some clips, those of like length together."""
    chosen = random.Random(seed).sample(clips, min(count, len(clips)))
    return sorted(chosen, key=lambda clip: clip.rows)


# ---------------------------------------------------------------- one step


class Learner:
    """Model, auxiliary phoneme head, optimizer and the running average of the weights."""

    def __init__(
        self, store: ClipStore, first: Batch, start: Path | None, rate: float, device: str
    ) -> None:
        torch.manual_seed(0)
        self.store, self.rate, self.steps = store, rate, 0
        if start is None:
            self.model = new_model(len(store.vocabulary), first.mel, first.mask)
        else:
            self.model = grown_model(start, len(store.vocabulary))
        self.model.to(device).train()
        if device == "cpu":
            self.model.encoder.subsampling.to(memory_format=torch.channels_last)
        layers = self.model.encoder.layers
        self.phoneme_head = nn.Linear(
            self.model.config.encoder_config.hidden_size, SLOTS * store.phoneme_count
        ).to(device)
        self._middle: dict[str, torch.Tensor] = {}
        layers[len(layers) // 2].register_forward_hook(
            lambda _, __, out: self._middle.update(hidden=out)
        )
        learned = [*self.model.parameters(), *self.phoneme_head.parameters()]
        self.parameters = [p for p in learned if p.requires_grad]
        groups = [
            {"params": [p for p in self.parameters if p.dim() >= 2], "weight_decay": 0.01},
            {"params": [p for p in self.parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)
        self.average = [p.detach().clone() for p in self.model.parameters()]

    def step(self, batch: Batch, lookahead: int, progress: float) -> dict[str, torch.Tensor]:
        """One update; `progress` from 0 to 1 sets the learning rate and the phonemes' weight."""
        cosine = 0.5 * (1 + math.cos(math.pi * max(0.0, (progress - 0.1) / 0.9)))
        rate = self.rate * min(1.0, (self.steps + 1) / WARM_UP_STEPS) * (cosine + 0.01)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        logits, target = self._joint(batch, lookahead)
        heard = self.phoneme_head(self._middle["hidden"].float()).view(-1, self.store.phoneme_count)
        loss = functional.cross_entropy(logits, target)
        phonemes = functional.cross_entropy(heard, batch.phonemes.reshape(-1), ignore_index=IGNORED)
        (loss + PHONEME_WEIGHT * max(0.1, 1 - progress) * phonemes).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        with torch.no_grad():
            token = target != self.store.blank
            right = ((logits.argmax(-1) == target) & token).sum() / token.sum().clamp(min=1)
        # tensors, so that a GPU need not be waited for at each step
        return {"loss": loss.detach(), "phonemes": phonemes.detach(), "tokens right": right}

    def _joint(self, batch: Batch, lookahead: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and targets at the nodes of the lattice that are trained."""
        with torch.autocast(batch.mel.device.type, dtype=torch.bfloat16):  # in half the time
            out = self.model.get_audio_features(
                input_features=batch.mel,
                attention_mask=batch.mask,
                prompt_ids=batch.prompts,
                num_lookahead_tokens=lookahead,
            )
        encoded = out.pooler_output.float()
        example, frame, emitted, target = batch.nodes.T
        said = self.model.decoder(batch.history)
        logits = self.model.joint(said[example, emitted], encoded[example, frame])
        return logits, target

    @torch.no_grad()
    def share(self, world: int, numbers: list[float]) -> list[float]:
        """Average the weights over the processes; sums of the numbers come back."""
        if world > 1:
            flat = torch.cat([p.reshape(-1) for p in self.parameters] + [torch.tensor(numbers)])
            dist.all_reduce(flat)
            at = 0
            for p in self.parameters:
                p.copy_((flat[at : at + p.numel()] / world).view(p.shape))
                at += p.numel()
            numbers = flat[at:].tolist()
        return numbers

    @torch.no_grad()
    def follow(self, shares: int) -> None:
        """Move the running average: quickly at first, over about 100 seconds later."""
        keep = min(0.95, 1 - 1 / (1 + shares / 3))
        current = [p.detach() for p in self.model.parameters()]
        torch._foreach_lerp_(self.average, current, 1 - keep)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their running average."""
        for p, average in zip(self.model.parameters(), self.average, strict=True):
            kept = p.clone()
            p.copy_(average)
            average.copy_(kept)


# ---------------------------------------------------------------- the whole run


def report(learner: Learner, work: Path, minutes: float, count: int) -> None:
    """Evaluate the averaged weights, and keep them."""
    learner.swap()
    begun, store = time.time(), learner.store
    splits = {name: sample(store.clips[name], count, seed=3) for name in EVALUATED}
    scores: dict[str, Any] = {
        name: evaluate(learner.model, store, clips, show=4) for name, clips in splits.items()
    }
    scores["auto"] = evaluate(learner.model, store, splits["sentences"], auto=True)
    scores["shuffled"] = evaluate(learner.model, store, splits["sentences"], shuffled=True)["all"]
    learner.model.save_pretrained(work / "checkpoint")
    learner.swap()
    print(f"EVAL {minutes:.1f} min ({time.time() - begun:.0f} s)", json.dumps(scores), flush=True)
    with (work / "log.jsonl").open("a") as log:
        log.write(json.dumps({"minutes": minutes, "scores": scores}) + "\n")


def batches(store: ClipStore, args: argparse.Namespace) -> Iterator[Batch]:
    """Batches without end on the device, composed beside the training if there are workers."""
    stream = BatchStream(store, 100 * (1 + args.rank), args.batch_rows)
    loader = DataLoader(
        stream,
        batch_size=None,
        num_workers=args.workers,
        prefetch_factor=4 if args.workers else None,
        pin_memory=args.device != "cpu",
    )
    return (batch.to(args.device) for batch in loader)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    if args.device == "cpu":
        faster_convolutions()
    torch.backends.cuda.matmul.allow_tf32 = True
    store = ClipStore(args.work)
    rng = random.Random(100 + args.rank)
    first = Composer(store, random.Random(0), 4000).batch()
    stream = batches(store, args)
    learner = Learner(store, first, args.start, args.rate, args.device)
    sizes = {name: len(clips) for name, clips in store.clips.items()}
    parameters = sum(p.numel() for p in learner.model.parameters())
    print(parameters, "parameters;", len(store.vocabulary), "tokens; clips", sizes, flush=True)
    begun = shared = reported = time.time()
    evaluated, total, shares, stop = begun, 0.0, 0, False
    since, told, sums = 0, 0, defaultdict(float)
    while not stop:
        progress = min(1.0, (time.time() - begun) / (60 * args.minutes))
        (lookahead,) = rng.choices(LOOKAHEADS, LOOKAHEAD_WEIGHTS)
        asked = time.time()
        batch = next(stream)
        sums["seconds waited"] += time.time() - asked
        for name, value in learner.step(batch, lookahead, progress).items():
            sums[name] += value
        since += 1
        now = time.time()
        if now < shared + 60 * args.minutes / AVERAGES:
            continue
        done = args.rank == 0 and now >= begun + 60 * args.minutes
        steps, stopping = learner.share(args.world, [float(since), float(done)])
        total, stop, shares, shared = total + steps, stopping > 0, shares + 1, time.time()
        since = 0
        learner.follow(shares)
        if args.rank == 0 and (now >= reported + REPORT_SECONDS or stop):
            steps = learner.steps - told
            means = {name: round(float(value) / steps, 3) for name, value in sums.items()}
            told = learner.steps
            print(f"{(now - begun) / 60:6.2f} min, {total:.0f} steps", means, flush=True)
            sums.clear()
            reported = now
        if args.rank == 0 and (now >= evaluated + 60 * args.evaluate_minutes or stop):
            report(learner, args.work, (now - begun) / 60, 250 if stop else 25)
            evaluated = time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=65.0)
    parser.add_argument("--world", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--port", type=int, default=29_611)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that compose batches")
    parser.add_argument("--batch-rows", type=int, default=4000, help="mel rows in one step")
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--start", type=Path, help="grow this checkpoint folder")
    parser.add_argument("--evaluate-minutes", type=float, default=4.0)
    args = parser.parse_args()
    if args.world > 1:
        address = f"tcp://127.0.0.1:{args.port}"
        dist.init_process_group("gloo", init_method=address, rank=args.rank, world_size=args.world)
    train(args)


if __name__ == "__main__":
    main()
