"""Train the demo diarizer on steps of endless conversations, on a plain CPU.

Run `python train.py --work DIR` after voices.py, or a process for each core; they share weights:
    python train.py --work DIR --world 2 --rank 1 &
    python train.py --work DIR --world 2 --rank 0
Rank 0 keeps the averaged weights in DIR/checkpoint, and all that is needed to go on in
DIR/state.pt; stopped at any time, the training goes on from there.

The loss is binary cross-entropy of the speakers in order of arrival. Middle layers have heads of
their own with the same task, and an early one learns to tell all voices of a batch apart; these are
thrown away.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import threading
import time
from collections import defaultdict
from pathlib import Path

import torch
import torch.distributed as dist
from conversations import ClipStore
from tiny_diarizer import CACHE, HIDDEN, LAYERS, OFFLINE_AHEAD, OFFLINE_CHUNK, SPEAKERS, new_model
from torch import nn
from torch.nn import functional
from windows import ROWS, Batch, Composer, Encode

FRAMES_PER_BATCH = 1500
WARM_UP_STEPS = 200
SHORT_SHARE = 0.06  # of the training: short beginnings only
AVERAGE_SHARES = 30
SHARE_SECONDS = 10.0  # between two exchanges of weights
VOICE_LAYER, VOICE_SAMPLES, VOICE_TEMPERATURE = 2, 600, 0.1
EARLY_LAYERS = (3, 4, 5)
BEGINNINGS, LONGEST_BEGINNING = 0.5, OFFLINE_CHUNK + OFFLINE_AHEAD  # share, and frames
OWN_PASTS, OWN_PAST_SIZE = 0.7, 4  # share of the others, and examples in a batch
CACHE_WEIGHT = 0.3  # of the loss of remembered frames
VOICE_WEIGHT, EARLY_WEIGHT = 0.3, 0.2
REPORT_SECONDS, SAVE_SECONDS = 40.0, 180.0


def draw_batch(
    composer: Composer, rng: random.Random, progress: float, encode: Encode
) -> tuple[Batch, int]:
    """A batch, and how many of its frames are remembered."""
    if progress < SHORT_SHARE:
        frames = rng.randint(50, 130)
        return composer.beginnings(FRAMES_PER_BATCH // frames, frames), 0
    if rng.random() < BEGINNINGS:
        frames = rng.choice((rng.randint(60, LONGEST_BEGINNING), LONGEST_BEGINNING))
        return composer.beginnings(FRAMES_PER_BATCH // frames, frames), 0
    if rng.random() < OWN_PASTS:
        return composer.own_past(OWN_PAST_SIZE, encode)
    frames = rng.randint(20, 280)
    return composer.continuations(max(3, FRAMES_PER_BATCH // (CACHE + frames)), frames), CACHE


def tell_voices_apart(hidden: torch.Tensor, voices: torch.Tensor) -> torch.Tensor:
    """Supervised contrastive loss of frames [n, size] that one voice each is heard in."""
    heard = (voices >= 0).nonzero()[:, 0]
    if len(heard) < 2:  # only noise
        return 0.0 * hidden.sum()
    chosen = heard[torch.randperm(len(heard))[:VOICE_SAMPLES]]
    points, names = functional.normalize(hidden[chosen].float(), dim=1), voices[chosen]
    scores = points @ points.T / VOICE_TEMPERATURE
    scores.fill_diagonal_(-1e4)
    same = (names[:, None] == names).float()
    same.fill_diagonal_(0)
    logs = functional.log_softmax(scores, 1)
    return -((logs * same).sum(1) / same.sum(1).clamp(min=1)).mean()


class Learner:
    """Model, heads for training only, optimizer and the running average of the weights."""

    def __init__(self, rate: float) -> None:
        torch.manual_seed(0)
        self.rate, self.steps, self.shares = rate, 0, 0
        self.total = 0.0  # steps of all processes
        self.model = new_model().train()
        self.early = nn.ModuleList([nn.Linear(HIDDEN, SPEAKERS) for _ in EARLY_LAYERS])
        self.voice = nn.Linear(HIDDEN, 32)
        self._hidden: dict[int, torch.Tensor] = {}
        for number in range(LAYERS):
            self.model.model.audio_tower.layers[number].register_forward_hook(
                lambda _, __, out, n=number + 1: self._hidden.update({n: out})
            )
        self.parts = nn.ModuleList([self.model, self.early, self.voice])
        self.parameters = list(self.parts.parameters())
        groups = [
            {"params": [p for p in self.parameters if p.dim() >= 2], "weight_decay": 0.01},
            {"params": [p for p in self.parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)
        self.average = [p.detach().clone() for p in self.model.parameters()]

    def step(self, batch: Batch, remembered: int, progress: float) -> dict[str, float]:
        cosine = 0.5 * (1 + math.cos(math.pi * max(0.0, (progress - 0.4) / 0.6)))
        rate = self.rate * min(1.0, (self.steps + 1) / WARM_UP_STEPS) * (0.03 + 0.97 * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = self._losses(batch, remembered)
        loss = losses["speakers"] + EARLY_WEIGHT * losses["early"] + VOICE_WEIGHT * losses["voice"]
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _compute_logits(self, batch: Batch) -> torch.Tensor:
        """Logits [batch, frames * 8, speakers]."""
        model = self.model
        embeds = model.model.audio_tower.embedder(batch.mel)
        embeds = torch.where(batch.silence[..., None], model.silence_embeds, embeds)
        return model.classifier(model.model(inputs_embeds=embeds).last_hidden_state)

    @torch.no_grad()
    def encode(self, batch: Batch) -> torch.Tensor:
        """Probabilities [batch, frames * 8, speakers], to compress a cache with."""
        return self._compute_logits(batch).sigmoid()

    def _losses(self, batch: Batch, remembered: int) -> dict[str, torch.Tensor]:
        logits = self._compute_logits(batch)
        weights = torch.ones(logits.shape[1])
        weights[: remembered * ROWS] = CACHE_WEIGHT
        shares = batch.labels.unflatten(1, (-1, ROWS)).mean(2)
        early = [
            functional.binary_cross_entropy_with_logits(head(self._hidden[layer]), shares)
            for head, layer in zip(self.early, EARLY_LAYERS, strict=True)
        ]
        voice = self.voice(self._hidden[VOICE_LAYER]).flatten(0, 1)
        with torch.no_grad():
            now = slice(remembered * ROWS, None)
            heard, spoken = logits[:, now] > 0, batch.labels[:, now] > 0.5
            missed_and_false = torch.stack([(spoken & ~heard).sum(2), (heard & ~spoken).sum(2)])
            errors = missed_and_false.amax(0).sum() / spoken.sum().clamp(min=1)
        return {
            "speakers": functional.binary_cross_entropy_with_logits(
                logits, batch.labels, weights[:, None]
            )
            / weights.mean(),
            "early": sum(early),
            "voice": tell_voices_apart(voice, batch.voices.flatten()),
            "errors": errors,  # about the diarization error rate, without finding a mapping
        }

    @torch.no_grad()
    def share(self, world: int, steps: float) -> float:
        """Average the weights over the processes, and follow them; returns the sum of the steps."""
        if world > 1:
            flat = torch.cat([p.reshape(-1) for p in self.parameters] + [torch.tensor([steps])])
            dist.all_reduce(flat)
            at = 0
            for p in self.parameters:
                p.copy_((flat[at : at + p.numel()] / world).view(p.shape))
                at += p.numel()
            steps = float(flat[-1])
        self.shares += 1
        keep = min(1 - 1 / AVERAGE_SHARES, 1 - 1 / (1 + self.shares / 3))
        torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - keep)
        return steps

    def save(self, work: Path) -> None:
        """Keep the averaged weights, and what is needed to go on."""
        state = {
            "steps": self.steps,
            "total": self.total,
            "shares": self.shares,
            "parts": self.parts.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }
        torch.save(state, work / "state.new")
        (work / "state.new").replace(work / "state.pt")
        kept = [p.detach().clone() for p in self.model.parameters()]
        with torch.no_grad():
            torch._foreach_copy_(list(self.model.parameters()), self.average)
            self.model.save_pretrained(work / "checkpoint.new")
            torch._foreach_copy_(list(self.model.parameters()), kept)
        (work / "checkpoint").mkdir(exist_ok=True)
        for file in (work / "checkpoint.new").iterdir():
            file.replace(work / "checkpoint" / file.name)

    def load(self, work: Path) -> None:
        state = torch.load(work / "state.pt")
        self.steps, self.average = state["steps"], state["average"]
        self.total, self.shares = state["total"], state["shares"]
        self.parts.load_state_dict(state["parts"])
        self.optimizer.load_state_dict(state["optimizer"])


def train(args: argparse.Namespace) -> None:
    store, learner = ClipStore(args.work), Learner(args.rate)
    if (args.work / "state.pt").exists():
        learner.load(args.work)
    seed = 1000 * args.rank + learner.steps
    composer, rng = Composer(store, seed), random.Random(seed)
    print(sum(p.numel() for p in learner.model.parameters()), "parameters", flush=True)
    seen: dict[str, list[float]] = defaultdict(list)
    shared = reported = saved = time.time()
    since = 0
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while learner.total < args.steps and not stopped.is_set():
        progress = learner.total / args.steps
        begun = time.process_time()
        batch, remembered = draw_batch(composer, rng, progress, learner.encode)
        composed = time.process_time()
        losses = learner.step(batch, remembered, progress)
        since += 1
        if remembered:
            losses["errors with history"] = losses.pop("errors")
        losses |= {"composing_s": composed - begun, "step_s": time.process_time() - begun}
        for name, value in losses.items():
            seen[name].append(value)
        if time.time() < shared + SHARE_SECONDS:
            continue
        learner.total += learner.share(args.world, since)
        since, shared = 0, time.time()
        if args.rank == 0 and shared > reported + REPORT_SECONDS:
            means = {name: round(sum(values) / len(values), 3) for name, values in seen.items()}
            print(time.strftime("%H:%M:%S"), int(learner.total), json.dumps(means), flush=True)
            seen.clear()
            reported = time.time()
        if args.rank == 0 and shared > saved + SAVE_SECONDS:
            learner.save(args.work)
            saved = time.time()
    if args.rank == 0:
        learner.save(args.work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=16_000, help="of all processes together")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--world", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--port", type=int, default=29_613)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.world > 1:
        address = f"tcp://127.0.0.1:{args.port}"
        dist.init_process_group("gloo", init_method=address, rank=args.rank, world_size=args.world)
    train(args)


if __name__ == "__main__":
    main()
