"""Log-mel features of all clips, and of sounds that are not speech, for training on them directly.

Why it exists: augmentation and joining of clips happen on the features, so the sound is
transformed only once. The numbers equal those of the checkpoint's own feature extractor.

Run `python features.py --work DIR` after synthesize.py. It writes DIR/mel.npy (float16
[rows, 128], the clips one after the other), DIR/noise.npy (float32 [kinds, rows, 128], unit
loudness) and adds nothing else. One row is 10 ms; eight rows are one encoder frame.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path

import numpy as np
import torch
from synthesize import RATE
from transformers.audio_utils import mel_filter_bank

MELS, HOP, WINDOW, FFT = 128, 160, 400, 512
FLOOR = float(np.log(2.0**-24))  # the value of digital silence
NOISE_ROWS = 2400

_FILTERS = torch.from_numpy(
    np.ascontiguousarray(
        mel_filter_bank(
            num_frequency_bins=FFT // 2 + 1,
            num_mel_filters=MELS,
            min_frequency=0.0,
            max_frequency=RATE / 2,
            sampling_rate=RATE,
            norm="slaney",
            mel_scale="slaney",
            dtype=np.float32,
        ).T
    )
)
_HANN = torch.hann_window(WINDOW, periodic=False)


def log_mel(audio: np.ndarray) -> torch.Tensor:
    """Features [samples // 160, 128] of float32 mono sound at 16 kHz."""
    x = torch.from_numpy(audio)
    x = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
    spectrum = torch.stft(
        x, FFT, HOP, WINDOW, _HANN, return_complex=True, pad_mode="constant", center=True
    )
    power = spectrum.real**2 + spectrum.imag**2
    return torch.log(_FILTERS @ power + 2**-24).T[: len(audio) // HOP]


def _coloured(rng: np.random.Generator, tilt: float, samples: int) -> np.ndarray:
    """Noise whose power falls with frequency to the given exponent (0 white, 2 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.arange(len(spectrum)) / len(spectrum), 1e-3)
    return np.fft.irfft(spectrum * frequency ** (-tilt / 2), samples)


def _tones(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Beeps, chords and sweeps with pauses between them."""
    sound, at = np.zeros(samples), 0
    while at < samples:
        n = int(rng.uniform(0.05, 1.2) * RATE)
        t = np.arange(min(n, samples - at)) / RATE
        for _ in range(rng.integers(1, 4)):
            start, end = rng.uniform(100, 3500, 2)
            sweep = (end - start) * t**2 / 2 if rng.random() < 0.3 else 0
            sound[at : at + len(t)] += np.sin(2 * np.pi * (start * t + sweep))
        at += n + int(rng.uniform(0.0, 0.8) * RATE)
    return sound


def _clicks(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Short bursts of noise at random moments: keys, doors, knocks."""
    sound = np.zeros(samples)
    for at in rng.integers(0, samples - 3000, samples // 6000):
        n = int(rng.integers(100, 3000))
        sound[at : at + n] += rng.standard_normal(n) * np.exp(-6 * np.arange(n) / n)
    return sound


def background_sounds() -> np.ndarray:
    """Features [kinds, NOISE_ROWS, 128] of sounds of unit loudness: four noises, tones, clicks."""
    rng = np.random.default_rng(0)
    samples = (NOISE_ROWS + 1) * HOP
    sounds = [_coloured(rng, tilt, samples) for tilt in (0.0, 0.5, 1.0, 1.5)]
    sounds += [_tones(rng, samples), _tones(rng, samples), _clicks(rng, samples)]
    mels = [log_mel((s / s.std()).astype(np.float32))[:NOISE_ROWS] for s in sounds]
    return torch.stack(mels).numpy()


def _write(task: tuple[Path, list[int], int, int]) -> None:
    """Features of some clips, from this sample of the sound to this row of the features."""
    work, lengths, at, row = task
    torch.set_num_threads(1)
    sound = np.memmap(work / "clips.i16", np.int16, "r")
    out = np.load(work / "mel.npy", mmap_mode="r+")
    for samples in lengths:
        mel = log_mel(sound[at : at + samples].astype(np.float32) / 32768)
        out[row : row + len(mel)] = mel.numpy()
        at, row = at + samples, row + len(mel)
    out.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    work = args.work
    torch.set_num_threads(1)
    lengths = [clip["samples"] for clip in json.loads((work / "clips.json").read_text())]
    rows = sum(samples // HOP for samples in lengths)
    np.lib.format.open_memmap(work / "mel.npy", "w+", np.float16, (rows, MELS))
    tasks, at = [], 0
    for start in range(0, len(lengths), 1000):
        part = lengths[start : start + 1000]
        tasks.append((work, part, at, at // HOP))  # clips are whole encoder frames long
        at += sum(part)
    with multiprocessing.Pool(args.processes) as pool:
        pool.map(_write, tasks, chunksize=1)
    np.save(work / "noise.npy", background_sounds())
    print(f"{rows} rows, {rows * MELS * 2 / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
