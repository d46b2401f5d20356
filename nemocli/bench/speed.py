"""Speed of one model: processes that hear the sounds as a stream, in blocks, and many together.

The ways take turns, repeat by repeat, so that a machine whose speed drifts treats all alike, and
the machine itself is gauged in each turn.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from nemocli.audio import open_sound
from nemocli.bench.calibration import calibrate
from nemocli.bench.measure import ProcessRun, chunks_of_a_block, run_many, run_sessions
from nemocli.bench.os_metrics import forget_files
from nemocli.bench.report import BenchReport, ModelResult, SoundFile
from nemocli.bench.run_config import RunConfig
from nemocli.bench.subprocess_run import run_in_subprocess
from nemocli.errors import AudioError, ModelError
from nemocli.models.paths import demo_folder
from nemocli.models.resolve import ResolvedModel

#: Files that are transcribed together at least; fewer are taken several times.
TOGETHER = 8

#: Hears what is measured, its number from 1, and how many there are.
Step = Callable[[str, int, int], None]


def find_sounds(audio: Sequence[Path]) -> list[Path]:
    """The sounds asked for, or the bundled one. Raises AudioError if one cannot be opened."""
    sounds = [path.absolute() for path in audio] or [_bundled()]
    for path in sounds:
        open_sound(path).close()
    return sounds


def _bundled() -> Path:
    path = demo_folder().parent / "clips" / "all-languages.flac"
    if not path.is_file():
        raise ModelError("The bundled clip is not part of this installation; name a sound file.")
    return path


def describe_sounds(sounds: Sequence[Path]) -> list[SoundFile]:
    """Name and hash of each; AudioError if one cannot be read."""
    described = []
    for path in sounds:
        try:
            with path.open("rb") as file:
                described.append(
                    SoundFile(path.name, hashlib.file_digest(file, "sha256").hexdigest())
                )
        except OSError as error:
            raise AudioError(f"cannot be read: {error.strerror}.", path) from None
    return described


def measure_speed(
    model: ResolvedModel, sounds: Sequence[Path], repeats: int, report: BenchReport, step: Step
) -> None:
    """Measure a converted model in all ways and add it to the report.

    Raises what loading or decoding raises, and TrialError if a process died.
    """
    config = RunConfig.of(model)
    copies = -(-TOGETHER // len(sounds))
    calls: dict[str, Callable[[], ProcessRun]] = {
        "stream": lambda: run_in_subprocess(run_sessions, config, sounds, [1]),
        "blocks": lambda: run_in_subprocess(
            run_sessions, config, sounds, [chunks_of_a_block(config.lookahead)]
        ),
        "many": lambda: run_in_subprocess(run_many, config, sounds, copies),
    }
    result = ModelResult.of(model, forget_files(model.path))
    report.results.append(result)
    steps = count(1)
    total = repeats * (1 + len(calls))
    for _ in range(repeats):
        step("the machine itself", next(steps), total)
        report.gauged.append(run_in_subprocess(calibrate))
        for way, call in calls.items():
            step(f"{config}: {way}", next(steps), total)
            run = call()
            if result.cold_load is None:
                result.cold_load = run.load
            result.ways.setdefault(way, []).append(run)
