"""Speed of one model, measured in three ways: as a stream, in blocks, and many files together.

Every repeat runs each way in a process of its own and times the machine itself, so that a machine
that becomes slower affects all ways alike.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from nemocli.audio.sound import open_sound
from nemocli.bench.calibration import calibrate
from nemocli.bench.measure import ProcessRun, run_many, run_sessions
from nemocli.bench.os_metrics import drop_cached_files
from nemocli.bench.report import BenchReport, ModelResult, SoundFile
from nemocli.bench.run_config import RunConfig
from nemocli.bench.subprocess_run import run_in_subprocess
from nemocli.engine.session import MAX_BLOCK_FRAMES
from nemocli.errors import AudioError, ModelError
from nemocli.models.paths import find_demo_folder
from nemocli.models.resolve import ResolvedModel

#: Files that are transcribed together at least; if there are fewer, each is repeated.
MIN_FILES_TOGETHER = 8

#: Called before each step with its name, its number from 1, and the number of all steps.
Progress = Callable[[str, int, int], None]


def count_chunks_per_call(lookahead: int) -> int:
    """Return the largest number of chunks that a session encodes in one call."""
    return max(1, MAX_BLOCK_FRAMES // (lookahead + 1))


def find_sounds(audio: Sequence[Path]) -> list[Path]:
    """Return the given sounds, or the bundled one; AudioError if one cannot be opened."""
    sounds = [path.absolute() for path in audio] or [_find_bundled()]
    for path in sounds:
        open_sound(path).close()
    return sounds


def _find_bundled() -> Path:
    path = find_demo_folder().parent / "clips" / "all-languages.flac"
    if not path.is_file():
        raise ModelError("The bundled clip is not part of this installation; name a sound file.")
    return path


def describe_sounds(sounds: Sequence[Path]) -> list[SoundFile]:
    """Return the name and hash of each sound file; AudioError if one cannot be read."""
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
    model: ResolvedModel,
    sounds: Sequence[Path],
    repeats: int,
    report: BenchReport,
    progress: Progress,
) -> None:
    """Measure a converted model in all ways and add the result to the report.

    Raises what loading or decoding raises, and SubprocessError if a process died.
    """
    config = RunConfig.of(model)
    copies = -(-MIN_FILES_TOGETHER // len(sounds))
    runs: dict[str, Callable[[], ProcessRun]] = {
        "stream": lambda: run_in_subprocess(run_sessions, config, sounds, [1]),
        "blocks": lambda: run_in_subprocess(
            run_sessions, config, sounds, [count_chunks_per_call(config.lookahead)]
        ),
        "many": lambda: run_in_subprocess(run_many, config, sounds, copies),
    }
    result = ModelResult.of(model, drop_cached_files(model.path))
    report.results.append(result)
    numbers = count(1)
    total = repeats * (1 + len(runs))
    for _ in range(repeats):
        progress("the machine itself", next(numbers), total)
        report.gauged.append(run_in_subprocess(calibrate))
        for way, start in runs.items():
            progress(f"{config}: {way}", next(numbers), total)
            run = start()
            if result.cold_load is None:
                result.cold_load = run.load
            result.ways.setdefault(way, []).append(run)
