"""Measure the time from the end of a word's sound until it is on the screen of `nemocli live`.

    python scripts/measure_latency.py --repeat 3

Bundled clips are written into `nemocli live --input -` at the pace of real time. Its stdout is a
pseudo-terminal, from which this script reads. For the last word of each clip, the time runs from
writing its last sound above -45 dB of the clip's peak to reading its last letters. At lookahead 3,
the model itself needs a chunk of 320 ms and 320 ms ahead; the aim is at most 150 ms more.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

RATE, STEP = 16000, 320
CLIPS = Path(__file__).resolve().parents[1] / "assets" / "clips"
FRAME_MS = 80
GAP_SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--lookahead", type=int, default=3)
    options = parser.parse_args()
    clips = load_clips()
    terminal, shown = pty.openpty()
    fcntl.ioctl(shown, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "nemocli", "live", "--input", "-", "--model", "demo"]
    command += ["--lookahead", str(options.lookahead)]
    arrived: list[tuple[float, bytes]] = []
    delays = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=shown) as live:
        os.close(shown)
        threading.Thread(target=read, args=(terminal, arrived), daemon=True).start()
        write_paced(live, np.zeros(5 * RATE, np.float32))  # the model is loaded meanwhile
        for _ in range(options.repeat):
            for samples, text in clips:
                began = time.monotonic()
                written = write_paced(live, samples)
                write_paced(live, np.zeros(int(GAP_SECONDS * RATE), np.float32))
                appeared = first_seen(arrived, began, last_letters(text))
                if appeared is None:
                    print(f"never shown: {text}", file=sys.stderr)
                else:
                    delays.append(1000 * (appeared - written[last_sound(samples)]))
        live.stdin.close()
    report(delays, options.lookahead)


def load_clips() -> list[tuple[np.ndarray, str]]:
    listed = json.loads((CLIPS / "clips.json").read_text(encoding="utf-8"))
    return [
        (soundfile.read(CLIPS / entry["file"], dtype="float32")[0], entry["text"])
        for entry in listed
        if entry["lang"] != "auto"
    ]


def read(terminal: int, arrived: list[tuple[float, bytes]]) -> None:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the program has ended
            return
        arrived.append((time.monotonic(), data))


def write_paced(live: subprocess.Popen, samples: np.ndarray) -> list[float]:
    """Write each 20 ms of sound when its time has passed, as a device does; return when."""
    due, times = time.monotonic(), []
    data = np.round(samples * 32767).astype("<i2")
    for start in range(0, len(data), STEP):
        due += STEP / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        live.stdin.write(data[start : start + STEP].tobytes())
        live.stdin.flush()
        times.append(time.monotonic())
    return times


def last_letters(text: str) -> bytes:
    """Return the last three letters of the text, without punctuation, which comes later."""
    return re.sub(r"\W+$", "", text)[-3:].encode()


def last_sound(samples: np.ndarray) -> int:
    """Return the number of the step with the last sound of the voice."""
    steps = np.abs(samples[: len(samples) // STEP * STEP]).reshape(-1, STEP).max(1)
    return int(np.flatnonzero(steps > steps.max() * 10 ** (-45 / 20))[-1])


def first_seen(arrived: list[tuple[float, bytes]], began: float, letters: bytes) -> float | None:
    seen = b""
    for moment, data in arrived:
        if moment >= began:
            seen += data
            if letters in seen:
                return moment
    return None


def report(delays: list[float], lookahead: int) -> None:
    delays = sorted(delays)
    p95 = delays[min(len(delays) - 1, int(0.95 * len(delays)))]
    aim = 2 * (lookahead + 1) * FRAME_MS + 150
    print(
        f"{len(delays)} words, lookahead {lookahead}: median {statistics.median(delays):.0f} ms,"
        f" p95 {p95:.0f} ms, most {delays[-1]:.0f} ms (aim: p95 at most {aim} ms)"
    )


if __name__ == "__main__":
    main()
