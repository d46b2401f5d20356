"""Estimate of the sound in files that were not opened yet."""

from pathlib import Path

import pytest

from nemocli.jobs.estimate import Estimate


def test_lengths_are_estimated_by_size_and_extension(tmp_path):
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "c.mp3", "d.mp3", "e.mp4")]
    for path, size in zip(paths, (100, 300, 10, 40, 5), strict=True):
        path.write_bytes(bytes(size))
    estimate = Estimate([*paths, Path("missing.wav")])
    assert estimate.total is None
    estimate.set_length(paths[0], 50)
    assert estimate.total == pytest.approx(455 / 2)
    estimate.set_length(paths[2], 60)  # 6 seconds a byte in mp3; for mp4, that of all so far: 1
    assert estimate.total == pytest.approx(50 + 150 + 60 + 240 + 5)
    estimate.set_length(paths[2], 80)  # longer than its header said
    for path, seconds in zip(paths, (50, 150, 80, 0, 7), strict=True):
        estimate.set_length(path, seconds)
    assert estimate.total == pytest.approx(287)
