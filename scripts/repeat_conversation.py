"""Repeat the bundled conversation through `nemocli live --speakers`, faster than real time.

    python scripts/repeat_conversation.py --hours 24 [--max-speakers 3]

Reported are, hour by hour, the memory of the process, the words that are missing in the transcript,
and those with another speaker than in the bundled answer; and when each speaker first spoke.

The exit code is 1 if memory grew by more than 20 MB after the first hour, if more speakers came up
than the conversation has, or if more than 0.5 % of the words of any hour have a wrong speaker.
"""

import argparse
import difflib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
from simulate_day import resident_megabytes

CLIPS = Path(__file__).resolve().parents[1] / "assets" / "clips"
RATE = 16000

#: Limits: megabytes, share of an hour's words.
MAX_GROWTH_MB, MAX_WRONG_SPEAKERS = 20.0, 0.005

#: The text, the start in seconds and the speaker of a word.
SpokenWord = tuple[str, float, str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--max-speakers", type=int, help="passed on to `nemocli live`")
    options = parser.parse_args()
    answer = json.loads((CLIPS / "conversation.json").read_text(encoding="utf-8"))
    samples = soundfile.read(CLIPS / answer["file"], dtype="int16")[0]
    command = [sys.executable, "-m", "nemocli", "live", "--input", "-", "--model", "demo"]
    command += ["--lang", answer["lang"], "--speakers", "--format", "jsonl", "--quiet"]
    if options.max_speakers is not None:
        command += ["--max-speakers", str(options.max_speakers)]
    count = max(1, round(options.hours * 3600 * RATE / len(samples)))
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as live:
        words: list[SpokenWord] = []
        reader = threading.Thread(target=read_finals, args=(live, words))
        reader.start()
        memory = feed(live, samples.tobytes(), count)
        reader.join()
    repetitions = split_by_repetition(words, len(samples) / RATE, count)
    report = judge(answer["words"], repetitions, len(samples) / RATE, memory)
    report |= {"exit": live.returncode, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(report, indent=2))
    sys.exit(0 if report["passed"] and live.returncode == 0 else 1)


def feed(live: subprocess.Popen[bytes], conversation: bytes, count: int) -> list[float]:
    """Write the conversation `count` times; return the memory in MB after each hour, and then."""
    assert live.stdin is not None
    memory: list[float] = []
    for number in range(1, count + 1):
        live.stdin.write(conversation)
        if number * len(conversation) >= (len(memory) + 1) * 3600 * RATE * 2:
            memory.append(resident_megabytes(live.pid))
            print(f"hour {len(memory)}: {memory[-1]:.1f} MB", file=sys.stderr, flush=True)
    memory.append(resident_megabytes(live.pid))
    live.stdin.close()
    return memory


def read_finals(live: subprocess.Popen[bytes], words: list[SpokenWord]) -> None:
    assert live.stdout is not None
    for line in live.stdout:
        event = json.loads(line)
        if event["type"] == "final":
            words += [(w["text"], w["start"], w.get("speaker", "")) for w in event["words"]]


def split_by_repetition(
    words: Sequence[SpokenWord], length_s: float, count: int
) -> list[list[SpokenWord]]:
    """Return the words that begin in each repetition of `length_s` seconds."""
    repetitions: list[list[SpokenWord]] = [[] for _ in range(count)]
    for word in words:
        repetitions[min(count - 1, int(word[1] / length_s))].append(word)
    return repetitions


def judge(
    answer: Sequence[Sequence[Any]],
    repetitions: Sequence[Sequence[SpokenWord]],
    length_s: float,
    memory: list[float],
) -> dict[str, Any]:
    """Compare each repetition with the words (text, start, end, speaker's number) of the answer."""
    missing: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    expected = [str(word[0]) for word in answer]
    numbers = {f"SPEAKER_{word[3]:02d}" for word in answer}
    for place, found in enumerate(repetitions):
        hour = int(place * length_s / 3600)
        matcher = difflib.SequenceMatcher(None, expected, [word[0] for word in found], False)
        matched = 0
        for first, second, size in matcher.get_matching_blocks():
            matched += size
            for offset in range(size):
                speaker = f"SPEAKER_{answer[first + offset][3]:02d}"
                wrong[hour] += found[second + offset][2] != speaker
        missing[hour] += len(expected) - matched
    hours = 1 + int((len(repetitions) - 1) * length_s / 3600)
    words_an_hour = min(len(repetitions), 3600 / length_s) * len(expected)
    first_s: dict[str, float] = {}
    for _, start_s, speaker in (word for found in repetitions for word in found):
        first_s.setdefault(speaker, start_s)
    growth = memory[-1] - memory[0]
    return {
        "repetitions": len(repetitions),
        "words": len(repetitions) * len(expected),
        "missing_words": sum(missing.values()),
        "wrong_speakers": sum(wrong.values()),
        "missing_words_by_hour": [missing[hour] for hour in range(hours)],
        "wrong_speakers_by_hour": [wrong[hour] for hour in range(hours)],
        "speakers_first_s": first_s,
        "memory_mb": [round(m, 1) for m in memory],
        "memory_growth_mb": growth,
        "passed": growth <= MAX_GROWTH_MB
        and set(first_s) <= numbers
        and max(wrong.values()) <= MAX_WRONG_SPEAKERS * words_an_hour,
    }


if __name__ == "__main__":
    main()
