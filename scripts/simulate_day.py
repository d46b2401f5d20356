"""Transcribe a day of sound by `nemocli live --input -`, faster than real time; check the result.

    python scripts/simulate_day.py --hours 24

Bundled clips are placed between digital silence, the noise of rooms and music-like tones, in a
random but repeatable order. Noise and tones are hard for the demo, so every clip is also
transcribed by a session of its own, with the ten seconds before it. Reported are the wrong
characters in the stream and in these sessions, the drift of the clock, and the memory of the
process hour by hour.

The exit code is 1 if memory grew by more than 20 MB after the first hour, if the clock drifted by
more than a frame, or if the stream has more wrong characters than these sessions, by more than
0.5 % of all characters, which is the demo's error rate in silence.
"""

import argparse
import bisect
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from numpy.typing import NDArray

import nemocli
from nemocli import Word
from nemocli.transcript.types import join_words

RATE = 16000
CLIPS = Path(__file__).resolve().parents[1] / "assets" / "clips"

#: Limits: megabytes, seconds, share of characters.
MAX_GROWTH_MB, MAX_DRIFT_S, MAX_ERRORS = 20.0, 0.08, 0.005

#: Seconds of sound before a clip that its own session gets too.
BEFORE_S = 10


@dataclass(frozen=True)
class Clip:
    samples: NDArray[np.float32]
    text: str
    #: Start of the first word in seconds.
    first_word: float


@dataclass(frozen=True)
class PlacedClip:
    clip: Clip
    start: float
    #: Transcript by a session of its own.
    alone: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print the clips that differ")
    options = parser.parse_args()
    clips = list(load_clips())
    placed: list[PlacedClip] = []
    command = [sys.executable, "-m", "nemocli", "live", "--input", "-", "--model", "demo"]
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "--format", "jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as live:
        finals: list[Word] = []
        kinds: dict[str, int] = {}
        reader = threading.Thread(target=read_events, args=(live, finals, kinds))
        reader.start()
        memory = feed(live, clips, placed, options.hours, options.seed)
        reader.join()
    report = judge(placed, finals, memory, options.show)
    report |= {"exit": live.returncode, "statuses": kinds, "seconds": time.monotonic() - began}
    print(json.dumps(report, indent=2))
    sys.exit(0 if report["passed"] and live.returncode == 0 else 1)


def load_clips() -> Iterator[Clip]:
    transcriber = nemocli.load("demo")
    for entry in json.loads((CLIPS / "clips.json").read_text(encoding="utf-8")):
        if entry["lang"] == "auto":
            continue
        samples = soundfile.read(CLIPS / entry["file"], dtype="float32")[0]
        session = transcriber.session("auto")
        session.feed(samples)
        alone = session.finish()
        yield Clip(samples, entry["text"], alone.words[0].start)


def feed(
    live: subprocess.Popen, clips: list[Clip], placed: list[PlacedClip], hours: float, seed: int
) -> list[float]:
    """Write the sound of the day; return the memory of the process in MB after each hour."""
    assert live.stdin is not None
    rng = np.random.default_rng(seed)
    transcriber = nemocli.load("demo")
    written, memory = 0, []
    recent = np.zeros(0, "<i2")
    while written < hours * 3600 * RATE:
        clip = clips[rng.integers(len(clips))]
        before = np.concatenate([between(rng), gap(rng)])
        spoken = clip.samples * 10 ** (rng.uniform(-6, 3) / 20)
        pieces = [to_integers(piece) for piece in (before, spoken, gap(rng))]
        for piece in pieces:
            live.stdin.write(piece.tobytes())
        recent = np.concatenate([recent, pieces[0]])[-BEFORE_S * RATE :]
        start = (written + len(before)) / RATE
        alone = transcribe_alone(transcriber, recent, *pieces[1:])
        placed.append(PlacedClip(clip, start, alone))
        recent = np.concatenate([recent, *pieces[1:]])
        written += sum(len(piece) for piece in pieces)
        if written >= (len(memory) + 1) * 3600 * RATE:
            memory.append(resident_megabytes(live.pid))
            print(f"hour {len(memory)}: {memory[-1]:.1f} MB", file=sys.stderr, flush=True)
    live.stdin.write(to_integers(np.zeros(2 * RATE)).tobytes())
    memory.append(resident_megabytes(live.pid))
    live.stdin.close()
    return memory


