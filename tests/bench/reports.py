"""Reports with chosen values, for tests: one model in one variant."""

from nemocli.bench.calibration import Calibration
from nemocli.bench.machine import Machine
from nemocli.bench.measure import PassTimes, ProcessRun
from nemocli.bench.report import BenchReport, ModelResult, SoundFile

MACHINE = Machine("A processor", 2, 2, 8_000_000_000, "Linux", "x86_64")


def run(chunk_ms, load=1.0, memory=100_000_000):
    """Make the run of a process over 32 s of sound, each chunk in about `chunk_ms`."""
    chunks = [chunk_ms / 1e3 * (1 + 0.01 * (n % 5)) for n in range(100)]
    times = PassTimes(1, 32.0, sum(chunks), chunks, [chunks[0]], [chunks[1]])
    return ProcessRun(load, memory, [times])


def report(chunk_ms, memory=100_000_000, slowness=1.0, sound="0", **others):
    """Make a report with one stream, and a repeat for each of `chunk_ms`."""
    result = ModelResult(
        **{
            "model": "demo",
            "revision": "abc",
            "runtime": "onnx",
            "precision": "fp32",
            "compute_units": None,
            "lookahead": 3,
            "bytes": 10_000_000,
            "files_dropped": True,
            "cold_load": 2.0,
        }
        | others
    )
    result.ways = {"stream": [run(ms, memory=memory) for ms in chunk_ms]}
    gauged = [Calibration(0.005 * slowness, 1e10 / slowness) for _ in chunk_ms]
    sounds = [SoundFile("a.flac", sound)]
    return BenchReport("2026-01-01", MACHINE, {"nemocli": "1"}, 0.1, sounds, [result], gauged)
