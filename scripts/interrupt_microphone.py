"""Interrupt the microphone of `nemocli live` at random, again and again, and check what is left.

    python scripts/interrupt_microphone.py --times 50 --longest 60

The microphone is PulseAudio's, in a server that is started here. Clips are played into it; between
them, and in the middle of some, the program is stopped, or the microphone is suspended, or taken
away and brought back, with the same rate or another.

The exit code is 1 if the program ended by itself, if a clip that nothing interrupted is not in the
transcript, but for a word, or if heard is not processed + dropped + gaps, to the sample.
"""

import argparse
import json
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.__main__ import main as run_command
from nemocli.live.listener import Listener, StreamSummary
from tests.pulse import interrupted, missing, room

CLIPS = Path(__file__).resolve().parents[1] / "assets" / "clips"
KINDS = ("stopped", "suspended", "unloaded", "changed")

#: Events of nemocli, and None when it has ended.
Events = queue.SimpleQueue[dict[str, Any] | None]

#: Seconds that a clip's last segment, or the microphone's return, may take.
PATIENCE_S = 60.0

#: The program, which also counts the frames that were transcribed.
CODE = "from scripts.interrupt_microphone import run_nemocli; run_nemocli()"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if (reason := missing()) is not None:
        sys.exit(f"This {reason}.")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run(Path(folder), random.Random(options.seed), options.times, options.longest))


def run_nemocli() -> None:
    """Run nemocli; at the end, a line on stderr has the frames of the stream."""
    summarize = Listener.summarize

    def summarize_aloud(listener: Listener) -> StreamSummary:
        source = listener._source
        counts = source.heard, listener._processed, source.dropped, source.gaps
        print("frames:", *counts, file=sys.stderr)
        return summarize(listener)

    Listener.summarize = summarize_aloud  # type: ignore[method-assign]
    run_command()


def run(folder: Path, rng: random.Random, times: int, longest: float) -> int:
    """Run the session, print what happened, and return the exit code."""
    clips = []
    listed = json.loads((CLIPS / "clips.json").read_text(encoding="utf-8"))
    for number, entry in enumerate(entry for entry in listed if entry["lang"] != "auto"):
        samples, rate = soundfile.read(CLIPS / entry["file"], dtype="float32")
        soundfile.write(folder / f"{number}.wav", samples, rate)
        clips.append((folder / f"{number}.wav", entry["text"]))
    lacking: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with room(folder, 48000, 2) as heard:
        saved = folder / "saved.flac"
        arguments = ["--model", "demo", "-f", "jsonl", "--wait-for-device", "inf"]
        command = [sys.executable, "-c", CODE, "live", *arguments, "--save-audio", str(saved)]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("w"),
            text=True,
            env=heard.environment,
        ) as live:
            events: Events = queue.SimpleQueue()
            threading.Thread(target=read_events, args=(live, events), daemon=True).start()
            if not wait_for(events, lambda event: True):
                sys.exit("nemocli did not begin: " + (folder / "stderr").read_text())
            for count in range(times):
                kind, seconds = rng.choice(KINDS), rng.uniform(1.0, longest)
                path, _ = rng.choice(clips)
                if rng.random() < 0.5:  # in the middle of a clip
                    playing = subprocess.Popen(["paplay", str(path)], env=heard.environment)
                    time.sleep(rng.uniform(0.2, 1.5))
                else:
                    playing = None
                changes = {"rate": rng.choice([16000, 44100, 96000])} if kind == "changed" else {}
                with interrupted(kind, heard, live, **changes):
                    time.sleep(seconds)
                if playing is not None:
                    playing.kill()
                    playing.wait()
                kinds[kind] += 1
                is_back = wait_for(events, lambda event: event.get("kind") == "gap")
                path, text = rng.choice(clips)
                heard.play(path)
                instead: list[object] = []

                def is_said(event, text=text, instead=instead):
                    instead += [event["text"]] if event["type"] == "final" else []
                    return is_clip(str(event.get("text")), text)

                is_found = wait_for(events, is_said)
                lacking[kind] += not is_found
                print(f"{count + 1}: {kind} for {seconds:.1f} s", end="")
                print(
                    "" if is_back else ", no gap",
                    "" if is_found else f", lacks: {text}; has: {instead}",
                )
                sys.stdout.flush()
                if live.poll() is not None:
                    break
            has_ended = live.poll() is not None
            live.send_signal(signal.SIGTERM)  # SIGINT is ignored by jobs in the background
            code = live.wait(PATIENCE_S)
        frames = soundfile.info(saved).frames
    told = (folder / "stderr").read_text()
    return report(told, dict(kinds), lacking.total(), has_ended, code, frames)


def report(
    told: str, kinds: dict[str, int], lacking: int, has_ended: bool, code: int, saved: int
) -> int:
    """Print the result, and return the exit code."""
    print(told.splitlines()[-1])
    counts = re.search(r"frames: (\d+) (\d+) (\d+) (\d+)", told)
    if counts is None:
        print(told)
        return 1
    heard, processed, dropped, gaps = map(int, counts.groups())
    is_exact = heard == processed + dropped + gaps == saved
    print(f"{kinds}; {lacking} clips are missing; ended by itself: {has_ended}; exit code {code}")
    print(f"heard {heard}, saved {saved}, processed {processed} + dropped {dropped} + gaps {gaps}")
    return 1 if lacking or has_ended or code or not is_exact else 0


def is_clip(said: str, spoken: str) -> bool:
    """Whether this is a clip's text; the demo gets a word wrong where chunks begin otherwise."""
    words, expected = said.split(), spoken.split()
    if len(words) != len(expected) or len(words) < 2:
        return said == spoken
    return sum(map(str.__ne__, words, expected)) <= 1


def read_events(live: "subprocess.Popen[str]", events: Events) -> None:
    """Pass the program's events on, and None when it has ended."""
    assert live.stdout is not None
    for line in live.stdout:
        events.put(json.loads(line))
    events.put(None)


def wait_for(events: Events, is_wanted: Callable[[dict[str, Any]], bool]) -> bool:
    """Take events up to the one that is wanted; False if it does not come."""
    until = time.monotonic() + PATIENCE_S
    while (left := until - time.monotonic()) > 0:
        try:
            event = events.get(timeout=left)
        except queue.Empty:
            break
        if event is None:
            events.put(None)  # for the next one who waits
            break
        if is_wanted(event):
            return True
    return False


if __name__ == "__main__":
    main()
