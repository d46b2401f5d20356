#!/usr/bin/env python
"""Measure what starting nemocli costs: help texts, a file of two seconds, and a live stream.

    python scripts/measure_start.py [--model demo] [--other OTHER/.venv/bin/nemocli] [--repeat 11]

The commands run in turn, and with --other, those of another version between them. Printed are the
medians of the seconds that each takes from its start to its end, of its processor time, which
other programs change less, and of the ratios to the other version's. The stream is a tenth of a
second of silence on stdin.

With --microphone, instead: the seconds until a live stream takes in the sound of a microphone, a
null sink's of a PulseAudio server that the script starts.
"""

import argparse
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from nemocli.models.paths import find_cache_folder
from tests import pulse

CLIP = Path(__file__).parents[1] / "assets" / "clips" / "en-US-1.flac"

#: Seconds of the file.
FILE_SECONDS = 2

#: A tenth of a second of samples of 16 bits, as `live` reads them.
SILENCE = bytes(3200)


@dataclass
class Timings:
    """Seconds of the runs of a command."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def measure(self, command: list[str]) -> None:
        """Run a command once. Raises CalledProcessError with its messages if it fails."""
        before, begun = processor_time(), time.perf_counter()
        subprocess.run(command, input=SILENCE, capture_output=True, check=True)
        self.wall.append(time.perf_counter() - begun)
        self.processor.append(processor_time() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="demo")
    parser.add_argument("--other", help="the nemocli of another version")
    parser.add_argument("--repeat", type=int, default=11)
    parser.add_argument("--microphone", action="store_true", help="needs PulseAudio and PortAudio")
    arguments = parser.parse_args()
    programs = [[sys.executable, "-m", "nemocli"]]
    programs += [[arguments.other]] if arguments.other else []
    if arguments.microphone:
        measure_microphone(programs, arguments.model, arguments.repeat)
        return
    with tempfile.TemporaryDirectory() as folder:
        sound = write_sound(Path(folder))
        commands = list_commands(arguments.model, sound)
        timings = {name: [Timings() for _ in programs] for name in commands}
        for number in range(arguments.repeat + 1):
            for name, command in commands.items():
                for program, timing in zip(programs, timings[name], strict=True):
                    timing.measure([*program, *command])
                    if number == 0:  # the model is converted, and files come from the disk
                        timing.wall.clear()
                        timing.processor.clear()
    report(timings)


def measure_microphone(programs: list[list[str]], model: str, repeat: int) -> None:
    """Print the median, and the range, of each program's seconds until the microphone is on."""
    seconds: list[list[float]] = [[] for _ in programs]
    with tempfile.TemporaryDirectory() as folder, pulse.room(Path(folder), 48000, 1) as room:
        room.environment["NEMOCLI_CACHE_DIR"] = str(find_cache_folder())
        for number in range(repeat + 1):
            for program, measured in zip(programs, seconds, strict=True):
                taken = time_microphone([*program, "live", "--model", model], room.environment)
                if number:  # the first one converts the model, and brings files from the disk
                    measured.append(taken)
    for program, measured in zip(programs, seconds, strict=True):
        shown = f"{statistics.median(measured):.3f} ({min(measured):.3f} to {max(measured):.3f})"
        print(f"seconds until the microphone is on: {shown}  {program[0]}")


def time_microphone(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds until the sound server has a new stream that records."""
    watching = subprocess.Popen(
        ["pactl", "subscribe"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    with watching:
        try:
            time.sleep(0.5)  # until it has subscribed
            begun = time.perf_counter()
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            with subprocess.Popen(command, env=environment, **quiet) as live:
                for event in watching.stdout:
                    if "'new' on source-output" in event:
                        break
                taken = time.perf_counter() - begun
                time.sleep(2)  # the model is loaded
                live.send_signal(signal.SIGINT)
            return taken
        finally:
            watching.kill()


def list_commands(model: str, sound: Path) -> dict[str, list[str]]:
    """Return the arguments of each command that is measured, by its name in the table."""
    return {
        "--help": ["--help"],
        "file --help": ["file", "--help"],
        "file": ["file", str(sound), "--model", model, "--quiet"],
        "live": ["live", "--input", "-", "--model", model, "--quiet"],
    }


def write_sound(folder: Path) -> Path:
    """Write the first seconds of a clip into a file; return its path."""
    samples, rate = soundfile.read(CLIP, dtype="int16")
    path = folder / "two.wav"
    soundfile.write(path, samples[: FILE_SECONDS * rate], rate)
    return path


def processor_time() -> float:
    """Return the seconds of processor time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(timings: dict[str, list[Timings]]) -> None:
    """Print a row for each command."""
    print("command       seconds  processor   ratios to the other version's")
    for name, (timing, *others) in timings.items():
        row = f"{name:12}  {statistics.median(timing.wall):7.3f}"
        row += f"  {statistics.median(timing.processor):9.3f}"
        for other in others:
            for mine, its in ((timing.wall, other.wall), (timing.processor, other.processor)):
                row += f"  {statistics.median(a / b for a, b in zip(mine, its, strict=True)):6.2f}"
        print(row)


if __name__ == "__main__":
    main()
