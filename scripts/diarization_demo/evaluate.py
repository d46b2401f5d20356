"""Measure the diarization error rate of a checkpoint with transformers' own class.

Run `python evaluate.py --checkpoint DIR --conversations DIR`, the second folder from held_out.py.
It prints missed speech, false alarms and confusion in percent of what was spoken, overlaps counted,
no collar, offline and in streaming chunks. `nemocli bench` measures the same through nemocli.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.optimize import linear_sum_assignment
from transformers import Nemotron3DiarizationForAudioFrameClassification
from voices import log_mel

Model = Nemotron3DiarizationForAudioFrameClassification
ROWS = 8
STREAMS = {"offline": None, "low_latency": (9, 4), "large_chunks": (32, 4)}  # chunk, look-ahead


@torch.no_grad()
def diarize(model: Model, mel: torch.Tensor, sizes: tuple[int, int] | None) -> np.ndarray:
    """Whether each speaker is active in each row, bool [rows, speakers]."""
    if sizes is None:
        return (model(mel[None]).logits[0] > 0).numpy()
    chunk, ahead = sizes
    decided, cache, at = [], None, 0
    while len(mel) - at >= (chunk + ahead) * ROWS:
        part = mel[None, at : at + (chunk + ahead) * ROWS]
        out = model(part, speaker_cache=cache, num_lookahead_frames=ahead)
        decided, cache, at = [*decided, out.logits[0]], out.speaker_cache, at + chunk * ROWS
    out = model(mel[None, at:], speaker_cache=cache, num_lookahead_frames=0)
    return (torch.cat([*decided, out.logits[0]]) > 0).numpy()


def read_turns(path: Path, rows: int, speakers: int) -> np.ndarray:
    """Labels bool [rows, speakers] of an RTTM file whose times are whole rows."""
    active = np.zeros((rows, speakers), bool)
    for line in path.read_text().splitlines():
        fields = line.split()
        start, length = round(float(fields[3]) * 100), round(float(fields[4]) * 100)
        active[start : start + length, int(fields[7].removeprefix("SPEAKER_"))] = True
    return active


def count_errors(spoken: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Rows of speech, missed in overlaps and elsewhere, false alarms and confused.

    Speakers are mapped as well as can be.
    """
    shared = spoken.T.astype(int) @ heard.astype(int)
    pairs = linear_sum_assignment(shared, maximize=True)
    right = np.zeros(len(spoken), int)
    for one, other in zip(*pairs, strict=True):
        right += spoken[:, one] & heard[:, other]
    truth, guess = spoken.sum(1), heard.sum(1)
    missed, false = np.maximum(truth - guess, 0), np.maximum(guess - truth, 0)
    confused = np.minimum(truth, guess) - right
    overlapped = missed[truth > 1].sum()
    parts = (overlapped, missed.sum() - overlapped, false.sum(), confused.sum())
    return np.array([truth.sum(), *parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--conversations", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1000, help="of each number of speakers")
    parser.add_argument("--modes", nargs="+", default=list(STREAMS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = Model.from_pretrained(args.checkpoint, dtype=torch.float32).eval()
    lines = (args.conversations / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    counts: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(5, int))
    taken, begun = defaultdict(int), time.process_time()
    for line in map(json.loads, lines):
        speakers = line["rttm_filepath"].split("-")[0]
        taken[speakers] += 1
        if taken[speakers] > args.most:
            continue
        sound, _ = soundfile.read(args.conversations / line["audio_filepath"], dtype="float32")
        mel = log_mel(sound)
        spoken = read_turns(args.conversations / line["rttm_filepath"], len(mel), int(speakers))
        for mode in args.modes:
            heard = diarize(model, mel, STREAMS[mode])
            counts[speakers, mode] += count_errors(spoken, heard[: len(mel)])
    for (speakers, mode), (total, *errors) in sorted(counts.items()):
        overlapped, missed, false, confused = (round(100 * e / total, 2) for e in errors)
        parts = f"missed {overlapped} in overlaps and {missed} elsewhere, "
        parts += f"false {false}, confused {confused}"
        print(f"{speakers} speakers, {mode}: DER {100 * sum(errors) / total:.2f} % ({parts})")
    print(f"{time.process_time() - begun:.0f} s of processor time")


if __name__ == "__main__":
    main()
