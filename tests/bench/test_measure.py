"""Measurements in a process: which calls count, memory, energy."""

import numpy as np
import pytest
import soundfile

from nemocli.bench import os_metrics
from nemocli.bench.calibration import calibrate
from nemocli.bench.measure import run_many, run_sessions
from nemocli.bench.os_metrics import EnergyCounter, drop_cached_files, measure_peak_memory
from nemocli.bench.run_config import RunConfig
from nemocli.bench.speed import count_chunks_per_call
from nemocli.bench.subprocess_run import run_in_subprocess
from nemocli.errors import AudioError
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec


@pytest.fixture(scope="module")
def config(cache):
    return RunConfig.of(resolve(ModelSpec("demo", "numpy", lookahead=3)))


def write(path, seconds):
    sound = 0.1 * np.random.default_rng(0).normal(size=round(16000 * seconds))
    soundfile.write(path, sound, 16000)
    return path


def test_calls_of_a_stream_and_of_blocks(config, clips):
    clip = clips[0]
    result = run_sessions(config, [clip.path, clip.path], [1, 2])
    whole = len(clip.samples) // 5120
    for times, count in zip(result.heard, (whole, whole // 2), strict=True):
        assert times.sound == pytest.approx(2 * len(clip.samples) / 16000)
        assert len(times.chunks) == 2 * count
        assert len(times.first_token) == len(times.end_of_speech) == 2
        chunks = times.chunks_per_call * sum(times.chunks)
        assert chunks + sum(times.end_of_speech) <= times.computing + 1e-9
        assert times.real_time_factor == times.computing / times.sound


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.25])
def test_sounds_shorter_than_a_chunk(config, tmp_path, seconds):
    times = run_sessions(config, [write(tmp_path / "a.wav", seconds)], [1]).heard[0]
    assert times.chunks == [] and len(times.end_of_speech) == 1
    assert 0 < times.end_of_speech[0] <= times.computing


def test_silence_has_no_first_token(config, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    assert run_sessions(config, [tmp_path / "a.wav"], [1]).heard[0].first_token == []


def test_many_files_together(config, clips):
    times = run_many(config, [clips[0].path], 3).heard[0]
    assert times.sound == pytest.approx(3 * len(clips[0].samples) / 16000)
    assert times.computing > 0


def test_a_damaged_file_among_many(config, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(AudioError):
        run_many(config, [tmp_path / "a.wav"], 1)


def test_blocks_are_as_large_as_those_of_a_session():
    assert [count_chunks_per_call(n) for n in (0, 3, 13)] == [128, 32, 9]


def occupy(megabytes):
    kept = bytearray(megabytes * 1_000_000)
    kept[::4096] = bytes(len(kept[::4096]))
    return measure_peak_memory()


def test_peak_memory_is_of_the_process_alone():
    ours = bytearray(300_000_000)
    ours[::4096] = bytes(len(ours[::4096]))
    small, large = run_in_subprocess(occupy, 1), run_in_subprocess(occupy, 150)
    assert 145e6 < large - small < 155e6
    assert small < 300e6, "the memory of the process that started it counts"


def test_the_machine_is_calibrated():
    calibration = run_in_subprocess(calibrate)
    assert 0 < calibration.product < 10 and 1e8 < calibration.bytes_per_second < 1e13


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    monkeypatch.setattr(os_metrics, "POWERCAP", tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text("10000000\n")
        (tmp_path / name / "energy_uj").write_text("9000000\n")
    return tmp_path


def test_energy_of_whole_packages_when_a_counter_wraps_around(powercap):
    counter = EnergyCounter.find()
    before = counter.read()
    (powercap / "intel-rapl:0" / "energy_uj").write_text("9500000\n")
    (powercap / "intel-rapl:1" / "energy_uj").write_text("1000000\n")
    assert counter.count_joules_since(before) == 0.5 + 2


def test_energy_that_may_not_be_read(powercap):
    (powercap / "intel-rapl:1" / "energy_uj").unlink()  # as if only root might read it
    assert EnergyCounter.find() is None


def test_a_machine_without_counters(tmp_path, monkeypatch):
    monkeypatch.setattr(os_metrics, "POWERCAP", tmp_path / "none")
    assert EnergyCounter.find() is None


def test_files_dropped_from_the_cache_are_still_on_disk(tmp_path):
    (tmp_path / "weights").write_bytes(bytes(100_000))
    assert (
        drop_cached_files(tmp_path)
        == drop_cached_files(tmp_path / "weights")
        == hasattr(os_metrics.os, "posix_fadvise")
    )
    assert (tmp_path / "weights").read_bytes() == bytes(100_000)