def between(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return 1 to 40 seconds of silence, noise or tones."""
    count = int(RATE * rng.choice([rng.uniform(1, 8), rng.uniform(8, 40)], p=[0.8, 0.2]))
    kind = rng.integers(3)
    if kind == 0:
        return np.zeros(count)
    if kind == 1:
        return 10 ** (rng.uniform(-60, -35) / 20) * rng.normal(size=count)
    time_ = np.arange(count) / RATE
    sound = np.zeros(count)
    for _ in range(3):
        hz = 110 * 2 ** (rng.integers(0, 36) / 12)
        beat = np.exp(-3 * (time_ % rng.choice([0.25, 0.5, 1.0])))
        sound += beat * np.sin(2 * np.pi * hz * time_)
    return 10 ** (rng.uniform(-40, -20) / 20) * sound


def gap(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return about a second of an almost quiet room, as before somebody speaks."""
    return 10 ** (-70 / 20) * rng.normal(size=int(RATE * rng.uniform(0.8, 1.5)))


def transcribe_alone(
    transcriber: nemocli.Transcriber, before: NDArray[np.int16], *sound: NDArray[np.int16]
) -> str:
    """Transcribe in a new session; return the words that begin in the first piece of `sound`."""
    session = transcriber.session("auto")
    session.feed(np.concatenate([before, *sound]).astype(np.float32) / 32768)
    start = len(before) / RATE
    return words_within(session.finish().words, start, start + len(sound[0]) / RATE)


def words_within(words: Sequence[Word], start: float, end: float) -> str:
    """Return the text of the words that begin in a span, or up to 0.1 s before it."""
    starts = [word.start for word in words]
    first, last = bisect.bisect_left(starts, start - 0.1), bisect.bisect_left(starts, end)
    return join_words(words[first:last])


def to_integers(samples: NDArray) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("VmRSS is missing; this needs Linux")


def read_events(live: subprocess.Popen, finals: list[Word], kinds: dict[str, int]) -> None:
    assert live.stdout is not None
    for line in live.stdout:
        event = json.loads(line)
        if event["type"] == "final":
            finals += [Word(w["text"], w["start"], w["end"], 0.0) for w in event["words"]]
        elif event["type"] == "status":
            kinds[event["kind"]] = kinds.get(event["kind"], 0) + 1


def judge(placed: list[PlacedClip], words: list[Word], memory: list[float], show: bool) -> dict:
    starts = [word.start for word in words]
    heard, offsets = [], []
    for place in placed:
        first = bisect.bisect_left(starts, place.start - 0.1)
        last = bisect.bisect_left(starts, place.start + len(place.clip.samples) / RATE)
        text = without_spaces(join_words(words[first:last]))
        heard.append(text)
        if text and text == without_spaces(place.clip.text):
            offsets.append(words[first].start - place.start - place.clip.first_word)
        if show and text != without_spaces(place.alone):
            print(f"{place.start:9.1f} {place.alone!r} -> {text!r}", file=sys.stderr)
    alone = [without_spaces(place.alone) for place in placed]
    clean = [without_spaces(place.clip.text) for place in placed]
    quarter = max(1, len(offsets) // 4)
    drift = statistics.fmean(offsets[-quarter:]) - statistics.fmean(offsets[:quarter])
    growth = memory[-1] - memory[0]
    wrong, wrong_alone = jiwer.cer(clean, heard), jiwer.cer(clean, alone)
    return {
        "clips": len(placed),
        "clips_that_differ_from_alone": sum(a != b for a, b in zip(alone, heard, strict=True)),
        "characters_wrong_alone": wrong_alone,
        "characters_wrong": wrong,
        "drift_seconds": drift,
        "memory_mb": [round(m, 1) for m in memory],
        "memory_growth_mb": growth,
        "passed": growth <= MAX_GROWTH_MB
        and abs(drift) <= MAX_DRIFT_S
        and wrong <= wrong_alone + MAX_ERRORS,
    }


def without_spaces(text: str) -> str:
    """Remove spaces: whether one belongs between two segments is not known here."""
    return text.replace(" ", "")


if __name__ == "__main__":
    main()
